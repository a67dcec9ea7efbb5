using Cifar10Ps.Distribution;
using Cifar10Ps.Execution;
using Cifar10Ps.Models;
using Cifar10Ps.Runtime;
using Cifar10Ps.Training;

namespace Cifar10Ps;

/// <summary>
/// Trains a classifier: for each epoch, shuffled batches, gradients by shards, one optimizer step a batch, validation, a
/// checkpoint, a report. This is what is asked for and checked; <see cref="TrainingLoop"/> does it.
/// </summary>
public sealed class Trainer
{
    private readonly ImageClassifier _model;
    private readonly ModelSnapshot _found;
    private readonly RunStart _start;
    private readonly RunImages _images;

    /// <summary>Prepares a run.</summary>
    /// <param name="model">The model; it is not changed until the run has all that it needs. Null: a new object.</param>
    /// <param name="start">What the run begins with.</param>
    private Trainer(ImageClassifier? model, RunStart start)
    {
        _start = start;
        _model = model ?? new ImageClassifier(start.Model);
        _found = _model.Snapshot;
        _images = new RunImages(start);
    }

    /// <summary>Where the run saves its checkpoints; null: nowhere.</summary>
    public OutputDirectory? Output { get; init; }

    /// <summary>Receives each epoch; null disables it.</summary>
    internal ITrainingObserver? Observer { get; set; }

    /// <summary>Number of workers; it does not change the result.</summary>
    public int Threads { get; init; } = WorkerPool.DefaultCount;

    /// <summary>The processes that share the run, each with a trainer of the same run; null: this one alone. It does not change the result
    /// either.</summary>
    public TrainingCluster? Cluster { get; set; }

    /// <summary>Validates every so many epochs, and after the last one.</summary>
    public int EvaluateEvery { get; set; } = 1;

    /// <summary>Ends the run after so many validations in a row without a better accuracy; 0: never.</summary>
    public int EarlyStoppingPatience { get; set; }

    /// <summary>Which epoch's model a run that ends leaves behind; one that is interrupted leaves its last.</summary>
    public Restore Restore { get => State.Restore; set => State.Restore = value; }

    /// <summary>Whether what the run validates on are the test images.</summary>
    internal bool ValidatesOnTest => !_start.Data.HasOwnValidation && Options.ValidationCount == 0 && _images.Validation.Count > 0;

    /// <summary>Ends the run after this time, within a step, as if it had been stopped by hand; null: never.</summary>
    public TimeSpan? MaxDuration { get; set; }

    /// <summary>Saves a checkpoint every so many steps, besides those after the epochs; 0: none.</summary>
    public int CheckpointEverySteps { get; set; }

    /// <summary>Saves a checkpoint when this time has passed since the last one, after the step that is being done; null: none.</summary>
    public TimeSpan? CheckpointEvery { get; set; }

    /// <summary>What the user was warned of before the run; the journal of the output directory keeps it.</summary>
    public IEnumerable<string> Warnings { get; set; } = [];

    /// <summary>Why the run ended before its last epoch; null: it did not, or it was cancelled.</summary>
    public string? StopReason { get => State.StopReason; private set => State.StopReason = value; }

    /// <summary>The epoch whose model the run left behind, if it chose one.</summary>
    public int? RestoredEpoch { get; internal set; }

    /// <summary>The best epoch so far; null: none was validated.</summary>
    internal EpochReport? BestReport => EpochReport.BestOf(State.History);

    private TrainingState State => _start.State;

    private TrainingOptions Options => State.Options;

