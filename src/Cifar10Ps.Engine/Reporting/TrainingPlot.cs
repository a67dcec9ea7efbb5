using System.Globalization;
using ScottPlot;
using ScottPlot.TickGenerators;
using SkiaSharp;

namespace Cifar10Ps.Reporting;

/// <summary>A run to plot.</summary>
/// <param name="Name">What to call it.</param>
/// <param name="Epochs">Its reports, in order; at least one.</param>
internal sealed record PlottedRun(string Name, IReadOnlyList<EpochReport> Epochs)
{
    /// <summary>The epoch to mark as the best; null if none was validated.</summary>
    public EpochReport? Best => EpochReport.BestOf(Epochs);

    /// <summary>Runs with unique names: as many of the last folders of their paths as needed.</summary>
    /// <param name="runs">The reports of each, with its name or path, if it has one.</param>
    public static PlottedRun[] Named(IReadOnlyList<(string? Name, List<EpochReport> Reports)> runs)
    {
        string[][] parts = [.. runs.Select((run, i) => (run.Name ?? $"run {i + 1}")
            .Split(['/', '\\'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).DefaultIfEmpty("run").ToArray())];
        int longest = parts.Max(part => (int?)part.Length) ?? 0, shown = 1;
        while (shown < longest && parts.Select(Ending).Distinct().Count() < parts.Length)
            shown++;
        return [.. runs.Select((run, i) => new PlottedRun(Ending(parts[i]), run.Reports))];

        string Ending(string[] part) => string.Join('/', part.TakeLast(shown));
    }
}

/// <summary>The curves of training runs: loss, accuracy and learning rate over the epochs, and a table of the runs.</summary>
internal static class TrainingPlot
{
    /// <summary>Largest number of runs in one plot: more curves cannot be distinguished.</summary>
    public const int MaximumRuns = 14;

    private const int Width = 1200, CurvesHeight = 380, RateHeight = 260, RowHeight = 26, TableTop = 84, Margin = 16;
    private const float Type = Charts.Type;

    // Points and markers of one curve, however many epochs it has.
    private const int MaximumPoints = 2_000, MaximumMarkers = 12;

    /// <summary>Draws runs.</summary>
    /// <exception cref="EngineException"><c>NoEpochReports</c>, <c>TooManyRuns</c>.</exception>
    public static Picture Draw(IReadOnlyList<PlottedRun> runs)
    {
        if (runs.Count == 0)
            throw new EngineException("NoEpochReports", ErrorKind.InvalidArgument,
                "There is no epoch to plot. Give the reports of a training run, new or read from its files.");
        if (runs.Count > MaximumRuns)
            throw new EngineException("TooManyRuns", ErrorKind.InvalidArgument,
                $"{runs.Count} runs cannot be distinguished in one plot. Give at most {MaximumRuns}.");
        int bottom = Math.Max(RateHeight, TableTop + RowHeight * runs.Count + Margin);
        return new Picture(Width, CurvesHeight + bottom, canvas =>
        {
            const float Middle = Width / 2;
            using Plot loss = CreatePlot("Loss", CurvesHeight, runs, report => report.Loss,
                report => report.ValidationLoss, percent: false);
            using Plot accuracy = CreatePlot("Accuracy", CurvesHeight, runs, report => 100 * report.Accuracy,
                report => 100 * report.ValidationAccuracy, percent: true);
            using Plot rate = CreatePlot("Learning rate", bottom, runs, null, report => report.LearningRate, percent: false);
            Charts.Render(loss, canvas, new PixelRect(0, Middle, CurvesHeight, 0));
            Charts.Render(accuracy, canvas, new PixelRect(Middle, Width, CurvesHeight, 0));
            Charts.Render(rate, canvas, new PixelRect(0, Middle, CurvesHeight + bottom, CurvesHeight));
            canvas.Save();
            canvas.Translate(Middle, CurvesHeight);
            DrawTable(canvas, runs);
            canvas.Restore();
        });
    }

    private static Plot CreatePlot(string title, int height, IReadOnlyList<PlottedRun> runs, Func<EpochReport, double?>? training,
        Func<EpochReport, double?> validation, bool percent)
    {
        Plot plot = Charts.Create(title, "Epoch");
        Coordinates[][] trainings = [.. runs.Select(run => training is null ? [] : Points(run, training))],
            validations = [.. runs.Select(run => Points(run, validation))];
        SetAxes(plot, runs, [.. trainings.Concat(validations).SelectMany(points => points).Select(point => point.Y)], percent);
        AxisLimits limits = plot.Axes.GetLimits();
        (double X, double Y) scale =
            ((Width / 2 - Charts.Padding.Horizontal) / limits.HorizontalSpan, (height - Charts.Padding.Vertical) / limits.VerticalSpan);
        for (int i = 0; i < runs.Count; i++)
        {
            AddCurve(plot, trainings, i, isTraining: true, scale);
            AddCurve(plot, validations, i, isTraining: false, scale);
            if (training is not null && runs[i].Best is EpochReport best && validation(best) is double at && double.IsFinite(at))
                plot.Add.Marker(best.Epoch, at, MarkerShape.OpenCircle, 16, Charts.ToColor(Charts.SeriesColor(i)))
                    .MarkerLineWidth = 2;
        }

        return plot;
    }

