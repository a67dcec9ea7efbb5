using System.Text.Json;
using Cifar10Ps.Data;
using Cifar10Ps.Runtime;

namespace Cifar10Ps.Tests;

public class AugmentationTests
{
    private const int Side = 32;

    /// <summary>Red grows with x, green with y, by as much as the side allows; blue is the same everywhere.</summary>
    private static readonly LabeledImage Ramp = Image(0, Side, Side, (x, y) => (8 * x, 8 * y, 100));
    private static readonly LabeledImage Noise = Image(7, Side, Side, (x, y) => (x * 37 + y * 101, x * 59 + y * 17, x * 5 + y * 73));

    public static TheoryData<Augmentation> Ways =>
        [.. Enum.GetValues<Augmentation>().Where(value => value != Augmentation.None && int.IsPow2((int)value))];

    [Theory]
    [MemberData(nameof(Ways))]
    public void Each_way_changes_images_and_is_a_function_of_seed_pass_and_index_alone(Augmentation way)
    {
        TrainingImage[] images = [.. Enumerable.Range(0, 20).Select(i => new TrainingImage(With(Noise, i), 1 + i % 2)),
            new TrainingImage(Ramp, 1)];
        string varied = Text(images, way);

        Assert.Equal(varied, Text(images, way));
        Assert.NotEqual(varied, Text(images, Augmentation.None));
        Assert.NotEqual(varied, Text(images, way, seed: 2));
        Assert.NotEqual(varied, Text([.. images.Select(image => image with { Pass = image.Pass + 1 })], way));
        Assert.NotEqual(varied, Text([.. images.Select(image => image with { Image = With(image.Image, image.Image.Index + 100) })], way));

        static string Text(TrainingImage[] images, Augmentation way, int seed = 1) =>
            string.Join(' ', Varied(images, way, seed).SelectMany(image => image.Pixels));
    }

    [Theory]
    [InlineData(8, 8)]
    [InlineData(1024, 9)]
    [InlineData(9, 1024)]
    [InlineData(224, 224)]
    public void Images_of_any_size_are_varied_and_their_values_stay_in_the_range(int width, int height)
    {
        LabeledImage image = Image(0, width, height, (x, y) => (x, y, x * y));
        TrainingImage[] images = [.. Enumerable.Range(1, 40).Select(pass => new TrainingImage(image, pass))];

        Assert.All(Varied(images, Augmentation.Strong), varied =>
        {
            Assert.InRange(varied.Pixels.Min(), -1e-4f, 255);
            Assert.InRange(varied.Pixels.Max(), 0, 255.0001f);
        });
    }

    /// <summary>On a linear ramp bilinear interpolation is exact: the part of the image can be read off the pixels.</summary>
    [Fact]
    public void A_resized_crop_is_a_third_of_the_image_to_all_of_it_anywhere_within()
    {
        List<(double Left, double Top, double Width, double Height)> parts = [];
        for (int pass = 1; pass <= 2_000; pass++)
        {
            float[] pixels = Varied(new TrainingImage(Ramp, pass), Augmentation.RandomResizedCrop);
            // Away from the border, where the image is mirrored.
            double stepX = (pixels[3 * 20] - pixels[3 * 10]) / 80, stepY = (pixels[3 * 20 * Side + 1] - pixels[3 * 10 * Side + 1]) / 80;
            double left = pixels[3 * 10] / 8 - 10 * stepX + 0.5 - stepX / 2;
            double top = pixels[3 * 10 * Side + 1] / 8 - 10 * stepY + 0.5 - stepY / 2;
            parts.Add((left, top, stepX * Side, stepY * Side));
            Assert.Equal(pixels[3 * 10 * Side + 3 * 15] - pixels[3 * 10 * Side + 3 * 10], 8 * 5 * stepX, 1e-2);
            Assert.All(Enumerable.Range(0, Side * Side), i => Assert.Equal(100, pixels[3 * i + 2], 1e-3));
        }

        Assert.All(parts, part =>
        {
            Assert.InRange(part.Left, -1e-3, Side - part.Width + 1e-3);
            Assert.InRange(part.Top, -1e-3, Side - part.Height + 1e-3);
            Assert.InRange(part.Width * part.Height / Side / Side, 0.33, 1.0001);
            Assert.InRange(part.Width / part.Height, 0.749, 1.335);
        });
        Assert.InRange(parts.Average(part => part.Width * part.Height) / Side / Side, 0.64, 0.69);
        Assert.InRange(parts.Average(part => part.Left + part.Width / 2), Side / 2.0 - 0.4, Side / 2.0 + 0.4);
        Assert.True(parts.Min(part => part.Width * part.Height) < 0.4 * Side * Side);
        Assert.True(parts.Max(part => part.Left) > 5);
    }

