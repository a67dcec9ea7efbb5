namespace Cifar10Ps;

/// <summary>Which images an epoch trains on.</summary>
public enum Sampling
{
    /// <summary>Every image once.</summary>
    EachImage,

    /// <summary>As many images, but as many of each class: those of small classes several times, those of large ones in turns.</summary>
    Balanced,
}
