using System.Globalization;
using System.Runtime.InteropServices;
using Cifar10Ps.Runtime;
using SkiaSharp;

namespace Cifar10Ps.Data;

/// <summary>A file that begins like a picture which can be read; in memory until it is disposed of.</summary>
internal sealed class PictureFile : IDisposable
{
    // 512 MB of colours; cameras have up to 100 million pixels, and some telephones a few more.
    private const long PixelLimit = 128_000_000;

    // The largest picture without compression.
    private const long LengthLimit = 256 << 20;

    // Skia takes a time that grows with the square of the length of what comes before the pixels of a PNG file.
    private const long PreambleLimit = 8 << 20;

    // Colours, and what a progressive JPEG keeps of the whole picture, however small it is decoded.
    private const long BytesPerPixel = 8;

    // No deadlock: the file's share is always taken before that of the pixels.
    private static readonly DecodingMemory Files = new(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 8),
        Pixels = new(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 4);

    private readonly Stack<IDisposable> _held;

    private PictureFile(string path, SKCodec codec, SKEncodedOrigin origin, Stack<IDisposable> held) =>
        (Path, Codec, Origin, _held) = (path, codec, origin, held);

    /// <summary>Its path.</summary>
    public string Path { get; }

    /// <summary>Decodes it.</summary>
    public SKCodec Codec { get; }

    /// <summary>How it has to be turned to be upright.</summary>
    public SKEncodedOrigin Origin { get; }

    /// <summary>Whether width and height of the stored picture are height and width of the upright one.</summary>
    public bool IsTurned => Origin is SKEncodedOrigin.LeftTop or SKEncodedOrigin.RightTop or SKEncodedOrigin.RightBottom
        or SKEncodedOrigin.LeftBottom;

    /// <summary>Width of the upright picture.</summary>
    public int Width => IsTurned ? Codec.Info.Height : Codec.Info.Width;

    /// <summary>Height of the upright picture.</summary>
    public int Height => IsTurned ? Codec.Info.Width : Codec.Info.Height;

    /// <summary>Opens a file, and waits until there is memory for its content.</summary>
    /// <exception cref="EngineException"><c>FileNotFound</c>, <c>NotARegularFile</c>, <c>InvalidImageFile</c>,
    /// <c>UnsupportedImageFormat</c>, <c>ImageTooLarge</c>, <c>ImageUnreadable</c>.</exception>
    public static PictureFile Open(string path)
    {
        Stack<IDisposable> held = new();
        bool isOpen = false;
        try
        {
            using FileStream file = RegularFile.OpenRead(path);
            if (file.Length > LengthLimit)
                throw TooLarge(path, $"has more than {LengthLimit >> 20:N0} MB");
            held.Push(Files.Take(file.Length));
            SKData data = Read(file);
            held.Push(data);
            ReadOnlySpan<byte> content = data.AsSpan(), head = content[..Math.Min(content.Length, ImageFormat.HeadLength)];
            if (ImageFormat.Unsupported(head) is string unsupported)
                throw new EngineException("UnsupportedImageFormat", ErrorKind.InvalidData,
                    $"'{path}' has the format {unsupported}, which is not supported. Convert it: {ImageFormat.Readable} can be read.");
            if (PreambleLength(content) > PreambleLimit)
                throw TooLarge(path, $"has more than {PreambleLimit >> 20:N0} MB of other data before its pixels");
            SKCodec codec = SKCodec.Create(data) ?? throw Invalid(path, ImageFormat.Other(head));
            held.Push(codec);
            if (codec.EncodedFormat is not (SKEncodedImageFormat.Png
                or SKEncodedImageFormat.Jpeg or SKEncodedImageFormat.Bmp or SKEncodedImageFormat.Webp or SKEncodedImageFormat.Gif))
                throw Invalid(path);
            long pixels = (long)codec.Info.Width * codec.Info.Height;
            if (pixels > PixelLimit)
                throw TooLarge(path, $"has {codec.Info.Width} x {codec.Info.Height} pixels; the limit is {PixelLimit:N0} in all");
            held.Push(Pixels.Take(BytesPerPixel * pixels));
            PictureFile picture = new(path, codec, codec.EncodedFormat == SKEncodedImageFormat.Jpeg
                ? codec.EncodedOrigin : ExifOrientation.Read(content), held);
            isOpen = true;
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
            if (!isOpen)
                Free(held);
        }
    }

    /// <summary>The error for a file that is not a picture, or not all of one.</summary>
    /// <param name="path">The file.</param>
    /// <param name="isWhat">What it is; null: not known.</param>
    public static EngineException Invalid(string path, string? isWhat = null) =>
        new("InvalidImageFile", ErrorKind.InvalidData,
            $"'{path}' is {(isWhat is null ? "" : $"{isWhat}, ")}not a complete picture file. {ImageFormat.Readable} can be read.");

    /// <inheritdoc/>
    public void Dispose() => Free(_held);

    private static void Free(Stack<IDisposable> held)
    {
        while (held.TryPop(out IDisposable? last))
            last.Dispose();
    }

    /// <summary>Reads the file, once and by us: Skia cannot open every path, and aborts the process if it cannot allocate the length that a
    /// file claims.</summary>
    private static unsafe SKData Read(FileStream file)
    {
        int length = (int)file.Length;
        void* memory = NativeMemory.Alloc((nuint)length);
        SKData data = SKData.Create((nint)memory, length, (address, _) => NativeMemory.Free((void*)address));
        try
        {
            file.ReadExactly(new Span<byte>(memory, length));
        }
        catch
        {
            data.Dispose();
            throw;
        }

        return data;
    }

    /// <summary>Bytes of the chunks before the pixels of a PNG file; 0 in any other.</summary>
    private static long PreambleLength(ReadOnlySpan<byte> file)
    {
        long length = 0;
        if (PictureChunks.IsPng(file))
        {
            for (PictureChunks chunks = PictureChunks.Of(file); chunks.MoveNext() && !chunks.Type.SequenceEqual("IDAT"u8);)
                length += chunks.Content.Length;
        }

        return length;
    }

    private static EngineException TooLarge(string path, FormattableString why) => new("ImageTooLarge", ErrorKind.InvalidData,
        $"'{path}' {why.ToString(CultureInfo.CurrentCulture)}. Make it smaller.");
}
