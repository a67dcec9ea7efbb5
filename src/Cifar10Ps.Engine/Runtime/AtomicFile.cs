using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Cifar10Ps.Runtime;

/// <summary>
/// Replaces files instead of editing them: write a temporary file, flush to disk, rename, flush the folder. Whatever happens, either the
/// old or the new content is complete.
/// </summary>
internal static partial class AtomicFile
{
    // ERROR_SHARING_VIOLATION and ERROR_LOCK_VIOLATION.
    private const int SharingViolation = unchecked((int)0x80070020), LockViolation = unchecked((int)0x80070021);

    /// <summary>Writes a file; its folder is created if it is missing. A symbolic link is kept, and its target is written.</summary>
    /// <param name="path">The file.</param>
    /// <param name="write">Writes the content.</param>
    /// <exception cref="EngineException"><c>NotARegularFile</c>, <c>FileNotWritable</c>; the old content is untouched.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        RegularFile.Require(path);
        string half = "";
        try
        {
            bool isLink = new FileInfo(path).LinkTarget is not null;
            string target = isLink ? File.ResolveLinkTarget(path, returnFinalTarget: true)!.FullName : Path.GetFullPath(path);
            string folder = Path.GetDirectoryName(target)!;
            Directory.CreateDirectory(folder);
            // Short, because the name of the file itself may be as long as the file system allows.
            half = Path.Combine(folder, NewHalfName());
            // Open, and therefore locked, until it is renamed: it cannot be mistaken for a dead process's leftover.
            using FileStream stream = new(half, FileMode.CreateNew, FileAccess.Write, FileShare.Delete);
            KeepMode(target, half);
            write(stream);
            stream.Flush(flushToDisk: true);
            Patiently(() => File.Move(half, target, overwrite: true), replaces: true);
            FolderFlush.Flush(folder);
        }
        catch (Exception e) when (IsRefusal(e))
        {
            throw NotWritable(path, e);
        }
        finally
        {
            if (File.Exists(half))
                File.Delete(half);
        }
    }

    /// <summary>A name for a file that is being written, which <see cref="RemoveAbandoned"/> knows.</summary>
    public static string NewHalfName() => $"cifar10ps-{Path.GetRandomFileName()}.tmp";

    /// <summary>Retries, for up to a minute, what Windows refuses while another program has the file open: reading a large file, backing it
    /// up or scanning it for viruses takes some time.</summary>
    /// <param name="action">What may be refused.</param>
    /// <param name="replaces">Whether it replaces the file: Windows then denies access without saying that the file is open.</param>
    public static void Patiently(Action action, bool replaces = false)
    {
        for (long begun = Stopwatch.GetTimestamp(); ; Thread.Sleep(50))
        {
            try
            {
                action();
                return;
            }
            catch (Exception e) when (OperatingSystem.IsWindows() && Stopwatch.GetElapsedTime(begun) < TimeSpan.FromMinutes(1)
                && (e.HResult is SharingViolation or LockViolation || (replaces && e is UnauthorizedAccessException)))
            {
                // Once more.
            }
        }
    }

    /// <summary>Whether an exception is a file system's refusal to write. .NET makes an ArgumentException of a file that is too large for
    /// the file system or for <c>ulimit -f</c>.</summary>
    public static bool IsRefusal(Exception e) =>
        e is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException;

    /// <summary>The error that a file cannot be written.</summary>
    public static EngineException NotWritable(string path, Exception cause) => new("FileNotWritable", ErrorKind.WriteError,
        $"'{path}' cannot be written: {cause.Message} Check the folder, its permissions and the free space.", cause);

    /// <summary>Removes the half-written files that dead processes left in a folder.</summary>
    public static void RemoveAbandoned(string folder)
    {
        foreach (string file in Directory.GetFiles(folder).Where(file => HalfName().IsMatch(Path.GetFileName(file))))
        {
            try
            {
                RegularFile.Require(file);
                // A file that is being written is locked by its writer.
                new FileStream(file, FileMode.Open, FileAccess.Write, FileShare.None).Dispose();
                File.Delete(file);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or EngineException)
            {
                // It cannot be removed, or no longer exists.
            }
        }
    }

    private static void KeepMode(string from, string to)
    {
        if (OperatingSystem.IsWindows() || !File.Exists(from))
            return;
        UnixFileMode mode = File.GetUnixFileMode(from);
        // Some file systems have one mode for all files, and refuse to change it.
        if (mode != File.GetUnixFileMode(to))
            File.SetUnixFileMode(to, mode);
    }

    // Including the names that earlier versions used, after the file, the process and the thread.
    [GeneratedRegex(
        @"^(cifar10ps-([a-z0-9]{8}\.[a-z0-9]{3}|probe)|(checkpoint-.*\.safetensors|model\.safetensors|log|probe-\d+)\.\d+-\d+)\.tmp$")]
    private static partial Regex HalfName();
}