    [Fact]
    public void A_way_of_moving_whole_pixels_gives_the_same_pixels_beside_others()
    {
        LabeledImage grey = Image(3, Side, Side, (x, y) => (8 * x, 8 * x, 8 * x));

        foreach (Augmentation move in new[] { Augmentation.Light, Augmentation.Standard, Augmentation.Flip })
        {
            PixelMap map = Variation.Of(move).Single().Place(new ImageKey(1, 1, 3), Side, Side);
            float[] read = new float[3 * Side * Side];
            map.Read(grey.Pixels.Span, read, Side, Side);
            Assert.Equal(Varied(new TrainingImage(grey, 1), move), read, (a, b) => Math.Abs(a - b) < 1e-3);
        }
    }

    [Fact]
    public void Colour_jitter_changes_no_place_and_grey_stays_grey()
    {
        LabeledImage grey = Image(0, Side, Side, (x, y) => (8 * x, 8 * x, 8 * x));
        HashSet<int> brightness = [];
        for (int pass = 1; pass <= 200; pass++)
        {
            float[] pixels = Varied(new TrainingImage(grey, pass), Augmentation.ColorJitter);
            brightness.Add((int)pixels.Average());
            for (int i = 0; i < pixels.Length; i += 3)
                Assert.All(new[] { pixels[i + 1], pixels[i + 2] }, value => Assert.Equal(pixels[i], value, 1e-3f));
            // Each column has one value, and they do not decrease.
            for (int x = 1; x < Side; x++)
                Assert.True(pixels[3 * x] >= pixels[3 * x - 3] && pixels[3 * x] == pixels[3 * (Side * 9 + x)]);
        }

        Assert.InRange(brightness.Min(), 90, 112);
        Assert.InRange(brightness.Max(), 136, 160);
    }

    /// <summary>torchvision's functions of these names, in double precision.</summary>
    [Fact]
    public void Changes_of_colour_are_those_of_torchvision()
    {
        double[] values = [.. Noise.GetPixels().Take(300).Select(value => (double)value)];
        double Grey(int i) => 0.299 * values[i / 3 * 3] + 0.587 * values[i / 3 * 3 + 1] + 0.114 * values[i / 3 * 3 + 2];
        double mean = Enumerable.Range(0, 100).Average(i => Grey(3 * i));

        Check(pixels => PixelColors.Brighten(pixels, 1.2f), i => 1.2 * values[i]);
        Check(pixels => PixelColors.Contrast(pixels, 0.7f), i => 0.7 * values[i] + 0.3 * mean);
        Check(pixels => PixelColors.Saturate(pixels, 1.3f), i => 1.3 * values[i] - 0.3 * Grey(i));
        Check(pixels => PixelColors.Posterize(pixels, 3), i => (int)values[i] & 0b1110_0000);
        Check(pixels => PixelColors.Solarize(pixels, 100), i => values[i] < 100 ? values[i] : 255 - values[i]);
        Check(pixels => PixelColors.StretchContrast(pixels), i =>
        {
            IEnumerable<double> channel = values.Where((_, j) => j % 3 == i % 3);
            return (values[i] - channel.Min()) * 255 / (channel.Max() - channel.Min());
        });

        void Check(Action<float[]> change, Func<int, double> expected)
        {
            float[] pixels = [.. values.Select(value => (float)value)];
            change(pixels);
            Assert.All(pixels.Index(), item => Assert.Equal(Math.Clamp(expected(item.Index), 0, 255), item.Item, 1e-3));
        }
    }

