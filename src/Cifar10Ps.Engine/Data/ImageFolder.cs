using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Cifar10Ps.Data;
using Cifar10Ps.Runtime;

namespace Cifar10Ps;

/// <summary>
/// Reads a data set from picture files: a folder for each class, named after it, with the pictures of the class in it or in its subfolders.
/// </summary>
/// <remarks>
/// Names are compared in Unicode's composed form (NFC) and sorted by code unit, so a data set copied via another file system has the same
/// classes and the same split.
/// </remarks>
public sealed class ImageFolder
{
    private static readonly string[] SplitNames = ["train", "training", "val", "valid", "validation", "test", "testing"];
    private readonly string _path;
    private readonly PictureFolder _files;

    /// <summary>A folder of class folders.</summary>
    /// <param name="path">The folder.</param>
    public ImageFolder(string path)
    {
        _path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        _files = new PictureFolder(_path, (file, error) => Skipped?.Invoke(file, error));
    }

    /// <summary>Width and height of the images in pixels: the middle of a picture is cut to a square and resized, once.</summary>
    public int ImageSize { get; init; } = 32;

    /// <summary>Share of each class that becomes the test split, 0 to below 1.</summary>
    public double ValidationFraction { get; init; } = 0.2;

    /// <summary>Seed of the choice of the test split, which otherwise depends only on the names of the files.</summary>
    public int Seed { get; init; }

    /// <summary>Receives each file or folder that cannot be read, and why, on the caller's thread; null disables it.</summary>
    public Action<string, EngineException>? Skipped { get; init; }

    /// <summary>Receives warnings about the folder (what was left out, names that look alike), one sentence each;
    /// null disables it.</summary>
    public Action<string>? Warning { get; init; }

    /// <summary>Reads all pictures, on all processors. Classes come in the order of their names, the pictures of a class too.</summary>
    /// <param name="progress">Receives the number of pictures done and the total, on the caller's thread; null disables it.</param>
    /// <param name="cancellation">Ends the reading.</param>
    /// <exception cref="EngineException">
    /// <c>DatasetNotFound</c>, <c>NotAFolder</c>, <c>SplitsNotClasses</c>, <c>TooFewClasses</c>, <c>NotEnoughMemory</c>.
    /// </exception>
    public ImageDataset Read(Action<int, int>? progress = null, CancellationToken cancellation = default)
    {
        if (File.Exists(_path))
            throw new EngineException("NotAFolder", ErrorKind.InvalidArgument,
                $"'{_path}' is a file. Name a folder that has a folder of pictures for each class.");
        if (!Directory.Exists(_path))
            throw new EngineException("DatasetNotFound", ErrorKind.NotFound,
                $"There is no folder '{_path}'. Name a folder that has a folder of pictures for each class.");
        DirectoryInfo[] folders = [.. ClassFolders()];
        FoundPicture[] found = [.. folders.SelectMany(folder => Find(folder, cancellation))
            .OrderBy(picture => picture.Class, StringComparer.Ordinal)
            .ThenBy(picture => picture.Name, StringComparer.Ordinal).ThenBy(picture => picture.Path, StringComparer.Ordinal)];
        RequireClasses(found);
        MachineMemory.Require(3L * ImageSize * ImageSize * found.Length, $"{found.Length:N0} pictures of {ImageSize} x {ImageSize} pixels");

        int done = 0;
        List<FoundPicture> read = [];
        foreach ((FoundPicture picture, EngineException? error) in Decode(found, cancellation))
        {
            if (error is null)
                read.Add(picture);
            else if (error.ErrorId == "UnsupportedImageFormat")
                _files.Count("pictures in a format that is not supported", picture.Path);
            else
                Skipped?.Invoke(picture.Path, error);
            progress?.Invoke(++done, found.Length);
        }

        string[] classes = [.. read.Select(picture => picture.Class).Distinct()];
        foreach (DirectoryInfo folder in folders.Where(folder => !classes.Contains(ClassName(folder))))
            Skipped?.Invoke(folder.FullName, new EngineException("EmptyClass", ErrorKind.InvalidData,
                $"'{folder.FullName}' contains no readable picture and is not used as a class."));
        Warn(folders, read);
        if (classes.Length < 2)
            throw new EngineException("TooFewClasses", ErrorKind.InvalidData,
                $"'{_path}' contains {(classes is [string only] ? $"one folder with pictures, '{only}'," : "no folder with pictures")} "
                + "and must contain at least two: one for each class, "
                + $"with {ImageFormat.Readable.Replace("and", "or", StringComparison.Ordinal)} files in it.");
        List<LabeledImage> train = [], test = [];
        for (int label = 0; label < classes.Length; label++)
        {
            FoundPicture[] pictures = [.. read.Where(picture => picture.Class == classes[label])];
            HashSet<FoundPicture> heldOut = HoldOut(pictures);
            foreach (FoundPicture picture in pictures)
            {
                List<LabeledImage> split = heldOut.Contains(picture) ? test : train;
                split.Add(new LabeledImage(split.Count, label, picture.Class, ImageSize, ImageSize, picture.Pixels, picture.Path));
            }
        }

        return new ImageDataset(Path.GetFileName(_path), _path, classes, train, test);
    }

