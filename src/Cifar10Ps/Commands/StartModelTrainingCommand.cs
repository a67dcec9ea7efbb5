using System.Management.Automation;

namespace Cifar10Ps.Commands;

/// <summary>Trains a model and writes a report for each epoch as it ends.</summary>
[Cmdlet(VerbsLifecycle.Start, "ModelTraining", DefaultParameterSetName = NewSet, SupportsShouldProcess = true)]
[OutputType(typeof(EpochReport))]
public sealed class StartModelTrainingCommand : TrainingCommand
{
    private const string NewSet = "New", ResumeSet = "Resume";

    /// <summary>The model; trained in place.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = NewSet)]
    [Parameter(Position = 0, ParameterSetName = ResumeSet)]
    [ValidateNotNull]
    public ImageClassifier? Model { get; set; }

    /// <summary>A checkpoint, the output directory of a run, or a snapshot of the original Chainer program: goes on where that run stopped.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ResumeSet)]
    [ValidateNotNullOrEmpty]
    public string? ResumeFrom { get; set; }

    /// <summary>Number of passes over the training images.</summary>
    [Parameter]
    [ValidateRange(1, TrainingOptions.MaximumEpochs)]
    public int Epochs { get; set; }

    /// <summary>Peak learning rate.</summary>
    [Parameter]
    [ValidateRange(1e-12, 1e6)]
    public double LearningRate { get; set; }

    /// <summary>How the learning rate changes over the run.</summary>
    [Parameter]
    public Schedule Schedule { get; set; }

    /// <summary>Training images to hold out and validate on, instead of the test split.</summary>
    [Parameter]
    [ValidateRange(0, int.MaxValue)]
    public int ValidationCount { get; set; }

    /// <summary>Folder for checkpoints, the log and the finished model.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? OutputDirectory { get; set; }

    /// <summary>How many of the last epochs keep a checkpoint of their own, beside the latest and the best.</summary>
    [Parameter]
    [ValidateRange(0, 100_000)]
    public int KeepCheckpoints { get; set; } = 3;

    /// <summary>Starts in an output directory that holds another run, whose files are removed.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>Writes an event file for TensorBoard into the output directory.</summary>
    [Parameter]
    public SwitchParameter TensorBoard { get; set; }

    /// <inheritdoc/>
    protected override void OnProcess()
    {
        OutputDirectory? output = ToOutputDirectory();
        if (TensorBoard && output is null)
            throw new EngineException("OutputDirectoryMissing", ErrorKind.InvalidArgument, "-TensorBoard writes into the output directory: give -OutputDirectory.");
        string target = output is null ? $"{Dataset}" : $"{Dataset}, writing to '{output.Path}'";
        if (!ShouldProcess(target, ResumeFrom is null ? "Train" : "Resume training"))
            return;

        Trainer trainer = ResumeFrom is null
            ? Trainer.Start(Model!, Dataset, Options(), output, Threads)
            : Trainer.Resume(ToFilePath(ResumeFrom), Model, Dataset, Change, output, Threads);
        trainer.TensorBoard = TensorBoard ? new TensorBoardLog(output!.Path) : null;
        if (trainer.IsComplete)
            WriteWarning("The run is complete already. To train on, give more -Epochs.");
        using ProgressReporter progress = new(this);
        try
        {
            foreach (EpochReport report in trainer.Run(at => progress.Report(() => ToRecords(trainer.Model, at)), StopToken))
                WriteObject(report);
        }
        finally
        {
            // A pipeline that is being stopped takes no warnings any more; its host still does.
            if (StopToken.IsCancellationRequested && !trainer.IsComplete && output is not null && File.Exists(output.LatestCheckpoint))
                Host.UI?.WriteWarningLine($"Training was stopped. Go on with -ResumeFrom '{output.LatestCheckpoint}'.");
        }
    }

    private static IEnumerable<ProgressRecord> ToRecords(ImageClassifier model, TrainingProgress at)
    {
        double part = at.IsValidating ? 1 : (double)at.Done / at.Total;
        yield return ProgressReporter.Record(1, $"Training {model.Name}", $"Epoch {at.Epoch} of {at.EpochCount}", at.Epoch - 1 + part, at.EpochCount);
        string status = at.IsValidating
            ? $"Validating: {at.Done:N0} of {at.Total:N0} images"
            : $"{at.Done:N0} of {at.Total:N0} images, loss {at.Loss:F3}, accuracy {at.Accuracy:P1}, {at.ImagesPerSecond:F0} images/s";
        yield return ProgressReporter.Record(2, $"Epoch {at.Epoch}", status, at.Done, at.Total, at.IsValidating ? null : at.EpochTimeLeft, parent: 1);
    }

    /// <inheritdoc/>
    private protected override TrainingOptions Change(TrainingOptions options) => base.Change(options) with
    {
        Epochs = Bound(nameof(Epochs), Epochs, options.Epochs),
        LearningRate = Bound(nameof(LearningRate), LearningRate, options.LearningRate),
        Schedule = Bound(nameof(Schedule), Schedule, options.Schedule),
        ValidationCount = Bound(nameof(ValidationCount), ValidationCount, options.ValidationCount),
    };

    /// <summary>Where to write; a run that goes on writes where it was, unless told otherwise. Another run's results are not overwritten.</summary>
    private OutputDirectory? ToOutputDirectory()
    {
        string? resumed = ResumeFrom is null ? null : Cifar10Ps.OutputDirectory.OfRun(Cifar10Ps.OutputDirectory.FindCheckpoint(ToFilePath(ResumeFrom)));
        string? folder = OutputDirectory is null ? resumed : Path.TrimEndingDirectorySeparator(ToFilePath(OutputDirectory));
        if (folder is null)
            return null;
        OutputDirectory output = new(folder, KeepCheckpoints, replace: folder != resumed);
        if (output.HasRun && folder != resumed && !Force)
            throw new EngineException("OutputDirectoryInUse", ErrorKind.InvalidArgument,
                $"'{folder}' holds the files of another run. Go on with it (-ResumeFrom '{folder}'), take another -OutputDirectory, or replace it with -Force.");
        return output;
    }
}