    /// <summary>A curve. Epochs without validation have no value; a run that diverged has values that no axis can show.</summary>
    private static Coordinates[] Points(PlottedRun run, Func<EpochReport, double?> value) =>
        [.. run.Epochs.Where(report => value(report) is double v && double.IsFinite(v))
            .Select(report => new Coordinates(report.Epoch, value(report)!.Value))];

    /// <summary>Draws a curve of several. Those that coincide, as learning rates do, take turns:
    /// each has its dashes and markers in the gaps of the others.</summary>
    private static void AddCurve(Plot plot, Coordinates[][] curves, int number, bool isTraining, (double X, double Y) scale)
    {
        const float Turn = 10, Size = 7;
        Coordinates[] points = curves[number];
        if (points is [])
            return;
        int[] equals = [.. Enumerable.Range(0, curves.Length).Where(other => other == number || Coincide(points, curves[other]))];
        int count = equals.Length, turn = Array.IndexOf(equals, number);
        Color color = Charts.ToColor(Charts.SeriesColor(number));
        points = Thin(points, MaximumPoints);
        IEnumerable<Coordinates[]> pieces = count > 1 ? Dashes(points, Turn, (count - 1) * Turn, turn * Turn, scale)
            : isTraining ? Dashes(points, Charts.Dash, Charts.DashGap, 0, scale) : [points];
        foreach (Coordinates[] piece in pieces)
            plot.Add.ScatterLine(piece, color).LineWidth = isTraining ? 1.5f : 2;
        // If there are fewer points than curves, the lower marker is the larger one.
        Coordinates[] marked = Thin(points, MaximumMarkers);
        int slots = Math.Min(count, marked.Length);
        marked = [.. marked.Where((_, i) => i % slots == turn % slots)];
        var markers = plot.Add.Markers(marked, Charts.Marker(number, isTraining), Size + 4 * ((count - 1 - turn) / slots), color);
        markers.MarkerLineWidth = 1.5f;
    }

    /// <summary>The dashes of a curve. Skia's own dashes are missing from its SVG files.</summary>
    /// <param name="points">The curve.</param>
    /// <param name="on">Length of a dash in pixels.</param>
    /// <param name="off">Length of a gap in pixels.</param>
    /// <param name="start">Where the first dash begins, in pixels along the curve.</param>
    /// <param name="scale">Pixels of a unit of each axis.</param>
    private static List<Coordinates[]> Dashes(Coordinates[] points, double on, double off, double start, (double X, double Y) scale)
    {
        List<Coordinates[]> dashes = [];
        List<Coordinates> dash = [];
        double phase = (on + off - start) % (on + off);
        for (int i = 1; i < points.Length; i++)
        {
            (Coordinates from, Coordinates to) = (points[i - 1], points[i]);
            double length = Math.Max(double.Hypot((to.X - from.X) * scale.X, (to.Y - from.Y) * scale.Y), 1e-6), done = 0;
            while (done < length)
            {
                bool isOn = phase < on;
                double step = Math.Min((isOn ? on : on + off) - phase, length - done);
                if (isOn)
                    dash.AddRange(Between(from, to, done / length), Between(from, to, (done + step) / length));
                (done, phase) = (done + step, phase + step);
                if (!isOn || phase >= on - 1e-6)
                    Flush();
                if (phase >= on + off - 1e-6)
                    phase = 0;
                else if (isOn && phase >= on - 1e-6)
                    phase = on;
            }
        }

        Flush();
        return dashes;

        void Flush()
        {
            if (dash.Count > 0)
                dashes.Add([.. dash]);
            dash.Clear();
        }

        static Coordinates Between(Coordinates from, Coordinates to, double share) =>
            new(from.X + share * (to.X - from.X), from.Y + share * (to.Y - from.Y));
    }

    /// <summary>Whether two curves have the same values, in all epochs that both have.</summary>
    private static bool Coincide(Coordinates[] one, Coordinates[] other)
    {
        Dictionary<double, double> values = one.ToDictionary(point => point.X, point => point.Y);
        Coordinates[] common = [.. other.Where(point => values.ContainsKey(point.X))];
        return common.Length >= Math.Min(2, Math.Max(one.Length, other.Length))
            && common.All(point => Math.Abs(point.Y - values[point.X]) <= 1e-9 * Math.Abs(point.Y));
    }

