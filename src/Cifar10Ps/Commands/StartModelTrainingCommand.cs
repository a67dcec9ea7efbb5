using System.Management.Automation;
using System.Reflection;
using System.Runtime.ExceptionServices;
using Cifar10Ps.Training;

namespace Cifar10Ps.Commands;

/// <summary>Trains a model and writes a report for each epoch as it ends.</summary>
[Cmdlet(VerbsLifecycle.Start, "ModelTraining", DefaultParameterSetName = NewSet, SupportsShouldProcess = true)]
[OutputType(typeof(EpochReport), typeof(TrainingJob))]
public sealed partial class StartModelTrainingCommand : TrainingCommand
{
    private const string NewSet = "New", ResumeSet = "Resume";
    private readonly List<string> _warnings = [];

    /// <summary>The model; trained in place.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ParameterSetName = NewSet)]
    [Parameter(Position = 0, ValueFromPipeline = true, ParameterSetName = ResumeSet)]
    [ModelTransformation]
    [ValidateNotNull]
    public ImageClassifier? Model { get; set; }

    /// <summary>A checkpoint, the output directory of a run, or a snapshot of the original Chainer program:
    /// resumes where that run stopped.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ResumeSet)]
    [ArgumentCompleter(typeof(CheckpointCompleter))]
    [ValidateNotNullOrEmpty]
    public string? ResumeFrom { get; set; }

    /// <summary>Number of passes over the training images.</summary>
    [Parameter]
    [ValidateRange(1, TrainingOptions.MaximumEpochs)]
    [NumberTransformation]
    public int? Epochs { get; set; }

    /// <summary>Peak learning rate.</summary>
    [Parameter]
    [ValidateRange(TrainingOptions.MinimumLearningRate, TrainingOptions.MaximumLearningRate)]
    [NumberTransformation]
    public double? LearningRate { get; set; }

    /// <summary>Peak learning rate of everything but the classifier, the last linear layer.</summary>
    [Parameter]
    [ValidateRange(TrainingOptions.MinimumLearningRate, TrainingOptions.MaximumLearningRate)]
    [NumberTransformation]
    public double? BackboneLearningRate { get; set; }

    /// <summary>Epochs at the beginning that train the classifier alone.</summary>
    [Parameter]
    [ValidateRange(0, TrainingOptions.MaximumEpochs)]
    [NumberTransformation]
    public int? ClassifierEpochs { get; set; }

    /// <summary>How the learning rate changes over the run.</summary>
    [Parameter]
    public Schedule? Schedule { get; set; }

    /// <summary>Training images to hold out and validate on, instead of the test split.</summary>
    [Parameter]
    [ValidateRange(0, int.MaxValue)]
    [NumberTransformation]
    public int? ValidationCount { get; set; }

    /// <summary>Folder for checkpoints, the log and the finished model.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? OutputDirectory { get; set; }

    /// <summary>How many of the last epochs keep their own checkpoint, besides the latest and the best.</summary>
    [Parameter]
    [ValidateRange(0, 100_000)]
    [NumberTransformation]
    public int KeepCheckpoints { get; set; } = 3;

    /// <summary>Saves a checkpoint every so many steps, besides those after the epochs.</summary>
    [Parameter]
    [ValidateRange(1, int.MaxValue)]
    [NumberTransformation]
    public int CheckpointEverySteps { get; set; }

    /// <summary>Saves a checkpoint when so much time has passed since the last one, at least a second.</summary>
    [Parameter]
    [DurationTransformation]
    [ValidateDuration]
    public TimeSpan? CheckpointEvery { get; set; }

    /// <summary>Starts in an output directory that contains another run, whose files are removed.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>Writes an event file for TensorBoard into the output directory.</summary>
    [Parameter]
    public SwitchParameter TensorBoard { get; set; }

    /// <summary>Validates every so many epochs, and after the last one.</summary>
    [Parameter]
    [ValidateRange(1, TrainingOptions.MaximumEpochs)]
    [NumberTransformation]
    public int EvaluateEvery { get; set; } = 1;

