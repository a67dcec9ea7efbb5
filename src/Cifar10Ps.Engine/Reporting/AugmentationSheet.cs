using System.Globalization;
using Cifar10Ps.Data;
using SkiaSharp;

namespace Cifar10Ps.Reporting;

/// <summary>A sheet of images as training sees them: a row for each image, first as it is, then in the epochs from the first on.</summary>
internal static class AugmentationSheet
{
    /// <summary>Largest number of images, and of epochs, on one sheet.</summary>
    public const int MaximumCount = 50, MaximumEpochs = 20;

    private const int Tile = 96, Gap = 12, LineHeight = 16, HeaderHeight = 88;
    private const float Type = 12;

    /// <summary>Draws a sheet.</summary>
    /// <param name="images">Images of one size.</param>
    /// <param name="augmentation">How they are varied.</param>
    /// <param name="count">At most how many images to show, sampled over the classes, and to mix with each other.</param>
    /// <param name="epochs">Number of epochs.</param>
    /// <param name="seed">Seed of the run.</param>
    /// <exception cref="EngineException"><c>NoImages</c>, <c>ImageSizeMismatch</c>, <c>OptionOutOfRange</c>.</exception>
    public static Picture Draw(IReadOnlyList<LabeledImage> images, Augmentation augmentation, int count, int epochs, int seed)
    {
        if (images.Count == 0)
            throw new EngineException("NoImages", ErrorKind.InvalidArgument, "There is no image to show.");
        (Recipes.Options(default) with { Augmentation = augmentation }).Require();
        (int width, int height) = (images[0].Width, images[0].Height);
        if (images.FirstOrDefault(image => image.Width != width || image.Height != height) is { } other)
            throw new EngineException("ImageSizeMismatch", ErrorKind.InvalidArgument,
                $"The image {other} is {other.Width} x {other.Height} pixels, but the first one is {width} x {height}. "
                + "Images that are trained on together have one size.");

        BatchBuilder builder = new(new Preprocessing([0, 0, 0], [1, 1, 1], width, height), augmentation);
        LabeledImage[] shown = PredictionSheet.Sample(images, count, image => image.LabelName);
        int pitchX = Tile + Gap, pitchY = Tile + (builder.Mixes ? 2 : 1) * LineHeight + Gap;
        string title = $"Augmentation {augmentation}", part = string.Create(CultureInfo.CurrentCulture,
            $"{shown.Length:N0} of {images.Count:N0} images as they are, and as training sees them with seed {seed}");
        int pictureWidth = Math.Max(Gap + (epochs + 1) * pitchX,
            (int)Math.Max(PictureText.Measure(title, 16, bold: true), PictureText.Measure(part, Type)) + 2 * Gap + 2);
        return new Picture(pictureWidth, HeaderHeight + shown.Length * pitchY, canvas =>
        {
            PictureText.Draw(canvas, title, Gap, 30, 16, Palette.Ink, bold: true);
            PictureText.Draw(canvas, part, Gap, 50, Type, Palette.Faint);
            canvas.Translate(Gap, HeaderHeight);
            for (int row = 0; row < shown.Length; row++)
                DrawTile(canvas, row * pitchY, shown[row].Pixels.Span, shown[row], shown[row].LabelName);
            for (int epoch = 1; epoch <= epochs; epoch++)
            {
                canvas.Translate(pitchX, 0);
                PictureText.Draw(canvas, $"epoch {epoch}", 0, -8, Type, Palette.Faint);
                DrawEpoch(canvas, pitchY, builder, [.. shown.Select(image => new TrainingImage(image, epoch))], seed);
            }
        });
    }

    private static void DrawEpoch(SKCanvas canvas, int pitchY, BatchBuilder builder, TrainingImage[] images, int seed)
    {
        int length = builder.ImageLength;
        float[] values = new float[images.Length * length];
        Mixture[] mixtures = builder.WriteAugmented(images, values, seed);
        byte[] planes = new byte[length];
        foreach ((int row, Mixture mixture) in mixtures.Index())
        {
            for (int i = 0; i < length; i++)
                planes[i % 3 * (length / 3) + i / 3] = (byte)Math.Round(255 * values[row * length + i]);
            DrawTile(canvas, row * pitchY, planes, mixture.First, mixture.First.Label == mixture.Second.Label ? []
                : [Share(mixture.First, mixture.Share), Share(mixture.Second, 1 - mixture.Share)]);
        }

        static string Share(LabeledImage image, float share) => string.Create(CultureInfo.CurrentCulture, $"{share:P0} {image.LabelName}");
    }

    private static void DrawTile(SKCanvas canvas, float y, ReadOnlySpan<byte> planes, LabeledImage size, params string[] lines)
    {
        using SKImage image = ImageTile.Of(planes, size.Width, size.Height);
        canvas.Save();
        canvas.Translate(0, y);
        ImageTile.Draw(canvas, image, Tile);
        foreach ((int line, string text) in lines.Index())
            PictureText.Draw(canvas, PictureText.Fit(text, Tile, Type), 0, Tile + (line + 1) * LineHeight - 2, Type, Palette.Ink);
        canvas.Restore();
    }
}
