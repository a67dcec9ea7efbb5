using System.Buffers.Binary;
using SkiaSharp;

namespace Cifar10Ps.Data;

/// <summary>
/// Reads how a PNG or WebP picture has to be turned to be upright; Skia only finds that in JPEG files, and in WebP files that strictly
/// follow the specification.
/// </summary>
/// <remarks>PNG 3rd edition, chunk eXIf; WebP container specification, chunk EXIF; Exif 2.3,
/// tag 0x0112 in the first directory of a TIFF structure.</remarks>
internal static class ExifOrientation
{
    // The tag is near the beginning; a thumbnail may follow.
    private const int BlockLimit = 1 << 16;

    /// <summary>The orientation given by the EXIF data of a PNG or WebP file; TopLeft if there are none,
    /// or none that can be read.</summary>
    /// <param name="file">A file that can be read.</param>
    /// <param name="format">Its format.</param>
    public static SKEncodedOrigin Read(Stream file, SKEncodedImageFormat format)
    {
        ReadOnlySpan<byte> block = format switch
        {
            SKEncodedImageFormat.Png => Chunk(file, start: 8, isPng: true, "eXIf"u8),
            SKEncodedImageFormat.Webp => Chunk(file, start: 12, isPng: false, "EXIF"u8),
            _ => [],
        };
        // As in JPEG files; older programs write it here too.
        return Parse(block.StartsWith("Exif\0\0"u8) ? block[6..] : block);
    }

    /// <summary>The content of a chunk: PNG has its length (big-endian), type, content and checksum; WebP type, length (little-endian),
    /// content and padding to an even length.</summary>
    private static byte[] Chunk(Stream file, long start, bool isPng, ReadOnlySpan<byte> wanted)
    {
        Span<byte> head = stackalloc byte[8];
        long end = file.Length;
        for (long at = start; at + 8 <= end;)
        {
            file.Position = at;
            file.ReadExactly(head);
            long length = isPng ? BinaryPrimitives.ReadUInt32BigEndian(head) : BinaryPrimitives.ReadUInt32LittleEndian(head[4..]);
            if (head.Slice(isPng ? 4 : 0, 4).SequenceEqual(wanted))
            {
                byte[] content = new byte[Math.Min(Math.Min(length, BlockLimit), end - at - 8)];
                file.ReadExactly(content);
                return content;
            }

            at += 8 + length + (isPng ? 4 : length % 2);
        }

        return [];
    }

    private static SKEncodedOrigin Parse(ReadOnlySpan<byte> tiff)
    {
        const int HeaderLength = 8, EntryLength = 12, Orientation = 0x0112, Short = 3;
        bool isLittle = tiff.StartsWith("II*\0"u8);
        if (tiff.Length < HeaderLength || (!isLittle && !tiff.StartsWith("MM\0*"u8)))
            return SKEncodedOrigin.TopLeft;
        long at = isLittle ? BinaryPrimitives.ReadUInt32LittleEndian(tiff[4..]) : BinaryPrimitives.ReadUInt32BigEndian(tiff[4..]);
        if (at > tiff.Length - 2)
            return SKEncodedOrigin.TopLeft;
        int count = Number(tiff[(int)at..]);
        ReadOnlySpan<byte> entries = tiff[((int)at + 2)..];
        for (; count > 0 && entries.Length >= EntryLength; count--, entries = entries[EntryLength..])
            if (Number(entries) == Orientation && Number(entries[2..]) == Short && Number(entries[8..]) is >= 1 and <= 8 and int value)
                return (SKEncodedOrigin)value;
        return SKEncodedOrigin.TopLeft;

        int Number(ReadOnlySpan<byte> bytes) =>
            isLittle ? BinaryPrimitives.ReadUInt16LittleEndian(bytes) : BinaryPrimitives.ReadUInt16BigEndian(bytes);
    }
}
