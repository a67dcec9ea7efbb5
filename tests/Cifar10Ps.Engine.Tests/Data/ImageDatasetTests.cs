using Cifar10Ps.Models;
using Cifar10Ps.Training;

namespace Cifar10Ps.Tests;

public sealed class ImageDatasetTests
{
    private static readonly ImageDataset Two = SyntheticImages.Create(30, 10);
    private static readonly LabeledImage[] Others = [.. SyntheticImages.Create(1, 17).Test.Skip(10)];
    private static readonly ImageDataset Three = new("three", "", Two.Classes, Two.Train, Two.Test, Others);

    [Fact]
    public void The_test_images_serve_for_validation_where_there_are_no_others()
    {
        Assert.Same(Two.Test, Two.Validation);
        Assert.False(Two.HasOwnValidation);
        Assert.Equal("Synthetic (30 + 10 images)", Two.ToString());

        Assert.True(Three.HasOwnValidation);
        Assert.Equal((30, 7, 10), (Three.TrainCount, Three.ValidationCount, Three.TestCount));
        Assert.Equal(("Train", "Validation", "Test"), (Three.Train.Name, Three.Validation.Name, Three.Test.Name));
        Assert.Equal("three (30 + 7 + 10 images)", Three.ToString());
    }

    [Fact]
    public void A_run_validates_on_the_validation_images()
    {
        Assert.Same(Two.Test, HoldOut.Split(Two, 0).Validation);
        Assert.Same(Three.Validation, HoldOut.Split(Three, 0).Validation);
    }

    [Fact]
    public void No_class_is_held_out_as_a_whole()
    {
        ImageDataset pairs = new("pairs", "", Two.Classes, [.. SyntheticImages.Create(20, 10).Train], [.. Two.Test]);
        Assert.Equal([2], pairs.Train.CountBy(image => image.Label).Select(count => count.Value).Distinct());

        Assert.All(Enumerable.Range(1, 10), count =>
        {
            (IReadOnlyList<LabeledImage> train, IReadOnlyList<LabeledImage> validation) = HoldOut.Split(pairs, count);
            Assert.Equal((20 - count, count), (train.Count, validation.Count));
            Assert.Equal(10, train.Select(image => image.Label).Distinct().Count());
        });
        Assert.Single(HoldOut.Split(pairs, 19).Train);
    }

    [Fact]
    public void The_fingerprint_that_earlier_versions_gave_the_data_is_recognised()
    {
        Assert.True(Two.IsOf(Two.Fingerprint));
        Assert.True(Two.IsOf("5fde89d543efb99574a69bb5d9a1005ec5274ea70065ec0766780ef787ee8968"));
        Assert.False(Two.IsOf("6fde89d543efb99574a69bb5d9a1005ec5274ea70065ec0766780ef787ee8968"));
        Assert.False(Two.IsOf(SyntheticImages.Create(30, 11).Fingerprint));
    }

    [Fact]
    public void The_fingerprint_covers_the_validation_images()
    {
        ImageDataset other = new("other", "", Two.Classes, Two.Train, Two.Test, [.. Others.Skip(1)]);

        Assert.Equal(3, new[] { Two, Three, other }.Select(data => data.Fingerprint).Distinct().Count());
    }

    [Fact]
    public void Labels_of_another_order_of_the_classes_are_given_to_all_images()
    {
        ImageClassifier model = TestSupport.NewResNet20([.. Two.Classes.Reverse()], Shortcut.Projection, seed: 1);

        (_, ImageDataset data) = ClassMatching.ForTraining(model.Snapshot, Three);

        Assert.Equal(Three.Fingerprint, data.Fingerprint);
        Assert.All(data.Train.Concat(data.Validation).Concat(data.Test),
            image => Assert.Equal(model.Classes[image.Label], image.LabelName));
    }
}
