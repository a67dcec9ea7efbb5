using System.Runtime.InteropServices;
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
                    Assert.Equal((Noise.GetPixels()[(c * 32 + y) * 32 + x] / 255.0 - Normalised.Mean[c]) / Normalised.StandardDeviation[c], input[(y * 32 + x) * 3 + c], 1e-6);
    }

    [Fact]
    public void Augmentation_is_every_crop_of_the_reflected_image_flipped_or_not_and_nothing_else()
    {
        Dictionary<string, (int, int, bool)> variants = [];
        for (int top = 0; top <= 4; top++)
            for (int left = 0; left <= 4; left++)
                foreach (bool flip in new[] { false, true })
                    variants.Add(CropOfPadded(top, left, flip), (top, left, flip));

        // Each of the 50 is missed by all 1,000 draws once in 10^8.
        HashSet<(int, int, bool)> seen = [.. Enumerable.Range(1, 1_000).Select(epoch => variants[Augmented(Noise, seed: 1, epoch)])];

        Assert.Equal(50, seen.Count);
    }

    [Fact]
    public void An_image_is_flipped_in_every_second_epoch()
    {
        Dictionary<string, bool> isFlipped = [];
        for (int top = 0; top <= 4; top++)
            for (int left = 0; left <= 4; left++)
                foreach (bool flip in new[] { false, true })
                    isFlipped.Add(CropOfPadded(top, left, flip), flip);
        LabeledImage[] images = [.. Enumerable.Range(0, 20).Select(index => new LabeledImage(index, 3, "", 32, 32, Noise.GetPixels()))];

        Assert.All(images, image => Assert.All(Enumerable.Range(1, 4), epoch =>
            Assert.NotEqual(isFlipped[Augmented(image, 1, epoch)], isFlipped[Augmented(image, 1, epoch + 1)])));
        Assert.Equal(2, images.Select(image => isFlipped[Augmented(image, 1, 1)]).Distinct().Count());
    }

    [Fact]
    public void Augmentation_depends_on_seed_epoch_and_index_alone()
    {
        Assert.Equal(Augmented(Noise, 1, 1), Augmented(Noise, 1, 1));
        LabeledImage other = new(8, 3, "same pixels", 32, 32, Noise.GetPixels());
        // A few draws of each: one could be the same by chance.
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

        new BatchBuilder(new Preprocessing([0, 0, 0], [1, 1, 1], width: 20, height: 12)).Write(new LabeledImage(0, 0, "", 20, 12, pixels), input);

        Assert.Equal(pixels[2 * 240 + 11 * 20 + 19] / 255f, input[(11 * 20 + 19) * 3 + 2]);
        Assert.Equal(pixels[240 + 3 * 20 + 17] / 255f, input[(3 * 20 + 17) * 3 + 1]);
    }

    [Fact]
    public void An_image_of_another_size_is_refused() =>
        AssertError("ImageSizeMismatch", () => new BatchBuilder(Normalised).Write(Solid(0, 0, 1, 2, 3, side: 16), new float[3 * 32 * 32]));

    private static string Augmented(LabeledImage image, int seed, int epoch)
    {
        float[] input = new float[3 * 32 * 32];
        new BatchBuilder(Preprocessing.None).WriteAugmented(image, input, seed, epoch);
        return Text(input);
    }

    /// <summary>What NumPy's <c>pad(image, 2, "reflect")</c>, a slice and a reversal give.</summary>
    private static string CropOfPadded(int top, int left, bool flip)
    {
        byte[] pixels = Noise.GetPixels();
        int[] source = [2, 1, .. Enumerable.Range(0, 32), 30, 29];
        float[] input = new float[3 * 32 * 32];
        for (int y = 0; y < 32; y++)
            for (int x = 0; x < 32; x++)
                for (int c = 0; c < 3; c++)
                    input[(y * 32 + (flip ? 31 - x : x)) * 3 + c] = (float)(pixels[(c * 32 + source[top + y]) * 32 + source[left + x]] / 255.0);
        return Text(input);
    }

    private static string Text(float[] values) => Convert.ToBase64String(MemoryMarshal.AsBytes<float>(values));
}
