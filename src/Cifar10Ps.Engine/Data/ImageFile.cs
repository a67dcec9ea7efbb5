using System.Runtime.InteropServices;
using SkiaSharp;

namespace Cifar10Ps.Data;

/// <summary>Reads a picture file (PNG, JPEG, BMP, WebP, GIF) as the bytes of a network's input.</summary>
internal static class ImageFile
{
    /// <summary>Reads a file as an image whose true class is not known, in the size that a model takes.</summary>
    /// <exception cref="EngineException"><c>FileNotFound</c>, <c>NotARegularFile</c>, <c>InvalidImageFile</c>,
    /// <c>UnsupportedImageFormat</c>, <c>ImageTooLarge</c>, <c>ImageUnreadable</c>.</exception>
    public static LabeledImage Load(string path, Preprocessing preprocessing) =>
        new(0, -1, "", preprocessing.Width, preprocessing.Height, Read(path, preprocessing.Width, preprocessing.Height), path);

    /// <summary>
    /// Decodes a file, turns it upright as its EXIF data says, cuts its middle to the wanted aspect ratio and resizes it.
    /// Transparent parts become white.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="width">Wanted width in pixels.</param>
    /// <param name="height">Wanted height in pixels.</param>
    /// <returns>Red, green and blue planes, each row-major: 3 · height · width bytes.</returns>
    /// <exception cref="EngineException"><c>FileNotFound</c>, <c>NotARegularFile</c>, <c>InvalidImageFile</c>,
    /// <c>UnsupportedImageFormat</c>, <c>ImageTooLarge</c>, <c>ImageUnreadable</c>.</exception>
    internal static byte[] Read(string path, int width, int height)
    {
        byte[] pixels = new byte[3 * height * width];
        Read(path, width, height, pixels);
        return pixels;
    }

    /// <summary>The same, into memory that exists.</summary>
    /// <param name="path">The file.</param>
    /// <param name="width">Wanted width in pixels.</param>
    /// <param name="height">Wanted height in pixels.</param>
    /// <param name="pixels">Takes the planes: 3 · height · width bytes.</param>
    internal static void Read(string path, int width, int height, Span<byte> pixels)
    {
        using PictureFile picture = PictureFile.Open(path);
        Read(picture, width, height, pixels);
    }

    /// <summary>Reads the whole of a picture, not only its middle, as an image whose true class is not known.</summary>
    /// <param name="path">The file.</param>
    /// <param name="limit">Wanted length of the longer side in pixels; a smaller picture stays as it is.</param>
    /// <exception cref="EngineException">As those of <see cref="Load"/>.</exception>
    internal static LabeledImage LoadWhole(string path, int limit)
    {
        using PictureFile picture = PictureFile.Open(path);
        double scale = Math.Min(1, (double)limit / Math.Max(picture.Width, picture.Height));
        int width = Math.Max(1, (int)Math.Round(scale * picture.Width)), height = Math.Max(1, (int)Math.Round(scale * picture.Height));
        byte[] pixels = new byte[3 * height * width];
        Read(picture, width, height, pixels);
        return new LabeledImage(0, -1, "", width, height, pixels, path);
    }

    private static void Read(PictureFile picture, int width, int height, Span<byte> pixels)
    {
        // JPEG and WebP decode faster to a smaller picture; from twice the wanted size the filter does the rest.
        SKSizeI size = picture.Codec.GetScaledDimensions(
            Math.Min(1, 2f * Math.Max(width, height) / Math.Min(picture.Width, picture.Height)));
        // JPEG has no transparency.
        SKAlphaType alpha = picture.Codec.EncodedFormat == SKEncodedImageFormat.Jpeg ? SKAlphaType.Opaque : SKAlphaType.Premul;
        using SKBitmap bitmap = Bitmaps.New(size.Width, size.Height, alpha);
        if (picture.Codec.GetPixels(bitmap.Info, bitmap.GetPixels()) != SKCodecResult.Success)
            throw PictureFile.Invalid(picture.Path);
        if (picture.Origin == SKEncodedOrigin.TopLeft)
        {
            Resize(bitmap, width, height, pixels);
            return;
        }

        using SKBitmap upright = Upright(bitmap, picture);
        Resize(upright, width, height, pixels);
    }

