namespace Cifar10Ps;

/// <summary>Replaces files, never edits them: write beside, flush to disk, rename. Whatever happens, the old or the new content is there, whole.</summary>
internal static class AtomicFile
{
    /// <summary>Writes a file; its folder is created where it is missing.</summary>
    /// <param name="path">The file.</param>
    /// <param name="write">Writes the content.</param>
    /// <exception cref="EngineException"><c>FileNotWritable</c>; the old content is untouched.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        string half = $"{path}.{Environment.ProcessId}-{Environment.CurrentManagedThreadId}.tmp";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
            using (FileStream stream = new(half, FileMode.Create, FileAccess.Write, FileShare.None))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(half, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw new EngineException("FileNotWritable", ErrorKind.WriteError,
                $"'{path}' cannot be written: {e.Message} Check the folder, its permissions and the free space.", e);
        }
        finally
        {
            if (File.Exists(half))
                File.Delete(half);
        }
    }
}
