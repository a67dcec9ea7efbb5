using System.Globalization;
using ScottPlot;
using ScottPlot.TickGenerators;

namespace Cifar10Ps.Reporting;

/// <summary>
/// How often guesses of each confidence are right, and below it how many there are. A calibrated classifier follows the diagonal; one that
/// is too sure stays below it.
/// </summary>
internal static class ReliabilityPlot
{
    /// <summary>Largest number of curves in one plot: more cannot be distinguished.</summary>
    public const int MaximumCurves = 7;

    private const int Width = 640, CurvesHeight = 560, CountsHeight = 190, RowHeight = 26, HeaderHeight = 46, Margin = 16;
    private const float Type = Charts.Type;

    /// <summary>Draws evaluations.</summary>
    /// <param name="evaluations">The evaluations, each with its name; empty for a single one.</param>
    /// <exception cref="EngineException"><c>NoPredictions</c>, <c>TooManyRuns</c>.</exception>
    public static Picture Draw(IReadOnlyList<(string Name, Evaluation Evaluation)> evaluations)
    {
        if (evaluations.Count == 0)
            throw new EngineException("NoPredictions", ErrorKind.InvalidArgument, "There is no evaluation and no prediction to plot.");
        if (evaluations.Count > MaximumCurves)
            throw new EngineException("TooManyRuns", ErrorKind.InvalidArgument,
                $"{evaluations.Count} evaluations cannot be distinguished in one plot. Give at most {MaximumCurves}.");
        int top = HeaderHeight + RowHeight * evaluations.Count;
        return new Picture(Width, top + CurvesHeight + CountsHeight, canvas =>
        {
            PictureText.Draw(canvas, "Reliability", Margin, 30, 16, Palette.Ink, bold: true);
            for (int i = 0; i < evaluations.Count; i++)
            {
                float y = HeaderHeight + RowHeight * i + Type;
                Charts.DrawSample(canvas, Margin, y - 5, i, Charts.SeriesColor(i), isDashed: false);
                PictureText.Draw(canvas, PictureText.Fit(Describe(evaluations[i]), Width - 2 * Margin - Charts.SampleLength, Type),
                    Margin + Charts.SampleLength, y, Type, Palette.Ink);
            }

            Evaluation[] all = [.. evaluations.Select(item => item.Evaluation)];
            using Plot curves = Curves(all), counts = Counts(all);
            Charts.Render(curves, canvas, new PixelRect(0, Width, top + CurvesHeight, top));
            Charts.Render(counts, canvas, new PixelRect(0, Width, top + CurvesHeight + CountsHeight, top + CurvesHeight));
        });
    }

    private static string Describe((string Name, Evaluation Evaluation) item) => (item.Name.Length == 0 ? "" : $"{item.Name}: ")
        + string.Create(CultureInfo.CurrentCulture, $"calibration error {item.Evaluation.CalibrationError:P2}, ")
        + string.Create(CultureInfo.CurrentCulture, $"accuracy {item.Evaluation.Accuracy:P2}, ")
        + DisplayText.Count(item.Evaluation.Count, "image");

    private static Plot Curves(Evaluation[] evaluations)
    {
        Plot plot = Charts.Create("", "Confidence", "Accuracy");
        plot.Add.Line(0, 0, 1, 1).LineStyle = new LineStyle(1, Charts.ToColor(Palette.Faint));
        for (int i = 0; i < evaluations.Length; i++)
        {
            Color color = Charts.ToColor(Charts.SeriesColor(i));
            Coordinates[] points = [.. evaluations[i].Reliability.Where(bin => bin.Count > 0)
                .Select(bin => new Coordinates(bin.Confidence!.Value, bin.Accuracy!.Value))];
            plot.Add.ScatterLine(points, color).LineWidth = 2;
            plot.Add.Markers(points, Charts.Marker(i, isOpen: false), 9, color);
        }

        plot.Axes.SetLimits(-0.02, 1.02, -0.02, 1.02);
        plot.Axes.Bottom.TickGenerator = plot.Axes.Left.TickGenerator = Shares();
        return plot;
    }

    /// <summary>The share of the images in each bin: bars side by side.</summary>
    private static Plot Counts(Evaluation[] evaluations)
    {
        Plot plot = Charts.Create("", "Confidence", "Share of images");
        double highest = 0;
        for (int i = 0; i < evaluations.Length; i++)
        {
            foreach (ReliabilityBin bin in evaluations[i].Reliability)
            {
                double width = 0.9 * (bin.To - bin.From) / evaluations.Length, share = (double)bin.Count / evaluations[i].Count;
                plot.Add.Bar(new Bar
                {
                    Position = (bin.From + bin.To) / 2 + (i - (evaluations.Length - 1) / 2.0) * width,
                    Value = share,
                    Size = width,
                    FillColor = Charts.ToColor(Charts.SeriesColor(i)),
                    LineWidth = 0,
                });
                highest = Math.Max(highest, share);
            }
        }

        plot.Axes.SetLimits(-0.02, 1.02, 0, 1.08 * highest);
        plot.Axes.Bottom.TickGenerator = Shares();
        plot.Axes.Left.TickGenerator = new NumericAutomatic { LabelFormatter = ToPercent, TargetTickCount = 3 };
        return plot;
    }

    private static NumericManual Shares()
    {
        double[] shares = [0, 0.2, 0.4, 0.6, 0.8, 1];
        return new NumericManual(shares, [.. shares.Select(ToPercent)]);
    }

    private static string ToPercent(double share) => share is < -1e-9 or > 1 + 1e-9 ? ""
        : share.ToString(Math.Abs(100 * share - Math.Round(100 * share)) < 1e-6 ? "P0" : "P1", CultureInfo.CurrentCulture);
}