    [Fact]
    public void RandAugment_turns_shears_shifts_and_colours()
    {
        LabeledImage grey = Image(0, Side, Side, (x, y) => (120, 120, 120));
        int moved = 0, coloured = 0, both = 0;
        for (int pass = 1; pass <= 500; pass++)
        {
            ImageKey key = new(1, pass, 0);
            bool moves = new RandAugment().Place(key, Side, Side) != PixelMap.Identity;
            float[] pixels = Varied(new TrainingImage(grey, pass), Augmentation.RandAugment);
            bool colours = pixels.Any(value => Math.Abs(value - 120) > 0.01);
            moved += moves ? 1 : 0;
            coloured += colours ? 1 : 0;
            both += moves && colours ? 1 : 0;
        }

        // Five of twelve changes move: 1 - (7/12)² = 66 % of images.
        Assert.InRange(moved, 290, 370);
        Assert.InRange(coloured, 50, 250);
        Assert.InRange(both, 20, 200);
        PixelMap turned = PixelMap.AroundMiddle(0, -1, 1, 0, Side, Side);
        float[] read = new float[3 * Side * Side];
        turned.Read(Ramp.Pixels.Span, read, Side, Side);
        Assert.Equal((8f * (Side - 1 - 5), 8f * 3), (read[3 * (5 * Side + 3)], read[3 * (5 * Side + 3) + 1]));
    }

    [Fact]
    public void Every_second_image_loses_a_rectangle()
    {
        List<(double Area, double Ratio)> holes = [];
        for (int pass = 1; pass <= 400; pass++)
        {
            float[] pixels = Varied(new TrainingImage(Image(0, Side, Side, (_, _) => (9, 9, 9)), pass), Augmentation.RandomErasing);
            int[] changed = [.. Enumerable.Range(0, Side * Side)
                .Where(i => pixels.AsSpan(3 * i, 3).ContainsAnyExceptInRange(8.999f, 9.001f))];
            if (changed is [])
                continue;
            int width = changed.Max(i => i % Side) - changed.Min(i => i % Side) + 1, height = changed[^1] / Side - changed[0] / Side + 1;
            Assert.Equal(width * height, changed.Length);
            holes.Add(((double)changed.Length / Side / Side, (double)width / height));
        }

        Assert.InRange(holes.Count, 160, 240);
        Assert.InRange(holes.Min(hole => hole.Area), 0.01, 0.06);
        Assert.InRange(holes.Max(hole => hole.Area), 0.34, 0.42);
        Assert.InRange(holes.Min(hole => hole.Ratio), 0.28, 0.5);
        Assert.InRange(holes.Max(hole => hole.Ratio), 2, 3.6);
    }

    [Fact]
    public void Mixup_fades_images_into_others_and_says_how_much_is_left()
    {
        TrainingImage[] images = Solids(300);
        List<float> shares = [];
        foreach ((int i, (float[] pixels, Mixture mixture)) in Varied(images, Augmentation.Mixup).Index())
        {
            Assert.Same(images[i].Image, mixture.First);
            Assert.InRange(mixture.Share, 0, 1);
            float expected = mixture.Share * mixture.First.Pixels.Span[0] + (1 - mixture.Share) * mixture.Second.Pixels.Span[0];
            Assert.All(pixels, value => Assert.Equal(expected, value, 0.01f));
            shares.Add(mixture.Share);
        }

        // Beta(0.2, 0.2): symmetric, and half of it within 0.06 of an end.
        Assert.InRange(shares.Average(), 0.42, 0.58);
        Assert.InRange(shares.Count(share => share is < 0.0625f or > 0.9375f), 150, 230);
    }

    [Fact]
    public void CutMix_replaces_a_rectangle_and_counts_its_pixels()
    {
        TrainingImage[] images = Solids(300);
        List<float> shares = [];
        foreach ((float[] pixels, Mixture mixture) in Varied(images, Augmentation.CutMix))
        {
            if (mixture.Second.Index == mixture.First.Index)
                continue;
            int[] own = [.. Enumerable.Range(0, Side * Side).Where(p => Math.Abs(pixels[3 * p] - mixture.First.Pixels.Span[0]) < 0.01)];
            int[] other = [.. Enumerable.Range(0, Side * Side).Where(p => Math.Abs(pixels[3 * p] - mixture.Second.Pixels.Span[0]) < 0.01)];
            Assert.Equal(Side * Side, own.Length + other.Length);
            Assert.Equal((float)own.Length / (Side * Side), mixture.Share, 1e-5f);
            shares.Add(mixture.Share);
        }

        Assert.InRange(shares.Average(), 0.44, 0.56);
        Assert.True(shares.Min() < 0.1 && shares.Max() > 0.9);
    }