    /// <summary>Ends the run after so many validations in a row without a better accuracy.</summary>
    [Parameter]
    [ValidateRange(1, TrainingOptions.MaximumEpochs)]
    [NumberTransformation]
    public int EarlyStoppingPatience { get; set; }

    /// <summary>Which epoch's model the run leaves: the best one by validation accuracy, or the last one.</summary>
    [Parameter]
    public Restore? Restore { get; set; }

    /// <summary>Ends the run after this time, at least a second, as Ctrl+C would: with a checkpoint.</summary>
    [Parameter]
    [DurationTransformation]
    [ValidateDuration]
    public TimeSpan? MaxDuration { get; set; }

    /// <summary>Largest number of steps in an epoch, to try a run out.</summary>
    [Parameter]
    [ValidateRange(1, int.MaxValue)]
    [NumberTransformation]
    public int? LimitSteps { get; set; }

    /// <summary>Runs after each epoch, with the report as $_ and as its argument; $false as its last output ends the run.</summary>
    [Parameter]
    [ValidateNotNull]
    public ScriptBlock? OnEpochEnd { get; set; }

    /// <summary>Shares the run with the other processes of the MPI job that this one was started in.</summary>
    [Parameter]
    public SwitchParameter Distributed { get; set; }

    /// <summary>Writes the reports on every rank, not on rank 0 alone.</summary>
    [Parameter]
    public SwitchParameter EmitOnAllRanks { get; set; }

    /// <summary>Trains in the background, and returns a job.</summary>
    [Parameter]
    public SwitchParameter AsJob { get; set; }

    /// <summary>Whether PowerShell's own console host decides what Ctrl+C stops: also for its thread jobs, which have another host and go
    /// on.</summary>
    private bool HasConsoleHost =>
        Host.Name == "ConsoleHost" || (Host.Name == "Default Host" && Assembly.GetEntryAssembly()?.GetName().Name == "pwsh");

    /// <inheritdoc/>
    private protected override void Train()
    {
        RequireFittingSwitches();
        _cluster = Distributed ? TrainingCluster.Join() : null;
        WithRanks(() =>
        {
            WarnOf(Precision ?? default);
            OutputDirectory? output = ToOutputDirectory();
            string target = output is null ? $"{Dataset}" : $"{Dataset}, writing to '{output.Path}'";
            if (!ShouldProcess(target, ResumeFrom is null ? "Train" : "Resume training"))
                return;
            if (output is not null)
                _written.Add(output.Path);
            WarnOfSeenImages();
            Trainer trainer = NewTrainer(output);
            WarnOf(trainer);
            WriteVerbose(trainer.Description);
            if (AsJob)
                StartJob(trainer);
            else
                Train(trainer);
        });
    }

    private Trainer NewTrainer(OutputDirectory? output)
    {
        Restore? restore = Restore ?? (ResumeFrom is null && EarlyStoppingPatience > 0 ? Cifar10Ps.Restore.Best : null);
        int? threads = Threads ?? _cluster?.Threads;
        Trainer trainer = ResumeFrom is null
            ? Trainer.Start(Require(Model), Dataset, Resolve(Model!, restore), output, threads, WriteWarning)
            : Trainer.Resume(ToSingleFile(ResumeFrom), Model, Dataset, Requested().Over, output, threads, WriteWarning);
        trainer.Cluster = _cluster;
        trainer.Observer = TensorBoard && IsFirstRank ? new TensorBoardLog(output!.Path) : null;
        trainer.EvaluateEvery = EvaluateEvery;
        trainer.EarlyStoppingPatience = EarlyStoppingPatience;
        // A run that is resumed keeps what it was begun with.
        trainer.Restore = restore ?? trainer.Restore;
        trainer.MaxDuration = MaxDuration;
        trainer.CheckpointEverySteps = CheckpointEverySteps;
        trainer.CheckpointEvery = CheckpointEvery;
        trainer.Warnings = _warnings;
        return trainer;
    }

