using Cifar10Ps.Data;
using Cifar10Ps.Runtime;
using SkiaSharp;

namespace Cifar10Ps.Reporting;

/// <summary>
/// Writes images as PNG files into a folder for each class, as <see cref="ImageFolder"/> reads them. Names of classes, which may come from
/// anywhere, become names of folders that every file system takes and nothing leads out of.
/// </summary>
/// <param name="path">The full path of the folder that has the folders of the classes.</param>
internal sealed class ClassFolders(string path)
{
    /// <summary>Longest name of a folder, in bytes of UTF-8: many file systems take 255, and some 143.</summary>
    private const int NameLimit = 130;

    private static readonly HashSet<string> DeviceNames = new(
        ["CON", "PRN", "AUX", "NUL", .. Enumerable.Range(0, 10).SelectMany(i => new[] { $"COM{i}", $"LPT{i}" })],
        StringComparer.OrdinalIgnoreCase);

    private readonly Dictionary<string, string> _folders = new(StringComparer.Ordinal);
    private readonly HashSet<string> _taken = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, int> _last = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>The full path of an image's file, named after the index of the image, or after the file of one that belongs to no data
    /// set; no two images get the same.</summary>
    public string PathOf(LabeledImage image)
    {
        if (!_folders.TryGetValue(image.LabelName, out string? folder))
            _folders[image.LabelName] = folder = Unused(Path.Combine(path, SafeName(image.LabelName)), "");
        string name = image is { HasKnownTruth: false, Path: string file } ? SafeName(Path.GetFileNameWithoutExtension(file))
            : $"{image.Index:D5}";
        return Unused(Path.Combine(folder, name), ".png");
    }

    /// <summary>Writes an image.</summary>
    /// <exception cref="EngineException"><c>FileNotWritable</c>, and those of <see cref="LabeledImage.Pixels"/>.</exception>
    public static void Write(LabeledImage image, string file)
    {
        using SKImage picture = ImageTile.Of(image.Pixels.Span, image.Width, image.Height);
        using SKData data = picture.Encode(SKEncodedImageFormat.Png, 100);
        AtomicFile.Write(file, data.SaveTo);
    }

    private string Unused(string start, string ending)
    {
        string name = start + ending;
        int number = _last.GetValueOrDefault(name, 1);
        string unused = name;
        while (!_taken.Add(unused))
            unused = $"{start} ({++number}){ending}";
        _last[name] = number;
        return unused;
    }

    private static string SafeName(string name)
    {
        string safe = string.Concat(name.Select(c => c < ' ' || "<>:\"/\\|?*".Contains(c, StringComparison.Ordinal) ? '_' : c));
        int length = 0;
        safe = string.Concat(safe.EnumerateRunes().TakeWhile(rune => (length += rune.Utf8SequenceLength) <= NameLimit));
        // Windows drops dots and spaces at the end; a name that begins with a dot is hidden elsewhere.
        int end = safe.TrimEnd('.', ' ').Length;
        safe = safe[..end] + new string('_', safe.Length - end);
        if (safe is "")
            return "unknown";
        return safe[0] is '.' or ' ' ? "_" + safe[1..]
            : DeviceNames.Contains(safe.Split('.')[0].TrimEnd()) || PictureFolder.IsPassedOver(safe) ? "_" + safe : safe;
    }
}
