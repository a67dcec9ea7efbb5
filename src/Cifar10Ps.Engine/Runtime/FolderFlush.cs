using System.Runtime.InteropServices;

namespace Cifar10Ps.Runtime;

/// <summary>
/// Flushes the entries of a folder to disk: on most file systems of Unix, a file that was renamed may otherwise have its old name after a
/// power failure. Windows does so by itself.
/// </summary>
internal static partial class FolderFlush
{
    // Constants of .NET's own native library, the same on every Unix.
    private const int ReadOnly = 0, CloseOnExec = 0x10;

    /// <summary>Flushes a folder, where the system can.</summary>
    public static void Flush(string folder)
    {
        if (OperatingSystem.IsWindows())
            return;
        nint handle = Open(folder, ReadOnly | CloseOnExec, 0);
        if (handle < 0)
            return;
        // Some file systems refuse it; the file itself is on disk already.
        _ = Flush(handle);
        _ = Close(handle);
    }

    // FileStream does not open folders.
    [LibraryImport("libSystem.Native", EntryPoint = "SystemNative_Open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint Open(string path, int flags, int mode);

    [LibraryImport("libSystem.Native", EntryPoint = "SystemNative_FSync")]
    private static partial int Flush(nint handle);

    [LibraryImport("libSystem.Native", EntryPoint = "SystemNative_Close")]
    private static partial int Close(nint handle);
}
