using System.Buffers.Binary;
using System.IO.Compression;
using Cifar10Ps.Runtime;

namespace Cifar10Ps.Formats;

/// <summary>NumPy arrays by name: a zip archive with an <c>.npy</c> file for each.</summary>
internal static class Npz
{
    private const string Extension = ".npy";

    // The earliest date that a zip archive can hold: what NumPy writes, so that the same arrays always make the same bytes.
    private static readonly DateTimeOffset NoDate = new(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Whether bytes begin like an archive of NumPy arrays, judging by the name of its first entry.</summary>
    public static bool IsNpz(ReadOnlySpan<byte> content) =>
        ZipContent.IsZip(content) && content.Length >= 30
        && BinaryPrimitives.ReadUInt16LittleEndian(content[26..]) is var length && content.Length >= 30 + length
        && content.Slice(30, length).EndsWith(".npy"u8);

    /// <summary>Parses an archive. Arrays of Python objects are left out.</summary>
    /// <exception cref="InvalidDataException">It is damaged, or not such an archive.</exception>
    public static Dictionary<string, Npy> Parse(byte[] content)
    {
        Dictionary<string, Npy> arrays = new(StringComparer.Ordinal);
        foreach ((string entry, ReadOnlyMemory<byte> bytes) in ZipContent.Read(content))
        {
            if (!entry.EndsWith(Extension, StringComparison.Ordinal))
                throw new InvalidDataException($"its entry '{entry}' is not a NumPy array");
            string name = entry[..^Extension.Length];
            try
            {
                if (Npy.Parse(bytes) is { } array)
                    arrays[name] = array;
            }
            catch (InvalidDataException e)
            {
                throw new InvalidDataException($"its array '{name}' is damaged: {e.Message}", e);
            }
        }

        return arrays;
    }

    /// <summary>Writes an archive, compressed.</summary>
    /// <exception cref="EngineException"><c>NotARegularFile</c>, <c>FileNotWritable</c>.</exception>
    public static void Write(IEnumerable<KeyValuePair<string, Npy>> arrays, string path) => AtomicFile.Write(path, stream =>
    {
        using ZipArchive archive = new(stream, ZipArchiveMode.Create, leaveOpen: true);
        foreach ((string name, Npy array) in arrays)
        {
            ZipArchiveEntry entry = archive.CreateEntry(name + Extension);
            entry.LastWriteTime = NoDate;
            using Stream content = entry.Open();
            array.WriteTo(content);
        }
    });
}
