using System.Management.Automation.Language;
using Cifar10Ps.Runtime;

namespace Cifar10Ps.Commands;

/// <content>What is refused before a run, and what the user is warned of.</content>
public sealed partial class StartModelTrainingCommand
{
    private readonly HashSet<string> _written = new(FolderPath.Comparer);
    private (ImageClassifier Model, ImageDataset Data)? _trained;

    /// <summary>Refuses switches that exclude each other.</summary>
    private void RequireFittingSwitches()
    {
        if (Distributed && AsJob)
            throw new EngineException("DistributedJob", ErrorKind.InvalidArgument,
                "A distributed training runs in the pipeline of each rank's script. Omit -AsJob.");
        if (AsJob && OnEpochEnd is not null)
            throw new EngineException("OnEpochEndInJob", ErrorKind.InvalidArgument,
                "-OnEpochEnd runs on the thread of the pipeline, which a job leaves at once. Omit -AsJob, "
                + "or put the whole command into Start-ThreadJob { … }.");
        if (EmitOnAllRanks && !Distributed)
            throw new EngineException("NotDistributed", ErrorKind.InvalidArgument,
                "-EmitOnAllRanks is about the ranks of a distributed training. Omit it, or give -Distributed too.");
    }

    /// <summary>Where to write; by default a resumed run writes to its previous folder.
    /// Another run's results are not overwritten.</summary>
    private OutputDirectory? ToOutputDirectory()
    {
        string? resumed = ResumeFrom is null ? null : Cifar10Ps.OutputDirectory.OfRun(ToSingleFile(ResumeFrom));
        string? folder = OutputDirectory is null ? resumed : Path.TrimEndingDirectorySeparator(ToOutputFile(OutputDirectory));
        if (folder is null)
        {
            RequireNothingToWrite();
            return null;
        }

        bool isOther = resumed is null || !Directory.Exists(folder)
            || !FolderPath.Comparer.Equals(FolderPath.Real(folder), FolderPath.Real(resumed));
        OutputDirectory output = new(folder, KeepCheckpoints, replace: isOther);
        if (ResumeFrom is null && _written.Contains(folder))
            throw new EngineException("OutputDirectoryInUse", ErrorKind.InvalidArgument,
                $"'{folder}' contains the run that this command has just made. Give each run an -OutputDirectory of its own: "
                + "… | ForEach-Object { $_ | Start-ModelTraining … -OutputDirectory … }.");
        if (IsFirstRank && output.HasRun && isOther && !Force)
            throw new EngineException("OutputDirectoryInUse", ErrorKind.InvalidArgument,
                output.HasCheckpoint
                    ? $"'{folder}' contains the files of another run. Resume it (-ResumeFrom "
                        + $"'{CodeGeneration.EscapeSingleQuotedStringContent(folder)}'), use another -OutputDirectory, "
                        + "or replace it with -Force."
                    : $"'{folder}' contains files of another run, but no checkpoint to resume from. Replace them with -Force, "
                        + "or use another -OutputDirectory.");
        return output;
    }

    /// <summary>Refuses what needs an output directory.</summary>
    private void RequireNothingToWrite()
    {
        string? why = TensorBoard ? "-TensorBoard writes into the output directory"
            : CheckpointEverySteps > 0 || CheckpointEvery is not null || IsBound(nameof(KeepCheckpoints))
            ? "Checkpoints are written into the output directory"
            : !AsJob && (Model is null ? ResumeFrom is not null : ModelTransformationAttribute.IsImported(Model))
            ? "The trained model would be lost with this command, as no variable holds it" : null;
        if (why is not null)
            throw new EngineException("OutputDirectoryMissing", ErrorKind.InvalidArgument, $"{why}: give -OutputDirectory.");
    }

    /// <summary>Warns if the command trains its model on one data set after the other, such as the parts of a cross-validation.</summary>
    private void WarnOfSeenImages()
    {
        if (Model is null)
            return;
        if (_trained is { } earlier && earlier.Model == Model && earlier.Data != Dataset)
            WriteWarning($"The model was already trained on '{earlier.Data}' by this command, and goes on with '{Dataset}': where they "
                + "share images, its validation looks better than it is. Make a model for each: "
                + "… | ForEach-Object { $_ | Start-ModelTraining (New-ResNet20 $_.Classes) }.");
        _trained = (Model, Dataset);
    }

    /// <summary>Warns of what a run that has been prepared will do.</summary>
    private void WarnOf(Trainer trainer)
    {
        if (ResumeFrom is null && TrainingMessages.AboutClassSizes(trainer) is string advice)
            WriteWarning(advice);
        if (ResumeFrom is not null && (trainer.Restore == Cifar10Ps.Restore.Best || EarlyStoppingPatience > 0) && trainer.ValidatesOnTest)
            WriteWarning("The run validates on the test images, which choose its epoch now: the accuracy on them will look better than it "
                + "is. A new run with -ValidationCount keeps them apart.");
        if (trainer.LostBestEpoch is int lost)
            WriteWarning($"The best epoch so far is {lost}, but its checkpoint was not found in the run's folder, or is damaged. "
                + "Unless a later epoch is better, the run will leave the model of its last epoch.");
        if (trainer.IsComplete)
            WriteWarning("The run is already complete. To continue training, give more -Epochs.");
    }
}