    /// <summary>A new run.</summary>
    /// <param name="model">
    /// The model; trained in place, epoch by epoch, once the run has begun. An untrained one gets the initial weights and the preprocessing
    /// of the <see cref="Recipe"/>.
    /// </param>
    /// <param name="data">The data.</param>
    /// <param name="options">What to do.</param>
    /// <param name="output">Where to save checkpoints; null: nowhere.</param>
    /// <param name="threads">Number of workers; null: one for each processor.</param>
    /// <param name="warn">Receives what the user should know before the run begins; null ignores it.</param>
    /// <exception cref="EngineException"><c>ClassMismatch</c>, <c>ClassCountMismatch</c>, <c>InvalidClassWeights</c>,
    /// <c>OptionOutOfRange</c>, <c>ModelInTraining</c>.</exception>
    public static Trainer Start(ImageClassifier model, ImageDataset data, TrainingOptions options, OutputDirectory? output = null,
        int? threads = null, Action<string>? warn = null) =>
        new(model, RunStart.New(model, data, options, output is not null, warn))
        {
            Output = output,
            Threads = threads ?? WorkerPool.DefaultCount,
        };

    /// <summary>A run that resumes from a checkpoint.</summary>
    /// <param name="path">A checkpoint, or the output directory of a run: its latest one, or the newest that is not damaged.</param>
    /// <param name="model">The model to resume with, of the same shape: it takes the checkpoint's values when the run begins; null:
    /// a new object.</param>
    /// <param name="data">The data of the run: the same images of the same classes.</param>
    /// <param name="change">Changes the checkpoint's options; only the number of epochs may differ, and not fall below those begun.</param>
    /// <param name="output">Where to save checkpoints; null: nowhere.</param>
    /// <param name="threads">Number of workers; null: one for each processor.</param>
    /// <param name="warn">Receives what the user should know before the run resumes; null ignores it.</param>
    /// <exception cref="EngineException">
    /// <c>CheckpointNotFound</c>, <c>FileDamaged</c>, <c>InvalidSafetensors</c>, <c>InvalidCheckpoint</c>, <c>CheckpointMismatch</c>,
    /// <c>ClassMismatch</c>, <c>ModelInTraining</c>, <c>OptionOutOfRange</c>.
    /// </exception>
    public static Trainer Resume(string path, ImageClassifier? model, ImageDataset data, Func<TrainingOptions, TrainingOptions> change,
        OutputDirectory? output = null, int? threads = null, Action<string>? warn = null) =>
        new(model, RunStart.Resume(path, model, data, change, warn)) { Output = output, Threads = threads ?? WorkerPool.DefaultCount };

    /// <summary>The model in training.</summary>
    public ImageClassifier Model => _model;

    /// <summary>How the network is computed, and why, in a sentence.</summary>
    /// <exception cref="EngineException"><c>InvalidNetwork</c>: it cannot take the images.</exception>
    internal string Description
    {
        get
        {
            ModelSnapshot model = _start.Model;
            model.Network.Require(model.Preprocessing.Height, model.Preprocessing.Width);
            return Executors.DescribeTraining(TrainedPart.Of(model.Network, Options, Options.Epochs), model.ImageShape,
                Options.Precision);
        }
    }

    /// <inheritdoc cref="EpochOrder.Imbalance"/>
    internal (LabeledImage Largest, int Most, LabeledImage Smallest, int Least)? Imbalance => _images.Order.Imbalance();

    /// <summary>The best epoch so far, if the run is to leave its model behind, which is gone; null: there is none.</summary>
    internal int? LostBestEpoch => Restore == Restore.Best && BestReport is { } best && EarlierBest() is null ? best.Epoch : null;

    /// <summary>Whether nothing is left to do.</summary>
    public bool IsComplete => State.IsComplete;

    /// <summary>The model of the best epoch before the run was resumed; null: there was none, or its checkpoint is gone.</summary>
    internal ModelSnapshot? EarlierBest() => BestReport is not { } best ? null
        : CheckpointFinder.BestOf(best, new[] { Output?.Path, _start.Folder }.OfType<string>())?.Model;

