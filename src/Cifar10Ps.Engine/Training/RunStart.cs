using Cifar10Ps.Execution;
using Cifar10Ps.Models;

namespace Cifar10Ps.Training;

/// <summary>What a run begins with, new or from a checkpoint, after all checks that need no computation.</summary>
/// <param name="Model">The model, with the initial weights and the preprocessing that belong to the run.</param>
/// <param name="Data">The data, with the labels of the model's classes.</param>
/// <param name="State">The state of the run.</param>
/// <param name="Moments">The optimizer's state to resume with; null: a new run.</param>
internal sealed record RunStart(ModelSnapshot Model, ImageDataset Data, TrainingState State,
    IReadOnlyDictionary<string, StateDict>? Moments)
{
    /// <summary>The folder of the checkpoint; null: a new run.</summary>
    public string? Folder { get; private init; }

    /// <summary>Prepares a new run.</summary>
    /// <param name="model">The model.</param>
    /// <param name="data">The data.</param>
    /// <param name="options">What to do.</param>
    /// <param name="keepsFiles">Whether the run keeps checkpoints, which contain a fingerprint of the data.</param>
    /// <param name="warn">Receives what the user should know before the run begins; null ignores it.</param>
    /// <exception cref="EngineException">Those of <see cref="Trainer.Start"/>.</exception>
    public static RunStart New(ImageClassifier model, ImageDataset data, TrainingOptions options, bool keepsFiles, Action<string>? warn)
    {
        model.CheckNotInTraining();
        options.Require();
        (ModelSnapshot named, ImageDataset matched) = ClassMatching.ForTraining(model.Snapshot, data, warn);
        TrainingState state = new()
        {
            Options = options with { Precision = Precisions.Resolve(options.Precision) },
            TrainCount = data.Train.Count,
            DataFingerprint = keepsFiles ? data.Fingerprint : null,
        };
        return new RunStart(Recipes.Prepare(named, options, data.Train), matched, state.On(data), null);
    }

    /// <summary>Prepares a run that resumes from a checkpoint.</summary>
    /// <param name="path">A checkpoint, or the output directory of a run.</param>
    /// <param name="model">The model to resume with, of the same network; null: a new object.</param>
    /// <param name="data">The data of the run.</param>
    /// <param name="change">Changes the checkpoint's options; only the number of epochs may differ, and not fall below those begun.</param>
    /// <param name="warn">Receives what the user should know before the run resumes; null ignores it.</param>
    /// <exception cref="EngineException">Those of <see cref="Trainer.Resume"/>.</exception>
    public static RunStart Resume(string path, ImageClassifier? model, ImageDataset data, Func<TrainingOptions, TrainingOptions> change,
        Action<string>? warn)
    {
        Checkpoint checkpoint = CheckpointFinder.Load(path, warn);
        (ModelSnapshot start, ImageDataset matched) = ClassMatching.ForTraining(checkpoint.Model, data, warn);
        TrainingOptions saved = checkpoint.State.Options, wanted = change(saved);
        if (wanted.Precision == Precision.Auto)
            wanted = wanted with { Precision = saved.Precision };
        wanted.Require();
        if (wanted with { Epochs = saved.Epochs } != saved)
            throw Mismatch($"it has {Differences(saved, wanted)}");
        // Its checkpoints would contradict themselves.
        int begun = checkpoint.State.History.Count + (checkpoint.State.EpochImages > 0 ? 1 : 0);
        if (wanted.Epochs < begun)
            throw new EngineException("OptionOutOfRange", ErrorKind.InvalidArgument,
                $"The run of '{path}' has reached epoch {begun}, but Epochs is {wanted.Epochs}. Epochs counts from the beginning of the "
                + $"run: give {begun} or more.");
        if (checkpoint.State.TrainCount != data.Train.Count)
            throw Mismatch($"it was trained on {DisplayText.Count(checkpoint.State.TrainCount, "image")}, not {data.Train.Count:N0}");
        if (checkpoint.State.DataFingerprint is string fingerprint && !data.IsOf(fingerprint))
            throw Mismatch("it was trained or validated on other images, or in another order");
        Network network = checkpoint.Model.Network;
        // A network that does not end with a classifier gets one only for other classes.
        if (model is not null && !model.Network.HasSameLayers(network)
            && !model.Network.WithClassCount(network.ClassCount).HasSameLayers(network))
            throw Mismatch($"its network is a {network}, the model is a {model.Network}"
                + (model.Network.ToString() == network.ToString() ? " with other layers" : ""));
        model?.CheckNotInTraining();
        TrainingState state = checkpoint.State with { Options = wanted, StopReason = null, DataFingerprint = data.Fingerprint };
        // More epochs may train another part than the last one did, whose moments begin at zero.
        bool isSamePart = TrainedPart.IsClassifier(start.Network, saved, Math.Min(state.Epoch, saved.Epochs))
            == TrainedPart.IsClassifier(start.Network, wanted, Math.Min(state.Epoch, wanted.Epochs));
        return new RunStart(start, matched, state.On(data), isSamePart ? checkpoint.Moments : null)
        {
            Folder = Directory.Exists(path) ? path : Path.GetDirectoryName(Path.GetFullPath(path)),
        };

        EngineException Mismatch(string why) => new("CheckpointMismatch", ErrorKind.InvalidArgument,
            $"The checkpoint '{path}' belongs to another run: {why}. Start a new run, or resume with the options and data of that run.");
    }

    private static string Differences(TrainingOptions saved, TrainingOptions wanted) =>
        string.Join(", ", typeof(TrainingOptions).GetProperties()
            .Where(option => option.Name != nameof(TrainingOptions.Epochs) && !Equals(option.GetValue(saved), option.GetValue(wanted)))
            .Select(option => $"{option.Name} {option.GetValue(saved)} instead of {option.GetValue(wanted)}"));
}
