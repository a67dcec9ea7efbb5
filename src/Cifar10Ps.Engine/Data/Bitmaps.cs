using SkiaSharp;

namespace Cifar10Ps.Data;

/// <summary>Makes Skia's bitmaps, with four bytes a pixel.</summary>
internal static class Bitmaps
{
    /// <summary>A bitmap whose pixels are zero.</summary>
    /// <exception cref="InsufficientMemoryException">Skia itself would throw a plain exception.</exception>
    public static SKBitmap New(int width, int height, SKAlphaType alpha)
    {
        SKBitmap bitmap = new();
        if (bitmap.TryAllocPixels(new SKImageInfo(width, height, SKColorType.Rgba8888, alpha)))
            return bitmap;
        bitmap.Dispose();
        throw new InsufficientMemoryException($"A bitmap of {width} x {height} pixels cannot be allocated.");
    }
}
