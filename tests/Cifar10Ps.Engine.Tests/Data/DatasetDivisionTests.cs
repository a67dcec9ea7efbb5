using Cifar10Ps.Data;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public class DatasetDivisionTests
{
    private readonly List<string> _warnings = [];

    [Fact]
    public void Every_class_is_divided_in_the_same_proportion()
    {
        // 100 of each class, and 20 of another one.
        ImageDataset data = Data([.. Enumerable.Range(0, 220).Select(i => (i, i < 200 ? i % 2 : 2))]);

        ImageDataset divided = DatasetDivision.ByFractions(data, [0.8, 0.1, 0.1], 0, _warnings.Add);

        Assert.Equal([80, 80, 16], Sizes(divided.Train));
        Assert.Equal([10, 10, 2], Sizes(divided.Validation));
        Assert.Equal([10, 10, 2], Sizes(divided.Test));
        AssertSameImages(data.Train, [divided.Train, divided.Validation, divided.Test]);
        Assert.All(divided.Validation.Index(), item => Assert.Equal(item.Index, item.Item.Index));
        Assert.Empty(_warnings);
    }

    [Theory]
    [InlineData(1, 1, 0, 0)]
    [InlineData(2, 1, 1, 0)]
    [InlineData(3, 1, 1, 1)]
    [InlineData(7, 5, 1, 1)]
    public void A_small_class_is_in_as_many_parts_as_it_has_images(int count, int train, int validation, int test)
    {
        ImageDataset data = Data([.. Enumerable.Range(0, 20 + count).Select(i => (i, i < 20 ? 0 : 1))]);

        ImageDataset divided = DatasetDivision.ByFractions(data, [0.8, 0.1, 0.1], 0, _warnings.Add);

        Assert.Equal((train, validation, test),
            (Sizes(divided.Train)[1], Sizes(divided.Validation)[1], Sizes(divided.Test)[1]));
        Assert.Equal(count < 3 ? 1 : 0, _warnings.Count);
    }

    [Fact]
    public void The_seed_alone_decides()
    {
        ImageDataset data = SyntheticImages.Create(100, 1);

        string[] fingerprints = [.. new[] { 0, 0, 1 }.Select(seed =>
            DatasetDivision.ByFractions(data, [0.5, 0.5], seed, _warnings.Add).Fingerprint)];

        Assert.Equal(fingerprints[0], fingerprints[1]);
        Assert.NotEqual(fingerprints[0], fingerprints[2]);
    }

    [Fact]
    public void Equal_pictures_go_to_one_side_even_under_two_names()
    {
        // Each picture three times, one of them in another class.
        ImageDataset data = Data([.. Enumerable.Range(0, 120).Select(i => (i % 40, i < 80 ? 0 : 1))]);

        ImageDataset divided = DatasetDivision.ByFractions(data, [0.5, 0.25, 0.25], 3, _warnings.Add);
        ImageDataset[] folds = [.. DatasetDivision.Folds(data, 4, 3, _warnings.Add)];

        Assert.Equal(40, new[] { divided.Train, divided.Validation, divided.Test }.Sum(Pictures));
        Assert.All(folds, fold => Assert.Equal(40, Pictures(fold.Train) + Pictures(fold.Validation)));

        static int Pictures(ImageSplit split) => split.Select(image => image.Pixels.Span[0]).Distinct().Count();
    }

    [Fact]
    public void Two_fractions_leave_the_test_images_as_they_are()
    {
        ImageDataset data = SyntheticImages.Create(100, 30);

        ImageDataset two = DatasetDivision.ByFractions(data, [0.8, 0.2], 0, _warnings.Add);
        Assert.Empty(_warnings);
        ImageDataset three = DatasetDivision.ByFractions(data, [0.8, 0.1, 0.1], 0, _warnings.Add);

        Assert.Equal((80, 20, 30), (two.TrainCount, two.ValidationCount, two.TestCount));
        AssertSameImages(data.Test, [two.Test]);
        AssertSameImages(data.Train, [three.Train, three.Validation, three.Test]);
        Assert.StartsWith("The 30 test images of 'Synthetic' are not used", Assert.Single(_warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void Each_image_is_validated_on_once_in_folds_of_equal_size()
    {
        ImageDataset data = SyntheticImages.Create(103, 20);

        ImageDataset[] folds = [.. DatasetDivision.Folds(data, 5, 0, _warnings.Add)];

        Assert.Equal([20, 20, 21, 21, 21], folds.Select(fold => fold.ValidationCount).Order());
        Assert.All(folds, fold => Assert.All(Sizes(fold.Validation), size => Assert.InRange(size, 2, 3)));
        Assert.All(folds, fold => AssertSameImages(data.Train, [fold.Train, fold.Validation]));
        Assert.All(folds, fold => AssertSameImages(data.Test, [fold.Test]));
        AssertSameImages(data.Train, [.. folds.Select(fold => fold.Validation)]);
        Assert.Equal("Synthetic, fold 1 of 5", folds[0].Name);
    }

    [Fact]
    public void Without_test_images_the_validation_part_serves()
    {
        ImageDataset[] folds = [.. DatasetDivision.Folds(SyntheticImages.Create(100, 0), 2, 0, _warnings.Add)];

        Assert.All(folds, fold => Assert.Same(fold.Validation, fold.Test));
    }

    [Fact]
    public void Earlier_validation_images_are_divided_too()
    {
        ImageDataset first = DatasetDivision.ByFractions(SyntheticImages.Create(100, 20), [0.8, 0.2], 0, _warnings.Add);

        ImageDataset[] folds = [.. DatasetDivision.Folds(first, 2, 0, _warnings.Add)];

        Assert.All(folds, fold => Assert.Equal((50, 50, 20), (fold.TrainCount, fold.ValidationCount, fold.TestCount)));
    }

    [Fact]
    public void Rare_classes_are_told()
    {
        ImageDataset data = Data([.. Enumerable.Range(0, 13).Select(i => (i, i < 10 ? 0 : 1))]);

        Assert.Equal(5, DatasetDivision.Folds(data, 5, 0, _warnings.Add).Count());

        Assert.Equal("Not every fold has an image of 'class 1': there are fewer than 5.", Assert.Single(_warnings));
    }

    [Theory]
    [InlineData(1.0)]
    [InlineData(0.5, 0.4)]
    [InlineData(0.0, 1.0)]
    [InlineData(0.4, 0.3, 0.2, 0.1)]
    [InlineData(1.5, -0.5)]
    [InlineData(double.NaN, 1.0)]
    public void Other_fractions_are_refused(params double[] fractions) => AssertError("InvalidFractions", () =>
        DatasetDivision.ByFractions(SyntheticImages.Create(20, 1), fractions, 0, _warnings.Add));

    [Fact]
    public void More_folds_than_images_are_refused() => AssertError("InvalidFractions", () =>
        _ = DatasetDivision.Folds(SyntheticImages.Create(4, 1), 5, 0, _warnings.Add).Count());

    /// <summary>Images of one value each.</summary>
    private static ImageDataset Data((int Value, int Label)[] images)
    {
        string[] classes = [.. Enumerable.Range(0, images.Max(image => image.Label) + 1).Select(label => $"class {label}")];
        return new ImageDataset("data", "", classes, [.. images.Select((image, i) => new LabeledImage(i, image.Label, classes[image.Label],
            8, 8, Enumerable.Repeat((byte)image.Value, 192).ToArray()))], []);
    }

    private static int[] Sizes(ImageSplit split) =>
        [.. Enumerable.Range(0, split.Classes.Length).Select(label => split.Count(image => image.Label == label))];

    private static void AssertSameImages(ImageSplit all, ImageSplit[] parts) => Assert.Equal(
        all.Select(image => Convert.ToHexString(image.Content.Digest)).Order(),
        parts.SelectMany(part => part).Select(image => Convert.ToHexString(image.Content.Digest)).Order());
}
