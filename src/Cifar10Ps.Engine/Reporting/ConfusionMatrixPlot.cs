using System.Globalization;
using SkiaSharp;

namespace Cifar10Ps.Reporting;

/// <summary>A confusion matrix: a row for each true class, a column for each guess, shaded by the share of the row.</summary>
internal static class ConfusionMatrixPlot
{
    /// <summary>Largest number of classes in one matrix: no screen has more lines.</summary>
    public const int MaximumClasses = 1_000;

    private const int Margin = 16, HeaderHeight = 64, LabelLimit = 200, AxisTitle = 26, ScaleWidth = 74;
    private const float LargestType = 14, SmallestType = 8;

    /// <summary>Draws the matrix of an evaluation.</summary>
    /// <param name="evaluation">The evaluation.</param>
    /// <param name="content">What is written into the cells, if they are large enough.</param>
    /// <exception cref="EngineException"><c>TooManyClasses</c>.</exception>
    public static Picture Draw(Evaluation evaluation, ConfusionMatrixCell content)
    {
        string[] names = [.. evaluation.Classes.Select(c => c.Class)];
        if (names.Length > MaximumClasses)
            throw new EngineException("TooManyClasses", ErrorKind.InvalidArgument,
                $"A matrix of {names.Length:N0} classes cannot be drawn; the limit is {MaximumClasses:N0}. "
                + "Look at the property ConfusionMatrix instead.");
        int n = names.Length, cell = n <= 100 ? Math.Clamp(640 / n, 11, 96) : Math.Max(2, 1100 / n);
        // If rows are too low for text, only every second or third has its name.
        int step = (int)Math.Ceiling((SmallestType + 2) / cell);
        float type = Math.Clamp(cell * step - 2, SmallestType, LargestType - 1);
        string[] labels = [.. names.Select(name => PictureText.Fit(name, LabelLimit, type))];
        float widest = labels.Max(label => PictureText.Measure(label, type));
        bool turned = widest > cell - 6;

        int left = Margin + AxisTitle + (int)widest + 10, side = n * cell;
        int right = evaluation.Classes.Select((_, c) => evaluation.ConfusionMatrix[c][c]).Sum();
        string result = string.Create(CultureInfo.CurrentCulture,
            $"{right:N0} of {evaluation.Count:N0} images right ({evaluation.Accuracy:P2})");
        if (evaluation.Classes.Select(c => c.Count).Distinct().Skip(1).Any())
            result += string.Create(CultureInfo.CurrentCulture, $", balanced accuracy {evaluation.BalancedAccuracy:P2}");
        int width = Math.Max(left + side + ScaleWidth + Margin, (int)PictureText.Measure(result, LargestType) + 2 * Margin);
        int height = HeaderHeight + side + (turned ? (int)widest : (int)type) + 16 + AxisTitle;

        return new Picture(width, height, canvas =>
        {
            PictureText.Draw(canvas, "Confusion matrix", Margin, 30, 16, Palette.Ink, bold: true);
            PictureText.Draw(canvas, result, Margin, 51, LargestType, Palette.Faint);
            canvas.Translate(left, HeaderHeight);
            DrawCells(canvas, evaluation, cell, content);
            for (int c = 0; c < n; c += step)
            {
                float middle = (c + Math.Min(step, n - c) / 2f) * cell;
                PictureText.Draw(canvas, labels[c], -8, middle + 0.36f * type, type, Palette.Ink, SKTextAlign.Right);
                if (turned)
                    DrawUpwards(canvas, labels[c], middle + 0.36f * type, side + 8, type, Palette.Ink, SKTextAlign.Right);
                else
                    PictureText.Draw(canvas, labels[c], middle, side + 8 + type, type, Palette.Ink, SKTextAlign.Center);
            }

            DrawUpwards(canvas, "Truth", -widest - 22, side / 2f, LargestType, Palette.Faint, SKTextAlign.Center);
            PictureText.Draw(canvas, "Guess", side / 2f, height - HeaderHeight - 12, LargestType, Palette.Faint, SKTextAlign.Center);
            DrawScale(canvas, side + 16, side);
        });
    }

