using System.IO.Compression;
using Cifar10Ps.Runtime;

namespace Cifar10Ps.Formats;

/// <summary>Unpacks zip archives into memory: nothing is written anywhere, and no size is believed before it is seen to be possible.</summary>
internal static class ZipContent
{
    private const int EntryLimit = 10_000;

    // Deflate cannot pack better than 1,032 to 1.
    private const int LargestRatio = 1032;

    /// <summary>Whether bytes begin like a zip archive with something in it.</summary>
    public static bool IsZip(ReadOnlySpan<byte> content) => content.StartsWith("PK\x03\x04"u8);

    /// <summary>The entries by name.</summary>
    /// <exception cref="InvalidDataException">The archive is damaged, too large, or has two entries of a name or one outside its folder.</exception>
    public static Dictionary<string, byte[]> Read(byte[] content)
    {
        try
        {
            using ZipArchive archive = new(new MemoryStream(content, writable: false), ZipArchiveMode.Read);
            if (archive.Entries.Count > EntryLimit)
                throw new InvalidDataException($"it has {archive.Entries.Count:N0} entries, more than any model here");
            // PyTorch can be told to leave the checksums out.
            bool hasChecksums = archive.Entries.Any(entry => entry.Crc32 != 0);
            Dictionary<string, byte[]> entries = new(StringComparer.Ordinal);
            long total = 0;
            foreach (ZipArchiveEntry entry in archive.Entries)
            {
                string name = entry.FullName;
                if (name.Contains("..", StringComparison.Ordinal) || name.StartsWith('/') || name.Contains('\\', StringComparison.Ordinal))
                    throw new InvalidDataException($"its entry '{name}' points outside its folder");
                if ((total += entry.Length) > TensorFile.SizeLimit || entry.Length > entry.CompressedLength * LargestRatio + LargestRatio)
                    throw new InvalidDataException($"its entry '{name}' claims to unpack to {entry.Length:N0} bytes");
                if (!entries.TryAdd(name, Unpack(entry, hasChecksums)))
                    throw new InvalidDataException($"it has two entries '{name}'");
            }

            return entries;
        }
        catch (Exception e) when (e is IOException or ArgumentException or NotSupportedException or IndexOutOfRangeException or OverflowException)
        {
            throw new InvalidDataException($"it is a damaged zip archive ({e.Message.TrimEnd('.')})", e);
        }
    }

    private static byte[] Unpack(ZipArchiveEntry entry, bool hasChecksum)
    {
        byte[] content = new byte[entry.Length];
        using Stream stream = entry.Open();
        stream.ReadExactly(content);
        if (stream.ReadByte() >= 0)
            throw new InvalidDataException($"its entry '{entry.FullName}' is longer than it claims");
        if (hasChecksum && entry.Crc32 != Crc32.Of(content))
            throw new InvalidDataException($"its entry '{entry.FullName}' is damaged: its checksum is another");
        return content;
    }
}
