using System.Globalization;
using ScottPlot;
using ScottPlot.TickGenerators;

namespace Cifar10Ps.Reporting;

/// <summary>The curves of learning rate range tests: loss over learning rate, with the suggestion of each.</summary>
internal static class LearningRatePlot
{
    private const int Width = 760, Height = 460, RowHeight = 26, HeaderHeight = 46, Margin = 16;
    private const float Type = Charts.Type;

    /// <summary>Draws tests.</summary>
    /// <exception cref="EngineException"><c>TooManyRuns</c>.</exception>
    public static Picture Draw(IReadOnlyList<LearningRateRange> ranges)
    {
        if (ranges.Count > TrainingPlot.MaximumRuns)
            throw new EngineException("TooManyRuns", ErrorKind.InvalidArgument,
                $"{ranges.Count} learning rate tests cannot be distinguished in one plot. Give at most {TrainingPlot.MaximumRuns}.");
        int top = HeaderHeight + RowHeight * ranges.Count;
        return new Picture(Width, top + Height, canvas =>
        {
            PictureText.Draw(canvas, "Learning rate test", Margin, 30, 16, Palette.Ink, bold: true);
            for (int i = 0; i < ranges.Count; i++)
            {
                float y = HeaderHeight + RowHeight * i + Type;
                Charts.DrawSample(canvas, Margin, y - 5, i, Charts.SeriesColor(i), isDashed: false);
                PictureText.Draw(canvas, $"suggestion {ToRate(ranges[i].Suggestion)}, lowest loss at {ToRate(ranges[i].LowestLossRate)}",
                    Margin + Charts.SampleLength, y, Type, Palette.Ink);
            }

            using Plot plot = Curves(ranges);
            Charts.Render(plot, canvas, new PixelRect(0, Width, top + Height, top));
        });
    }

    private static Plot Curves(IReadOnlyList<LearningRateRange> ranges)
    {
        Plot plot = Charts.Create("", "Learning rate", "Loss");
        double[] rates = [.. ranges.SelectMany(range => range.Points.Select(point => point.LearningRate).Append(range.Suggestion))];
        double[] smoothed = [.. ranges.SelectMany(range => range.Points.Select(point => point.SmoothedLoss))];
        (double left, double right) = (Math.Log10(rates.Min()), Math.Log10(rates.Max()));
        (double low, double high) = (smoothed.Min(), smoothed.Max());
        double besides = Math.Max(0.02 * (right - left), 0.01), above = Math.Max(0.08 * (high - low), 0.01);
        plot.Axes.SetLimits(left - besides, right + besides, Math.Max(0, low - 2 * above), high + above);
        for (int i = 0; i < ranges.Count; i++)
        {
            LearningRateRange range = ranges[i];
            Color color = Charts.ToColor(Charts.SeriesColor(i));
            // Single losses beyond the smoothed ones are cut off: one of them can be a million times as large.
            plot.Add.ScatterLine(Points(range, point => Math.Min(point.Loss, high + above)), color.WithAlpha(0.35)).LineWidth = 1;
            plot.Add.ScatterLine(Points(range, point => point.SmoothedLoss), color).LineWidth = 2.5f;
            plot.Add.Marker(Math.Log10(range.LowestLossRate), range.LowestLoss.SmoothedLoss,
                Charts.Marker(i, isOpen: true), 11, color).MarkerLineWidth = 2;
            ScottPlot.Plottables.VerticalLine suggestion = plot.Add.VerticalLine(Math.Log10(range.Suggestion), 1.5f, color);
            plot.Add.Marker(suggestion.X, high + above, Charts.Marker(i, isOpen: false), 11, color);
        }

        bool isWide = right - left >= 2;
        plot.Axes.Bottom.TickGenerator = new NumericAutomatic
        {
            IntegerTicksOnly = isWide,
            LabelFormatter = power => ToRate(Math.Pow(10, power), isWide ? "0E+0" : "0.0E+0"),
        };
        plot.Axes.Left.TickGenerator = new NumericAutomatic { LabelFormatter = v => v.ToString("0.######", CultureInfo.CurrentCulture) };
        return plot;
    }

    private static Coordinates[] Points(LearningRateRange range, Func<LearningRatePoint, double> value) =>
        [.. range.Points.Select(point => new Coordinates(Math.Log10(point.LearningRate), value(point)))];

    private static string ToRate(double rate, string format = "0.0E+0") => rate.ToString(format, CultureInfo.CurrentCulture);
}