    [Fact]
    public void Partners_come_from_all_the_images_and_a_coin_decides_between_two_ways_of_mixing()
    {
        (float[] Pixels, Mixture Mixture)[] mixed = Varied(Solids(200), Augmentation.Mixup | Augmentation.CutMix);
        int faded = mixed.Count(image => image.Pixels.Distinct().Count() == 1);

        // Of 200 draws with replacement, 126 different ones are expected.
        Assert.InRange(mixed.Select(image => image.Mixture.Second.Index).Distinct().Count(), 110, 145);
        Assert.InRange(faded, 70, 130);
        Assert.All(mixed, image =>
            Assert.Same(image.Mixture.Share >= 0.5f ? image.Mixture.First : image.Mixture.Second, image.Mixture.Dominant));
    }

    [Theory]
    [InlineData(Augmentation.Light | Augmentation.Standard)]
    [InlineData(Augmentation.Light | Augmentation.RandomResizedCrop)]
    [InlineData(Augmentation.Light | Augmentation.Flip)]
    [InlineData(Augmentation.Standard | Augmentation.Flip | Augmentation.Mixup)]
    [InlineData((Augmentation)4096)]
    [InlineData((Augmentation)(-1))]
    public void Ways_that_contradict_each_other_are_refused(Augmentation augmentation) =>
        Assert.Contains("Augmentation cannot be", TestSupport.AssertError("OptionOutOfRange", () =>
            (Recipes.Options(Recipe.Fast) with { Augmentation = augmentation }).Require()).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData(Augmentation.None, "None")]
    [InlineData(Augmentation.Light, "Light")]
    [InlineData(Augmentation.Standard, "Standard")]
    [InlineData(Augmentation.Pictures, "Pictures")]
    [InlineData(Augmentation.Strong, "Strong")]
    [InlineData(Augmentation.Light | Augmentation.Mixup, "Light, Mixup")]
    [InlineData(Augmentation.Flip | Augmentation.ColorJitter | Augmentation.CutMix, "Flip, ColorJitter, CutMix")]
    public void In_a_checkpoint_it_is_readable(Augmentation augmentation, string text)
    {
        TrainingOptions options = Recipes.Options(Recipe.Fast) with { Augmentation = augmentation };

        string json = JsonSerializer.Serialize(options, Json.Options);

        Assert.Contains($"\"augmentation\":\"{text}\"", json, StringComparison.Ordinal);
        Assert.Equal(options, JsonSerializer.Deserialize<TrainingOptions>(json, Json.Options));
        Assert.Null(options.OutOfRange());
    }

    private static float[] Varied(TrainingImage image, Augmentation augmentation) => Varied([image], augmentation)[0].Pixels;

    private static (float[] Pixels, Mixture Mixture)[] Varied(TrainingImage[] images, Augmentation augmentation, int seed = 1)
    {
        LabeledImage first = images[0].Image;
        // Input is 0 to 1; here pixels are 0 to 255.
        BatchBuilder builder = new(new Preprocessing([0, 0, 0], [1, 1, 1], first.Width, first.Height), augmentation);
        float[] values = new float[images.Length * builder.ImageLength];
        Mixture[] mixtures = builder.WriteAugmented(images, values, seed);
        return [.. values.Select(value => value * 255).Chunk(builder.ImageLength).Zip(mixtures)];
    }

    /// <summary>Grey images, each of its own brightness as far as that goes.</summary>
    private static TrainingImage[] Solids(int count) =>
        [.. Enumerable.Range(0, count).Select(i => new TrainingImage(TestSupport.Solid(i, i % 3, (byte)i, (byte)i, (byte)i), Pass: 1))];

    private static LabeledImage With(LabeledImage image, int index) =>
        new(index, image.Label, image.LabelName, image.Width, image.Height, image.Pixels);

    private static LabeledImage Image(int index, int width, int height, Func<int, int, (int, int, int)> color)
    {
        byte[] pixels = new byte[3 * width * height];
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++)
                (pixels[y * width + x], pixels[(height + y) * width + x], pixels[(2 * height + y) * width + x]) =
                    ((byte)color(x, y).Item1, (byte)color(x, y).Item2, (byte)color(x, y).Item3);
        return new LabeledImage(index, 0, "ramp", width, height, pixels);
    }
}
