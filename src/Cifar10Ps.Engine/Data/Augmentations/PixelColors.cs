using System.Numerics;
using System.Runtime.InteropServices;

namespace Cifar10Ps.Data;

/// <summary>Changes of colours. Pixels are channels last, 0 to 255, and stay in that range.</summary>
internal static class PixelColors
{
    /// <summary>Multiplies all values.</summary>
    /// <param name="pixels">The pixels.</param>
    /// <param name="factor">1: no change; 0: black.</param>
    public static void Brighten(Span<float> pixels, float factor) => Change(pixels, factor, 0);

    /// <summary>Changes the distance of all values from the mean grey.</summary>
    /// <param name="pixels">The pixels.</param>
    /// <param name="factor">1: no change; 0: grey all over.</param>
    public static void Contrast(Span<float> pixels, float factor)
    {
        double sum = 0;
        for (int i = 0; i < pixels.Length; i += 3)
            sum += Grey(pixels[i..]);
        float mean = (float)(sum / (pixels.Length / 3));
        Change(pixels, factor, mean * (1 - factor));
    }

    /// <summary>Changes the distance of each pixel's values from its grey.</summary>
    /// <param name="pixels">The pixels.</param>
    /// <param name="factor">1: no change; 0: no colour.</param>
    public static void Saturate(Span<float> pixels, float factor)
    {
        for (int i = 0; i < pixels.Length; i += 3)
        {
            float grey = Grey(pixels[i..]);
            foreach (ref float value in pixels.Slice(i, 3))
                value = Clamp(grey + factor * (value - grey));
        }
    }

    /// <summary>Keeps the highest bits of all values.</summary>
    /// <param name="pixels">The pixels.</param>
    /// <param name="bits">How many, 1 to 8.</param>
    public static void Posterize(Span<float> pixels, int bits)
    {
        int mask = 0xff00 >> bits & 0xff;
        foreach (ref float value in pixels)
            value = (int)value & mask;
    }

    /// <summary>Inverts bright values.</summary>
    /// <param name="pixels">The pixels.</param>
    /// <param name="threshold">Values from here on are inverted.</param>
    public static void Solarize(Span<float> pixels, float threshold)
    {
        foreach (ref float value in pixels)
            value = value < threshold ? value : 255 - value;
    }

    /// <summary>Stretches each channel to the whole range.</summary>
    public static void StretchContrast(Span<float> pixels)
    {
        for (int c = 0; c < 3; c++)
        {
            float lowest = 255, highest = 0;
            for (int i = c; i < pixels.Length; i += 3)
                (lowest, highest) = (Math.Min(lowest, pixels[i]), Math.Max(highest, pixels[i]));
            if (lowest >= highest)
                continue;
            float factor = 255 / (highest - lowest);
            for (int i = c; i < pixels.Length; i += 3)
                pixels[i] = Clamp((pixels[i] - lowest) * factor);
        }
    }

    /// <summary>Makes <paramref name="factor"/> · value + <paramref name="offset"/> of all values.</summary>
    private static void Change(Span<float> pixels, float factor, float offset)
    {
        Span<Vector<float>> vectors = MemoryMarshal.Cast<float, Vector<float>>(pixels);
        foreach (ref Vector<float> values in vectors)
            values = Vector.Clamp(values * factor + new Vector<float>(offset), Vector<float>.Zero, new Vector<float>(255));
        foreach (ref float value in pixels[(vectors.Length * Vector<float>.Count)..])
            value = Clamp(value * factor + offset);
    }

    /// <summary>The luma of a pixel (ITU-R BT.601).</summary>
    private static float Grey(ReadOnlySpan<float> pixel) => 0.299f * pixel[0] + 0.587f * pixel[1] + 0.114f * pixel[2];

    private static float Clamp(float value) => Math.Clamp(value, 0, 255);
}