    /// <summary>
    /// Runs the remaining epochs. All work is done while the next report is requested, on the caller's thread and the workers. Leaving the
    /// loop early, an exception of <paramref name="progress"/> and cancellation all stop the run within a step; with an output directory
    /// its state is saved and can be resumed to the last bit.
    /// </summary>
    /// <param name="progress">Receives the progress of the run after every step and every portion of the validation,
    /// on the caller's thread; null disables it.</param>
    /// <param name="cancellation">Stops the run.</param>
    /// <returns>A report for each epoch, when it has ended and its checkpoint is written.</returns>
    /// <exception cref="EngineException"><c>TrainingDiverged</c>, <c>ImageSizeMismatch</c>, <c>NotEnoughMemory</c>, <c>FileNotWritable</c>,
    /// <c>OutputDirectoryBusy</c>, <c>NativeBackendNotLoaded</c>, <c>ClusterInUse</c>, <c>RanksDiffer</c>, <c>RankStopped</c>,
    /// <c>RankLeft</c>.</exception>
    /// <exception cref="OperationCanceledException">The run was cancelled.</exception>
    public IEnumerable<EpochReport> Run(Action<TrainingProgress>? progress = null, CancellationToken cancellation = default)
    {
        // Claimed now, not when the first report is requested: that may be on another thread, later.
        _model.BeginTraining();
        return NativeWork.Each(RunClaimed(progress, cancellation));
    }

    /// <summary>Ends the run after the current epoch, as if that had been its last.</summary>
    /// <param name="reason">Why: a sentence.</param>
    public void Stop(string reason)
    {
        if (!IsComplete)
            StopReason ??= reason;
    }

    private IEnumerable<EpochReport> RunClaimed(Action<TrainingProgress>? progress, CancellationToken stop)
    {
        using CancellationTokenSource stopOrEnd = CancellationTokenSource.CreateLinkedTokenSource(stop, NativeWork.Ending);
        CancellationToken cancellation = stopOrEnd.Token;
        try
        {
            _model.CheckUnchanged(_found);
            Check();
            using IDisposable? run = Cluster?.BeginRun();
            Ranks ranks = Cluster is null ? Ranks.Alone(Threads) : Ranks.Of(Cluster.Link, Threads);
            int shards = ShardedBatch.ShardCount(Math.Min(Options.BatchSize, _images.Plan.ImageCount));
            (int firstShard, int endOfShards) = ranks.PartOf(shards);
            TrainingMemory.Require(_start.Model, Options, Threads, endOfShards - firstShard, Cluster?.RanksOnHost ?? 1,
                ranks.SumCount(shards));
            if (Cluster is not null)
                ranks.Compare(RunFacts.Of(_start.Model, _start.Data, State, (nameof(EvaluateEvery), EvaluateEvery),
                    (nameof(EarlyStoppingPatience), EarlyStoppingPatience), (nameof(Restore), Restore),
                    ("checkpoint of the best epoch", LostBestEpoch is int lost ? $"of epoch {lost} is gone" : "")));
            using IDisposable? claim = ranks.IsFirst
                ? Output?.Claim(Checkpoint.SizeOf(_start.Model, Options), Options.Epochs - State.History.Count) : null;
            using WorkerPool pool = new(Threads);
            TrainingLoop loop = new(this, _start, _images, pool, ranks, progress, cancellation);
            foreach (EpochReport report in loop.Run())
                yield return report with { Run = Output?.Path };
        }
        finally
        {
            _model.EndTraining();
        }
    }

    /// <summary>Refuses images that the model cannot take.</summary>
    /// <exception cref="EngineException"><c>ImageSizeMismatch</c>, <c>InvalidNetwork</c>.</exception>
    internal void Check()
    {
        (Preprocessing wanted, LabeledImage first) = (_start.Model.Preprocessing, _images.Train[0]);
        if ((first.Width, first.Height) != (wanted.Width, wanted.Height))
            throw new EngineException("ImageSizeMismatch", ErrorKind.InvalidArgument,
                $"The model takes images of {wanted.Width} x {wanted.Height} pixels, but those of the data set "
                + $"have {first.Width} x {first.Height}.");
        _start.Model.Network.Require(wanted.Height, wanted.Width);
    }
}
