namespace Cifar10Ps;

/// <summary>How training images are varied.</summary>
public enum Augmentation
{
    /// <summary>Every image as it is.</summary>
    None,

    /// <summary>A random crop of the image padded by 4 reflected pixels, and a horizontal flip in every second epoch,
    /// from the first or from the second on.</summary>
    Standard,

    /// <summary>The same with 2 pixels, which works better in short runs.</summary>
    Light,
}
