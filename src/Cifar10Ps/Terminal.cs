using System.Management.Automation;
using System.Management.Automation.Host;

namespace Cifar10Ps;

/// <summary>What the user's terminal can show, as far as the host and the environment tell. Nothing is asked of the terminal
/// itself.</summary>
/// <param name="host">The host.</param>
/// <param name="session">The session, whose <c>$PSStyle</c> decides on colours.</param>
internal sealed class Terminal(PSHost host, SessionState session)
{
    private const int UsualWidth = 80, UsualHeight = 24;

    /// <summary>Number of columns; 80 if it is not known.</summary>
    public int Width => Size.Width;

    /// <summary>Number of rows; 24 if it is not known.</summary>
    public int Height => Size.Height;

    /// <summary>The best way to show images: characters where there are no colours; pixels where the terminal is known to take
    /// them.</summary>
    public TerminalProtocol Protocol =>
        !HasColors ? TerminalProtocol.Characters
        // It has only 256 colours, and misreads 24-bit codes as attributes; newer versions set COLORTERM.
        : Is("TERM_PROGRAM", "Apple_Terminal") && Variable("COLORTERM") is "" ? TerminalProtocol.Characters
        // Multiplexers do not pass pixels on.
        : Variable("TMUX") is not "" || Variable("STY") is not "" || Is("TERM", "screen", "tmux") ? TerminalProtocol.HalfBlocks
        : Variable("KITTY_WINDOW_ID") is not "" || Is("TERM", "xterm-kitty", "xterm-ghostty") || Is("TERM_PROGRAM", "ghostty")
            ? TerminalProtocol.Kitty
        : Is("TERM", "foot", "mlterm", "contour", "yaft") || Is("TERM_PROGRAM", "WezTerm", "mintty") ? TerminalProtocol.Sixel
        : TerminalProtocol.HalfBlocks;

    private (int Width, int Height) Size
    {
        get
        {
            try
            {
                System.Management.Automation.Host.Size size = host.UI.RawUI.WindowSize;
                return (size.Width > 0 ? size.Width : UsualWidth, size.Height > 0 ? size.Height : UsualHeight);
            }
            catch (Exception e) when (e is HostException or NotImplementedException or InvalidOperationException or IOException)
            {
                return (UsualWidth, UsualHeight);
            }
        }
    }

    private bool HasColors => host.UI.SupportsVirtualTerminal && Variable("NO_COLOR") is ""
        && !(session.PSVariable.GetValue("PSStyle") is { } style
            && $"{PSObject.AsPSObject(style).Properties["OutputRendering"]?.Value}" == "PlainText");

    /// <summary>How many columns a text takes.</summary>
    public int WidthOf(string text)
    {
        try
        {
            return host.UI.RawUI.LengthInBufferCells(text);
        }
        catch (Exception e) when (e is HostException or NotImplementedException)
        {
            return text.Length;
        }
    }

    /// <summary>Writes lines past all streams, as Out-Host does.</summary>
    public void Write(string lines) => host.UI.Write(lines);

    private static string Variable(string name) => Environment.GetEnvironmentVariable(name) ?? "";

    private static bool Is(string variable, params string[] starts) =>
        starts.Any(start => Variable(variable).StartsWith(start, StringComparison.OrdinalIgnoreCase));
}
