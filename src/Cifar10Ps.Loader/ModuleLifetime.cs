using System.Management.Automation;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Loader;

namespace Cifar10Ps;

/// <summary>What happens when the module is imported and removed.</summary>
public sealed class ModuleLifetime : IModuleAssemblyInitializer, IModuleAssemblyCleanup
{
    // The same number on Linux and macOS; .NET has no name for it.
    private const PosixSignal SIGXFSZ = (PosixSignal)25;

    private static readonly Lock Gate = new();
    // Held, because its finaliser would give the signal back to the system.
    private static readonly PosixSignalRegistration? FileTooLarge;
    private static int _imports;

    // Once per process, permanently: objects of the engine outlive the module.
    static ModuleLifetime()
    {
        AssemblyLoadContext.Default.Resolving += EngineLoadContext.Resolve;
        // A file that grows beyond ulimit -f is to be an error of its writer, not the end of the process.
        if (!OperatingSystem.IsWindows())
            FileTooLarge = PosixSignalRegistration.Create(SIGXFSZ, signal => signal.Cancel = true);
    }

    /// <summary>Makes the engine available, and its types usable in scripts: <c>[Cifar10Ps.EpochReport]</c>.</summary>
    public void OnImport()
    {
        lock (Gate)
        {
            if (_imports++ == 0)
                ForEachEngineType("Add", type => [type.FullName!, type]);
        }
    }

    /// <summary>Removes the type names, unless another session of the process has the module too.</summary>
    public void OnRemove(PSModuleInfo psModuleInfo)
    {
        lock (Gate)
        {
            if (--_imports == 0)
                ForEachEngineType("Remove", type => [type.FullName!]);
        }
    }

    private static void ForEachEngineType(string method, Func<Type, object[]> arguments)
    {
        // The table of type accelerators is not public; this is the way that about_Classes shows.
        Type? accelerators = typeof(PSObject).Assembly.GetType("System.Management.Automation.TypeAccelerators");
        MethodInfo? change = accelerators?.GetMethod(method);
        foreach (Type type in EngineLoadContext.Engine.GetExportedTypes())
            change?.Invoke(null, arguments(type));
    }
}