    /// <summary>Roughly at most so many of some points, evenly spaced, always including the last one,
    /// which is the most important.</summary>
    private static Coordinates[] Thin(Coordinates[] points, int count)
    {
        int step = (points.Length - 1) / count + 1;
        return [.. points.Where((_, i) => (points.Length - 1 - i) % step == 0)];
    }

    private static void SetAxes(Plot plot, IReadOnlyList<PlottedRun> runs, double[] values, bool percent)
    {
        int first = runs.Min(run => run.Epochs[0].Epoch), last = runs.Max(run => run.Epochs[^1].Epoch);
        double besides = Math.Max(0.5, 0.02 * (last - first));
        (double bottom, double top) = Limits(values, percent);
        plot.Axes.SetLimits(first - besides, last + besides, bottom, top);
        plot.Axes.Bottom.TickGenerator =
            new NumericAutomatic { IntegerTicksOnly = true, LabelFormatter = v => v.ToString("N0", CultureInfo.CurrentCulture) };
        plot.Axes.Left.TickGenerator = new NumericAutomatic { LabelFormatter = percent ? ToPercent : ToNumber };
    }

    /// <summary>The axes of losses and rates start at zero; those of accuracies show the range of the values.</summary>
    private static (double Bottom, double Top) Limits(double[] values, bool percent)
    {
        double low = values.DefaultIfEmpty(0).Min(), high = values.DefaultIfEmpty(1).Max();
        if (!percent)
            return high > 0 ? (-0.02 * high, 1.08 * high) : (-0.02, 1);
        double besides = Math.Max(1, 0.08 * (high - low));
        return (Math.Max(low - besides, -0.02 * (high - low + 1)), Math.Min(high + besides, 100 + 0.04 * (high - low + 1)));
    }

    // Space outside the range of possible values is for the markers only.
    private static string ToNumber(double value) => value < 0 ? "" : value.ToString("0.######", CultureInfo.CurrentCulture);

    private static string ToPercent(double value) =>
        value is < 0 or > 100.0001 ? "" : (value / 100).ToString(value % 1 == 0 ? "P0" : "P1", CultureInfo.CurrentCulture);

    /// <summary>What the curves are, and how each run ended: the lower right quarter.</summary>
    private static void DrawTable(SKCanvas canvas, IReadOnlyList<PlottedRun> runs)
    {
        const float Left = 40, NameWidth = 190, Sample = Charts.SampleLength;
        (string Head, float Right)[] columns = [("Best accuracy", 378), ("at epoch", 488), ("Time", 576)];

        float x = Left, y = 34;
        foreach ((string text, bool isTraining) in new[] { ("validation", false), ("training", true) })
        {
            Charts.DrawSample(canvas, x, y - 5, 0, Palette.Ink, isTraining);
            PictureText.Draw(canvas, text, x + Sample, y, Type, Palette.Ink);
            x += Sample + PictureText.Measure(text, Type) + 30;
        }

        using (SKPaint ring = new() { Color = Palette.Ink, IsStroke = true, StrokeWidth = 2, IsAntialias = true })
            canvas.DrawCircle(x + 8, y - 5, 8, ring);
        PictureText.Draw(canvas, "best epoch", x + 26, y, Type, Palette.Ink);

        PictureText.Draw(canvas, "Run", Left, TableTop - 16, Type - 1, Palette.Faint);
        foreach ((string head, float right) in columns)
            PictureText.Draw(canvas, head, right, TableTop - 16, Type - 1, Palette.Faint, SKTextAlign.Right);
        for (int i = 0; i < runs.Count; i++)
        {
            PlottedRun run = runs[i];
            y = TableTop + RowHeight * i + Type;
            Charts.DrawSample(canvas, Left, y - 5, i, Charts.SeriesColor(i), isDashed: false);
            PictureText.Draw(canvas, PictureText.Fit(run.Name, NameWidth, Type), Left + Sample, y, Type, Palette.Ink);
            string[] cells =
            [
                run.Best?.ValidationAccuracy?.ToString("P2", CultureInfo.CurrentCulture) ?? "–",
                run.Best is EpochReport best ? $"{best.Epoch} of {run.Epochs[^1].Epoch}" : $"{run.Epochs[^1].Epoch}",
                run.Epochs[^1].Elapsed.ToString(run.Epochs[^1].Elapsed.TotalDays < 1 ? @"h\:mm\:ss" : @"d\.hh\:mm\:ss",
                    CultureInfo.InvariantCulture),
            ];
            for (int c = 0; c < columns.Length; c++)
                PictureText.Draw(canvas, cells[c], columns[c].Right, y, Type, Palette.Ink, SKTextAlign.Right, bold: c == 0);
        }
    }
}
