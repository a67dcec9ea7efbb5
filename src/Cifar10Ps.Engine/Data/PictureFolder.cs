namespace Cifar10Ps.Data;

/// <summary>
/// Finds the pictures in folders, and counts what it leaves out: files without a picture extension, and hidden ones. Files that systems and
/// programs create for themselves are skipped silently. Links are not followed.
/// </summary>
internal sealed class PictureFolder
{
    private const string NoPicture = "files without a picture extension";

    // Created by macOS, Synology and QNAP, Windows, Linux, version control, Jupyter and file managers.
    private static readonly HashSet<string> SystemNames = new(StringComparer.OrdinalIgnoreCase)
    {
        "__MACOSX", ".DS_Store", ".AppleDouble", ".Spotlight-V100", ".Trashes", ".fseventsd", ".TemporaryItems", "Icon\r",
        "@eaDir", "@Recycle", "#recycle", "$RECYCLE.BIN", "System Volume Information", "Thumbs.db", "ehthumbs.db", "desktop.ini",
        "lost+found", ".git", ".svn", ".hg", ".ipynb_checkpoints", ".thumbnails",
    };

    private static readonly EnumerationOptions Everything = new() { IgnoreInaccessible = false, AttributesToSkip = 0 };

    private readonly string _root;
    private readonly Action<string, EngineException>? _skipped;
    private readonly SortedDictionary<string, (int Count, string First)> _leftOut = new(StringComparer.Ordinal);

    /// <summary>Creates the search; nothing is read yet.</summary>
    /// <param name="root">The full path of the folder to name in messages.</param>
    /// <param name="skipped">Receives each link and each folder that cannot be read; null disables it.</param>
    public PictureFolder(string root, Action<string, EngineException>? skipped)
    {
        _root = root;
        _skipped = skipped;
    }

    /// <summary>What was left out, counted by reason, as a sentence; null: nothing.</summary>
    public string? LeftOut => _leftOut.Count == 0 ? null : $"Left out of '{_root}': {string.Join("; ", _leftOut.Select(Describe))}.";

    /// <summary>A folder's own entries that are neither hidden nor links, in the order of their names.</summary>
    public IEnumerable<FileSystemInfo> Entries(DirectoryInfo folder)
    {
        FileSystemInfo[] entries = [];
        try
        {
            entries = folder.GetFileSystemInfos("*", Everything);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _skipped?.Invoke(folder.FullName, new EngineException("FolderUnreadable", ErrorKind.ReadError,
                $"'{folder.FullName}' cannot be read and is left out: {e.Message}", e));
        }

        foreach (FileSystemInfo entry in entries.OrderBy(entry => entry.Name, StringComparer.Ordinal))
        {
            if (IsPassedOver(entry.Name))
                continue;
            // A name in another encoding than UTF-8 leads nowhere.
            if ((int)entry.Attributes == -1)
                Count("names that cannot be read", entry.FullName);
            else if ((entry.Attributes & (FileAttributes.Hidden | FileAttributes.System)) != 0)
            {
                if (entry is DirectoryInfo || ImageFormat.IsPicture(entry.Name))
                    Count("hidden", entry.FullName);
            }
            // A link may lead anywhere; within the folder it would return a picture twice.
            else if (entry.LinkTarget is not null)
                _skipped?.Invoke(entry.FullName, new EngineException("LinkNotFollowed", ErrorKind.InvalidData,
                    $"'{entry.FullName}' is a link and is left out. Copy its target into the folder."));
            else
                yield return entry;
        }
    }

    /// <summary>The full paths of the pictures in a folder, as they are found.</summary>
    /// <param name="top">The folder.</param>
    /// <param name="recurse">Whether those in the folders below it are wanted too.</param>
    /// <param name="cancellation">Ends the search.</param>
    /// <param name="isPassedOver">Which folders below it are passed over; null: none.</param>
    public IEnumerable<string> Find(DirectoryInfo top, bool recurse, CancellationToken cancellation,
        Func<DirectoryInfo, bool>? isPassedOver = null)
    {
        Stack<DirectoryInfo> folders = new([top]);
        while (folders.TryPop(out DirectoryInfo? folder))
        {
            cancellation.ThrowIfCancellationRequested();
            foreach (FileSystemInfo entry in Entries(folder))
            {
                if (entry is DirectoryInfo below)
                {
                    if (recurse && isPassedOver?.Invoke(below) != true)
                        folders.Push(below);
                    else if (!recurse)
                        Count("subfolders", entry.FullName);
                }
                else if (ImageFormat.IsPicture(entry.Name))
                {
                    yield return entry.FullName;
                }
                else
                {
                    Count(NoPicture, entry.FullName);
                }
            }
        }
    }

    /// <summary>Whether a file or folder of this name is silently skipped.</summary>
    public static bool IsPassedOver(string name) => SystemNames.Contains(name) || name.StartsWith("._", StringComparison.Ordinal);

    /// <summary>Why a file beside the folders of classes is left out.</summary>
    public static string Reason(FileSystemInfo file) => ImageFormat.IsPicture(file.Name) ? "pictures outside the class folders" : NoPicture;

    /// <summary>Counts a file or folder that is left out.</summary>
    /// <param name="reason">Why, or what it is; the same text for the same reason.</param>
    /// <param name="path">Its full path.</param>
    public void Count(string reason, string path)
    {
        (int count, string first) = _leftOut.GetValueOrDefault(reason, (0, Path.GetRelativePath(_root, path)));
        _leftOut[reason] = (count + 1, first);
    }

    private static string Describe(KeyValuePair<string, (int Count, string First)> reason) =>
        $"{reason.Key}: {reason.Value.Count:N0} ({(reason.Value.Count > 1 ? "such as " : "")}'{reason.Value.First}')";
}
