namespace Cifar10Ps.Data;

/// <summary>A rectangle of whole pixels.</summary>
/// <param name="Left">First column.</param>
/// <param name="Top">First row.</param>
/// <param name="Right">The column after the last one.</param>
/// <param name="Bottom">The row after the last one.</param>
internal readonly record struct PixelRectangle(int Left, int Top, int Right, int Bottom)
{
    /// <summary>Number of pixels.</summary>
    public int Area => (Right - Left) * (Bottom - Top);

    /// <summary>A rectangle in a random place of an image.</summary>
    /// <param name="random">Where the place comes from.</param>
    /// <param name="across">Width as a share of the image's; more than 1 is 1.</param>
    /// <param name="down">Height as a share of the image's; more than 1 is 1.</param>
    /// <param name="width">Width of the image.</param>
    /// <param name="height">Height of the image.</param>
    public static PixelRectangle Random(ref RandomSequence random, double across, double down, int width, int height)
    {
        int columns = (int)Math.Round(width * Math.Min(1, across)), rows = (int)Math.Round(height * Math.Min(1, down));
        int left = random.NextBelow(width - columns + 1), top = random.NextBelow(height - rows + 1);
        return new PixelRectangle(left, top, left + columns, top + rows);
    }
}
