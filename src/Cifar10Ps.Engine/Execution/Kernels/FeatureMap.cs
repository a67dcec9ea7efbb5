namespace Cifar10Ps.Execution.Kernels;

/// <summary>Activations of one image: [height, width, channels] with a border of zeros, one pixel wide, in fp32.</summary>
internal sealed class FeatureMap(int height, int width, int channels)
{
    /// <summary>Height in pixels, without the border.</summary>
    public int Height { get; } = height;

    /// <summary>Width in pixels, without the border.</summary>
    public int Width { get; } = width;

    /// <summary>Number of channels.</summary>
    public int Channels { get; } = channels;

    /// <summary>Values from one row to the next.</summary>
    public int RowLength { get; } = (width + 2) * channels;

    /// <summary>All values, border included.</summary>
    public float[] Values { get; } = new float[(height + 2) * (width + 2) * channels];

    /// <summary>The values of a row, without the border.</summary>
    public Span<float> Row(int y) => Values.AsSpan((y + 1) * RowLength + Channels, Width * Channels);

    /// <summary>The map in memory, without the border.</summary>
    /// <param name="values">Address of <see cref="Values"/>.</param>
    public unsafe Activations In(float* values) => new((byte*)(values + RowLength + Channels), 1, Height, Width, Channels, RowLength,
        sizeof(float), Channels);
}
