namespace Cifar10Ps.Runtime;

/// <summary>
/// A file that is held open while a folder is in use. If somebody removes the folder meanwhile, the open file locks nothing any more, which
/// its owner notices by the file that has the name now.
/// </summary>
internal sealed class FolderLock : IDisposable
{
    private readonly string _file;
    private FileStream _stream;
    private (long Device, long Number)? _identity;

    /// <summary>Takes the lock; the folder is created.</summary>
    /// <param name="file">The file, which is removed at the end.</param>
    /// <exception cref="IOException">Among others: another process, or this one, holds it.</exception>
    public FolderLock(string file)
    {
        _file = file;
        _stream = Open();
    }

    private bool IsInPlace => RegularFile.IdentityOf(_file) == _identity;

    /// <summary>Takes the lock again if its file is gone.</summary>
    /// <exception cref="IOException">Among others: another run holds it now.</exception>
    public void Keep()
    {
        if (IsInPlace)
            return;
        // First, as some network shares number a file anew, which is still this one.
        _stream.Dispose();
        _stream = Open();
    }

    /// <summary>Removes the file, unless it is another's by now.</summary>
    public void Dispose()
    {
        try
        {
            if (!OperatingSystem.IsWindows() && IsInPlace)
                File.Delete(_file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A file that nobody holds open stops nobody.
        }

        _stream.Dispose();
    }

    private FileStream Open()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_file)!);
        // Elsewhere than on Windows, this option would remove whatever has the name by then.
        FileStream stream = new(_file, FileMode.OpenOrCreate, FileAccess.Write, FileShare.None, 1,
            OperatingSystem.IsWindows() ? FileOptions.DeleteOnClose : FileOptions.None);
        _identity = RegularFile.IdentityOf(_file);
        return stream;
    }
}
