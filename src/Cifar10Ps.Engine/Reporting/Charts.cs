using ScottPlot;
using SkiaSharp;

namespace Cifar10Ps.Reporting;

/// <summary>How all charts look: quiet axes, the module's typeface, and series that differ by colour and marker.</summary>
internal static class Charts
{
    /// <summary>Size of text beside a chart.</summary>
    public const float Type = 14;

    /// <summary>Lengths of the dashes of a curve and of the gaps between them.</summary>
    public const float Dash = 7, DashGap = 4;

    /// <summary>Length of the piece of a curve in a legend, with the gap after it.</summary>
    public const float SampleLength = 46;

    /// <summary>The room for the labels around a chart: charts below each other line up, however long the labels are.</summary>
    public static readonly PixelPadding Padding = new(72, 16, 58, 44);

    private static readonly (MarkerShape Filled, MarkerShape Open)[] Markers =
    [
        (MarkerShape.FilledCircle, MarkerShape.OpenCircle), (MarkerShape.FilledSquare, MarkerShape.OpenSquare),
        (MarkerShape.FilledTriangleUp, MarkerShape.OpenTriangleUp), (MarkerShape.FilledDiamond, MarkerShape.OpenDiamond),
        (MarkerShape.FilledTriangleDown, MarkerShape.OpenTriangleDown),
    ];

    /// <summary>An empty chart.</summary>
    /// <param name="title">What stands above it; empty: nothing.</param>
    /// <param name="horizontal">What stands below it.</param>
    /// <param name="vertical">What stands left of it; empty: nothing.</param>
    public static Plot Create(string title, string horizontal, string vertical = "")
    {
        Typefaces.Register();
        Plot plot = new();
        Color faint = ToColor(Palette.Faint);
        plot.Title(title, 16);
        plot.Axes.Title.Label.ForeColor = ToColor(Palette.Ink);
        plot.XLabel(horizontal, Type);
        plot.YLabel(vertical, Type);
        foreach (IAxis axis in new IAxis[] { plot.Axes.Bottom, plot.Axes.Left })
        {
            axis.Label.Bold = false;
            axis.Label.ForeColor = axis.TickLabelStyle.ForeColor = axis.FrameLineStyle.Color = faint;
            axis.TickLabelStyle.FontSize = Type - 1;
            axis.MajorTickStyle.Color = faint;
            axis.MinorTickStyle.Length = 0;
        }

        plot.Axes.Top.FrameLineStyle.Width = plot.Axes.Right.FrameLineStyle.Width = 0;
        plot.Grid.MajorLineColor = ToColor(Palette.Line);
        plot.Layout.Fixed(title.Length > 0 ? Padding : Padding with { Top = Padding.Right });
        return plot;
    }

    /// <summary>Draws a chart.</summary>
    public static void Render(Plot plot, SKCanvas canvas, PixelRect rect)
    {
        plot.RenderManager.ClearCanvasBeforeEachRender = false;
        // ScottPlot redraws when its axes have changed, as they always have after the first time: so draw to nothing once, then for real.
        using (SKNoDrawCanvas nothing = new((int)rect.Right, (int)rect.Bottom))
            plot.Render(nothing, rect);
        plot.Render(canvas, rect);
    }

    /// <summary>The colour of a series.</summary>
    public static SKColor SeriesColor(int number) => Palette.Series[number % Palette.Series.Length];

    /// <summary>The marker of a series.</summary>
    public static MarkerShape Marker(int number, bool isOpen) =>
        isOpen ? Markers[number % Markers.Length].Open : Markers[number % Markers.Length].Filled;

    /// <summary>Draws a piece of a curve for a legend: a dashed one with an open marker, a solid one with a filled one.</summary>
    public static void DrawSample(SKCanvas canvas, float x, float y, int number, SKColor color, bool isDashed)
    {
        const float Length = SampleLength - 12;
        using SKPaint paint = new() { Color = color, IsStroke = true, StrokeWidth = 2, IsAntialias = true };
        float dash = isDashed ? Dash : Length;
        for (float at = 0; at < Length; at += dash + DashGap)
            canvas.DrawLine(x + at, y, x + Math.Min(at + dash, Length), y, paint);
        using Paint pen = Paint.NewDisposablePaint();
        Drawing.DrawMarker(canvas, pen, new Pixel(x + Length / 2, y),
            new MarkerStyle(Marker(number, isDashed), 8, ToColor(color)) { LineWidth = 1.5f });
    }

    /// <summary>ScottPlot's form of a colour.</summary>
    public static Color ToColor(SKColor color) => new(color.Red, color.Green, color.Blue);
}