    /// <summary>The folders that may be classes; files next to them are left out.</summary>
    private IEnumerable<DirectoryInfo> ClassFolders()
    {
        foreach (FileSystemInfo entry in _files.Entries(new DirectoryInfo(_path)))
        {
            if (entry is DirectoryInfo folder)
                yield return folder;
            else
                _files.Count(ImageFormat.IsPicture(entry.Name) ? "pictures outside the class folders" : PictureFolder.NoPicture,
                    entry.FullName);
        }
    }

    /// <summary>The name of a folder's class; <see cref="DisplayText.Escape"/> also removes what has no composed form.</summary>
    private static string ClassName(DirectoryInfo folder) => DisplayText.Escape(folder.Name).Normalize();

    /// <summary>The pictures of a class, at any depth.</summary>
    private IEnumerable<FoundPicture> Find(DirectoryInfo folder, CancellationToken cancellation) =>
        from path in _files.Find(folder, recurse: true, cancellation)
        let name = Path.GetRelativePath(_path, path).Replace(Path.DirectorySeparatorChar, '/')
        select new FoundPicture(ClassName(folder), DisplayText.Escape(name).Normalize(), path, []);

    /// <summary>Refuses a folder whose folders are the splits of a data set: those would become its classes.</summary>
    private void RequireClasses(FoundPicture[] found)
    {
        string[] names = [.. found.Select(picture => picture.Class).Distinct()];
        if (names.Length > 0 && names.All(name => SplitNames.Contains(name, StringComparer.OrdinalIgnoreCase))
            && found.All(picture => picture.Name.Count(c => c == '/') > 1))
            throw new EngineException("SplitsNotClasses", ErrorKind.InvalidData,
                $"The folders of '{_path}' ('{string.Join("', '", names)}') are splits, which hold the folders of the classes. "
                + $"Name one of them, such as '{Path.Combine(_path, names.FirstOrDefault(IsTrain) ?? names[0])}'.");

        static bool IsTrain(string name) => name.StartsWith("train", StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>Reports what was left out, and names that may be mistakes.</summary>
    private void Warn(DirectoryInfo[] folders, List<FoundPicture> read)
    {
        if (Warning is null)
            return;
        if (_files.LeftOut is string leftOut)
            Warning(leftOut);
        foreach (IGrouping<string, DirectoryInfo> twice in folders.GroupBy(ClassName).Where(group => group.Count() > 1))
            Warning($"'{_path}' has {twice.Count()} folders '{twice.Key}', which differ only in their Unicode characters. "
                + "Their pictures form one class.");
        foreach (IGrouping<string, string> alike in folders.Select(ClassName)
            .Distinct().GroupBy(Folded, StringComparer.OrdinalIgnoreCase).Where(group => group.Count() > 1))
            Warning($"The classes '{string.Join("', '", alike)}' of '{_path}' have names that differ only in case, "
                + "spaces or the form of their characters. If they are one class, put their pictures into one folder.");
        string[] twins = [.. read.GroupBy(picture => Path.ChangeExtension(picture.Name, null))
            .SelectMany(group => group.Skip(1)).Select(picture => picture.Name)];
        if (twins.Length > 0)
            Warning($"{twins.Length:N0} pictures of '{_path}' have the same name as another one except for the extension, "
                + $"such as '{twins[0]}'. "
                + "If they show the same thing, keep one: otherwise it counts twice, and may be in both the training and the test split.");

        static string Folded(string name) => name.Normalize(NormalizationForm.FormKC).Trim();
    }

    /// <summary>Decodes pictures on all processors; they come in order, one by one, on the caller's thread.</summary>
    private ParallelQuery<(FoundPicture Picture, EngineException? Error)> Decode(FoundPicture[] pictures, CancellationToken cancellation)
    {
        return Partitioner.Create(pictures, EnumerablePartitionerOptions.NoBuffering).AsParallel().AsOrdered()
            .WithCancellation(cancellation).WithMergeOptions(ParallelMergeOptions.NotBuffered).Select(Decode);

        (FoundPicture, EngineException?) Decode(FoundPicture picture)
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
    /// The pictures of a class to test on: those whose names have the lowest hashes. Adding or removing a picture moves at most one other
    /// to the other split.
    /// </summary>
    private HashSet<FoundPicture> HoldOut(FoundPicture[] pictures)
    {
        int count = (int)Math.Round(pictures.Length * ValidationFraction);
        if (ValidationFraction > 0)
            count = Math.Clamp(count, Math.Min(1, pictures.Length - 1), pictures.Length - 1);
        return [.. pictures.OrderBy(Hash, StringComparer.Ordinal).Take(count)];

        string Hash(FoundPicture picture) =>
            Convert.ToHexString(
                SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{Seed}/{picture.Name}"))));
    }

    /// <summary>A picture file.</summary>
    /// <param name="Class">Name of its class.</param>
    /// <param name="Name">Its path from the folder of the data set, in composed form and with slashes,
    /// the same on every file system.</param>
    /// <param name="Path">Its full path.</param>
    /// <param name="Pixels">The decoded picture, once it is read.</param>
    private sealed record FoundPicture(string Class, string Name, string Path, byte[] Pixels);
}
