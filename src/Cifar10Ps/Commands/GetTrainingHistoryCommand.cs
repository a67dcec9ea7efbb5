using System.Management.Automation;

namespace Cifar10Ps.Commands;

/// <summary>Gets the reports of runs that left files, of this module or of the original program.</summary>
[Cmdlet(VerbsCommon.Get, "TrainingHistory", DefaultParameterSetName = PathSet)]
[OutputType(typeof(EpochReport))]
public sealed class GetTrainingHistoryCommand : EngineCommand
{
    private const string PathSet = "Path", LiteralPathSet = "LiteralPath";

    /// <summary>Output directories, checkpoints, logs or snapshots; wildcards are allowed.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ParameterSetName = PathSet)]
    [ArgumentCompleter(typeof(CheckpointCompleter))]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] Path { get; set; } = [];

    /// <summary>Output directories, checkpoints, logs or snapshots, taken as they are.</summary>
    [Parameter(Mandatory = true, ValueFromPipelineByPropertyName = true, ParameterSetName = LiteralPathSet)]
    [Alias("PSPath")]
    [ValidateNotNullOrEmpty]
    public string[] LiteralPath { get; set; } = [];

    /// <inheritdoc/>
    protected override void OnProcess()
    {
        bool isLiteral = ParameterSetName == LiteralPathSet;
        foreach (string path in ToExistingFiles(isLiteral ? LiteralPath : Path, isLiteral))
        {
            try
            {
                Write(TrainingHistory.Read(path, WriteWarning));
            }
            catch (EngineException e)
            {
                WriteError(ToErrorRecord(e, path));
            }
        }
    }

    private void Write(TrainingHistory history)
    {
        if (history.StopReason is not null)
            WriteVerbose($"The run of '{history.Source}' was stopped: {history.StopReason}");
        WriteObject(history.Reports, enumerateCollection: true);
    }
}
