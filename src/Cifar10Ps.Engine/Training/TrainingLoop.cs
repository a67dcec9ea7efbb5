using System.Diagnostics;
using Cifar10Ps.Data;
using Cifar10Ps.Distribution;
using Cifar10Ps.Inference;
using Cifar10Ps.Models;
using Cifar10Ps.Runtime;
using static TorchSharp.torch;

namespace Cifar10Ps.Training;

/// <summary>A run of a <see cref="Trainer"/>, which has been checked: epochs of steps, validation, checkpoint and report.</summary>
internal sealed class TrainingLoop
{
    private readonly Trainer _trainer;
    private readonly ModelSnapshot _start;
    private readonly TrainingState _state;
    private readonly IReadOnlyDictionary<string, StateDict>? _moments;
    private readonly string? _resumedFolder;
    private readonly RunImages _images;
    private readonly WorkerPool _pool;
    private readonly Ranks _ranks;
    private readonly OutputDirectory? _output;
    private readonly Action<TrainingProgress>? _progress;
    private readonly CancellationToken _cancellation;
    private readonly int _earlierEpochs;
    private readonly long _earlierSteps;
    private readonly RunPace _pace = new();
    private TrainingStep _step = null!;
    private FeatureTable? _features;
    private ModelSnapshot? _best;
    private long _saved;
    private bool _isUnsound, _isInEpoch;

    /// <summary>Prepares a run.</summary>
    /// <param name="trainer">Its settings; what becomes of the run is told to it.</param>
    /// <param name="start">What it begins with.</param>
    /// <param name="images">What it trains and validates on.</param>
    /// <param name="pool">The workers.</param>
    /// <param name="ranks">The processes that share the run.</param>
    /// <param name="progress">Receives the progress after every step and every portion of the validation; null disables it.</param>
    /// <param name="cancellation">Stops the run.</param>
    public TrainingLoop(Trainer trainer, RunStart start, RunImages images, WorkerPool pool, Ranks ranks,
        Action<TrainingProgress>? progress, CancellationToken cancellation)
    {
        (_trainer, _images, _pool, _ranks, _progress, _cancellation) = (trainer, images, pool, ranks, progress, cancellation);
        (_start, _, _state, _moments) = start;
        _resumedFolder = start.Folder;
        _output = ranks.IsFirst ? trainer.Output : null;
        (_earlierEpochs, _earlierSteps) = (_start.TrainedEpochs - _state.History.Count, _start.TrainedSteps - _state.Step);
        ranks.Wish = () => cancellation.IsCancellationRequested ? StopWish.Cancelled
            : _isInEpoch && _pace.IsLate(trainer.MaxDuration) ? StopWish.TimeLimit : StopWish.None;
    }

    private TrainingOptions Options => _state.Options;

    /// <summary>Trains the remaining epochs; how the run goes and ends is in the journal of its folder.</summary>
    /// <returns>A report for each epoch.</returns>
    public IEnumerable<EpochReport> Run()
    {
        RunJournal? journal = _output?.Journal;
        IEnumerable<EpochReport> epochs = Epochs(journal);
        return journal?.Watch(epochs, error => RunEnd.Of(error, _state)) ?? epochs;
    }

    private IEnumerable<EpochReport> Epochs(RunJournal? journal)
    {
        Begin(journal);
        bool isWhole = true, isFinished = false;
        try
        {
            while (!_state.IsComplete && _state.StopReason is null)
            {
                isWhole = false;
                if (!TrainEpoch())
                    yield break;
                (EpochReport report, Evaluation? evaluation) = EndEpoch();
                ChangePart();
                Save(output => output.SaveEpoch(ToCheckpoint()));
                isWhole = true;
                _trainer.Observer?.OnEpoch(new TrainedEpoch(_state.History, evaluation, _trainer.Model, _images.Validation,
                    Options.Precision));
                yield return report;
                if (!_state.IsComplete)
                    _state.StopReason = _ranks.FirstOf(_state.StopReason ?? EarlyStop());
            }

            isFinished = true;
            Finish();
        }
        finally
        {
            try
            {
                if (!isWhole)
                    KeepInterrupted();
                // Whoever needs no more than the last report leaves a run that has ended.
                else if (_state.IsComplete && !isFinished)
                    Finish();
            }
            finally
            {
                _step.Dispose();
            }
        }
    }

