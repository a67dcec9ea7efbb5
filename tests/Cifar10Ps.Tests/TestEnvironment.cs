using System.Runtime.CompilerServices;

// The sessions of one process share libtorch, environment variables and type accelerators.
[assembly: Xunit.v3.Parallelization(Mode = Xunit.Sdk.ParallelMode.None)]

namespace Cifar10Ps.Tests;

/// <summary>Where the tests find things, and what they avoid: the user's data, the user's cache, the network.</summary>
internal static class TestEnvironment
{
    private static string? _realData;

    public static string Root { get; } = FindRoot();

    public static string Module { get; } = Path.Combine(Root, "artifacts", "module", "Cifar10Ps");

    /// <summary>The folder with the real CIFAR-10; without it the test is skipped.</summary>
    public static string RealData
    {
        get
        {
            Assert.SkipWhen(string.IsNullOrEmpty(_realData), "needs the real CIFAR-10: set CIFAR10PS_DATA");
            return Path.GetFullPath(_realData!);
        }
    }

    [ModuleInitializer]
    internal static void Isolate()
    {
        _realData = Environment.GetEnvironmentVariable("CIFAR10PS_DATA");
        Environment.SetEnvironmentVariable("CIFAR10PS_DATA", null);
        Environment.SetEnvironmentVariable("XDG_CACHE_HOME", Path.Combine(AppContext.BaseDirectory, "cache"));
        Environment.SetEnvironmentVariable("POWERSHELL_TELEMETRY_OPTOUT", "1");
    }

    private static string FindRoot()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "Cifar10Ps.sln")))
            folder = Path.GetDirectoryName(folder);
        return folder ?? throw new DirectoryNotFoundException("No folder above the tests contains Cifar10Ps.sln.");
    }
}

/// <summary>A folder that is gone after the test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public TemporaryFolder(string? parent = null) =>
        Path = Directory.CreateDirectory(
            System.IO.Path.Combine(parent ?? System.IO.Path.GetTempPath(), $"Cifar10Ps-{Guid.NewGuid():N}")).FullName;

    public string Path { get; }

    public string this[params string[] parts] => System.IO.Path.Combine([Path, .. parts]);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
