namespace Cifar10Ps;

/// <summary>Ways to show an image in a terminal.</summary>
public enum TerminalProtocol
{
    /// <summary>Two pixels in each character, in 24-bit colours.</summary>
    HalfBlocks,

    /// <summary>The pixels themselves, as DEC's VT340 took them.</summary>
    Sixel,

    /// <summary>The pixels themselves, as the terminal kitty takes them.</summary>
    Kitty,

    /// <summary>Light and dark characters, without colours.</summary>
    Characters,
}
