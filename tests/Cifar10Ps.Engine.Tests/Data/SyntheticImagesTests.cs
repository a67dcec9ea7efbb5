namespace Cifar10Ps.Tests;

public class SyntheticImagesTests
{
    private static readonly ImageDataset Data = SyntheticImages.Create(trainCount: 200, testCount: 100);

    [Fact]
    public void The_same_images_are_drawn_each_time() =>
        Assert.Equal(Pixels(Data.Train), Pixels(SyntheticImages.Create(200, 1).Train));

    [Fact]
    public void The_first_images_of_a_larger_set_are_those_of_a_smaller_one()
    {
        ImageDataset smaller = SyntheticImages.Create(trainCount: 37, testCount: 12);

        Assert.Equal(Pixels(Data.Train).Take(37), Pixels(smaller.Train));
        Assert.Equal(Pixels(Data.Test).Take(12), Pixels(smaller.Test));
    }

    [Fact]
    public void No_two_images_are_alike_within_and_across_the_splits() =>
        Assert.Distinct(Pixels(Data.Train).Concat(Pixels(Data.Test)));

    [Fact]
    public void Classes_are_balanced_and_named()
    {
        Assert.Equal(10, Data.Classes.Length);
        Assert.Distinct(Data.Classes);
        foreach (ImageSplit split in new[] { Data.Train, Data.Test })
        {
            Assert.All(split.CountBy(image => image.Label), pair => Assert.Equal(split.Count / 10, pair.Value));
            Assert.Equal(Enumerable.Range(0, split.Count), split.Select(image => image.Index));
            Assert.All(split, image => Assert.Equal((Data.Classes[image.Label], 32, 32), (image.LabelName, image.Width, image.Height)));
        }
    }

    private static IEnumerable<string> Pixels(ImageSplit split) => split.Select(image => Convert.ToHexString(image.GetPixels()));
}
