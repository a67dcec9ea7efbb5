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
    /// <summary>The orientation given by the EXIF data of a PNG or WebP file; TopLeft if there are none,
    /// or none that can be read.</summary>
    /// <param name="file">Its content.</param>
    public static SKEncodedOrigin Read(ReadOnlySpan<byte> file)
    {
        for (PictureChunks chunks = PictureChunks.Of(file); chunks.MoveNext();)
        {
            // As in JPEG files; older programs write it here too.
            if (chunks.Type.SequenceEqual("eXIf"u8) || chunks.Type.SequenceEqual("EXIF"u8))
                return Parse(chunks.Content.StartsWith("Exif\0\0"u8) ? chunks.Content[6..] : chunks.Content);
        }

        return SKEncodedOrigin.TopLeft;
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
