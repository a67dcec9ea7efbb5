using SkiaSharp;

namespace Cifar10Ps.Reporting;

/// <summary>An image of a data set as a part of a picture.</summary>
internal static class ImageTile
{
    /// <summary>The image as Skia has it.</summary>
    /// <param name="planes">Red, green and blue planes, each row-major.</param>
    /// <param name="width">Width in pixels.</param>
    /// <param name="height">Height in pixels.</param>
    public static SKImage Of(ReadOnlySpan<byte> planes, int width, int height)
    {
        int plane = width * height;
        byte[] rgba = new byte[4 * plane];
        for (int i = 0; i < plane; i++)
        {
            for (int c = 0; c < 3; c++)
                rgba[4 * i + c] = planes[c * plane + i];
            rgba[4 * i + 3] = byte.MaxValue;
        }

        return SKImage.FromPixelCopy(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque), rgba);
    }

    /// <summary>Draws an image into a square at the origin, as large as it fits.</summary>
    /// <param name="canvas">Where.</param>
    /// <param name="image">What.</param>
    /// <param name="side">Side of the square.</param>
    /// <returns>Where it is.</returns>
    public static SKRect Draw(SKCanvas canvas, SKImage image, float side)
    {
        float scale = side / Math.Max(image.Width, image.Height), width = scale * image.Width, height = scale * image.Height;
        SKRect place = SKRect.Create((side - width) / 2, (side - height) / 2, width, height);
        canvas.DrawImage(image, place, new SKSamplingOptions(SKCubicResampler.Mitchell), null);
        return place;
    }
}
