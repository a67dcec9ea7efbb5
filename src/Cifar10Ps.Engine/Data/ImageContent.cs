using System.Security.Cryptography;

namespace Cifar10Ps.Data;

/// <summary>What an image shows: its pixels, in memory or in a picture file.</summary>
internal abstract class ImageContent
{
    /// <summary>Red, green and blue planes, each row-major: 3 · height · width bytes. This may take as long as decoding a file,
    /// and must not be kept for many images.</summary>
    /// <exception cref="EngineException">Those of <see cref="ImageFile.Read"/>; <c>ImageChanged</c>.</exception>
    public abstract ReadOnlyMemory<byte> Pixels { get; }

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
}

/// <summary>
/// Pixels that are decoded from a picture file whenever they are needed. What all images are asked for is known from the first reading,
/// which also tells a file that has changed since.
/// </summary>
/// <param name="path">The file.</param>
/// <param name="width">Width of the image in pixels.</param>
/// <param name="height">Height of the image in pixels.</param>
/// <param name="pixels">The pixels, as they were first read.</param>
internal sealed class PixelsInFile(string path, int width, int height, ReadOnlyMemory<byte> pixels) : ImageContent
{
    /// <inheritdoc/>
    public override byte[] Digest { get; } = SHA256.HashData(pixels.Span);

    /// <inheritdoc/>
    public override ChannelSums Sums { get; } = ChannelSums.Of(pixels.Span);

    /// <inheritdoc/>
    public override ReadOnlyMemory<byte> Pixels
    {
        get
        {
            byte[] read = ImageFile.Read(path, width, height);
            return SHA256.HashData(read).AsSpan().SequenceEqual(Digest) ? read : throw new EngineException("ImageChanged",
                ErrorKind.InvalidData, $"'{path}' shows something else than when the data set was read. Read the data set again.");
        }
    }
}
