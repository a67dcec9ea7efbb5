using Cifar10Ps.Formats;

namespace Cifar10Ps;

/// <summary>Finds the module Cifar10Ps.Pretrained, which holds weights and nothing else.</summary>
internal static class PretrainedModule
{
    private const string Name = "Cifar10Ps.Pretrained";

    /// <summary>The folder of its newest version: beside this module, or on the module path.</summary>
    /// <exception cref="EngineException"><c>PretrainedNotFound</c>.</exception>
    public static string Find()
    {
        // This module may itself lie in the folder of a version.
        string own = Path.GetDirectoryName(typeof(PretrainedModule).Assembly.Location)!;
        string[] roots = [Path.Combine(own, ".."), Path.Combine(own, "..", ".."),
            .. (Environment.GetEnvironmentVariable("PSModulePath") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)];
        return roots.Select(root => Path.Combine(root, Name)).Where(Directory.Exists)
            .SelectMany(folder => Directory.GetDirectories(folder)
                .OrderByDescending(version => Version.TryParse(Path.GetFileName(version), out Version? number) ? number : new Version())
                .Prepend(folder))
            .FirstOrDefault(folder => File.Exists(Path.Combine(folder, PretrainedNetwork.GraphFile)))
            ?? throw new EngineException("PretrainedNotFound", ErrorKind.NotFound,
                $"The weights are in the module {Name}, which is not installed.");
    }
}