    private void Begin(RunJournal? journal)
    {
        _step = NewStep(_start, _moments);
        // Now, while its checkpoint is known to be there.
        _best = _state.Restore == Restore.Best ? _trainer.EarlierBest() : null;
        _output?.Begin();
        journal?.Start(Beginning(), _trainer.Warnings);
        // All checks have passed.
        _trainer.Model.Snapshot = _start;
        if (_output is not null && _resumedFolder is not null)
            SaveBeginning(_output, isElsewhere: _output.Path != _resumedFolder);
        _pace.Start();
        _saved = Stopwatch.GetTimestamp();
        // A run that was stopped early before it was resumed stops again.
        _state.StopReason = _ranks.FirstOf(_state.StopReason ?? EarlyStop());
    }

    /// <summary>Validates the model after the last step of an epoch, and adds the epoch to the history.</summary>
    private (EpochReport Report, Evaluation? Evaluation) EndEpoch()
    {
        ModelSnapshot trained = ToSnapshot();
        RequireSameWeights(trained);
        Evaluation? evaluation = Validate(trained);
        EpochReport report = Report(evaluation);
        _state.History.Add(report);
        (_state.EpochImages, _state.LossSum, _state.Correct, _state.EpochSeconds) = (0, 0, 0, 0);
        _trainer.Model.Snapshot = trained with { TrainedEpochs = trained.TrainedEpochs + 1 };
        if (report.IsBest)
            _best = _trainer.Model.Snapshot;
        return (report, evaluation);
    }

    /// <summary>Prepares to train the part of the network that the next epoch trains, if it is another one.</summary>
    private void ChangePart()
    {
        if (_state.IsComplete || TrainsClassifier(_state.Epoch) == TrainsClassifier(_state.Epoch - 1))
            return;
        // If it fails, the moments are not those of the next part.
        _isUnsound = true;
        _step.Dispose();
        _step = NewStep(_trainer.Model.Snapshot);
        _isUnsound = false;
        _pace.Start();
    }

    /// <summary>Leaves the model that the run is to leave.</summary>
    private void Finish()
    {
        // The reason for stopping belongs in its history.
        if (_state.StopReason is not null && _state.Step > 0)
            _output?.SaveInterrupted(ToCheckpoint());
        if (_state.Restore == Restore.Best && _best is { } best)
            (_trainer.Model.Snapshot, _trainer.RestoredEpoch) = (best, _trainer.BestReport!.Epoch);
        _output?.SaveModel(_trainer.Model);
        // No rank goes on before the files are there.
        _ranks.FirstOf(null);
    }

    /// <summary>Saves what a resumed run begins with, as far as its folder may lack it.</summary>
    private void SaveBeginning(OutputDirectory output, bool isElsewhere)
    {
        // A process that ended while it saved this epoch may have saved only some of its files.
        if (_moments is not null && _state is { EpochImages: 0, History.Count: > 0 })
            output.SaveEpoch(ToCheckpoint());
        else if (isElsewhere && _state.Step > 0)
            output.SaveInterrupted(ToCheckpoint());
        // Last: a run that had its best checkpoint alone would be resumed from there.
        if (isElsewhere && _trainer.BestReport is { } best
            && CheckpointFinder.BestOf(best, [output.Path, _resumedFolder!]) is (string file, _))
            output.TakeBest(file);
    }

    /// <summary>What the run begins with, for its journal.</summary>
    private RunBeginning Beginning() => new()
    {
        Threads = _trainer.Threads,
        Ranks = _trainer.Cluster?.Size ?? 1,
        Model = _start.Name,
        ModelSeed = _start.Seed,
        Weights = RunFacts.Fingerprint(_start),
        Computation = _trainer.Description,
        IsResumed = _resumedFolder is not null,
        EvaluateEvery = _trainer.EvaluateEvery,
        EarlyStoppingPatience = _trainer.EarlyStoppingPatience,
        State = _state with { History = [] },
    };

