using System.Runtime.InteropServices;
using Cifar10Ps.Runtime;
using SkiaSharp;

namespace Cifar10Ps.Data;

/// <summary>Reads a picture file (PNG, JPEG, BMP, WebP, GIF) as the bytes of a network's input.</summary>
internal static class ImageFile
{
    // A picture of this size takes 240 MB while it is decoded.
    private const long PixelLimit = 60_000_000;

    // Pictures above this size are decoded one at a time, however many threads read.
    private const long LargePicture = 16_000_000;
    private static readonly Lock Turn = new();

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
        using OpenPicture picture = Open(path);
        Read(picture, width, height, pixels);
    }

    /// <summary>Reads the whole of a picture, not only its middle, as an image whose true class is not known.</summary>
    /// <param name="path">The file.</param>
    /// <param name="limit">Wanted length of the longer side in pixels; a smaller picture stays as it is.</param>
    /// <exception cref="EngineException">As those of <see cref="Load"/>.</exception>
    internal static LabeledImage LoadWhole(string path, int limit)
    {
        using OpenPicture picture = Open(path);
        double scale = Math.Min(1, (double)limit / Math.Max(picture.Width, picture.Height));
        int width = Math.Max(1, (int)Math.Round(scale * picture.Width)), height = Math.Max(1, (int)Math.Round(scale * picture.Height));
        byte[] pixels = new byte[3 * height * width];
        Read(picture, width, height, pixels);
        return new LabeledImage(0, -1, "", width, height, pixels, path);
    }

    private static OpenPicture Open(string path)
    {
        SKFileStream? stream = null;
        SKCodec? codec = null;
        try
        {
            // Says what is wrong with the file, if anything is. Skia reads the file itself:
            // from a managed stream it would request the claimed size at once, however huge.
            using FileStream file = RegularFile.OpenRead(path);
            byte[] head = new byte[ImageFormat.HeadLength];
            head = head[..file.ReadAtLeast(head, head.Length, throwOnEndOfStream: false)];
            if (ImageFormat.Unsupported(head) is string unsupported)
                throw Unsupported(path, unsupported);
            stream = new SKFileStream(path);
            codec = SKCodec.Create(stream) ?? throw Invalid(path, ImageFormat.Other(head));
            if (codec.EncodedFormat is not (SKEncodedImageFormat.Png
                or SKEncodedImageFormat.Jpeg or SKEncodedImageFormat.Bmp or SKEncodedImageFormat.Webp or SKEncodedImageFormat.Gif))
                throw Invalid(path, null);
            SKSizeI size = codec.Info.Size;
            if ((long)size.Width * size.Height > PixelLimit)
                throw new EngineException("ImageTooLarge", ErrorKind.InvalidData,
                    $"'{path}' has {size.Width} x {size.Height} pixels; the limit is {PixelLimit:N0} in all. Make it smaller.");
            SKEncodedOrigin origin = codec.EncodedFormat == SKEncodedImageFormat.Jpeg
                ? codec.EncodedOrigin : ExifOrientation.Read(file, codec.EncodedFormat);
            OpenPicture picture = new(path, stream, codec, origin);
            (stream, codec) = (null, null);
            return picture;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new EngineException("FileNotFound", ErrorKind.NotFound, $"There is no file '{path}'.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EngineException("ImageUnreadable", ErrorKind.ReadError, $"'{path}' cannot be read: {e.Message}", e);
        }
        finally
        {
            codec?.Dispose();
            stream?.Dispose();
        }
    }

    private static void Read(OpenPicture picture, int width, int height, Span<byte> pixels)
    {
        // JPEG and WebP decode faster to a smaller picture; from twice the wanted size the filter does the rest.
        SKSizeI size = picture.Codec.GetScaledDimensions(
            Math.Min(1, 2f * Math.Max(width, height) / Math.Min(picture.Width, picture.Height)));
        if ((long)size.Width * size.Height <= LargePicture)
        {
            Decode(picture, size, width, height, pixels);
            return;
        }

        lock (Turn)
            Decode(picture, size, width, height, pixels);
    }

    private static EngineException Invalid(string path, string? isWhat) =>
        new("InvalidImageFile", ErrorKind.InvalidData,
            $"'{path}' is {(isWhat is null ? "" : $"{isWhat}, ")}not a complete picture file. {ImageFormat.Readable} can be read.");

    private static EngineException Unsupported(string path, string format) =>
        new("UnsupportedImageFormat", ErrorKind.InvalidData,
            $"'{path}' is a {format} file, which is not supported. Convert it: {ImageFormat.Readable} can be read.");

    private static void Decode(OpenPicture picture, SKSizeI size, int width, int height, Span<byte> pixels)
    {
        // JPEG has no transparency.
        SKAlphaType alpha = picture.Codec.EncodedFormat == SKEncodedImageFormat.Jpeg ? SKAlphaType.Opaque : SKAlphaType.Premul;
        using SKBitmap bitmap = new(new SKImageInfo(size.Width, size.Height, SKColorType.Rgba8888, alpha));
        if (picture.Codec.GetPixels(bitmap.Info, bitmap.GetPixels()) != SKCodecResult.Success)
            throw Invalid(picture.Path, null);
        if (picture.Origin == SKEncodedOrigin.TopLeft)
        {
            Resize(bitmap, width, height, pixels);
            return;
        }

        using SKBitmap upright = Upright(bitmap, picture.Origin);
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

        using SKBitmap result = new(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Premul));
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

    private static SKBitmap Upright(SKBitmap bitmap, SKEncodedOrigin origin)
    {
        bool turned = IsTurned(origin);
        int width = turned ? bitmap.Height : bitmap.Width, height = turned ? bitmap.Width : bitmap.Height;
        // Where the stored x and y axes point to in the upright picture (EXIF 2.3, tag 0x0112).
        SKMatrix matrix = origin switch
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
        SKBitmap upright = new(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Premul));
        using SKCanvas canvas = new(upright);
        canvas.SetMatrix(matrix);
        canvas.DrawBitmap(bitmap, 0, 0);
        return upright;
    }

    /// <summary>Whether width and height of the stored picture are height and width of the upright one.</summary>
    private static bool IsTurned(SKEncodedOrigin origin) =>
        origin is SKEncodedOrigin.LeftTop or SKEncodedOrigin.RightTop or SKEncodedOrigin.RightBottom or SKEncodedOrigin.LeftBottom;

    /// <summary>A file that begins like a picture which can be read.</summary>
    private sealed class OpenPicture(string path, SKFileStream stream, SKCodec codec, SKEncodedOrigin origin) : IDisposable
    {
        public string Path => path;

        public SKCodec Codec => codec;

        public SKEncodedOrigin Origin => origin;

        /// <summary>Width of the upright picture.</summary>
        public int Width => IsTurned(origin) ? codec.Info.Height : codec.Info.Width;

        /// <summary>Height of the upright picture.</summary>
        public int Height => IsTurned(origin) ? codec.Info.Width : codec.Info.Height;

        public void Dispose()
        {
            codec.Dispose();
            stream.Dispose();
        }
    }
}