    private static void Resize(SKBitmap upright, int width, int height, Span<byte> pixels)
    {
        if ((upright.Width, upright.Height) == (width, height) && upright.AlphaType == SKAlphaType.Opaque)
        {
            ToPlanes(upright, pixels);
            return;
        }

        // An immutable bitmap is drawn without a copy.
        upright.SetImmutable();
        double scale = Math.Max((double)width / upright.Width, (double)height / upright.Height);
        float left = (float)(upright.Width - width / scale) / 2, top = (float)(upright.Height - height / scale) / 2;
        SKRect middle = new(left, top, upright.Width - left, upright.Height - top);

        using SKBitmap result = Bitmaps.New(width, height, SKAlphaType.Premul);
        using SKCanvas canvas = new(result);
        using SKImage image = SKImage.FromBitmap(upright);
        // Mipmaps average all pixels on the way down; a cubic filter is smoother on the way up.
        SKSamplingOptions filter = scale == 1 ? new SKSamplingOptions(SKFilterMode.Nearest)
            : scale > 1 ? new SKSamplingOptions(SKCubicResampler.Mitchell)
            : new SKSamplingOptions(SKFilterMode.Linear, SKMipmapMode.Linear);
        canvas.Clear(SKColors.White);
        canvas.DrawImage(image, middle, new SKRect(0, 0, width, height), filter, null);

        ToPlanes(result, pixels);
    }

    private static void ToPlanes(SKBitmap bitmap, Span<byte> pixels)
    {
        ReadOnlySpan<int> rgba = MemoryMarshal.Cast<byte, int>(bitmap.GetPixelSpan());
        int plane = rgba.Length;
        Span<byte> red = pixels[..plane], green = pixels.Slice(plane, plane), blue = pixels.Slice(2 * plane, plane);
        for (int i = 0; i < rgba.Length; i++)
        {
            int value = rgba[i];
            red[i] = (byte)value;
            green[i] = (byte)(value >> 8);
            blue[i] = (byte)(value >> 16);
        }
    }

    private static SKBitmap Upright(SKBitmap bitmap, PictureFile picture)
    {
        (int width, int height) = picture.IsTurned ? (bitmap.Height, bitmap.Width) : (bitmap.Width, bitmap.Height);
        // Where the stored x and y axes point to in the upright picture (EXIF 2.3, tag 0x0112).
        SKMatrix matrix = picture.Origin switch
        {
            SKEncodedOrigin.TopRight => new SKMatrix(-1, 0, width, 0, 1, 0, 0, 0, 1),
            SKEncodedOrigin.BottomRight => new SKMatrix(-1, 0, width, 0, -1, height, 0, 0, 1),
            SKEncodedOrigin.BottomLeft => new SKMatrix(1, 0, 0, 0, -1, height, 0, 0, 1),
            SKEncodedOrigin.LeftTop => new SKMatrix(0, 1, 0, 1, 0, 0, 0, 0, 1),
            SKEncodedOrigin.RightTop => new SKMatrix(0, -1, width, 1, 0, 0, 0, 0, 1),
            SKEncodedOrigin.RightBottom => new SKMatrix(0, -1, width, -1, 0, height, 0, 0, 1),
            SKEncodedOrigin.LeftBottom => new SKMatrix(0, 1, 0, -1, 0, height, 0, 0, 1),
            _ => SKMatrix.Identity,
        };
        SKBitmap upright = Bitmaps.New(width, height, SKAlphaType.Premul);
        using SKCanvas canvas = new(upright);
        canvas.SetMatrix(matrix);
        canvas.DrawBitmap(bitmap, 0, 0);
        return upright;
    }
}
