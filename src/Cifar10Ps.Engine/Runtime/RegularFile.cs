using System.Runtime.InteropServices;

namespace Cifar10Ps.Runtime;

/// <summary>
/// Opens files that hold content. Reading from a pipe, a socket or a device may block or never end, and merely opening a pipe may block
/// beyond the reach of cancellation: so they are refused before they are opened.
/// </summary>
internal static partial class RegularFile
{
    /// <summary>Opens an existing file for reading; it may be replaced or deleted meanwhile.</summary>
    /// <exception cref="EngineException"><c>NotARegularFile</c>.</exception>
    /// <exception cref="IOException">It does not exist, or cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public static FileStream OpenRead(string path)
    {
        Require(path);
        // A reader must not keep a run from writing.
        FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        if (stream.CanSeek)
            return stream;
        stream.Dispose();
        throw Refused(path, "a pipe or a device");
    }

    /// <summary>Refuses a path that exists and is not a regular file, or a symbolic link to one.</summary>
    /// <exception cref="EngineException"><c>NotARegularFile</c>.</exception>
    public static void Require(string path)
    {
        if (OtherKind(path) is string kind)
            throw Refused(path, kind);
    }

    /// <summary>What distinguishes a file from others that have had its name; null: there is none, or the system is Windows, where a file
    /// keeps its name while it is open.</summary>
    public static (long Device, long Number)? IdentityOf(string path) =>
        !OperatingSystem.IsWindows() && Stat(path, out FileStatus status) == 0 ? (status.Device, status.Number) : null;

    private static EngineException Refused(string path, string kind) =>
        new("NotARegularFile", ErrorKind.InvalidArgument, $"'{path}' is {kind}, not a file with content. Name a regular file.");

    /// <summary>What a path leads to; null: a regular file or nothing.</summary>
    private static string? OtherKind(string path)
    {
        if (Directory.Exists(path))
            return "a folder";
        if (OperatingSystem.IsWindows() || Stat(path, out FileStatus status) != 0)
            return null;
        return (status.Mode & 0xf000) switch
        {
            0x1000 => "a pipe (FIFO)",
            0x2000 or 0x6000 => "a device",
            0xc000 => "a socket",
            _ => null,
        };
    }

    // .NET does not expose file types. Its own native library has the same structure and constants on every Unix, unlike stat of libc.
    [LibraryImport("libSystem.Native", EntryPoint = "SystemNative_Stat", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Stat(string path, out FileStatus status);

    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct FileStatus
    {
        [FieldOffset(4)]
        public int Mode;

        [FieldOffset(88)]
        public long Device;

        [FieldOffset(104)]
        public long Number;
    }
}
