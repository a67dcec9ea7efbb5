using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;

namespace Cifar10Ps;

/// <summary>
/// Reads a data set from picture files: a folder for each class, which it is named after, with the pictures of the class in it or in
/// folders below. Hidden files and folders, and files that are no pictures by their names, do not count; links are not followed.
/// </summary>
public sealed class ImageFolder
{
    private static readonly string[] Endings = [".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif"];
    private static readonly EnumerationOptions Visible = new() { IgnoreInaccessible = false };
    private readonly string _path;

    /// <summary>A folder of class folders.</summary>
    /// <param name="path">The folder.</param>
    public ImageFolder(string path) => _path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));

    /// <summary>Width and height of the images in pixels: the middle of a picture is cut to a square and resized, once.</summary>
    public int ImageSize { get; init; } = 32;

    /// <summary>Share of each class that becomes the test split, 0 to below 1.</summary>
    public double ValidationFraction { get; init; } = 0.2;

    /// <summary>Seed of the choice of the test split, which depends on the names of the files and on nothing else.</summary>
    public int Seed { get; init; }

    /// <summary>Told what is left out, and why, on the caller's thread; null: nobody.</summary>
    public Action<string, EngineException>? Skipped { get; init; }

    /// <summary>Reads all pictures, on all processors. Classes come in the order of their names, the pictures of a class too.</summary>
    /// <param name="progress">Called on the caller's thread with the number of pictures done and of all; null: nobody.</param>
    /// <param name="cancellation">Ends the reading.</param>
    /// <exception cref="EngineException"><c>DatasetNotFound</c>, <c>TooFewClasses</c>, <c>NotEnoughMemory</c>.</exception>
    public ImageDataset Read(Action<int, int>? progress = null, CancellationToken cancellation = default)
    {
        if (!Directory.Exists(_path))
            throw new EngineException("DatasetNotFound", ErrorKind.NotFound, $"There is no folder '{_path}'. Name a folder that has a folder of pictures for each class.");
        Picture[] found = [.. Entries(new DirectoryInfo(_path)).OfType<DirectoryInfo>().SelectMany(folder => Find(folder.Name, folder, cancellation))];
        MachineMemory.Require(3L * ImageSize * ImageSize * found.Length, $"{found.Length:N0} pictures of {ImageSize} x {ImageSize} pixels", "Take a smaller -ImageSize, or fewer pictures.");

        int done = 0;
        List<Picture> read = [];
        foreach ((Picture picture, EngineException? error) in Decode(found, cancellation))
        {
            if (error is null)
                read.Add(picture);
            else
                Skipped?.Invoke(picture.Path, error);
            progress?.Invoke(++done, found.Length);
        }

        string[] classes = [.. read.Select(picture => picture.Class).Distinct()];
        if (classes.Length < 2)
            throw new EngineException("TooFewClasses", ErrorKind.InvalidData,
                $"'{_path}' holds {(classes is [string only] ? $"one folder with pictures, '{only}'," : "no folder with pictures")} and must hold two at least: one for each class, with PNG, JPEG, BMP, WebP or GIF files in it.");
        List<LabeledImage> train = [], test = [];
        for (int label = 0; label < classes.Length; label++)
        {
            Picture[] pictures = [.. read.Where(picture => picture.Class == classes[label])];
            HashSet<Picture> heldOut = HoldOut(pictures);
            foreach (Picture picture in pictures)
            {
                List<LabeledImage> split = heldOut.Contains(picture) ? test : train;
                split.Add(new LabeledImage(split.Count, label, picture.Class, ImageSize, ImageSize, picture.Pixels, picture.Path));
            }
        }

        return new ImageDataset(Path.GetFileName(_path), _path, classes, train, test);
    }

    /// <summary>The visible files and folders of a folder, in the order of their names whatever the file system's is, without links.</summary>
    private IEnumerable<FileSystemInfo> Entries(DirectoryInfo folder)
    {
        FileSystemInfo[] entries = [];
        try
        {
            entries = folder.GetFileSystemInfos("*", Visible);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Skipped?.Invoke(folder.FullName, new EngineException("FolderUnreadable", ErrorKind.ReadError, $"'{folder.FullName}' cannot be read and is left out: {e.Message}", e));
        }

        foreach (FileSystemInfo entry in entries.OrderBy(entry => entry.Name, StringComparer.Ordinal))
        {
            // A link may lead anywhere, and within the folder it would put one picture into both splits.
            if (entry.LinkTarget is not null)
                Skipped?.Invoke(entry.FullName, new EngineException("LinkNotFollowed", ErrorKind.InvalidData, $"'{entry.FullName}' is a link and is left out. Copy what it leads to into the folder."));
            else
                yield return entry;
        }
    }

    /// <summary>The pictures of a class, at any depth.</summary>
    private List<Picture> Find(string className, DirectoryInfo top, CancellationToken cancellation)
    {
        List<Picture> pictures = [];
        Stack<DirectoryInfo> folders = new([top]);
        while (folders.TryPop(out DirectoryInfo? folder))
        {
            cancellation.ThrowIfCancellationRequested();
            foreach (FileSystemInfo entry in Entries(folder))
            {
                if (entry is DirectoryInfo below)
                    folders.Push(below);
                else if (Endings.Contains(entry.Extension, StringComparer.OrdinalIgnoreCase))
                    pictures.Add(new Picture(className, entry.FullName, []));
            }
        }

        if (pictures.Count == 0)
            Skipped?.Invoke(top.FullName, new EngineException("EmptyClass", ErrorKind.InvalidData, $"'{top.FullName}' holds no PNG, JPEG, BMP, WebP or GIF file and is left out: it is no class."));
        pictures.Sort((a, b) => string.CompareOrdinal(a.Path, b.Path));
        return pictures;
    }

    /// <summary>Decodes pictures on all processors; they come in order, one by one, on the caller's thread.</summary>
    private ParallelQuery<(Picture Picture, EngineException? Error)> Decode(Picture[] pictures, CancellationToken cancellation)
    {
        return Partitioner.Create(pictures, EnumerablePartitionerOptions.NoBuffering).AsParallel().AsOrdered()
            .WithCancellation(cancellation).WithMergeOptions(ParallelMergeOptions.NotBuffered).Select(Decode);

        (Picture, EngineException?) Decode(Picture picture)
        {
            try
            {
                return (picture with { Pixels = ImageFile.Read(picture.Path, ImageSize, ImageSize) }, null);
            }
            catch (EngineException e)
            {
                return (picture, e);
            }
        }
    }

    /// <summary>
    /// The pictures of a class to test on: those whose names have the lowest hashes. A picture that comes or goes moves one other at
    /// most from one split to the other.
    /// </summary>
    private HashSet<Picture> HoldOut(Picture[] pictures)
    {
        int count = (int)Math.Round(pictures.Length * ValidationFraction);
        if (ValidationFraction > 0)
            count = Math.Clamp(count, Math.Min(1, pictures.Length - 1), pictures.Length - 1);
        return [.. pictures.OrderBy(Hash, StringComparer.Ordinal).Take(count)];

        string Hash(Picture picture)
        {
            string name = Path.GetRelativePath(_path, picture.Path).Replace(Path.DirectorySeparatorChar, '/');
            return Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes($"{Seed}/{name}")));
        }
    }

    private sealed record Picture(string Class, string Path, byte[] Pixels);
}