    private void StartJob(Trainer trainer)
    {
        trainer.Check();
        TrainingJob job = new(trainer, MyInvocation.Line.Trim());
        _ = ModelTransformationAttribute.HandedOut(job.Model);
        job.Start();
        JobRepository.Add(job);
        WriteObject(job);
    }

    /// <summary>The options of a new run.</summary>
    private TrainingOptions Resolve(ImageClassifier model, Restore? restore)
    {
        TrainingOptions options = Requested().Resolve(model);
        if (Recipe is null && options.Recipe == Cifar10Ps.Recipe.FineTune)
            WriteNotice($"The {model.Name} is already trained and is fine-tuned (-Recipe FineTune); "
                + $"{options.ClassifierEpochs} of {options.Epochs} epochs train the classifier alone.");
        return EarlyStoppingPatience > 0 || restore == Cifar10Ps.Restore.Best
            ? HoldOut.ForChoosing(options, Dataset, WriteNotice) : options;
    }

    /// <summary>Trains in the pipeline.</summary>
    private void Train(Trainer trainer)
    {
        using TerminationSignals signals = new(interrupt: HasConsoleHost ? null : Stop);
        using ProgressReporter? progress = IsFirstRank ? new(this) : null;
        bool isStopped = false;
        try
        {
            foreach (EpochReport report in trainer.Run(
                at => AgreeOnStop(() => progress?.Report(() => TrainingMessages.ToRecords(trainer.Model, at))), StopToken))
            {
                if (_left is null && (IsFirstRank || EmitOnAllRanks))
                    Write(trainer, report);
                if (OnEpochEnd is not null && !GoesOn(trainer, report))
                    trainer.Stop($"-OnEpochEnd{OfRank} returned $false after epoch {report.Epoch}.");
            }

            if (_left is not null)
                ExceptionDispatchInfo.Throw(_left);
            if (TrainingMessages.WhyItStopped(trainer, isCancelled: false) is string message)
                WriteWarning(message);
            if (trainer.RestoredEpoch is int epoch)
                WriteVerbose($"The model is that of epoch {epoch}, which had the best validation accuracy.");
        }
        catch (PipelineStoppedException)
        {
            // Another command of the pipeline may be notified first.
            isStopped = true;
            throw;
        }
        finally
        {
            // A pipeline that is being stopped no longer accepts warnings; its host still does.
            if ((isStopped || StopToken.IsCancellationRequested)
                && trainer.Output is not null && TrainingMessages.WhyItStopped(trainer, isCancelled: true) is string message)
                Host.UI?.WriteWarningLine(DisplayText.Escape(Named(message)));
        }
    }

    /// <summary>Runs the user's script block; only a last output of $false ends the run, and no output goes further.</summary>
    private bool GoesOn(Trainer trainer, EpochReport report)
    {
        bool goesOn = true;
        try
        {
            AgreeOnStop(() => goesOn =
                OnEpochEnd!.InvokeWithContext(null, [new PSVariable("_", report)], report) is not [.., { BaseObject: false }]);
        }
        catch (Exception e) when (e is RuntimeException and not PipelineStoppedException or FlowControlException)
        {
            // A break goes on to the caller's loop, or ends the caller's script.
            string how = e is FlowControlException ? "was left with break, continue or exit" : "failed";
            trainer.Stop($"-OnEpochEnd{OfRank} {how} after epoch {report.Epoch}.");
            if (TrainingMessages.WhyItStopped(trainer, isCancelled: false) is string message)
                WriteWarning(message);
            if (!IsShared || e is not FlowControlException)
                throw;
            // The loop or the script is left when all ranks have ended the run.
            _left = e;
        }

        return goesOn;
    }

    /// <inheritdoc/>
    private protected override RequestedOptions Requested() => base.Requested() with
    {
        Epochs = Epochs,
        LearningRate = LearningRate,
        BackboneLearningRate = BackboneLearningRate,
        ClassifierEpochs = ClassifierEpochs,
        Schedule = Schedule,
        ValidationCount = ValidationCount,
        LimitSteps = LimitSteps,
    };
}
