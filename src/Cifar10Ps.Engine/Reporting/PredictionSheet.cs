using System.Globalization;
using Cifar10Ps.Data;
using Cifar10Ps.Inference;
using Cifar10Ps.Models;
using Cifar10Ps.Runtime;
using SkiaSharp;

namespace Cifar10Ps.Reporting;

/// <summary>A contact sheet of predictions: each image with the guess, its confidence, whether it is right, and the truth.</summary>
internal static class PredictionSheet
{
    /// <summary>Largest number of predictions on one sheet.</summary>
    public const int MaximumCount = 400;

    private const int Tile = 128, Gap = 18, LineHeight = 18, HeaderHeight = 68;
    private const float Type = 13;

    /// <summary>Draws predictions.</summary>
    /// <param name="predictions">The predictions.</param>
    /// <param name="count">At most how many to show.</param>
    /// <param name="topLosses">Whether to show the worst ones, worst first; otherwise a sample over the classes,
    /// in their original order.</param>
    /// <param name="explain">Whether the images are lit where they speak for the best guess (<see cref="ActivationMap"/>).</param>
    /// <param name="cancellation">Ends the computation of that.</param>
    /// <exception cref="EngineException"><c>NoPredictions</c>, <c>TruthUnknown</c>, <c>NoActivationMap</c>.</exception>
    public static Picture Draw(IReadOnlyList<Prediction> predictions, int count, bool topLosses, bool explain = false,
        CancellationToken cancellation = default)
    {
        if (predictions.Count == 0)
            throw new EngineException("NoPredictions", ErrorKind.InvalidArgument, "There is no prediction to show.");
        if (topLosses && predictions.All(prediction => prediction.Loss is null))
            throw new EngineException("TruthUnknown", ErrorKind.InvalidArgument,
                "The truth is not known for any prediction, so none has a loss.");
        Prediction[] shown = topLosses
            ? [.. predictions.Where(p => p.Loss is not null).OrderByDescending(p => p.Loss).Take(count)]
            : Sample(predictions, count, p => p.LabelName ?? p.Class);

        Dictionary<Prediction, ActivationMap> maps = explain ? Explain(shown, cancellation) : [];
        int columns = shown.Length <= 4 ? shown.Length : Math.Min(8, (int)Math.Ceiling(Math.Sqrt(1.6 * shown.Length)));
        int rows = (shown.Length + columns - 1) / columns, lines = shown.Any(p => p.Label is not null) ? 3 : 2;
        int pitchX = Tile + Gap, pitchY = Tile + lines * LineHeight + Gap;
        (string title, string result) = Describe(predictions, shown.Length, topLosses);
        int width = Math.Max(columns * pitchX + Gap,
            (int)Math.Max(PictureText.Measure(title, 16, bold: true), PictureText.Measure(result, Type + 1)) + 2 * Gap + 2);
        return new Picture(width, HeaderHeight + rows * pitchY, canvas =>
        {
            PictureText.Draw(canvas, title, Gap, 30, 16, Palette.Ink, bold: true);
            PictureText.Draw(canvas, result, Gap, 51, Type + 1, Palette.Faint);
            for (int i = 0; i < shown.Length; i++)
            {
                canvas.Save();
                canvas.Translate(Gap + i % columns * pitchX, HeaderHeight + i / columns * pitchY);
                DrawTile(canvas, shown[i], maps.GetValueOrDefault(shown[i]));
                canvas.Restore();
            }
        });
    }

    /// <summary>A sample: the first ones of each class, the same number of each as far as possible, in their original order.</summary>
    /// <param name="items">All.</param>
    /// <param name="count">At most how many to take.</param>
    /// <param name="classOf">The class of each.</param>
    public static T[] Sample<T>(IReadOnlyList<T> items, int count, Func<T, string> classOf)
    {
        Dictionary<string, int> seen = [];
        return
        [
            .. items
                .Select((item, index) =>
                    (Item: item, Index: index, Turn: seen[classOf(item)] = seen.GetValueOrDefault(classOf(item)) + 1))
                .OrderBy(entry => entry.Turn).ThenBy(entry => entry.Index).Take(count)
                .OrderBy(entry => entry.Index).Select(entry => entry.Item),
        ];
    }

    private static (string Title, string Result) Describe(IReadOnlyList<Prediction> predictions, int shown, bool topLosses)
    {
        CultureInfo culture = CultureInfo.CurrentCulture;
        int known = predictions.Count(p => p.IsCorrect is not null), right = predictions.Count(p => p.IsCorrect == true);
        string images = predictions.Count == 1 ? "image" : "images";
        string all = string.Create(culture, $"{predictions.Count:N0} {images}");
        string title = topLosses ? string.Create(culture, $"The {shown:N0} largest losses of {all}")
            : shown < predictions.Count ? string.Create(culture, $"{shown:N0} of {all}, sampled over the classes") : all;
        return (title,
            known == 0 ? "truth not known" : string.Create(culture, $"{right:N0} of {known:N0} right ({(double)right / known:P1})"));
    }

