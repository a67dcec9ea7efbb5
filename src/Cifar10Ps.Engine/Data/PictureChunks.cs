using System.Buffers.Binary;

namespace Cifar10Ps.Data;

/// <summary>The chunks of a PNG or WebP file, from its first one on.</summary>
/// <remarks>PNG 3rd edition: length (big-endian), type, content and checksum. WebP container specification: type, length (little-endian),
/// content and padding to an even length.</remarks>
internal ref struct PictureChunks
{
    private const int HeadLength = 8, RiffHeadLength = 12;
    private static readonly byte[] PngSignature = [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0d, 0x0a, 0x1a, 0x0a];

    private readonly ReadOnlySpan<byte> _file;
    private readonly bool _isPng;
    private long _next;

    private PictureChunks(ReadOnlySpan<byte> file, bool isPng, int start)
    {
        (_isPng, _next) = (isPng, start);
        _file = file;
    }

    /// <summary>Type of the current chunk.</summary>
    public ReadOnlySpan<byte> Type { get; private set; }

    /// <summary>Its content, as far as the file has it.</summary>
    public ReadOnlySpan<byte> Content { get; private set; }

    /// <summary>The chunks of a file; none if it is neither PNG nor WebP.</summary>
    public static PictureChunks Of(ReadOnlySpan<byte> file)
    {
        bool isPng = IsPng(file), isWebp = file.StartsWith("RIFF"u8) && file[Math.Min(8, file.Length)..].StartsWith("WEBP"u8);
        return new PictureChunks(file, isPng, isPng ? PngSignature.Length : isWebp ? RiffHeadLength : file.Length);
    }

    /// <summary>Whether a file begins like a PNG file.</summary>
    public static bool IsPng(ReadOnlySpan<byte> file) => file.StartsWith(PngSignature);

    /// <summary>Goes to the next chunk.</summary>
    /// <returns>Whether there is one.</returns>
    public bool MoveNext()
    {
        if (_next + HeadLength > _file.Length)
            return false;
        ReadOnlySpan<byte> head = _file.Slice((int)_next, HeadLength);
        long length = _isPng ? BinaryPrimitives.ReadUInt32BigEndian(head) : BinaryPrimitives.ReadUInt32LittleEndian(head[4..]);
        long start = _next + HeadLength;
        Type = head.Slice(_isPng ? 4 : 0, 4);
        Content = _file.Slice((int)start, (int)Math.Min(length, _file.Length - start));
        _next = start + length + (_isPng ? 4 : length % 2);
        return true;
    }
}
