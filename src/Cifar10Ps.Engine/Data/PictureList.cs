using Cifar10Ps.Data;
using Cifar10Ps.Runtime;

namespace Cifar10Ps;

/// <summary>Reads a data set from a list of picture files and what they show, such as a CSV file.</summary>
public sealed class PictureList : PictureSource
{
    private readonly string _root;
    private readonly PictureFolder _files;
    private readonly bool _isBounded;
    private readonly List<FoundPicture> _pictures = [];
    private readonly HashSet<string> _paths = new(FolderPath.Comparer);

    /// <summary>An empty list.</summary>
    /// <param name="root">The folder that relative paths start from.</param>
    /// <param name="isBounded">Whether files outside of it are refused.</param>
    /// <exception cref="EngineException"><c>DatasetNotFound</c>.</exception>
    public PictureList(string root, bool isBounded)
    {
        _root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(root));
        if (!Directory.Exists(_root))
            throw new EngineException("DatasetNotFound", ErrorKind.NotFound, $"There is no folder '{_root}'.");
        _isBounded = isBounded;
        _files = new PictureFolder(_root, null);
    }

    /// <summary>Adds a picture. One without a class, and a file that is in the list already, are counted and left out.</summary>
    /// <param name="path">Path of the file, absolute or from the root.</param>
    /// <param name="label">Name of its class.</param>
    /// <param name="part">What it is for: train, val, test and the like; null: for training, where some are held out of.</param>
    /// <exception cref="EngineException"><c>RowNotUnderstood</c>, <c>OutsideRoot</c>.</exception>
    public void Add(string path, string label, string? part)
    {
        if (string.IsNullOrWhiteSpace(path) || path.Contains('\0', StringComparison.Ordinal))
            throw new EngineException("RowNotUnderstood", ErrorKind.InvalidData, "There is no path of a file.");
        string full = Path.GetFullPath(path, _root);
        // Lists from Windows have its separators.
        if (Path.DirectorySeparatorChar != '\\' && path.Contains('\\', StringComparison.Ordinal) && !File.Exists(full))
            full = Path.GetFullPath(path.Replace('\\', '/'), _root);
        if (_isBounded && !FolderPath.IsWithin(full, _root))
            throw new EngineException("OutsideRoot", ErrorKind.InvalidData, $"'{full}' is not in the folder '{_root}' and is left out.");
        DatasetPart kind = part is null ? DatasetPart.Train
            : DatasetParts.Named(part.Trim()) ?? throw new EngineException("RowNotUnderstood", ErrorKind.InvalidData,
                $"'{DisplayText.Name(part)}' is none of train, val and test: '{full}' is left out.");
        if (string.IsNullOrWhiteSpace(label))
            _files.Count("pictures without a class", full);
        else if (!_paths.Add(full))
            _files.Count("pictures that are in the list already", full);
        else
            _pictures.Add(new FoundPicture(kind, Composed(label.Trim()),
                Composed(NameOf(path, full).Replace(Path.DirectorySeparatorChar, '/')), full));
    }

    /// <summary>The name by which a picture is held out or not: it does not depend on where the session is.</summary>
    private string NameOf(string path, string full) =>
        !_isBounded && Path.IsPathRooted(path) ? full : Path.GetRelativePath(_root, full);

    /// <summary>Reads all pictures, on all processors. Classes come in the order of their names, the pictures of a class too.</summary>
    /// <param name="name">Name of the data set.</param>
    /// <param name="progress">Receives the number of pictures done and the total, on the caller's thread; null disables it.</param>
    /// <param name="cancellation">Ends the reading.</param>
    /// <exception cref="EngineException"><c>TooFewClasses</c>, <c>InvalidFractions</c>, <c>PartGivenTwice</c>, <c>NoImages</c>,
    /// <c>NotEnoughMemory</c>.</exception>
    public ImageDataset Read(string? name = null, Action<int, int>? progress = null, CancellationToken cancellation = default)
    {
        FoundPicture[] found = [.. _pictures.OrderBy(picture => picture.Part).ThenBy(picture => picture.Class, StringComparer.Ordinal)
            .ThenBy(picture => picture.Name, StringComparer.Ordinal)];
        DatasetPart[] kinds = [.. found.Select(picture => picture.Part).Distinct()];
        HeldOutShares(kinds);
        ReadPicture[] read = [.. Decode(found, path => _files.Count("pictures in a format that is not supported", path),
            progress, cancellation)];
        if (_files.LeftOut is string leftOut)
            Warning?.Invoke(leftOut);
        if (read.Select(picture => picture.File.Class).Distinct().Take(2).Count() < 2)
            throw new EngineException("TooFewClasses", ErrorKind.InvalidData,
                $"The pictures of the list that have a class ({_pictures.Count:N0}) give "
                + $"{DisplayText.Count(read.Length, "image")} of fewer than two classes.");
        return Assemble(name ?? NameOf(_root), _root, read, kinds);
    }
}
