using System.Runtime.InteropServices;
using Cifar10Ps.Data;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public class BatchBuilderTests
{
    private static readonly LabeledImage Noise = new(7, 0, "noise", 32, 32, FakeCifar10.Pixels(0, 0));
    private static readonly Preprocessing Normalised = new([0.4, 0.5, 0.6], [0.2, 0.25, 0.3]);

    [Fact]
    public void An_image_is_normalised_by_its_channel_and_laid_out_channels_last()
    {
        float[] input = new float[3 * 32 * 32];

        new BatchBuilder(Normalised).Write(Noise, input);

        for (int y = 0; y < 32; y++)
            for (int x = 0; x < 32; x++)
                for (int c = 0; c < 3; c++)
                    Assert.Equal((Noise.GetPixels()[(c * 32 + y) * 32 + x] / 255.0 - Normalised.Mean[c]) / Normalised.StandardDeviation[c],
                        input[(y * 32 + x) * 3 + c], 1e-6);
    }

    [Theory]
    [InlineData(Augmentation.Light, 2)]
    [InlineData(Augmentation.Standard, 4)]
    public void Augmentation_is_every_crop_of_the_reflected_image_flipped_or_not_and_nothing_else(Augmentation augmentation, int padding)
    {
        Dictionary<string, (int, int, bool)> variants = Variants(padding);

        // The chance that all 3,000 draws miss a given one of at most 162 is one in 10^8.
        HashSet<(int, int, bool)> seen =
            [.. Enumerable.Range(1, 3_000).Select(epoch => variants[Augmented(Noise, seed: 1, epoch, augmentation)])];

        Assert.Equal(variants.Count, seen.Count);
    }

    [Fact]
    public void Without_augmentation_an_image_is_written_as_it_is()
    {
        float[] expected = new float[3 * 32 * 32];
        new BatchBuilder(Preprocessing.None).Write(Noise, expected);

        Assert.Equal(Text(expected), Augmented(Noise, seed: 1, epoch: 1, Augmentation.None));
    }

    [Fact]
    public void An_image_is_flipped_in_every_second_epoch()
    {
        Dictionary<string, (int, int, bool IsFlipped)> variants = Variants(padding: 4);
        LabeledImage[] images = [.. Enumerable.Range(0, 20).Select(index => new LabeledImage(index, 3, "", 32, 32, Noise.GetPixels()))];

        Assert.All(images, image => Assert.All(Enumerable.Range(1, 4), epoch =>
            Assert.NotEqual(variants[Augmented(image, 1, epoch)].IsFlipped, variants[Augmented(image, 1, epoch + 1)].IsFlipped)));
        Assert.Equal(2, images.Select(image => variants[Augmented(image, 1, 1)].IsFlipped).Distinct().Count());
    }

    [Fact]
    public void Augmentation_depends_on_seed_epoch_and_index_alone()
    {
        Assert.Equal(Augmented(Noise, 1, 1), Augmented(Noise, 1, 1));
        LabeledImage other = new(8, 3, "same pixels", 32, 32, Noise.GetPixels());
        // A few draws of each, since a single one could agree by chance.
        Assert.NotEqual(Draws(epoch => Augmented(Noise, 1, epoch)), Draws(epoch => Augmented(Noise, 1, epoch + 1)));
        Assert.NotEqual(Draws(epoch => Augmented(Noise, 1, epoch)), Draws(epoch => Augmented(Noise, 2, epoch)));
        Assert.NotEqual(Draws(epoch => Augmented(Noise, 1, epoch)), Draws(epoch => Augmented(other, 1, epoch)));

        static IEnumerable<string> Draws(Func<int, string> draw) => Enumerable.Range(1, 5).Select(draw);
    }

    [Fact]
    public void An_oblong_image_is_written_row_by_row()
    {
        byte[] pixels = FakeCifar10.Pixels(0, 1)[..(3 * 12 * 20)];
        float[] input = new float[pixels.Length];

        new BatchBuilder(new Preprocessing([0, 0, 0], [1, 1, 1], width: 20, height: 12)).Write(
            new LabeledImage(0, 0, "", 20, 12, pixels), input);

        Assert.Equal(pixels[2 * 240 + 11 * 20 + 19] / 255f, input[(11 * 20 + 19) * 3 + 2]);
        Assert.Equal(pixels[240 + 3 * 20 + 17] / 255f, input[(3 * 20 + 17) * 3 + 1]);
    }

    [Fact]
    public void An_image_of_another_size_is_refused() =>
        AssertError("ImageSizeMismatch", () => new BatchBuilder(Normalised).Write(Solid(0, 0, 1, 2, 3, side: 16), new float[3 * 32 * 32]));

    private static string Augmented(LabeledImage image, int seed, int epoch, Augmentation augmentation = Augmentation.Standard)
    {
        float[] input = new float[3 * 32 * 32];
        new BatchBuilder(Preprocessing.None, augmentation).WriteAugmented([new TrainingImage(image, epoch)], input, seed);
        return Text(input);
    }

    /// <summary>All crops and flips.</summary>
    private static Dictionary<string, (int Top, int Left, bool IsFlipped)> Variants(int padding) => new(
        from top in Enumerable.Range(0, 2 * padding + 1)
        from left in Enumerable.Range(0, 2 * padding + 1)
        from flip in new[] { false, true }
        select KeyValuePair.Create(CropOfPadded(padding, top, left, flip), (top, left, flip)));

    /// <summary>The result of NumPy's <c>pad(image, padding, "reflect")</c>, a slice and a reversal.</summary>
    private static string CropOfPadded(int padding, int top, int left, bool flip)
    {
        byte[] pixels = Noise.GetPixels();
        int[] source = [.. Enumerable.Range(1, padding).Reverse(),
            .. Enumerable.Range(0, 32), .. Enumerable.Range(31 - padding, padding).Reverse()];
        float[] input = new float[3 * 32 * 32];
        for (int y = 0; y < 32; y++)
            for (int x = 0; x < 32; x++)
                for (int c = 0; c < 3; c++)
                    input[(y * 32 + (flip ? 31 - x : x)) * 3 + c] =
                        (float)(pixels[(c * 32 + source[top + y]) * 32 + source[left + x]] / 255.0);
        return Text(input);
    }

    private static string Text(float[] values) => Convert.ToBase64String(MemoryMarshal.AsBytes<float>(values));
}