    private bool TrainsClassifier(int epoch) => TrainedPart.IsClassifier(_start.Network, Options, epoch);

    /// <summary>Prepares to train the part of the network that is next.</summary>
    private TrainingStep NewStep(ModelSnapshot model, IReadOnlyDictionary<string, StateDict>? moments = null)
    {
        long start = Stopwatch.GetTimestamp();
        Network part = _state.PartOf(model.Network);
        bool needsFeatures = part.HasFrozenBackbone && !_state.IsComplete;
        LabeledImage[] images = needsFeatures ? [.. _images.Train, .. _images.Validation] : [];
        _features = needsFeatures ? new FeatureTable(model, _pool, Options.Precision, images, done =>
        {
            ThrowIfCancelled();
            _progress?.Invoke(ProgressNow(done, images.Length, isValidating: false) with { IsPreparing = true });
        }, CancellationToken.None, _ranks, _trainer.Cluster?.RanksOnHost ?? 1) : null;
        _state.ElapsedSeconds += Stopwatch.GetElapsedTime(start).TotalSeconds;
        return new TrainingStep(_pool, model, part, Options, _images.ClassWeights, _features, moments, _ranks);
    }

    /// <summary>Trains the rest of an epoch.</summary>
    /// <returns>Whether it is done; if not, the time limit was reached.</returns>
    private bool TrainEpoch()
    {
        int epoch = _state.Epoch, count = _images.Plan.ImageCount;
        _isInEpoch = true;
        TrainingImage[] order = _images.Order.At(epoch);
        long otherSteps = (long)_images.Plan.Steps * (TrainedPart.FirstEpoch(_start.Network, Options, epoch) - 1);
        while (_state.EpochImages < count)
        {
            if (ThrowIfCancelled() == StopWish.TimeLimit)
            {
                _state.StopReason = $"The time limit was reached in epoch {epoch} of {Options.Epochs}.";
                return false;
            }

            long start = Stopwatch.GetTimestamp();
            TrainingImage[] images = order[_state.EpochImages.._images.Plan.EndOfBatch(_state.EpochImages)];
            (Tensor gradients, double lossSum, int correct) = _step.Compute(images, _images.Plan.WeightOf(images.Length));
            // An image that can no longer be read ends the run before this step, of which nothing is done yet.
            _isUnsound = true;
            if (!double.IsFinite(lossSum))
                throw Diverged();
            _step.Update(gradients, RateAt(_state.Step), _state.Step + 1 - otherSteps);
            if (!_step.IsFinite)
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
            SaveBetween();
            _progress?.Invoke(ProgressNow(_state.EpochImages, count, isValidating: false));
        }

        _isInEpoch = false;
        return true;
    }

    /// <summary>Saves the state within an epoch, if it is time to.</summary>
    private void SaveBetween()
    {
        bool isDue = (_trainer.CheckpointEverySteps > 0 && _state.Step % _trainer.CheckpointEverySteps == 0)
            || Stopwatch.GetElapsedTime(_saved) >= _trainer.CheckpointEvery;
        if (isDue)
            Save(output => output.SaveInterrupted(ToCheckpoint() with { Model = ToSnapshot() }));
    }

    /// <summary>Saves, if this rank does. The time that it takes is part of the run, from the next report on.</summary>
    private void Save(Action<OutputDirectory> save)
    {
        long start = Stopwatch.GetTimestamp();
        if (_output is { } output)
            save(output);
        _saved = Stopwatch.GetTimestamp();
        _state.ElapsedSeconds += Stopwatch.GetElapsedTime(start, _saved).TotalSeconds;
    }

