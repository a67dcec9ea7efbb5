namespace Cifar10Ps.Data;

/// <summary>Exact sums over the pixels of some images, from which mean and standard deviation follow.</summary>
/// <param name="Count">Number of pixels.</param>
/// <param name="Red">Sum of the values of red and of their squares.</param>
/// <param name="Green">The same of green.</param>
/// <param name="Blue">The same of blue.</param>
internal readonly record struct ChannelSums(long Count, (long Sum, long Squares) Red, (long Sum, long Squares) Green,
    (long Sum, long Squares) Blue)
{
    /// <summary>The sums over one image.</summary>
    /// <param name="pixels">Red, green and blue planes of one size.</param>
    public static ChannelSums Of(ReadOnlySpan<byte> pixels)
    {
        int plane = pixels.Length / 3;
        return new(plane, OfPlane(pixels[..plane]), OfPlane(pixels.Slice(plane, plane)), OfPlane(pixels.Slice(2 * plane, plane)));
    }

    /// <summary>The sums over two groups of images.</summary>
    public static ChannelSums operator +(ChannelSums a, ChannelSums b) =>
        new(a.Count + b.Count, Add(a.Red, b.Red), Add(a.Green, b.Green), Add(a.Blue, b.Blue));

    private static (long Sum, long Squares) OfPlane(ReadOnlySpan<byte> plane)
    {
        long sum = 0, squares = 0;
        foreach (byte value in plane)
        {
            sum += value;
            squares += value * value;
        }

        return (sum, squares);
    }

    private static (long Sum, long Squares) Add((long Sum, long Squares) a, (long Sum, long Squares) b) =>
        (a.Sum + b.Sum, a.Squares + b.Squares);
}