    private static void DrawCells(SKCanvas canvas, Evaluation evaluation, int cell, ConfusionMatrixCell content)
    {
        ReadOnlyList<ReadOnlyList<int>> counts = evaluation.ConfusionMatrix;
        int n = counts.Count;
        float type = CellType(counts, cell, content);
        using SKPaint fill = new();
        for (int truth = 0; truth < n; truth++)
        {
            for (int guess = 0; guess < n; guess++)
            {
                int count = counts[truth][guess];
                // Empty cells stay white, so that the others stand out.
                if (count == 0)
                    continue;
                double share = (double)count / evaluation.Classes[truth].Count;
                fill.Color = Palette.Shade(share);
                canvas.DrawRect(guess * cell, truth * cell, cell, cell, fill);
                if (type == 0)
                    continue;
                string[] lines = Lines(count, share, content);
                for (int i = 0; i < lines.Length; i++)
                {
                    float baseline = truth * cell + cell / 2f + 0.36f * type + (i - (lines.Length - 1) / 2f) * 1.3f * type;
                    PictureText.Draw(canvas, lines[i], (guess + 0.5f) * cell, baseline, type, Palette.TextOn(fill.Color),
                        SKTextAlign.Center, bold: guess == truth);
                }
            }
        }

        using SKPaint line = new() { Color = Palette.Line, IsStroke = true, StrokeWidth = cell < 8 ? 0.3f : 1 };
        for (int i = 0; i <= n; i++)
        {
            canvas.DrawLine(i * cell, 0, i * cell, n * cell, line);
            canvas.DrawLine(0, i * cell, n * cell, i * cell, line);
        }
    }

    private static string[] Lines(int count, double share, ConfusionMatrixCell content)
    {
        string number = count.ToString("N0", CultureInfo.CurrentCulture),
            percentage = share.ToString(share < 0.9995 ? "P1" : "P0", CultureInfo.CurrentCulture);
        return content switch
        {
            ConfusionMatrixCell.Count => [number],
            ConfusionMatrixCell.Percentage => [percentage],
            _ => [number, percentage],
        };
    }

    /// <summary>The size of the type that fits all cells; 0: none does.</summary>
    private static float CellType(ReadOnlyList<ReadOnlyList<int>> counts, int cell, ConfusionMatrixCell content)
    {
        string[] longest = Lines(counts.Max(row => row.Max()), 0.888, content);
        float type = Math.Min(LargestType - 1, cell / (1.3f * longest.Length + 0.4f));
        float width = longest.Max(line => PictureText.Measure(line, type, bold: true));
        type = Math.Min(type, type * (cell - 6) / width);
        return type < SmallestType ? 0 : type;
    }

    private static void DrawScale(SKCanvas canvas, float x, int side)
    {
        const int Steps = 64, Width = 12;
        int height = Math.Min(side, 320);
        using SKPaint fill = new();
        for (int i = 0; i < Steps; i++)
        {
            fill.Color = Palette.Shade((Steps - 1 - i) / (Steps - 1.0));
            canvas.DrawRect(x, (float)i * height / Steps, Width, (float)height / Steps + 0.5f, fill);
        }

        using SKPaint frame = new() { Color = Palette.Line, IsStroke = true };
        canvas.DrawRect(x, 0, Width, height, frame);
        foreach (double share in new[] { 0, 0.25, 0.5, 0.75, 1 })
            PictureText.Draw(canvas, share.ToString("P0", CultureInfo.CurrentCulture), x + Width + 6,
                (float)(1 - share) * (height - 10) + 10, LargestType - 2, Palette.Faint);
    }

    /// <summary>Draws a line that reads from bottom to top.</summary>
    private static void DrawUpwards(SKCanvas canvas, string text, float x, float y, float type, SKColor color, SKTextAlign align)
    {
        canvas.Save();
        canvas.Translate(x, y);
        canvas.RotateDegrees(-90);
        PictureText.Draw(canvas, text, 0, 0, type, color, align);
        canvas.Restore();
    }
}
