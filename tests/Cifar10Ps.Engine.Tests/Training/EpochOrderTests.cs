using Cifar10Ps.Data;
using Cifar10Ps.Training;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public class EpochOrderTests
{
    private static readonly TrainingOptions EachImage = TinyOptions(), Balanced = EachImage with { Sampling = Sampling.Balanced };

    [Fact]
    public void Every_image_is_drawn_once_an_epoch_in_another_order()
    {
        LabeledImage[] images = Images(50, 7, 3);
        TrainingImage[] first = new EpochOrder(images, EachImage).At(1), second = new EpochOrder(images, EachImage).At(2);

        Assert.Equal(images, first.Select(drawn => drawn.Image).OrderBy(image => image.Index));
        Assert.NotEqual(first.Select(drawn => drawn.Image), second.Select(drawn => drawn.Image));
        Assert.All(second, drawn => Assert.Equal(2, drawn.Pass));
    }

    [Theory]
    [InlineData(50, 7, 3)]
    [InlineData(20, 20, 20)]
    [InlineData(1, 1, 500)]
    [InlineData(3, 0, 8)]
    [InlineData(2, 1, 1)]
    public void Balanced_epochs_have_as_many_images_as_before_and_as_many_of_each_class(params int[] sizes)
    {
        LabeledImage[] images = Images(sizes);
        int classes = sizes.Count(size => size > 0);
        Dictionary<int, int> total = [];
        for (int epoch = 1; epoch <= 20; epoch++)
        {
            TrainingImage[] drawn = new EpochOrder(images, Balanced).At(epoch);

            Assert.Equal(images.Length, drawn.Length);
            foreach (IGrouping<int, TrainingImage> group in drawn.GroupBy(image => image.Image.Label))
            {
                Assert.InRange(group.Count(), images.Length / classes, images.Length / classes + 1);
                total[group.Key] = total.GetValueOrDefault(group.Key) + group.Count();
            }
        }

        // The classes that get one more take turns.
        Assert.InRange(total.Values.Max() - total.Values.Min(), 0, 1);
    }

    [Fact]
    public void No_image_is_drawn_again_before_all_others_of_its_class_and_each_draw_has_its_own_pass()
    {
        LabeledImage[] images = Images(50, 7, 3);
        HashSet<(LabeledImage, int)> seen = [];
        for (int epoch = 1; epoch <= 15; epoch++)
        {
            TrainingImage[] drawn = new EpochOrder(images, Balanced).At(epoch);
            Assert.All(drawn, image => Assert.True(seen.Add((image.Image, image.Pass))));
            foreach (IGrouping<int, LabeledImage> group in images.GroupBy(image => image.Label))
            {
                int[] draws = [.. group.Select(image => seen.Count(entry => entry.Item1 == image))];
                Assert.InRange(draws.Max() - draws.Min(), 0, 1);
            }
        }

        Assert.All(images, image => Assert.Equal(Enumerable.Range(1, seen.Count(entry => entry.Item1 == image)),
            seen.Where(entry => entry.Item1 == image).Select(entry => entry.Item2).Order()));
    }

    [Fact]
    public void Draws_are_a_function_of_seed_and_epoch()
    {
        LabeledImage[] images = Images(50, 7, 3);
        EpochOrder order = new(images, Balanced);
        TrainingImage[] third = order.At(3);

        Assert.Equal(third, new EpochOrder(images, Balanced).At(3));
        Assert.NotEqual(third, order.At(4));
        Assert.NotEqual(third, new EpochOrder(images, Balanced with { Seed = 8 }).At(3));
    }

    [Fact]
    public void The_mean_weight_over_the_images_of_an_epoch_is_one()
    {
        LabeledImage[] images = Images(50, 7, 3);
        string[] names = ["class 0", "class 1", "class 2"];
        ClassWeights byHand = new([new("class 2", 5)]);

        float[] balanced = new EpochOrder(images, EachImage with { ClassWeights = ClassWeights.Balanced }).ClassWeights(names)!;
        float[] chosen = new EpochOrder(images, EachImage with { ClassWeights = byHand }).ClassWeights(names)!;
        float[] resampled = new EpochOrder(images, Balanced with { ClassWeights = byHand }).ClassWeights(names)!;

        // scikit-learn's compute_class_weight('balanced').
        Assert.Equal([60 / (3 * 50.0), 60 / (3 * 7.0), 60 / (3 * 3.0)], balanced.Select(weight => (double)weight), Near);
        // 1, 1 and 5 over 50, 7 and 3 images, and over 20 each.
        Assert.Equal([60 / 72.0, 60 / 72.0, 300 / 72.0], chosen.Select(weight => (double)weight), Near);
        Assert.Equal([3 / 7.0, 3 / 7.0, 15 / 7.0], resampled.Select(weight => (double)weight), Near);
        Assert.Null(new EpochOrder(images, EachImage).ClassWeights(names));

        static bool Near(double expected, double actual) => Math.Abs(expected - actual) < 1e-6 * expected;
    }

    [Fact]
    public void A_class_without_images_does_not_disturb_the_weights()
    {
        float[] weights = new EpochOrder(Images(4, 0, 2), EachImage with { ClassWeights = ClassWeights.Balanced })
            .ClassWeights(["class 0", "class 1", "class 2"])!;

        Assert.All(weights, weight => Assert.True(float.IsFinite(weight)));
        Assert.Equal(6, 4 * weights[0] + 2 * weights[2], 1e-5);
        Assert.Equal(2 * weights[0], weights[2], 1e-5);
    }

    private static LabeledImage[] Images(params int[] sizes) =>
        [.. sizes.SelectMany((size, label) => Enumerable.Repeat(label, size)).Select((label, i) => Solid(i, label, 0, 0, 0, side: 8))];
}
