using System.Globalization;
using System.Text;
using SkiaSharp;

namespace Cifar10Ps.Reporting;

/// <summary>Text in pictures, measured, shortened and drawn, in any script for which there is a font.</summary>
internal static class PictureText
{
    private const string Ellipsis = "…";

    /// <summary>Width of a line in pixels.</summary>
    public static float Measure(string text, float size, bool bold = false)
    {
        float width = 0;
        foreach ((string part, SKTypeface typeface) in Runs(text, bold))
        {
            using SKFont font = Font(typeface, size);
            width += font.MeasureText(part);
        }

        return width;
    }

    /// <summary>A text, shortened in the middle if it is too wide: names often differ at the end.</summary>
    public static string Fit(string text, float width, float size, bool bold = false)
    {
        if (Measure(text, size, bold) <= width)
            return text;
        int[] starts = StringInfo.ParseCombiningCharacters(text);
        // The longest that fits, by bisection, because names can be long.
        int low = 0, high = starts.Length - 1;
        while (low < high)
        {
            int middle = (low + high + 1) / 2;
            if (Measure(Shortened(middle), size, bold) <= width)
                low = middle;
            else
                high = middle - 1;
        }

        return Shortened(low);

        // The number of characters kept from both ends together.
        string Shortened(int kept) =>
            $"{text[..starts[(kept + 1) / 2]].TrimEnd()}{Ellipsis}{(kept < 2 ? "" : text[starts[^(kept / 2)]..].TrimStart())}";
    }

    /// <summary>Draws a line.</summary>
    /// <param name="canvas">Where.</param>
    /// <param name="text">What.</param>
    /// <param name="x">Left end, middle or right end, as <paramref name="align"/> says.</param>
    /// <param name="baseline">Vertical position of the line that letters stand on.</param>
    /// <param name="size">Height of the type in pixels.</param>
    /// <param name="color">Its colour.</param>
    /// <param name="align">What <paramref name="x"/> is.</param>
    /// <param name="bold">Whether it is emphasised.</param>
    public static void Draw(SKCanvas canvas, string text, float x, float baseline, float size, SKColor color,
        SKTextAlign align = SKTextAlign.Left, bool bold = false)
    {
        x -= align == SKTextAlign.Left ? 0 : Measure(text, size, bold) / (align == SKTextAlign.Center ? 2 : 1);
        using SKPaint paint = new() { Color = color, IsAntialias = true };
        foreach ((string part, SKTypeface typeface) in Runs(text, bold))
        {
            using SKFont font = Font(typeface, size);
            canvas.DrawText(part, x, baseline, SKTextAlign.Left, font, paint);
            x += font.MeasureText(part);
        }
    }

    private static SKFont Font(SKTypeface typeface, float size) => new(typeface, size) { Subpixel = true };

    /// <summary>The parts of a text for which one typeface has all characters. Control characters, which neither fonts nor XML have,
    /// become spaces.</summary>
    private static List<(string Text, SKTypeface Typeface)> Runs(string text, bool bold)
    {
        List<(string, SKTypeface)> runs = [];
        StringBuilder run = new();
        SKTypeface? current = null;
        foreach (Rune rune in text.EnumerateRunes())
        {
            Rune shown = Rune.IsControl(rune) || rune.Value is 0xFFFE or 0xFFFF ? new Rune(' ') : rune;
            SKTypeface typeface = Typefaces.For(shown.Value, bold);
            if (typeface != current && current is not null)
            {
                runs.Add((run.ToString(), current));
                run.Clear();
            }

            current = typeface;
            run.Append(shown.ToString());
        }

        if (current is not null)
            runs.Add((run.ToString(), current));
        return runs;
    }
}
