using Cifar10Ps.Data;
using Cifar10Ps.Runtime;

namespace Cifar10Ps;

/// <summary>
/// Reads a data set from picture files: a folder for each class, named after it, with the pictures of the class in it or in its subfolders;
/// or such folders for training, validation and testing.
/// </summary>
/// <remarks>
/// Names are compared in Unicode's composed form (NFC) and sorted by code unit, so a data set copied via another file system has the same
/// classes and the same split.
/// </remarks>
public sealed class ImageFolder : PictureSource
{
    private readonly string _path;

    /// <summary>A folder of class folders, or of the folders of parts.</summary>
    /// <param name="path">The folder.</param>
    public ImageFolder(string path) => _path = FullPath(path);

    /// <summary>A folder of class folders with the pictures to validate on; null: none but those in the folder.</summary>
    public string? ValidationPath { get; init; }

    /// <summary>A folder of class folders with the pictures to test on; null: none but those in the folder.</summary>
    public string? TestPath { get; init; }

    /// <summary>Receives a sentence about the folders that are taken for parts of the data set; null disables it.</summary>
    public Action<string>? Understood { get; init; }

    /// <summary>Reads all pictures, on all processors. Classes come in the order of their names, the pictures of a class too.</summary>
    /// <param name="progress">Receives the number of pictures done and the total, on the caller's thread; null disables it.</param>
    /// <param name="cancellation">Ends the reading.</param>
    /// <exception cref="EngineException">
    /// <c>DatasetNotFound</c>, <c>NotAFolder</c>, <c>SplitsNotClasses</c>, <c>TooFewClasses</c>, <c>InvalidFractions</c>,
    /// <c>PartGivenTwice</c>, <c>NoImages</c>, <c>NotEnoughMemory</c>.
    /// </exception>
    public ImageDataset Read(Action<int, int>? progress = null, CancellationToken cancellation = default)
    {
        Part[] parts = Parts(cancellation);
        DatasetPart[] kinds = [.. parts.Select(part => part.Kind)];
        // What is refused is refused before the pictures are read.
        HeldOutShares(kinds);
        (Part Part, DirectoryInfo Folder)[] folders = [.. parts.SelectMany(part =>
            ClassFolders(part, parts).Select(folder => (part, folder)))];
        FoundPicture[] found = [.. folders.SelectMany(folder => Find(folder.Part, folder.Folder, parts, cancellation))
            .OrderBy(picture => picture.Part).ThenBy(picture => picture.Class, StringComparer.Ordinal)
            .ThenBy(picture => picture.Name, StringComparer.Ordinal).ThenBy(picture => picture.Path, StringComparer.Ordinal)];
        ReadPicture[] read = [.. Decode(found, path => FilesOf(parts, path).Count("pictures in a format that is not supported", path),
            progress, cancellation)];
        HashSet<(DatasetPart, string)> seen = [.. read.Select(picture => (picture.File.Part, picture.File.Class))];
        string[] classes = [.. read.Select(picture => picture.File.Class).Distinct()];
        foreach ((Part part, DirectoryInfo folder) in folders.Where(item => !seen.Contains((item.Part.Kind, Composed(item.Folder.Name)))
            // A folder that only leads to another part is no class.
            && (found.Any(picture => picture.Part == item.Part.Kind && picture.Class == Composed(item.Folder.Name))
                || !parts.Any(other => FolderPath.IsWithin(other.RealPath, item.Part.RealPathOf(item.Folder))))))
            Skipped?.Invoke(folder.FullName, new EngineException("EmptyClass", ErrorKind.InvalidData,
                $"'{folder.FullName}' contains no readable picture"
                + $"{(classes.Contains(Composed(folder.Name)) ? "" : " and is not used as a class")}."));
        Warn(parts, folders, read);
        if (classes.Length < 2)
            throw new EngineException("TooFewClasses", ErrorKind.InvalidData,
                $"'{_path}' contains {(classes is [string only] ? $"one folder with pictures, '{only}'," : "no folder with pictures")} "
                + "and must contain at least two: one for each class, "
                + $"with {ImageFormat.Readable.Replace("and", "or", StringComparison.Ordinal)} files in it.");
        return Assemble(NameOf(_path), _path, read, kinds);
    }

