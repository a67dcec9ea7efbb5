using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public class PreprocessingTests
{
    [Fact]
    public void Mean_and_deviation_are_those_of_all_pixels()
    {
        ImageSplit images = SyntheticImages.Create(50, 1).Train;

        Preprocessing measured = Preprocessing.Measure(images);

        for (int c = 0; c < 3; c++)
        {
            double[] values = [.. images.SelectMany(image => image.GetPixels()[(1024 * c)..(1024 * (c + 1))]).Select(v => v / 255.0)];
            double mean = values.Average();
            Assert.Equal(mean, measured.Mean[c], 1e-12);
            Assert.Equal(Math.Sqrt(values.Average(v => (v - mean) * (v - mean))), measured.StandardDeviation[c], 1e-12);
        }
    }

    [Fact]
    public void A_channel_without_variation_is_left_as_it_is()
    {
        Preprocessing measured = Preprocessing.Measure([Solid(0, 0, 10, 20, 255)]);

        Assert.Equal([10 / 255.0, 20 / 255.0, 1], measured.Mean);
        Assert.Equal([1.0, 1, 1], measured.StandardDeviation);
    }

    [Theory]
    [InlineData(0.5, 0.0, 32, 3)]
    [InlineData(0.5, -1.0, 32, 3)]
    [InlineData(0.5, double.NaN, 32, 3)]
    [InlineData(0.5, double.PositiveInfinity, 32, 3)]
    [InlineData(double.NaN, 1.0, 32, 3)]
    [InlineData(0.5, 1.0, 7, 3)]
    [InlineData(0.5, 1.0, 1_025, 3)]
    [InlineData(0.5, 1.0, 32, 2)]
    public void Values_that_make_no_sense_are_refused(double mean, double deviation, int side, int channels) =>
        AssertError("InvalidPreprocessing", () =>
            _ = new Preprocessing([.. Enumerable.Repeat(mean, channels)], [.. Enumerable.Repeat(deviation, channels)], side, 32));

    [Theory]
    [InlineData(125.3, 63.0, "divide", "0.4914")]
    [InlineData(0.5, 63.0, "divide", "0.2471")]
    [InlineData(-0.485, 0.229, "below 0", "-0.485")]
    [InlineData(0.5, 0.001, "too small", "0.00392")]
    public void Values_of_another_scale_are_refused_with_the_right_one(double mean, double deviation, string because, string right)
    {
        string message = AssertError("InvalidPreprocessing", () =>
            _ = new Preprocessing([mean, mean, mean], [deviation, deviation, deviation])).Message;

        Assert.Contains(because, message, StringComparison.OrdinalIgnoreCase);
        Assert.Contains(right, message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_network_that_takes_pixels_from_0_to_255_has_a_preprocessing() =>
        Assert.Equal(255f, new Preprocessing([0, 0, 0], [1 / 255.0, 1 / 255.0, 1 / 255.0]).LookupTable()[255], 1e-3f);
}
