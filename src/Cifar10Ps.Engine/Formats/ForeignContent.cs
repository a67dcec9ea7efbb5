using System.IO.Compression;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Cifar10Ps.Formats;

/// <summary>Identifies a file that is not a readable model: mostly one that was downloaded or named wrongly.</summary>
internal static class ForeignContent
{
    // What files begin with, and what they are.
    private static readonly (byte[] Start, string What)[] Signatures =
    [
        ([.. "version https://git-lfs"u8], "the pointer that Git LFS leaves in place of a large file. Fetch the file itself: git lfs pull, "
            + "or the download link of the site"),
        ([0x89, .. "HDF\r\n"u8],
            "an HDF5 file, such as Keras writes. Weights in it have other names and another order: convert them to a state dict"),
        ([.. "GGUF"u8], "a GGUF file, which holds language models"),
        ([0x93, .. "NUMPY"u8], "a single NumPy array"),
        ([.. "MATLAB 5.0"u8], "a MATLAB file"),
        ([.. "PAR1"u8], "a Parquet table"),
        ([.. "SQLite format 3"u8], "an SQLite database"),
        ([.. "%PDF"u8], "a PDF document"),
        ([0x89, .. "PNG"u8], "a PNG picture"),
        ([0xff, 0xd8, 0xff], "a JPEG picture"),
        ([0x7f, .. "ELF"u8], "a program for Linux"),
        ([.. "MZ"u8], "a program for Windows"),
        ([0x1f, 0x8b], "a file packed with gzip: unpack it first"),
        ([.. "BZh"u8], "a file packed with bzip2: unpack it first"),
        ([0xfd, .. "7zXZ"u8], "a file packed with xz: unpack it first"),
        ([0x28, 0xb5, 0x2f, 0xfd], "a file packed with Zstandard: unpack it first"),
        ([.. "7z"u8, 0xbc, 0xaf], "a 7z archive: unpack it first"),
        ([.. "Rar!"u8], "a RAR archive: unpack it first"),
        ([.. "PK\x05\x06"u8], "an empty zip archive"),
    ];

    /// <summary>What content is that no reader knows, to follow "is".</summary>
    public static string Describe(byte[] content)
    {
        ReadOnlySpan<byte> bytes = content;
        foreach ((byte[] start, string what) in Signatures)
            if (bytes.StartsWith(start))
                return what;
        return bytes.Length == 0 ? "empty"
            : ZipContent.IsZip(bytes) ? Archive(content)
            : bytes.Length > 262 && bytes[257..].StartsWith("ustar"u8) ? Tar(bytes)
            : bytes.Length > 8 && bytes[4..].StartsWith("TFL3"u8) ? "a TensorFlow Lite model, which can only be executed"
            : Utf8.IsValid(bytes) && !bytes.Contains((byte)0) ? Written(content)
            : $"of an unknown kind; it begins with the bytes {string.Join(' ', content.Take(8).Select(b => $"{b:x2}"))}";
    }

    private static string Tar(ReadOnlySpan<byte> bytes) => bytes.IndexOf("sys_info\0"u8) >= 0 || bytes.IndexOf("storages\0"u8) >= 0
        ? "a file of PyTorch before version 0.1.10: load it with torch.load(file, weights_only=False), and save it again with torch.save"
        : "a tar archive: unpack it first";

    private static string Archive(byte[] content)
    {
        string[] names;
        try
        {
            using ZipArchive archive = new(new MemoryStream(content, writable: false), ZipArchiveMode.Read);
            names = [.. archive.Entries.Select(entry => entry.FullName).Where(name => !name.EndsWith('/'))];
        }
        catch (Exception e) when (e is IOException
            or InvalidDataException or ArgumentException or NotSupportedException or IndexOutOfRangeException or OverflowException)
        {
            return "a zip archive that is damaged or cut off";
        }

        bool Has(string end) => names.Any(name => name.EndsWith(end, StringComparison.Ordinal));
        return Has("saved_model.pb") || Has("keras_metadata.pb")
            ? "a TensorFlow model in a zip archive. Convert its weights to a state dict"
            : Has("model.weights.h5") ? "a Keras model. Convert its weights to a state dict"
            : names.Length == 0 ? "an empty zip archive"
            : $"a zip archive of {DisplayText.List(names)}: unpack it first";
    }

    private static string Written(byte[] content)
    {
        string start = Encoding.UTF8.GetString(content.AsSpan(0, Math.Min(content.Length, 1_000)))
            .TrimStart('\ufeff', ' ', '\t', '\r', '\n');
        if (start.StartsWith("<!doctype html", StringComparison.OrdinalIgnoreCase)
            || start.StartsWith("<html", StringComparison.OrdinalIgnoreCase))
            return "a web page, such as a site returns when a download needs confirmation. Download the file itself";
        if (start.StartsWith('<'))
            return "an XML document";
        if (start.StartsWith('{') || start.StartsWith('['))
            return IsJson(content) ? "a JSON document, which holds no weights" : $"text that begins with '{Beginning(start)}'";
        return start.Length == 0 ? "blank text" : $"text that begins with '{Beginning(start)}'";
    }

    private static string Beginning(string text) =>
        text.Split('\r', '\n')[0] is { Length: > 40 } line ? line[..40] + "…" : text.Split('\r', '\n')[0];

    private static bool IsJson(byte[] content)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(content);
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
