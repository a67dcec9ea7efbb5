using System.Management.Automation;

namespace Cifar10Ps.Commands;

/// <summary>Gets runs that left files, in one line each: options, data, best epoch, duration, machine.</summary>
[Cmdlet(VerbsCommon.Get, "TrainingRun", DefaultParameterSetName = PathSet)]
[OutputType(typeof(TrainingRun))]
public sealed class GetTrainingRunCommand : FileReaderCommand
{
    /// <inheritdoc/>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true,
        ParameterSetName = PathSet)]
    [ArgumentCompleter(typeof(CheckpointCompleter))]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public override string[] Path { get; set; } = [];

    /// <inheritdoc/>
    protected override void Read(string path) => WriteObject(TrainingRun.Read(path, WriteWarning));
}
