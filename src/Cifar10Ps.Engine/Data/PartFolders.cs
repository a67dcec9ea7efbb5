namespace Cifar10Ps.Data;

/// <summary>Understands a folder whose folders are the parts of a data set, each with a folder for each class.</summary>
internal static class PartFolders
{
    /// <summary>The folders of the parts, that of training first; none: the folders are those of classes.</summary>
    /// <remarks>
    /// A class may be called "train". So the folder for training counts only with folders of classes in it, and together with a folder
    /// of another part, or alone.
    /// </remarks>
    /// <param name="root">The full path of the folder.</param>
    /// <param name="skipped">Receives what could not be read, if it may be why the parts are not understood; null disables it.</param>
    /// <param name="cancellation">Ends the search.</param>
    /// <exception cref="EngineException"><c>SplitsNotClasses</c>: parts that cannot be understood.</exception>
    public static IReadOnlyList<(DatasetPart Part, DirectoryInfo Folder)> Find(string root, Action<string, EngineException>? skipped,
        CancellationToken cancellation)
    {
        // What it leaves out is reported when the pictures are read, or here if they are not.
        List<(string Path, EngineException Error)> leftOut = [];
        PictureFolder search = new(root, (path, error) => leftOut.Add((path, error)));
        DirectoryInfo[] folders = [.. search.Entries(new DirectoryInfo(root)).OfType<DirectoryInfo>()];
        (DatasetPart Part, DirectoryInfo Folder)[] parts = [.. from folder in folders
                                                               let part = DatasetParts.Named(folder.Name)
                                                               where part is not null && HasPictures(folder, below: true)
                                                               orderby part
                                                               select (part.Value, folder)];
        if (parts is [])
            return [];
        bool hasOthers = folders.Any(folder => DatasetParts.Named(folder.Name) is null && HasPictures(folder, below: false));
        if (hasOthers && parts is [_])
            return [];
        if (parts.All(part => part.Part != DatasetPart.Train))
            return hasOthers ? [] : throw NotUnderstood("none of them is for training");
        if (parts.GroupBy(part => part.Part).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw NotUnderstood($"more than one is for {twice.Key.Purpose()}");
        return parts;

        EngineException NotUnderstood(string why)
        {
            foreach ((string path, EngineException error) in leftOut)
                skipped?.Invoke(path, error);
            return new EngineException("SplitsNotClasses", ErrorKind.InvalidData,
                $"The folders of '{root}' ({DisplayText.List([.. parts.Select(part => part.Folder.Name)])}) are parts of a data set, "
                + $"which hold the folders of the classes, but {why}.");
        }

        bool HasPictures(DirectoryInfo folder, bool below) => search.Find(folder, recurse: true, cancellation)
            .Any(file => !below || Path.GetDirectoryName(file) != folder.FullName);
    }
}
