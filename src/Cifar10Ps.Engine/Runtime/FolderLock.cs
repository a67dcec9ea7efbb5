namespace Cifar10Ps.Runtime;

/// <summary>
/// A file that is held open while a folder is in use. If somebody removes the folder meanwhile, the open file locks nothing any more: the
/// file has a mark by which its owner notices.
/// </summary>
internal sealed class FolderLock : IDisposable
{
    private readonly string _file;
    private readonly byte[] _mark = Guid.NewGuid().ToByteArray();
    private FileStream _stream;

    /// <summary>Takes the lock; the folder is created.</summary>
    /// <param name="file">The file, which is removed at the end.</param>
    /// <exception cref="IOException">Among others: another process, or this one, holds it.</exception>
    public FolderLock(string file)
    {
        _file = file;
        _stream = Open();
    }

    /// <summary>Whether the file is still there.</summary>
    private bool IsInPlace
    {
        get
        {
            try
            {
                // Sharing everything asks for no lock, so that its owner can read it too.
                using FileStream file = new(_file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1);
                byte[] found = new byte[_mark.Length];
                return file.ReadAtLeast(found, found.Length, throwOnEndOfStream: false) == found.Length && found.SequenceEqual(_mark);
            }
            catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
            {
                return false;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Windows and some network shares let nobody read it, or remove it.
                return true;
            }
        }
    }

    /// <summary>Takes the lock again if its file is gone.</summary>
    /// <exception cref="IOException">Among others: another run holds it now.</exception>
    public void Keep()
    {
        if (IsInPlace)
            return;
        FileStream lost = _stream;
        _stream = Open();
        lost.Dispose();
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
            // An empty lock stops nobody.
        }

        _stream.Dispose();
    }

    private FileStream Open()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_file)!);
        // Elsewhere than on Windows it would remove whatever has the name by then.
        FileStream stream = new(_file, FileMode.OpenOrCreate, FileAccess.Write, FileShare.None, 1,
            OperatingSystem.IsWindows() ? FileOptions.DeleteOnClose : FileOptions.None);
        try
        {
            stream.SetLength(0);
            stream.Write(_mark);
            stream.Flush();
            return stream;
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }
}
