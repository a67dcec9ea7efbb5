using System.Globalization;
using System.Text.Json.Serialization;
using Cifar10Ps.Data;

namespace Cifar10Ps;

/// <summary>
/// How bytes become the network's input: the size of the picture, and per channel
/// <c>(value / 255 - mean) / standardDeviation</c>.
/// </summary>
public sealed record Preprocessing
{
    // A network that takes pixels from 0 to 255 has 1/255; anything below half of that is a mistake.
    private const double SmallestDeviation = 0.5 / 255;

    /// <summary>Creates it.</summary>
    /// <param name="mean">Mean of red, green, blue, in units of the value range [0, 1]; 0 to 1.</param>
    /// <param name="standardDeviation">Standard deviation of red, green, blue, in the same units; 0.002 to 1.</param>
    /// <param name="width">Width of the input in pixels.</param>
    /// <param name="height">Height of the input in pixels.</param>
    /// <exception cref="EngineException"><c>InvalidPreprocessing</c>.</exception>
    [JsonConstructor]
    public Preprocessing(double[] mean, double[] standardDeviation, int width = 32, int height = 32)
    {
        if (mean is not { Length: 3 } || standardDeviation is not { Length: 3 } || !mean.Concat(standardDeviation).All(double.IsFinite)
            || width is < 8 or > 1024 || height is < 8 or > 1024)
            throw Invalid("Preprocessing needs three means and three standard deviations above zero (red, green, blue; "
                + "pixel values range from 0 to 1), and a picture size of 8 to 1024 pixels.");
        if (mean.Concat(standardDeviation).Any(value => value > 1))
            throw Invalid($"The mean {Text(mean)} with the standard deviation {Text(standardDeviation)} does not fit pixel values "
                + $"from 0 to 1. Divide values for pixels from 0 to 255 by 255: {Text(mean, 255)} and {Text(standardDeviation, 255)}.");
        if (mean.Any(value => value < 0))
            throw Invalid($"The mean {Text(mean)} is below 0, but pixel values range from 0 to 1. It is subtracted from the pixels: "
                + "give it as positive numbers.");
        if (standardDeviation.Any(value => value < SmallestDeviation))
            throw Invalid($"The standard deviation {Text(standardDeviation)} is too small for pixel values from 0 to 1, "
                + "which are divided by it. Give 1 for no division, and 1/255 = 0.00392 for a network that takes pixels from 0 to 255.");
        Mean = mean;
        StandardDeviation = standardDeviation;
        Width = width;
        Height = height;
    }

    /// <summary>Pixels in [0, 1], 32 × 32: no normalisation.</summary>
    public static Preprocessing None { get; } = new([0, 0, 0], [1, 1, 1]);

    /// <summary>Mean of red, green, blue, in units of the value range [0, 1].</summary>
    public double[] Mean { get; }

    /// <summary>Standard deviation of red, green, blue, in the same units.</summary>
    public double[] StandardDeviation { get; }

    /// <summary>Width of the input in pixels.</summary>
    public int Width { get; }

    /// <summary>Height of the input in pixels.</summary>
    public int Height { get; }

    /// <summary>The mean and standard deviation of each channel over all pixels of some images, from exact integer sums.</summary>
    /// <param name="images">At least one image; all of one size.</param>
    public static Preprocessing Measure(IReadOnlyList<LabeledImage> images)
    {
        ChannelSums sums = images.Aggregate(default(ChannelSums), (all, image) => all + image.Content.Sums);
        double[] mean = new double[3], deviation = new double[3];
        foreach ((int c, (long sum, long squares)) in new[] { sums.Red, sums.Green, sums.Blue }.Index())
        {
            double m = (double)sum / sums.Count;
            mean[c] = m / 255;
            // A channel with almost no variation is left as it is.
            deviation[c] = Math.Sqrt(Math.Max(0, (double)squares / sums.Count - m * m)) / 255 is >= SmallestDeviation and double d ? d : 1;
        }

        return new Preprocessing(mean, deviation, images[0].Width, images[0].Height);
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Width} x {Height}, mean {Fixed(Mean)}, standard deviation {Fixed(StandardDeviation)}";

    private static string Fixed(double[] values) =>
        string.Join(' ', values.Select(value => value.ToString("F4", CultureInfo.CurrentCulture)));

    private static string Text(double[] values, double divisor = 1) =>
        string.Join(", ", values.Select(value => (value / divisor).ToString("0.####", CultureInfo.InvariantCulture)));

    private static EngineException Invalid(string message) => new("InvalidPreprocessing", ErrorKind.InvalidArgument, message);

    /// <summary>The input values of all bytes: 3 · 256 numbers, channel by channel.</summary>
    internal float[] LookupTable()
    {
        float[] table = new float[3 * 256];
        for (int c = 0; c < 3; c++)
            for (int v = 0; v < 256; v++)
                table[c * 256 + v] = (float)((v / 255.0 - Mean[c]) / StandardDeviation[c]);
        return table;
    }
}
