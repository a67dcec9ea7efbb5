using System.Management.Automation;
using System.Reflection;
using System.Runtime.Loader;

namespace Cifar10Ps;

/// <summary>What happens when the module is imported and removed.</summary>
public sealed class ModuleLifetime : IModuleAssemblyInitializer, IModuleAssemblyCleanup
{
    /// <summary>Lets the engine be found, and its types be named in scripts: <c>[Cifar10Ps.EpochReport]</c>.</summary>
    public void OnImport()
    {
        AssemblyLoadContext.Default.Resolving -= EngineLoadContext.Resolve;
        AssemblyLoadContext.Default.Resolving += EngineLoadContext.Resolve;
        ForEachEngineType("Add", type => [type.FullName!, type]);
    }

    /// <summary>Takes the names back.</summary>
    public void OnRemove(PSModuleInfo psModuleInfo)
    {
        ForEachEngineType("Remove", type => [type.FullName!]);
        AssemblyLoadContext.Default.Resolving -= EngineLoadContext.Resolve;
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
