using System.Management.Automation;

namespace Cifar10Ps.Commands;

/// <summary>Gets the reports of runs that left files, of this module or of the original program.</summary>
[Cmdlet(VerbsCommon.Get, "TrainingHistory", DefaultParameterSetName = PathSet)]
[OutputType(typeof(EpochReport))]
public sealed class GetTrainingHistoryCommand : FileReaderCommand
{
    /// <inheritdoc/>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true,
        ParameterSetName = PathSet)]
    [ArgumentCompleter(typeof(CheckpointCompleter))]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public override string[] Path { get; set; } = [];

    /// <inheritdoc/>
    protected override void Read(string path)
    {
        TrainingHistory history = TrainingHistory.Read(path, WriteWarning);
        if (history.StopReason is not null)
            WriteVerbose($"The run of '{history.Source}' was stopped: {history.StopReason}");
        WriteObject(history.Reports, enumerateCollection: true);
    }
}
