using Cifar10Ps.Inference;
using Cifar10Ps.Runtime;
using SkiaSharp;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public class ImageSimilarityTests
{
    private static readonly LabeledImage[] Noise = [.. Enumerable.Range(0, 60).Select(i => Blobs(i, 64))];

    public static TheoryData<string> Copies => ["exact", "mirrored", "lighter", "darker", "compressed", "smaller"];

    [Theory]
    [MemberData(nameof(Copies))]
    public void A_copy_is_found_among_others_and_nothing_else(string kind)
    {
        LabeledImage copy = Copy(Noise[17], kind);
        using ImageSimilarity similarity = new(null, threads: 2, Precision.Auto);

        IReadOnlyList<SimilarImage> pairs = similarity.Pairs(
            [.. Noise.Select(image => (image, (string?)"Train")), (copy, "Test")], 5, 0.9, (_, _, _) => { }, default);

        SimilarImage pair = Assert.Single(pairs);
        Assert.Equal((Noise[17], "Train", copy, "Test"), (pair.Image, pair.Split, pair.Similar, pair.SimilarSplit));
        Assert.Equal(1, pair.Similarity, kind is "exact" or "mirrored" ? 0 : 0.1);
    }

    [Theory]
    [InlineData(7)]
    [InlineData(12)]
    [InlineData(24)]
    [InlineData(28)]
    [InlineData(33)]
    [InlineData(50)]
    public void A_mirror_image_of_any_width_is_the_same(int side)
    {
        using ImageSimilarity similarity = new(null, threads: 1, Precision.Auto);
        byte[] stripes = [.. Enumerable.Range(0, 3 * side * side).Select(i => (byte)(i % side % 2 * 255))];
        foreach (LabeledImage image in new[] { Blobs(1, side), new LabeledImage(0, 0, "stripes", side, side, stripes) })
            Assert.Equal(1, Assert.Single(similarity.Pairs([(image, null), (Copy(image, "mirrored"), null)], 1, -1, (_, _, _) => { },
                default)).Similarity);
    }

    [Fact]
    public void Every_pair_is_given_once_the_most_similar_first()
    {
        LabeledImage[] images = [.. Noise[..5], .. Noise[..5], Noise[0], Copy(Noise[3], "compressed")];
        using ImageSimilarity similarity = new(null, threads: 3, Precision.Auto);

        SimilarImage[] pairs = [.. similarity.Pairs([.. images.Select((image, i) => (image, (string?)$"{i}"))], 5, 0.9,
            (_, _, _) => { }, default)];

        Assert.Equal(["0 5", "0 10", "1 6", "2 7", "3 8", "4 9", "5 10"], pairs[..7].Select(pair => $"{pair.Split} {pair.SimilarSplit}"));
        Assert.All(pairs[..7], pair => Assert.Equal(1, pair.Similarity));
        Assert.Equal(["3 11", "8 11"], pairs[7..].Select(pair => $"{pair.Split} {pair.SimilarSplit}"));
    }

    [Fact]
    public void Images_of_one_colour_are_alike_and_like_no_others()
    {
        using ImageSimilarity similarity = new(null, threads: 1, Precision.Auto);
        LabeledImage[] images = [Solid(0, 0, 200, 10, 10), Solid(1, 0, 200, 10, 10), Noise[0], Noise[1], Blobs(0, 8),
            Solid(2, 0, 0, 0, 0, 8)];

        IReadOnlyList<SimilarImage> pairs = similarity.Pairs([.. images.Select(image => (image, (string?)null))], 5, 0.9,
            (_, _, _) => { }, default);

        Assert.Equal([(images[0], images[1]), (images[0], images[5]), (images[1], images[5])],
            pairs.Select(pair => (pair.Image, pair.Similar)));
    }

    [Fact]
    public void The_nearest_images_by_a_models_features_are_those_that_mean_the_same()
    {
        // Two of each colour, in other shades and places.
        ImageSplit among = new("Train", ["a"],
            [Solid(0, 0, 255, 0, 0), Solid(1, 0, 0, 255, 0), Solid(2, 0, 200, 0, 0), Solid(3, 0, 0, 180, 0)]);
        using ImageSimilarity similarity = new(ColourModel(), threads: 2, Precision.Float32);
        List<string> progress = [];

        SimilarImage[] found = [.. similarity.Nearest([Solid(7, 0, 0, 99, 0), Solid(8, 0, 99, 9, 0)], among, 2, -1,
            (activity, done, all) => progress.Add($"{activity} {done}/{all}"), default)];

        Assert.Equal(["7 1", "7 3", "8 0", "8 2"], found.Select(pair => $"{pair.Image.Index} {pair.Similar.Index}"));
        Assert.Equal(1, found[0].Similarity);
        Assert.Equal((null, "Train"), (found[0].Split, found[0].SimilarSplit));
        Assert.Equal(["Describing 2/2", "Describing 4/4", "Comparing 2/2"], progress);
    }

    [Fact]
    public void Blocks_and_workers_do_not_change_what_is_found()
    {
        Random random = new(1);
        float[][] vectors = [.. Enumerable.Range(0, 2_700).Select(_ => Vector())],
            queries = [.. Enumerable.Range(0, 700).Select(_ => Vector())];

        foreach (int workers in new[] { 1, 3 })
        {
            using WorkerPool pool = new(workers);
            (int Index, float Cosine)[][] found = Neighbours.Of(queries, vectors, 3, -1, pool, _ => { }, default);
            foreach (int q in new[] { 0, 511, 512, 699 })
            {
                double[] cosines = [.. vectors.Select(vector => Cosine(queries[q], vector))];
                int[] best = [.. Enumerable.Range(0, vectors.Length).OrderByDescending(i => cosines[i]).Take(3)];
                Assert.Equal(best, found[q].Select(item => item.Index));
                Assert.All(found[q], item => Assert.Equal(cosines[item.Index], item.Cosine, 1e-5));
            }

            (int Index, float Cosine)[][] own = Neighbours.Of(vectors, vectors, 1, 0.9999, pool, _ => { }, default);
            Assert.All(own, Assert.Empty);
        }

        float[] Vector() => [.. Enumerable.Range(0, 12).Select(_ => (float)(random.NextDouble() - 0.5))];
        static double Cosine(float[] a, float[] b) =>
            a.Zip(b, (x, y) => (double)x * y).Sum() / Math.Sqrt(a.Sum(x => (double)x * x) * b.Sum(x => (double)x * x));
    }

    [Fact]
    public void A_search_can_be_cancelled()
    {
        using CancellationTokenSource cancellation = new();
        using ImageSimilarity similarity = new(null, threads: 1, Precision.Auto);

        Assert.Throws<OperationCanceledException>(() => similarity.Pairs([.. Noise.Select(image => (image, (string?)null))], 5, 0.9,
            (_, _, _) => cancellation.Cancel(), cancellation.Token));
    }

    /// <summary>An image of random blobs, which no other looks like.</summary>
    private static LabeledImage Blobs(int seed, int side)
    {
        Random random = new(seed);
        double[][] blobs = [.. Enumerable.Range(0, 12).Select(_ => Enumerable.Range(0, 6).Select(_ => random.NextDouble()).ToArray())];
        byte[] pixels = new byte[3 * side * side];
        for (int i = 0; i < pixels.Length; i++)
        {
            (double x, double y, int c) = (i % side / (double)side, i / side % side / (double)side, i / (side * side));
            double light = blobs.Sum(b => b[3 + c] * Math.Exp(-40 * ((x - b[0]) * (x - b[0]) + (y - b[1]) * (y - b[1]))));
            pixels[i] = (byte)Math.Clamp(200 * light, 0, 255);
        }

        return new LabeledImage(seed, 0, "blobs", side, side, pixels);
    }

    private static LabeledImage Copy(LabeledImage image, string kind)
    {
        (byte[] pixels, int side) = (image.GetPixels(), image.Width);
        byte[] changed = kind switch
        {
            "mirrored" => [.. pixels.Chunk(side).SelectMany(row => row.Reverse())],
            "lighter" => [.. pixels.Select(value => (byte)Math.Min(255, 1.2 * value + 10))],
            "darker" => [.. pixels.Select(value => (byte)(0.6 * value))],
            "compressed" => Compressed(pixels, side),
            "smaller" => [.. pixels.Where((_, i) => i % side % 2 == 0 && i / side % 2 == 0)],
            _ => pixels,
        };
        int length = kind == "smaller" ? side / 2 : side;
        return new LabeledImage(99, 0, "copy", length, length, changed);
    }

    private static byte[] Compressed(byte[] pixels, int side)
    {
        int plane = side * side;
        using SKBitmap bitmap = new(side, side, SKColorType.Rgba8888, SKAlphaType.Opaque);
        for (int i = 0; i < plane; i++)
            bitmap.SetPixel(i % side, i / side, new SKColor(pixels[i], pixels[plane + i], pixels[2 * plane + i]));
        using SKData file = bitmap.Encode(SKEncodedImageFormat.Jpeg, 60);
        using SKBitmap decoded = SKBitmap.Decode(file);
        SKColor[] colours = decoded.Pixels;
        return [.. colours.Select(c => c.Red), .. colours.Select(c => c.Green), .. colours.Select(c => c.Blue)];
    }
}
