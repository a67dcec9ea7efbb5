using System.Runtime.InteropServices;
using TorchSharp;

namespace Cifar10Ps;

/// <summary>Loads libtorch into the process, once, before anything uses TorchSharp.</summary>
/// <remarks>
/// TorchSharp's own search copies half a gigabyte around and, when it fails, throws from a type initialiser, which makes the process
/// unusable. So its libraries are loaded here first, by their full paths.
/// </remarks>
public static partial class NativeBackend
{
    /// <summary>Written by the build: a line for each native library with its name and its length in bytes.</summary>
    private const string Inventory = "native-libraries.txt";

    private static readonly Lock Gate = new();
    private static bool _loaded;

    /// <summary>Loads libtorch, unless it is loaded.</summary>
    /// <exception cref="EngineException"><c>NativeBackendNotLoaded</c>; a later call tries again.</exception>
    public static void Load()
    {
        lock (Gate)
        {
            if (_loaded)
                return;
            string folder = Path.GetDirectoryName(typeof(NativeBackend).Assembly.Location)!;
            try
            {
                // The loader maps files without checking them: a truncated one would crash the process.
                CheckLengths(folder);
                foreach (string library in LibrariesInOrder())
                    NativeLibrary.Load(Path.Combine(folder, library));
                if (OperatingSystem.IsLinux())
                    KeepFreedMemory();
                torch.InitializeDeviceType(DeviceType.CPU);
            }
            catch (Exception e) when (e is DllNotFoundException or BadImageFormatException or IOException or UnauthorizedAccessException
                or InvalidDataException or EntryPointNotFoundException or TypeInitializationException or NotSupportedException)
            {
                throw new EngineException("NativeBackendNotLoaded", ErrorKind.ResourceUnavailable,
                    $"libtorch could not be loaded from '{folder}': {e.Message.ReplaceLineEndings(" ")} "
                    + Remedy(OperatingSystem.IsWindows(), RuntimeInformation.RuntimeIdentifier), e);
            }

            _loaded = true;
        }
    }

    /// <summary>What to do if libtorch cannot be loaded.</summary>
    internal static string Remedy(bool isWindows, string platform) =>
        (isWindows ? "It needs the Microsoft Visual C++ runtime: install the Visual C++ Redistributable for Visual Studio 2015 to 2022. "
            + "If it is installed: " : "If the module is for this platform, the system may lack what it needs. Otherwise: ")
        + $"Rebuild or reinstall the module for this platform ({platform}).";

    // On macOS libtorch_cpu asks for libomp by the path where Homebrew installs it. The one that ships with the module has the same install
    // name, by which an already loaded library is found.
    private static IEnumerable<string> LibrariesInOrder() =>
        OperatingSystem.IsWindows() ? ["c10.dll", "torch_cpu.dll", "LibTorchSharp.dll"]
        : OperatingSystem.IsMacOS() ? ["libomp.dylib", "libc10.dylib", "libtorch_cpu.dylib", "libtorch.dylib", "libLibTorchSharp.dylib"]
        : ["libc10.so", "libtorch_cpu.so", "libtorch.so", "libLibTorchSharp.so"];

    private static void CheckLengths(string folder)
    {
        foreach (string line in File.ReadLines(Path.Combine(folder, Inventory)))
        {
            string[] parts = line.Split(' ');
            FileInfo file = new(Path.Combine(folder, parts[0]));
            if (!file.Exists)
                throw new InvalidDataException($"{parts[0]} is missing.");
            if (file.Length != long.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture))
                throw new InvalidDataException($"{parts[0]} is damaged: it has {file.Length:N0} bytes instead of {parts[1]}.");
        }
    }

    /// <summary>Makes glibc keep what a step frees for the next step,
    /// instead of returning it to the kernel and faulting it in again.</summary>
    private static void KeepFreedMemory()
    {
        const int TrimThreshold = -1, TopPad = -2, MmapThreshold = -3;
        try
        {
            _ = SetAllocatorOption(MmapThreshold, 1 << 30);
            _ = SetAllocatorOption(TrimThreshold, int.MaxValue);
            _ = SetAllocatorOption(TopPad, 256 << 20);
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            // Another C library: slower, not wrong.
        }
    }

    [LibraryImport("libc.so.6", EntryPoint = "mallopt")]
    private static partial int SetAllocatorOption(int option, int value);
}
