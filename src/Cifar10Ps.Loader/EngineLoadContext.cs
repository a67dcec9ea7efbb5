using System.Reflection;
using System.Runtime.Loader;

namespace Cifar10Ps;

/// <summary>
/// Isolates the engine and its libraries from the session's other modules, which may use other versions of SkiaSharp or Protobuf.
/// Everything comes from the module's folder <c>dependencies</c>.
/// </summary>
internal sealed class EngineLoadContext : AssemblyLoadContext
{
    private static readonly string Dependencies =
        Path.Combine(Path.GetDirectoryName(typeof(EngineLoadContext).Assembly.Location)!, "dependencies");

    private EngineLoadContext()
        : base("Cifar10Ps")
    {
    }

    // One for the life of the process: an engine loaded twice would have each type twice.
    private static EngineLoadContext Instance { get; } = new();

    /// <summary>The engine; its libraries are loaded when they are needed.</summary>
    public static Assembly Engine => Instance.LoadFromAssemblyName(new AssemblyName("Cifar10Ps.Engine"));

    /// <summary>Resolves the engine for the session, and nothing else.</summary>
    public static Assembly? Resolve(AssemblyLoadContext asking, AssemblyName name) =>
        name.Name == "Cifar10Ps.Engine" ? Engine : null;

    /// <inheritdoc/>
    protected override Assembly? Load(AssemblyName assemblyName)
    {
        string path = Path.Combine(Dependencies, assemblyName.Name + ".dll");
        return File.Exists(path) ? LoadFromAssemblyPath(path) : null;
    }

    /// <inheritdoc/>
    protected override nint LoadUnmanagedDll(string unmanagedDllName)
    {
        string[] names = [unmanagedDllName, $"lib{unmanagedDllName}.so", $"lib{unmanagedDllName}.dylib", $"{unmanagedDllName}.dll"];
        string? path = names.Select(name => Path.Combine(Dependencies, name)).FirstOrDefault(File.Exists);
        return path is null ? 0 : LoadUnmanagedDllFromPath(path);
    }
}
