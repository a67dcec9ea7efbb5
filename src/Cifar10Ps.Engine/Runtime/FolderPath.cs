namespace Cifar10Ps.Runtime;

/// <summary>Compares the paths of folders, follows their links, and lists files.</summary>
internal static class FolderPath
{
    /// <summary>Compares full paths as the system does by default.</summary>
    public static StringComparer Comparer { get; } =
        OperatingSystem.IsWindows() || OperatingSystem.IsMacOS() ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal;

    /// <summary>Whether a full path lies in a folder, at any depth; the folder may be the root of its drive.</summary>
    public static bool IsWithin(string path, string folder)
    {
        folder = Path.EndsInDirectorySeparator(folder) ? folder : folder + Path.DirectorySeparatorChar;
        return path.Length > folder.Length && Comparer.Equals(path[..folder.Length], folder);
    }

    /// <summary>The real path of an existing folder, with links resolved.</summary>
    public static string Real(string path)
    {
        // There is no cycle of links, since the folder exists.
        if (Path.GetDirectoryName(path) is not string parent)
            return path;
        path = Path.Combine(Real(parent), Path.GetFileName(path));
        try
        {
            return new DirectoryInfo(path).ResolveLinkTarget(returnFinalTarget: true) is { } target ? Real(target.FullName) : path;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A share, or a folder that may only be passed through.
            return path;
        }
    }

    /// <summary>The full paths of the files in a folder whose names match a pattern; none if there is no such folder.</summary>
    /// <exception cref="EngineException"><c>FolderUnreadable</c>.</exception>
    public static string[] Files(string folder, string pattern)
    {
        try
        {
            return Directory.Exists(folder) ? Directory.GetFiles(folder, pattern) : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EngineException("FolderUnreadable", ErrorKind.ReadError, $"'{folder}' cannot be read: {e.Message}", e);
        }
    }
}
