using System.Diagnostics;
using Cifar10Ps.Data;
using Cifar10Ps.Distribution;
using Cifar10Ps.Execution;
using Cifar10Ps.Inference;
using Cifar10Ps.Models;
using Cifar10Ps.Runtime;
using Cifar10Ps.Training;
using static TorchSharp.torch;

namespace Cifar10Ps;

/// <summary>
/// Trains a classifier: for each epoch, shuffled batches, gradients by shards, one optimizer step a batch, validation, a
/// checkpoint, a report.
/// </summary>
public sealed class Trainer
{
    private readonly ImageClassifier _model;
    private readonly ModelSnapshot _found, _start;
    private readonly ImageDataset _data;
    private readonly TrainingState _state;
    private readonly IReadOnlyDictionary<string, StateDict>? _moments;
    private readonly string? _resumedFolder;
    private readonly IReadOnlyList<LabeledImage> _train, _validation;
    private readonly EpochPlan _plan;
    private readonly EpochOrder _order;
    private readonly float[]? _classWeights;
    private FeatureTable? _features;
    private ModelSnapshot? _best;
    private readonly int _earlierEpochs;
    private readonly long _earlierSteps;
    private Ranks _ranks = Ranks.Alone(1);
    private RunPace _pace = new();
    private long _saved;
    private bool _isUnsound, _isInEpoch;