    private static string FullPath(string path) => Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));

    /// <summary>The folders that hold the folders of the classes: at least that for training.</summary>
    private Part[] Parts(CancellationToken cancellation)
    {
        RequireFolder(_path);
        PictureFolder files = NewSearch(_path);
        string real = FolderPath.Real(_path);
        List<Part> parts = [];
        foreach ((DatasetPart kind, string? path) in new[] { (DatasetPart.Validation, ValidationPath), (DatasetPart.Test, TestPath) })
        {
            if (path is null)
                continue;
            string folder = FullPath(path);
            RequireFolder(folder);
            parts.Add(new Part(kind, folder, NewSearch(folder)));
        }

        (DatasetPart Kind, DirectoryInfo Folder)[] inside = [.. PartFolders.Find(_path, Skipped, cancellation)
            .Where(part => parts.All(given => given.Kind != part.Part && !given.IsAt(Path.Combine(real, part.Folder.Name))))];
        if (inside is not [])
        {
            bool serveBoth = inside.Length + parts.Count == 2 && (ValidationFraction ?? 0) == 0 && TestFraction == 0;
            Understood?.Invoke($"'{_path}' is read in parts: " + string.Join(", ", inside.Select(part => $"'{part.Folder.Name}' for "
                + (serveBoth && part.Kind != DatasetPart.Train ? "validation and testing" : part.Kind.Purpose()))) + ".");
            foreach (FileSystemInfo entry in files.Entries(new DirectoryInfo(_path)))
                if (inside.All(part => part.Folder.FullName != entry.FullName)
                    && !parts.Any(part => part.IsAt(Path.Combine(real, entry.Name))))
                    files.Count(entry is DirectoryInfo ? "folders beside those of the parts" : PictureFolder.Reason(entry), entry.FullName);
        }

        parts.AddRange(inside is [] ? [new Part(DatasetPart.Train, _path, files)]
            : inside.Select(part => new Part(part.Kind, part.Folder.FullName, files)));
        if (parts.GroupBy(part => part.RealPath, FolderPath.Comparer).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw new EngineException("PartGivenTwice", ErrorKind.InvalidArgument,
                $"'{twice.Key}' cannot be for {string.Join(" and for ", twice.Select(part => part.Kind.Purpose()))}.");
        return [.. parts.OrderBy(part => part.Kind)];
    }

    private PictureFolder NewSearch(string path) => new(path, (file, error) => Skipped?.Invoke(file, error));

    private static void RequireFolder(string path)
    {
        if (File.Exists(path))
            throw new EngineException("NotAFolder", ErrorKind.InvalidArgument,
                $"'{path}' is a file. Name a folder that has a folder of pictures for each class.");
        if (!Directory.Exists(path))
            throw new EngineException("DatasetNotFound", ErrorKind.NotFound,
                $"There is no folder '{path}'. Name a folder that has a folder of pictures for each class.");
    }

    /// <summary>The folders of a part that may be classes; files next to them are left out.</summary>
    private static IEnumerable<DirectoryInfo> ClassFolders(Part part, Part[] parts)
    {
        foreach (FileSystemInfo entry in part.Files.Entries(new DirectoryInfo(part.Path)))
        {
            if (entry is not DirectoryInfo folder)
                part.Files.Count(PictureFolder.Reason(entry), entry.FullName);
            else if (string.IsNullOrWhiteSpace(folder.Name))
                part.Files.Count("folders with a blank name", folder.FullName);
            else if (!parts.Any(other => other.IsAt(part.RealPathOf(folder))))
                yield return folder;
        }
    }

    /// <summary>The pictures of a class, at any depth, but for those of another part.</summary>
    private static IEnumerable<FoundPicture> Find(Part part, DirectoryInfo folder, Part[] parts, CancellationToken cancellation) =>
        from path in part.Files.Find(folder, recurse: true, cancellation, below => parts.Any(other => other.IsAt(part.RealPathOf(below))))
        let name = Path.GetRelativePath(part.Path, path).Replace(Path.DirectorySeparatorChar, '/')
        select new FoundPicture(part.Kind, Composed(folder.Name), Composed(name), path);

    /// <summary>The search that found a file: one part may lie in another.</summary>
    private static PictureFolder FilesOf(Part[] parts, string path) =>
        parts.Where(part => FolderPath.IsWithin(path, part.Path)).MaxBy(part => part.Path.Length)!.Files;

    /// <summary>Reports what was left out, and names that may be mistakes.</summary>
    private void Warn(Part[] parts, (Part Part, DirectoryInfo Folder)[] folders, ReadPicture[] read)
    {
        if (Warning is null)
            return;
        foreach (PictureFolder files in parts.Select(part => part.Files).Distinct())
            if (files.LeftOut is string leftOut)
                Warning(leftOut);
        foreach (var twice in folders.GroupBy(item => (item.Part.Path, Class: Composed(item.Folder.Name)))
            .Where(group => group.Count() > 1))
            Warning($"'{twice.Key.Path}' has {twice.Count()} folders '{twice.Key.Class}', which differ only in their Unicode characters. "
                + "Their pictures form one class.");
        string[] twins = [.. read.GroupBy(picture => (picture.File.Part, Path.ChangeExtension(picture.File.Name, null)))
            .SelectMany(group => group.Skip(1)).Select(picture => picture.File.Name)];
        if (twins.Length > 0)
            Warning($"{twins.Length:N0} pictures of '{_path}' have the same name as another one except for the extension, "
                + $"such as '{twins[0]}'. "
                + "If they show the same thing, keep one: otherwise it counts twice, and may be in both the training and the test split.");
    }

    /// <summary>A folder of class folders.</summary>
    /// <param name="Kind">What its pictures are for.</param>
    /// <param name="Path">Its full path.</param>
    /// <param name="Files">Finds them, and counts what is left out.</param>
    private sealed record Part(DatasetPart Kind, string Path, PictureFolder Files)
    {
        /// <summary>The full path of the folder itself.</summary>
        public string RealPath { get; } = FolderPath.Real(Path);

        /// <summary>Whether it is a folder, by its real path.</summary>
        public bool IsAt(string realPath) => FolderPath.Comparer.Equals(RealPath, realPath);

        /// <summary>The real path of a folder in it: links within it are not followed.</summary>
        public string RealPathOf(DirectoryInfo folder) =>
            System.IO.Path.Combine(RealPath, System.IO.Path.GetRelativePath(Path, folder.FullName));
    }
}
