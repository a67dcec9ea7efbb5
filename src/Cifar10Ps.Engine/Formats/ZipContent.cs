using System.IO.Compression;
using Cifar10Ps.Runtime;

namespace Cifar10Ps.Formats;

/// <summary>Unpacks zip archives into memory: nothing is written anywhere, and no size is trusted before it is checked.</summary>
internal static class ZipContent
{
    private const int EntryLimit = 10_000;

    // Deflate cannot compress better than 1,032 to 1.
    private const int LargestRatio = 1032;

    /// <summary>Whether bytes begin like a zip archive with something in it.</summary>
    public static bool IsZip(ReadOnlySpan<byte> content) => content.StartsWith("PK\x03\x04"u8);

    /// <summary>The entries by name.</summary>
    /// <exception cref="InvalidDataException">The archive is damaged, too large,
    /// or has two entries of a name or one outside its folder.</exception>
    public static Dictionary<string, ReadOnlyMemory<byte>> Read(byte[] content)
    {
        try
        {
            using MemoryStream stream = new(content, writable: false);
            using ZipArchive archive = new(stream, ZipArchiveMode.Read);
            if (archive.Entries.Count > EntryLimit)
                throw new InvalidDataException($"it has {archive.Entries.Count:N0} entries, more than any supported model");
            // PyTorch can be configured to omit the checksums.
            bool hasChecksums = archive.Entries.Any(entry => entry.Crc32 != 0);
            Dictionary<string, ReadOnlyMemory<byte>> entries = new(StringComparer.Ordinal);
            long total = 0, limit = TensorFile.UnpackedLimit(content.Length);
            foreach (ZipArchiveEntry entry in archive.Entries)
            {
                string name = entry.FullName;
                if (name.Split('/').Contains("..") || name.StartsWith('/') || name.Contains('\\', StringComparison.Ordinal))
                    throw new InvalidDataException($"its entry '{name}' points outside its folder");
                if ((total += entry.Length) > limit || entry.Length > entry.CompressedLength * LargestRatio + LargestRatio)
                    throw new InvalidDataException($"its entry '{name}' claims to unpack to {entry.Length:N0} bytes");
                if (!entries.TryAdd(name, (hasChecksums ? Stored(entry, stream, content) : null) ?? Unpack(entry, hasChecksums)))
                    throw new InvalidDataException($"it has two entries '{name}'");
            }

            return entries;
        }
        catch (Exception e)
            when (e is IOException or ArgumentException or NotSupportedException or IndexOutOfRangeException or OverflowException)
        {
            throw new InvalidDataException($"it is a damaged zip archive ({e.Message.TrimEnd('.')})", e);
        }
    }

    /// <summary>A large uncompressed entry, without a copy; null: it is not one, or its checksum differs.</summary>
    private static ReadOnlyMemory<byte>? Stored(ZipArchiveEntry entry, MemoryStream archive, byte[] content)
    {
        const int Large = 1 << 16;
        if (entry.Length != entry.CompressedLength || entry.Length < Large)
            return null;
        using Stream stream = entry.Open();
        if (stream.ReadByte() < 0)
            return null;
        // Where the first byte was read.
        long start = archive.Position - 1;
        if (start < 0 || start > content.Length - entry.Length)
            return null;
        ReadOnlyMemory<byte> stored = content.AsMemory((int)start, (int)entry.Length);
        return Crc32.Of(stored.Span) == entry.Crc32 ? stored : null;
    }

    private static ReadOnlyMemory<byte> Unpack(ZipArchiveEntry entry, bool hasChecksum)
    {
        byte[] content = new byte[entry.Length];
        using Stream stream = entry.Open();
        stream.ReadExactly(content);
        if (stream.ReadByte() >= 0)
            throw new InvalidDataException($"its entry '{entry.FullName}' is longer than it claims");
        if (hasChecksum && entry.Crc32 != Crc32.Of(content))
            throw new InvalidDataException($"its entry '{entry.FullName}' is damaged: its checksum differs");
        return content;
    }
}
