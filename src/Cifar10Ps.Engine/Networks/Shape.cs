namespace Cifar10Ps.Networks;

/// <summary>Size of a layer's output for one image: a feature map, or a vector.</summary>
internal readonly record struct Shape
{
    /// <summary>A feature map.</summary>
    /// <param name="channels">Number of channels.</param>
    /// <param name="height">Height in pixels.</param>
    /// <param name="width">Width in pixels.</param>
    public Shape(int channels, int height, int width) => (Channels, Height, Width) = (channels, height, width);

    /// <summary>Number of channels, or length of the vector.</summary>
    public int Channels { get; }

    /// <summary>Height in pixels; 0 for a vector.</summary>
    public int Height { get; }

    /// <summary>Width in pixels; 0 for a vector.</summary>
    public int Width { get; }

    /// <summary>Whether it is a vector.</summary>
    public bool IsVector => Height == 0;

    /// <summary>Number of values.</summary>
    public long Length => IsVector ? Channels : (long)Channels * Height * Width;

    /// <summary>The sizes, channels first.</summary>
    public int[] Sizes => IsVector ? [Channels] : [Channels, Height, Width];

    /// <summary>A vector.</summary>
    public static Shape Vector(int length) => new(length, 0, 0);

    /// <inheritdoc/>
    public override string ToString() => string.Join(" x ", Sizes);
}