    /// <summary>Prepares a run.</summary>
    /// <param name="model">The model; it is not changed until the run has all that it needs. Null: a new object.</param>
    /// <param name="start">What the run begins with.</param>
    private Trainer(ImageClassifier? model, RunStart start)
    {
        (_start, _data, _state, _moments) = start;
        _resumedFolder = start.Folder;
        _model = model ?? new ImageClassifier(_start);
        _found = _model.Snapshot;
        (_train, _validation) = HoldOut.Split(_data, _state.Options.ValidationCount);
        _plan = new EpochPlan(_train.Count, _state.Options);
        _order = new EpochOrder(_train, _state.Options);
        _classWeights = _order.ClassWeights(_start.Classes);
        (_earlierEpochs, _earlierSteps) = (_start.TrainedEpochs - _state.History.Count, _start.TrainedSteps - _state.Step);
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
    public Restore Restore { get => _state.Restore; set => _state.Restore = value; }

    /// <summary>Whether what the run validates on are the test images.</summary>
    internal bool ValidatesOnTest => !_data.HasOwnValidation && Options.ValidationCount == 0 && _validation.Count > 0;

    /// <summary>Ends the run after this time, within a step, as if it had been stopped by hand; null: never.</summary>
    public TimeSpan? MaxDuration { get; set; }

    /// <summary>Saves a checkpoint every so many steps, besides those after the epochs; 0: none.</summary>
    public int CheckpointEverySteps { get; set; }

    /// <summary>Saves a checkpoint when this time has passed since the last one, after the step that is being done; null: none.</summary>
    public TimeSpan? CheckpointEvery { get; set; }

    /// <summary>What the user was warned of before the run; the journal of the output directory keeps it.</summary>
    public IEnumerable<string> Warnings { get; set; } = [];

    /// <summary>Why the run ended before its last epoch; null: it did not, or it was cancelled.</summary>
    public string? StopReason { get => _state.StopReason; private set => _state.StopReason = value; }

    /// <summary>The epoch whose model the run left behind, if it chose one.</summary>
    public int? RestoredEpoch { get; private set; }

    /// <summary>Where this rank writes; null: nowhere.</summary>
    private OutputDirectory? Writable => _ranks.IsFirst ? Output : null;

    private EpochReport? BestReport => EpochReport.BestOf(_state.History);

    private TrainingOptions Options => _state.Options;

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
            _start.Network.Require(_start.Preprocessing.Height, _start.Preprocessing.Width);
            return Executors.DescribeTraining(TrainedPart.Of(_start.Network, Options, Options.Epochs), _start.ImageShape,
                Options.Precision);
        }
    }

    /// <inheritdoc cref="EpochOrder.Imbalance"/>
    internal (LabeledImage Largest, int Most, LabeledImage Smallest, int Least)? Imbalance => _order.Imbalance();

    /// <summary>The best epoch so far, if the run is to leave its model behind, which is gone; null: there is none.</summary>
    internal int? LostBestEpoch => Restore == Restore.Best && BestReport is { } best && EarlierBest() is null ? best.Epoch : null;

    /// <summary>Whether nothing is left to do.</summary>
    public bool IsComplete => _state.IsComplete;

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
            _ranks = Cluster is null ? Ranks.Alone(Threads) : Ranks.Of(Cluster.Link, Threads);
            (int firstShard, int endOfShards) = _ranks.PartOf(
                ShardedBatch.ShardCount(Math.Min(Options.BatchSize, _plan.ImageCount)));
            TrainingMemory.Require(_start, Options, Threads, endOfShards - firstShard, Cluster?.RanksOnHost ?? 1);
            if (Cluster is not null)
                _ranks.Compare(RunFacts.Of(_start, _data, _state, (nameof(EvaluateEvery), EvaluateEvery),
                    (nameof(EarlyStoppingPatience), EarlyStoppingPatience), (nameof(Restore), Restore),
                    ("checkpoint of the best epoch", LostBestEpoch is int lost ? $"of epoch {lost} is gone" : "")));
            using IDisposable? claim = Writable?.Claim(Checkpoint.SizeOf(_start, Options), Options.Epochs - _state.History.Count);
            using WorkerPool pool = new(Threads);
            RunJournal? journal = Writable?.Journal;
            IEnumerable<EpochReport> epochs = Epochs(pool, journal, progress, cancellation);
            foreach (EpochReport report in journal?.Watch(epochs, error => RunEnd.Of(error, _state)) ?? epochs)
                yield return report with { Run = Output?.Path };
        }
        finally
        {
            _model.EndTraining();
        }
    }

    private IEnumerable<EpochReport> Epochs(WorkerPool pool, RunJournal? journal, Action<TrainingProgress>? progress,
        CancellationToken cancellation)
    {
        _pace = new RunPace();
        _ranks.Wish = () => cancellation.IsCancellationRequested ? StopWish.Cancelled
            : _isInEpoch && _pace.IsLate(MaxDuration) ? StopWish.TimeLimit : StopWish.None;
        TrainingStep step = NewStep(_start, pool, progress, cancellation, _moments);
        Writable?.Begin();
        journal?.Start(Beginning(), Warnings);
        // All checks have passed.
        _model.Snapshot = _start;
        // A process that ended while it saved this epoch may have saved only some of its files.
        if (_moments is not null && _state is { EpochImages: 0, History.Count: > 0 })
            Writable?.SaveEpoch(ToCheckpoint(step));
        if (_resumedFolder is not null && Writable is { } output && output.Path != _resumedFolder)
            MoveTo(output, step);
        bool isWhole = true, isFinished = false;
        _pace.Start();
        _saved = Stopwatch.GetTimestamp();
        // A run that was stopped early before it was resumed stops again.
        StopReason = _ranks.FirstOf(StopReason ?? EarlyStop());
        try
        {
            while (!IsComplete && StopReason is null)
            {
                isWhole = false;
                if (!TrainEpoch(step, progress, cancellation))
                    yield break;
                ModelSnapshot trained = ToSnapshot(step);
                RequireSameWeights(trained);
                Evaluation? evaluation = Validate(trained, pool, progress, cancellation);
                EpochReport report = Report(evaluation);
                _state.History.Add(report);
                (_state.EpochImages, _state.LossSum, _state.Correct, _state.EpochSeconds) = (0, 0, 0, 0);
                _model.Snapshot = trained with { TrainedEpochs = trained.TrainedEpochs + 1 };
                if (report.IsBest)
                    _best = _model.Snapshot;
                if (!IsComplete && TrainsClassifier(_state.Epoch) != TrainsClassifier(report.Epoch))
                {
                    // If it fails, the moments are not those of the next part.
                    _isUnsound = true;
                    step.Dispose();
                    step = NewStep(_model.Snapshot, pool, progress, cancellation);
                    _isUnsound = false;
                    _pace.Start();
                }

                Save(output => output.SaveEpoch(ToCheckpoint(step)));
                isWhole = true;
                Observer?.OnEpoch(new TrainedEpoch(_state.History, evaluation, _model, _validation, Options.Precision));
                yield return report;
                if (!IsComplete)
                    StopReason = _ranks.FirstOf(StopReason ?? EarlyStop());
            }

            isFinished = true;
            Finish(step);
        }
        finally
        {
            try
            {
                if (!isWhole)
                    KeepInterrupted(step);
                // Whoever needs no more than the last report leaves a run that has ended.
                else if (IsComplete && !isFinished)
                    Finish(step);
            }
            finally
            {
                step.Dispose();
            }
        }
    }

    /// <summary>Leaves the model that the run is to leave.</summary>
    private void Finish(TrainingStep step)
    {
        // The reason for stopping belongs in its history.
        if (StopReason is not null && _state.Step > 0)
            Writable?.SaveInterrupted(ToCheckpoint(step));
        if (Restore == Restore.Best && (_best ?? EarlierBest()) is { } best)
            (_model.Snapshot, RestoredEpoch) = (best, BestReport!.Epoch);
        Writable?.SaveModel(_model);
        // No rank goes on before the files are there.
        _ranks.FirstOf(null);
    }

    /// <summary>Takes along what the run may be resumed from in another folder.</summary>
    private void MoveTo(OutputDirectory output, TrainingStep step)
    {
        if (_state.Step > 0 && !File.Exists(output.LatestCheckpoint))
            output.SaveInterrupted(ToCheckpoint(step));
        // After the state: a process that ended in between would leave a run that goes on from its best epoch.
        if (BestReport is { } best && CheckpointFinder.BestOf(best, [output.Path, _resumedFolder!]) is (string file, _))
            output.TakeBest(file);
    }

    /// <summary>What the run begins with, for its journal.</summary>
    private RunBeginning Beginning() => new()
    {
        Threads = Threads,
        Ranks = Cluster?.Size ?? 1,
        Model = _start.Name,
        ModelSeed = _start.Seed,
        Weights = RunFacts.Fingerprint(_start),
        Computation = Description,
        IsResumed = _resumedFolder is not null,
        EvaluateEvery = EvaluateEvery,
        EarlyStoppingPatience = EarlyStoppingPatience,
        State = _state with { History = [] },
    };

    private bool TrainsClassifier(int epoch) => TrainedPart.IsClassifier(_start.Network, Options, epoch);

    /// <summary>Prepares to train the part of the network that is next.</summary>
    private TrainingStep NewStep(ModelSnapshot model, WorkerPool pool, Action<TrainingProgress>? progress, CancellationToken cancellation,
        IReadOnlyDictionary<string, StateDict>? moments = null)
    {
        long start = Stopwatch.GetTimestamp();
        Network part = _state.PartOf(model.Network);
        bool needsFeatures = part.HasFrozenBackbone && !IsComplete;
        LabeledImage[] images = needsFeatures ? [.. _train, .. _validation] : [];
        _features = needsFeatures ? new FeatureTable(model, pool, Options.Precision, images, done =>
        {
            ThrowIfCancelled(cancellation);
            progress?.Invoke(ProgressNow(done, images.Length, isValidating: false) with { IsPreparing = true });
        }, CancellationToken.None, _ranks) : null;
        _state.ElapsedSeconds += Stopwatch.GetElapsedTime(start).TotalSeconds;
        return new TrainingStep(pool, model, part, Options, _classWeights, _features, moments, _ranks);
    }

    /// <summary>The model of the best epoch before the run was resumed; null: there was none, or its checkpoint is gone.</summary>
    private ModelSnapshot? EarlierBest() => BestReport is not { } best ? null
        : CheckpointFinder.BestOf(best, new[] { Output?.Path, _resumedFolder }.OfType<string>())?.Model;

    /// <summary>Trains the rest of an epoch.</summary>
    /// <returns>Whether it is done; if not, the time limit was reached.</returns>
    private bool TrainEpoch(TrainingStep step, Action<TrainingProgress>? progress, CancellationToken cancellation)
    {
        int epoch = _state.Epoch, count = _plan.ImageCount;
        _isInEpoch = true;
        TrainingImage[] order = _order.At(epoch);
        long otherSteps = (long)_plan.Steps * (TrainedPart.FirstEpoch(_start.Network, Options, epoch) - 1);
        while (_state.EpochImages < count)
        {
            if (ThrowIfCancelled(cancellation) == StopWish.TimeLimit)
            {
                StopReason = $"The time limit was reached in epoch {epoch} of {Options.Epochs}.";
                return false;
            }

            long start = Stopwatch.GetTimestamp();
            TrainingImage[] images = order[_state.EpochImages.._plan.EndOfBatch(_state.EpochImages)];
            (Tensor gradients, double lossSum, int correct) = step.Compute(images, _plan.WeightOf(images.Length));
            // An image that can no longer be read ends the run before this step, of which nothing is done yet.
            _isUnsound = true;
            if (!double.IsFinite(lossSum))
                throw Diverged();
            step.Update(gradients, RateAt(_state.Step), _state.Step + 1 - otherSteps);
            if (!step.IsFinite)
                throw Diverged();

            _state.Step++;
            _state.EpochImages += images.Length;
            _pace.Add(images.Length);
            _state.LossSum += lossSum;
            _state.Correct += correct;
            _isUnsound = false;
            double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            _state.EpochSeconds += seconds;
            _state.ElapsedSeconds += seconds;
            SaveBetween(step);
            progress?.Invoke(ProgressNow(_state.EpochImages, count, isValidating: false));
        }

        _isInEpoch = false;
        return true;
    }

    /// <summary>Saves the state within an epoch, if it is time to.</summary>
    private void SaveBetween(TrainingStep step)
    {
        bool isDue = (CheckpointEverySteps > 0 && _state.Step % CheckpointEverySteps == 0)
            || Stopwatch.GetElapsedTime(_saved) >= CheckpointEvery;
        if (isDue)
            Save(output => output.SaveInterrupted(ToCheckpoint(step) with { Model = ToSnapshot(step) }));
    }

    /// <summary>Saves, if this rank does. The time that it takes is part of the run, from the next report on.</summary>
    private void Save(Action<OutputDirectory> save)
    {
        long start = Stopwatch.GetTimestamp();
        if (Writable is { } output)
            save(output);
        _saved = Stopwatch.GetTimestamp();
        _state.ElapsedSeconds += Stopwatch.GetElapsedTime(start, _saved).TotalSeconds;
    }

    /// <summary>Evaluates the model as it is after an epoch.</summary>
    /// <returns>The evaluation; null if none is due.</returns>
    private Evaluation? Validate(ModelSnapshot trained, WorkerPool pool, Action<TrainingProgress>? progress, CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        if (_validation.Count == 0 || (_state.Epoch % EvaluateEvery != 0 && _state.Epoch < Options.Epochs))
            return null;
        using Predictor predictor = _features is null ? new(trained, pool, Options.Precision, ranks: _ranks)
            : new(trained, pool, _features);
        Evaluation evaluation = Evaluation.Run(predictor, _validation, done =>
        {
            ThrowIfCancelled(cancellation);
            progress?.Invoke(ProgressNow(done, _validation.Count, isValidating: true));
        }, CancellationToken.None);
        if (!double.IsFinite(evaluation.Loss))
        {
            _isUnsound = true;
            throw Diverged();
        }

        _state.ElapsedSeconds += Stopwatch.GetElapsedTime(start).TotalSeconds;
        return evaluation;
    }

    /// <summary>Ends the run if it was cancelled, on any of the ranks: on all of them at the same point.</summary>
    /// <returns>Whether it is to end for another reason.</returns>
    private StopWish ThrowIfCancelled(CancellationToken cancellation)
    {
        StopWish wish = _ranks.Ask();
        if (wish != StopWish.Cancelled)
            return wish;
        cancellation.ThrowIfCancellationRequested();
        throw new EngineException("RankStopped", ErrorKind.ResourceUnavailable,
            $"Rank {_ranks.WishedBy} was stopped in epoch {_state.Epoch}, after {_state.Step} steps, and with it the run.");
    }

    /// <summary>Refuses to go on with ranks whose processors computed other bits.</summary>
    private void RequireSameWeights(ModelSnapshot trained)
    {
        if (Cluster is null)
            return;
        try
        {
            _ranks.Compare(new Dictionary<string, string>
            {
                [$"fingerprint of the weights after epoch {_state.Epoch}"] = RunFacts.Fingerprint(trained),
            });
        }
        catch (EngineException e) when (e.ErrorId == "RanksDiffer")
        {
            _isUnsound = true;
            throw;
        }
    }

    private EpochReport Report(Evaluation? evaluation)
    {
        EpochReport report = new()
        {
            Epoch = _state.Epoch,
            Step = _state.Step,
            Loss = _state.LossSum / _state.EpochImages,
            Accuracy = (double)_state.Correct / _state.EpochImages,
            ValidationLoss = evaluation?.Loss,
            ValidationAccuracy = evaluation?.Accuracy,
            LearningRate = RateAt(_state.Step - 1),
            ImagesPerSecond = _state.EpochImages / _state.EpochSeconds,
            Elapsed = TimeSpan.FromSeconds(_state.ElapsedSeconds),
        };
        return report with { IsBest = evaluation is not null && _state.History.All(report.IsBetterThan) };
    }

    private double RateAt(long step) =>
        LearningRates.At(Options.Schedule, Options.LearningRate, step, (long)_plan.Steps * Options.Epochs);

    /// <summary>Why the run ends before its last epoch. What the classifier alone reaches says nothing about the whole network.</summary>
    private string? EarlyStop() => IsComplete || (TrainsClassifier(_state.Epoch) && !TrainsClassifier(Options.Epochs)) ? null
        : EarlyStopping.Reason(_state.History, TrainedPart.FirstEpoch(_start.Network, Options, _state.Epoch), EarlyStoppingPatience);

    private EngineException Diverged() => new("TrainingDiverged", ErrorKind.InvalidArgument,
        $"Loss or weights became infinite or NaN in epoch {_state.Epoch}, after {_state.Step} steps. "
        + (Output is not null && File.Exists(Output.LatestCheckpoint) ? $"'{Output.LatestCheckpoint}' is the last good checkpoint."
            : "The model has its last good weights."));

    private TrainingProgress ProgressNow(int done, int total, bool isValidating) =>
        new(_state.Epoch, Options.Epochs, done, total, isValidating, _state.LossSum / _state.EpochImages,
            (double)_state.Correct / _state.EpochImages, _state.EpochImages / _state.EpochSeconds, RunTimeLeft());

    /// <summary>Time that the rest of the run takes at this pace; null: not known yet.</summary>
    private TimeSpan? RunTimeLeft() =>
        // Epochs of the classifier say nothing about those of the whole network.
        TrainsClassifier(_state.Epoch) && !TrainsClassifier(Options.Epochs) ? null
            : _pace.Left((long)_plan.ImageCount * (Options.Epochs - _state.History.Count) - _state.EpochImages, MaxDuration);

    /// <summary>Saves the state of a run that stops within an epoch, unless it stops within a step, or has diverged.</summary>
    private void KeepInterrupted(TrainingStep step)
    {
        if (_isUnsound)
            return;
        _model.Snapshot = ToSnapshot(step);
        if (_state.Step > 0)
            Writable?.SaveInterrupted(ToCheckpoint(step));
        // A rank that was stopped may end the job with its process, or read the checkpoint: not before that is written.
        if (_ranks.Agreed != StopWish.None)
            _ranks.FirstOf(null);
    }

    /// <summary>The model with the weights as they are now.</summary>
    private ModelSnapshot ToSnapshot(TrainingStep step) => _start with
    {
        Weights = step.ToStateDict(),
        TrainedEpochs = _earlierEpochs + _state.History.Count,
        TrainedSteps = _earlierSteps + _state.Step,
    };

    private Checkpoint ToCheckpoint(TrainingStep step) => new()
    {
        Model = _model.Snapshot,
        State = _state,
        Moments = step.ToMoments(),
    };

    /// <summary>Refuses images that the model cannot take.</summary>
    /// <exception cref="EngineException"><c>ImageSizeMismatch</c>, <c>InvalidNetwork</c>.</exception>
    internal void Check()
    {
        (Preprocessing wanted, LabeledImage first) = (_start.Preprocessing, _train[0]);
        if ((first.Width, first.Height) != (wanted.Width, wanted.Height))
            throw new EngineException("ImageSizeMismatch", ErrorKind.InvalidArgument,
                $"The model takes images of {wanted.Width} x {wanted.Height} pixels, but those of the data set "
                + $"have {first.Width} x {first.Height}.");
        _start.Network.Require(wanted.Height, wanted.Width);
    }
}