    /// <summary>Evaluates the model as it is after an epoch.</summary>
    /// <returns>The evaluation; null if none is due.</returns>
    private Evaluation? Validate(ModelSnapshot trained)
    {
        long start = Stopwatch.GetTimestamp();
        if (_images.Validation.Count == 0 || (_state.Epoch % _trainer.EvaluateEvery != 0 && _state.Epoch < Options.Epochs))
            return null;
        using Predictor predictor = _features is null ? new(trained, _pool, Options.Precision, ranks: _ranks)
            : new(trained, _pool, _features);
        Evaluation evaluation = Evaluation.Run(predictor, _images.Validation, done =>
        {
            ThrowIfCancelled();
            _progress?.Invoke(ProgressNow(done, _images.Validation.Count, isValidating: true));
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
    private StopWish ThrowIfCancelled()
    {
        StopWish wish = _ranks.Ask();
        if (wish != StopWish.Cancelled)
            return wish;
        _cancellation.ThrowIfCancellationRequested();
        throw new EngineException("RankStopped", ErrorKind.ResourceUnavailable,
            $"Rank {_ranks.WishedBy} was stopped in epoch {_state.Epoch}, after {DisplayText.Count(_state.Step, "step")}, "
            + "and with it the run.");
    }

    /// <summary>Refuses to go on with ranks whose processors computed other bits.</summary>
    private void RequireSameWeights(ModelSnapshot trained)
    {
        if (_trainer.Cluster is null)
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
        LearningRates.At(Options.Schedule, Options.LearningRate, step, (long)_images.Plan.Steps * Options.Epochs);

    /// <summary>Why the run ends before its last epoch. What the classifier alone reaches says nothing about the whole network.</summary>
    private string? EarlyStop() => _state.IsComplete || (TrainsClassifier(_state.Epoch) && !TrainsClassifier(Options.Epochs)) ? null
        : EarlyStopping.Reason(_state.History, TrainedPart.FirstEpoch(_start.Network, Options, _state.Epoch),
            _trainer.EarlyStoppingPatience);

    private EngineException Diverged() => new("TrainingDiverged", ErrorKind.InvalidArgument,
        $"Loss or weights became infinite or NaN in epoch {_state.Epoch}, after {DisplayText.Count(_state.Step, "step")}. "
        + (_trainer.Output?.LatestCheckpoint is string latest && File.Exists(latest) ? $"'{latest}' is the last good checkpoint."
            : "The model has its last good weights."));

    private TrainingProgress ProgressNow(int done, int total, bool isValidating) =>
        new(_state.Epoch, Options.Epochs, done, total, isValidating, _state.LossSum / _state.EpochImages,
            (double)_state.Correct / _state.EpochImages, _state.EpochImages / _state.EpochSeconds, RunTimeLeft());

    /// <summary>Time that the rest of the run takes at this pace; null: not known yet.</summary>
    private TimeSpan? RunTimeLeft() =>
        // Epochs of the classifier say nothing about those of the whole network.
        TrainsClassifier(_state.Epoch) && !TrainsClassifier(Options.Epochs) ? null
            : _pace.Left((long)_images.Plan.ImageCount * (Options.Epochs - _state.History.Count) - _state.EpochImages,
                _trainer.MaxDuration);

    /// <summary>Saves the state of a run that stops within an epoch, unless it stops within a step, or has diverged.</summary>
    private void KeepInterrupted()
    {
        if (_isUnsound)
            return;
        _trainer.Model.Snapshot = ToSnapshot();
        if (_state.Step > 0)
            _output?.SaveInterrupted(ToCheckpoint());
        // A rank that was stopped may end the job with its process, or read the checkpoint: not before that is written.
        if (_ranks.Agreed != StopWish.None)
            _ranks.FirstOf(null);
    }

    /// <summary>The model with the weights as they are now.</summary>
    private ModelSnapshot ToSnapshot() => _start with
    {
        Weights = _step.ToStateDict(),
        TrainedEpochs = _earlierEpochs + _state.History.Count,
        TrainedSteps = _earlierSteps + _state.Step,
    };

    private Checkpoint ToCheckpoint() => new()
    {
        Model = _trainer.Model.Snapshot,
        State = _state,
        Moments = _step.ToMoments(),
    };
}