    /// <summary>Why each guess was made: by the model that made it.</summary>
    private static Dictionary<Prediction, ActivationMap> Explain(Prediction[] predictions, CancellationToken cancellation)
    {
        Dictionary<Prediction, ActivationMap> maps = [];
        using WorkerPool pool = new(WorkerPool.DefaultCount);
        foreach (IGrouping<ModelSnapshot, Prediction> ofModel in predictions.GroupBy(prediction => prediction.Model))
        {
            using Predictor predictor = new(ofModel.Key, pool, Precision.Float32);
            foreach ((Prediction prediction, ActivationMap map) in ofModel.Zip(ActivationMap.Of(predictor,
                [.. ofModel.Select(prediction => (prediction.Image, prediction.Top[0].ClassIndex))])))
            {
                cancellation.ThrowIfCancellationRequested();
                maps[prediction] = map;
            }
        }

        return maps;
    }

    private static void DrawTile(SKCanvas canvas, Prediction prediction, ActivationMap? map)
    {
        using (SKImage image = ToImage(prediction))
        {
            SKRect place = ImageTile.Draw(canvas, image, Tile);
            if (map is not null)
                DrawShade(canvas, map, place);
        }

        SKColor color = prediction.IsCorrect switch { true => Palette.Right, false => Palette.Wrong, null => Palette.Faint };
        using (SKPaint frame = new() { Color = color, IsStroke = true, StrokeWidth = prediction.IsCorrect == false ? 4 : 1.5f })
            canvas.DrawRect(0, 0, Tile, Tile, frame);
        if (prediction.IsCorrect is bool right)
            DrawMark(canvas, right, color);

        CultureInfo culture = CultureInfo.CurrentCulture;
        string confidence = prediction.Confidence.ToString("P1", culture);
        float y = Tile + LineHeight;
        PictureText.Draw(canvas, confidence, Tile, y, Type, color, SKTextAlign.Right);
        DrawFitted(canvas, prediction.Class, y, color, bold: true, Tile - PictureText.Measure(confidence, Type) - 6);
        string loss = prediction.Loss is double value ? string.Create(culture, $"loss {value:F2}") : "";
        if (prediction.LabelName is not null)
            DrawFitted(canvas, $"truth: {prediction.LabelName}", y += LineHeight, Palette.Ink);
        y += LineHeight;
        PictureText.Draw(canvas, loss, Tile, y, Type, Palette.Faint, SKTextAlign.Right);
        DrawFitted(canvas, prediction.Path is string path ? Path.GetFileName(path) : $"#{prediction.Index}", y, Palette.Faint,
            width: Tile - PictureText.Measure(loss, Type) - 6);
    }

    private static void DrawFitted(SKCanvas canvas, string text, float baseline, SKColor color, bool bold = false, float width = Tile) =>
        PictureText.Draw(canvas, PictureText.Fit(text, width, Type, bold), 0, baseline, Type, color, bold: bold);

    /// <summary>Darkens what does not speak for the guess: lightness alone shows it, and the colours of the picture stay.</summary>
    private static void DrawShade(SKCanvas canvas, ActivationMap map, SKRect place)
    {
        const float Darkest = 0.8f;
        float most = Math.Max(map.Values.Max(), float.Epsilon);
        byte[] alphas = [.. map.Values.Select(value => (byte)(255 * Darkest * (1 - Math.Clamp(value / most, 0, 1))))];
        using SKImage shade = SKImage.FromPixelCopy(new SKImageInfo(map.Width, map.Height, SKColorType.Alpha8, SKAlphaType.Premul), alphas);
        using SKPaint black = new() { Color = SKColors.Black };
        canvas.DrawImage(shade, place, new SKSamplingOptions(SKFilterMode.Linear), black);
    }

    /// <summary>A tick or a cross in the upper right corner.</summary>
    private static void DrawMark(SKCanvas canvas, bool right, SKColor color)
    {
        const float X = Tile - 14, Y = 14, R = 4;
        using SKPaint disc = new() { Color = color, IsAntialias = true };
        canvas.DrawCircle(X, Y, 11, disc);
        using SKPaint pen = new()
        {
            Color = SKColors.White, IsStroke = true, StrokeWidth = 2.5f, StrokeCap = SKStrokeCap.Round, IsAntialias = true,
        };
        if (right)
        {
            canvas.DrawLine(X - 5, Y, X - 1.5f, Y + R, pen);
            canvas.DrawLine(X - 1.5f, Y + R, X + 5, Y - R, pen);
        }
        else
        {
            canvas.DrawLine(X - R, Y - R, X + R, Y + R, pen);
            canvas.DrawLine(X - R, Y + R, X + R, Y - R, pen);
        }
    }

    /// <summary>What the network saw, in the detail that the picture file has, if that is still the same picture; grey if neither can be
    /// had any more.</summary>
    private static SKImage ToImage(Prediction prediction)
    {
        LabeledImage image = prediction.Image;
        byte[]? seen = null;
        try
        {
            seen = image.GetPixels();
            if (prediction.Path is string path && ImageFile.Read(path, image.Width, image.Height).AsSpan().SequenceEqual(seen))
            {
                double scale = (double)(Tile * Picture.Scale) / Math.Max(image.Width, image.Height);
                int width = (int)Math.Ceiling(scale * image.Width), height = (int)Math.Ceiling(scale * image.Height);
                return ImageTile.Of(ImageFile.Read(path, width, height), width, height);
            }
        }
        catch (EngineException)
        {
            // The file was moved or changed.
        }

        if (seen is null)
        {
            seen = new byte[3 * image.Height * image.Width];
            Array.Fill(seen, (byte)(byte.MaxValue / 2));
        }

        return ImageTile.Of(seen, image.Width, image.Height);
    }
}
