using System.Reflection;
using System.Runtime.InteropServices;
using TorchSharp;

namespace Cifar10Ps.Training;

/// <summary>What a run begins or is resumed with: enough to repeat it.</summary>
internal sealed record RunBeginning
{
    /// <summary>Version of the module.</summary>
    public string Module { get; init; } = VersionOf(typeof(RunBeginning).Assembly);

    /// <summary>Version of .NET.</summary>
    public string Dotnet { get; init; } = Environment.Version.ToString();

    /// <summary>Version of TorchSharp, which brings libtorch.</summary>
    public string TorchSharp { get; init; } = VersionOf(typeof(torch).Assembly);

    /// <summary>The operating system.</summary>
    public string System { get; init; } = RuntimeInformation.OSDescription;

    /// <summary>Number of workers of this process.</summary>
    public required int Threads { get; init; }

    /// <summary>Number of processes that share the run.</summary>
    public required int Ranks { get; init; }

    /// <summary>The network.</summary>
    public required string Model { get; init; }

    /// <summary>Seed of the initial weights.</summary>
    public required int ModelSeed { get; init; }

    /// <summary>SHA-256 of the weights that it begins with.</summary>
    public required string Weights { get; init; }

    /// <summary>How the network is computed.</summary>
    public required string Computation { get; init; }

    /// <summary>Whether the run was resumed from a checkpoint.</summary>
    public required bool IsResumed { get; init; }

    /// <summary>Epochs between validations, and the patience of early stopping.</summary>
    public required int EvaluateEvery { get; init; }

    /// <inheritdoc cref="EvaluateEvery"/>
    public required int EarlyStoppingPatience { get; init; }

    /// <summary>Options, data and machine, without the history.</summary>
    public required TrainingState State { get; init; }

    private static string VersionOf(Assembly assembly) =>
        assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "";
}
