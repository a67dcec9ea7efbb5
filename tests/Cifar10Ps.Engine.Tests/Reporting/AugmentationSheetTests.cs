using Cifar10Ps.Reporting;
using SkiaSharp;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public class AugmentationSheetTests
{
    private static readonly ImageSplit Images = SyntheticImages.Create(40, 1).Train;

    [Fact]
    public void A_sheet_has_a_row_for_each_image_and_a_column_for_each_epoch()
    {
        string[] texts = Texts(AugmentationSheet.Draw(Images, Augmentation.Pictures, count: 3, epochs: 4, seed: 0));

        Assert.Equal(["Augmentation Pictures", "3 of 40 images as they are, and as training sees them with seed 0",
            "disc", "ring", "square", "epoch 1", "epoch 2", "epoch 3", "epoch 4"], texts);
    }

    [Fact]
    public void What_a_mixture_counts_as_is_written_below_it()
    {
        string[] texts = Texts(AugmentationSheet.Draw([.. Images.Take(10)], Augmentation.Mixup, count: 2, epochs: 6, seed: 0));

        int[] percentages = [.. texts.Where(text => text.Contains('%', StringComparison.Ordinal))
            .Select(text => int.Parse(text.Split('\u00a0', ' ', '%')[0], System.Globalization.CultureInfo.CurrentCulture))];
        Assert.NotEmpty(percentages);
        Assert.All(percentages.Chunk(2), pair => Assert.InRange(pair.Sum(), 99, 101));
    }

    [Fact]
    public void The_first_image_of_a_row_is_as_it_is()
    {
        Picture picture = AugmentationSheet.Draw([Solid(0, 0, 255, 0, 0)], Augmentation.RandomErasing, count: 1, epochs: 3, seed: 0);

        using SKBitmap bitmap = SKBitmap.Decode(picture.ToPng(1));
        Assert.Equal(new SKColor(255, 0, 0), bitmap.GetPixel(60, 130));
    }

    [Fact]
    public void Images_of_different_sizes_are_refused() =>
        AssertError("ImageSizeMismatch", () => AugmentationSheet.Draw([Solid(0, 0, 1, 2, 3), Solid(1, 0, 1, 2, 3, side: 16)],
            Augmentation.Flip, count: 2, epochs: 2, seed: 0));

    private static string[] Texts(Picture picture) => [.. SvgText.CheckLayout(picture).Select(text => text.Text)];
}
