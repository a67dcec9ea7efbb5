using System.Buffers;
using System.Security.Cryptography;

namespace Cifar10Ps.Data;

/// <summary>What an image shows: its pixels, in memory or in a picture file.</summary>
internal abstract class ImageContent
{
    /// <summary>Red, green and blue planes, each row-major: 3 · height · width bytes. This may take as long as decoding a file,
    /// and must not be kept for many images; <see cref="Borrow"/> leaves no garbage.</summary>
    /// <exception cref="EngineException">Those of <see cref="ImageFile.Read(string, int, int)"/>; <c>ImageChanged</c>.</exception>
    public abstract ReadOnlyMemory<byte> Pixels { get; }

    /// <summary>The same pixels, for as long as it takes to use them.</summary>
    public virtual BorrowedPixels Borrow() => new(Pixels.Span);

    /// <summary>SHA-256 of the pixels.</summary>
    public virtual byte[] Digest => SHA256.HashData(Pixels.Span);

    /// <summary>Sums over the pixels.</summary>
    public virtual ChannelSums Sums => ChannelSums.Of(Pixels.Span);
}

/// <summary>Pixels in memory.</summary>
internal sealed class PixelsInMemory(ReadOnlyMemory<byte> pixels) : ImageContent
{
    /// <inheritdoc/>
    public override ReadOnlyMemory<byte> Pixels => pixels;

    /// <inheritdoc/>
    public override byte[] Digest => field ??= SHA256.HashData(pixels.Span);
}

/// <summary>
/// Pixels that are decoded from a picture file whenever they are needed. What all images are asked for is known from the first reading,
/// which also tells a file that has changed since.
/// </summary>
/// <param name="path">The file.</param>
/// <param name="width">Width of the image in pixels.</param>
/// <param name="height">Height of the image in pixels.</param>
/// <param name="pixels">The pixels, as they were first read.</param>
internal sealed class PixelsInFile(string path, int width, int height, ReadOnlySpan<byte> pixels) : ImageContent
{
    /// <inheritdoc/>
    public override byte[] Digest { get; } = SHA256.HashData(pixels);

    /// <inheritdoc/>
    public override ChannelSums Sums { get; } = ChannelSums.Of(pixels);

    /// <inheritdoc/>
    public override ReadOnlyMemory<byte> Pixels
    {
        get
        {
            byte[] read = new byte[3 * height * width];
            Read(read);
            return read;
        }
    }

    /// <inheritdoc/>
    public override BorrowedPixels Borrow()
    {
        int length = 3 * height * width;
        byte[] rented = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            Read(rented.AsSpan(0, length));
            return new BorrowedPixels(rented.AsSpan(0, length), rented);
        }
        catch
        {
            ArrayPool<byte>.Shared.Return(rented);
            throw;
        }
    }

    private void Read(Span<byte> target)
    {
        ImageFile.Read(path, width, height, target);
        if (!SHA256.HashData(target).AsSpan().SequenceEqual(Digest))
            throw new EngineException("ImageChanged", ErrorKind.InvalidData,
                $"'{path}' shows something else than when the data set was read. Read the data set again.");
    }
}

/// <summary>Pixels until they are disposed of.</summary>
/// <param name="span">The pixels.</param>
/// <param name="rented">The memory that they are in, if it is reused for others then.</param>
internal readonly ref struct BorrowedPixels(ReadOnlySpan<byte> span, byte[]? rented = null)
{
    private readonly byte[]? _rented = rented;

    /// <summary>Red, green and blue planes, each row-major: 3 · height · width bytes.</summary>
    public ReadOnlySpan<byte> Span { get; } = span;

    /// <summary>Gives the memory back.</summary>
    public void Dispose()
    {
        if (_rented is not null)
            ArrayPool<byte>.Shared.Return(_rented);
    }
}
