using System.Globalization;
using System.Text;
using SkiaSharp;

namespace Cifar10Ps.Reporting;

/// <summary>Encodes pixels as sixels: bands of six rows, each drawn once for every colour in it.</summary>
/// <remarks>VT330/VT340 Programmer Reference Manual, volume 2, chapter 14.</remarks>
internal static class Sixel
{
    private const int Band = 6;

    // 6 · 7 · 6 = 252 colours, of the 256 that terminals have at least.
    private const int Reds = 6, Greens = 7, Blues = 6;

    /// <summary>Appends an image.</summary>
    /// <param name="text">To what.</param>
    /// <param name="pixels">Its pixels, row by row.</param>
    /// <param name="width">Its width in pixels.</param>
    public static void Append(StringBuilder text, SKColor[] pixels, int width)
    {
        int height = pixels.Length / width;
        byte[] colors = Dither(pixels, width, height);
        text.Append(CultureInfo.InvariantCulture, $"\u001bPq\"1;1;{width};{height}");
        foreach (byte color in colors.Distinct().Order())
            text.Append(CultureInfo.InvariantCulture, $"#{color};2;{100 * (color / (Greens * Blues)) / (Reds - 1)};")
                .Append(CultureInfo.InvariantCulture,
                    $"{100 * (color / Blues % Greens) / (Greens - 1)};{100 * (color % Blues) / (Blues - 1)}");
        for (int top = 0; top < height; top += Band)
        {
            int rows = Math.Min(Band, height - top);
            foreach (byte color in colors.AsSpan(top * width, rows * width).ToArray().Distinct())
            {
                text.Append(CultureInfo.InvariantCulture, $"#{color}");
                AppendBand(text, colors.AsSpan(top * width, rows * width), width, color);
                text.Append('$');
            }

            text.Append('-');
        }

        text.Append("\u001b\\");
    }

    /// <summary>The pixels of one colour: a character for each column, and a count before those that repeat.</summary>
    private static void AppendBand(StringBuilder text, ReadOnlySpan<byte> colors, int width, byte color)
    {
        int count = 0;
        char last = '\0';
        for (int x = 0; x <= width; x++)
        {
            char now = '\0';
            if (x < width)
            {
                int bits = 0;
                for (int y = 0; y * width < colors.Length; y++)
                    bits |= colors[y * width + x] == color ? 1 << y : 0;
                now = (char)('?' + bits);
            }

            if (now != last && count > 3)
                text.Append(CultureInfo.InvariantCulture, $"!{count}{last}");
            else if (now != last)
                text.Append(last, count);
            count = now == last ? count + 1 : 1;
            last = now;
        }
    }

    /// <summary>The nearest colours, with each error passed on to the neighbours (R. W. Floyd and L. Steinberg, 1976).</summary>
    private static byte[] Dither(SKColor[] pixels, int width, int height)
    {
        byte[] colors = new byte[pixels.Length];
        float[] errors = new float[3 * (width + 2) * (height + 1)];
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                SKColor pixel = pixels[y * width + x];
                int index = 0;
                foreach ((int c, (int levels, byte value)) in new[] { (Reds, pixel.Red), (Greens, pixel.Green),
                    (Blues, pixel.Blue) }.Index())
                {
                    int at = 3 * (y * (width + 2) + x + 1) + c, below = at + 3 * (width + 2);
                    float wanted = Math.Clamp(value + errors[at], 0, 255);
                    int level = (int)MathF.Round(wanted * (levels - 1) / 255);
                    float error = (wanted - 255f * level / (levels - 1)) / 16;
                    errors[at + 3] += 7 * error;
                    errors[below - 3] += 3 * error;
                    errors[below] += 5 * error;
                    errors[below + 3] += error;
                    index = index * levels + level;
                }

                colors[y * width + x] = (byte)index;
            }
        }

        return colors;
    }
}
