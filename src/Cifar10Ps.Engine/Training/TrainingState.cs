using System.Runtime.InteropServices;
using System.Text.Json.Serialization;

namespace Cifar10Ps.Training;

/// <summary>Everything about a run except weights and moments: with these, it resumes as if it had never stopped.</summary>
internal sealed record TrainingState
{
    /// <summary>What the run does.</summary>
    public required TrainingOptions Options { get; init; }

    /// <summary>Number of training images; a different number means a different run.</summary>
    public required int TrainCount { get; init; }

    /// <summary>Fingerprint of the data (<see cref="ImageDataset.Fingerprint"/>);
    /// null: an earlier version or another program wrote the checkpoint.</summary>
    public string? DataFingerprint { get; init; }

    /// <summary>Name of the data; null: an earlier version or another program wrote the checkpoint.</summary>
    public string? DataName { get; init; }

    /// <summary>Number of images to validate on, where they are not held out of the training images; null, likewise.</summary>
    public int? DataValidationCount { get; init; }

    /// <summary>The machine that the run last began on; null, likewise.</summary>
    public string? Machine { get; init; }

    /// <summary>Optimizer steps done.</summary>
    public long Step { get; set; }

    /// <summary>Images of the unfinished epoch that are done; 0 between epochs, all when only its validation is left.</summary>
    public int EpochImages { get; set; }

    /// <summary>Sum of the losses of these images.</summary>
    public double LossSum { get; set; }

    /// <summary>How many of these images were guessed right.</summary>
    public int Correct { get; set; }

    /// <summary>Seconds that this epoch's training took so far.</summary>
    public double EpochSeconds { get; set; }

    /// <summary>Seconds that the run took so far.</summary>
    public double ElapsedSeconds { get; set; }

    /// <summary>Which epoch's model the run leaves.</summary>
    public Restore Restore { get; set; }

    /// <summary>Why the run stopped before its last epoch; null: it is under way, complete, or was interrupted.</summary>
    public string? StopReason { get; set; }

    /// <summary>Reports of the finished epochs.</summary>
    public List<EpochReport> History { get; init; } = [];

    /// <summary>Whether all epochs are done.</summary>
    [JsonIgnore]
    public bool IsComplete => History.Count >= Options.Epochs;

    /// <summary>The epoch that is next, or under way, from 1.</summary>
    public int Epoch => History.Count + 1;

    /// <summary>The part of a network that the next epoch trains; after the last one, that which the last one trained. The moments of a
    /// checkpoint belong to it.</summary>
    public Network PartOf(Network network) => TrainedPart.Of(network, Options, Math.Min(Epoch, Options.Epochs));

    /// <summary>The same state of a run that begins, or goes on, with some data on this machine.</summary>
    public TrainingState On(ImageDataset data) => this with
    {
        DataName = data.Name,
        DataValidationCount = data.Validation.Count,
        Machine = $"{Environment.MachineName}, {Environment.ProcessorCount} processors, {RuntimeInformation.OSArchitecture}",
    };

    /// <summary>What is impossible in the state of a run, which may come from any file; null: nothing.</summary>
    public string? Contradiction()
    {
        if (Options.OutOfRange() is string option)
            return $"{option} is out of range";
        if (!Enum.IsDefined(Restore))
            return $"{nameof(Restore)} is out of range";
        if (TrainCount <= 0 || Options.ValidationCount >= TrainCount)
            return "no images are left to train on";
        if (History.Count > Options.Epochs || History.Index().Any(item => item.Item?.Epoch != item.Index + 1))
            return "its history is not one of epochs 1, 2, 3 ... up to the last one";
        if (History.FirstOrDefault(report => !IsPossible(report)) is { } odd)
            return $"the report of epoch {odd.Epoch} has impossible numbers";

        EpochPlan plan = new(TrainCount - Options.ValidationCount, Options);
        if (EpochImages < 0 || EpochImages > plan.ImageCount || (EpochImages > 0 && History.Count == Options.Epochs))
            return "its unfinished epoch has an impossible number of images";
        if (!double.IsFinite(LossSum) || Correct < 0 || Correct > EpochImages || !IsTime(EpochSeconds) || !IsTime(ElapsedSeconds))
            return "its counters have impossible values";

        long[] taken = [0, .. History.Select(report => report.Step)];
        // A run of the original program may have stopped within an epoch, which starts again.
        long begun = Step - taken[^1] - plan.StepsFor(EpochImages), most = Options.Recipe == Recipe.Original ? plan.Steps : 0;
        return begun < 0 || begun > most || taken.Zip(taken.Skip(1)).Any(pair => pair.First >= pair.Second)
            ? "its steps do not match its epochs" : null;
    }

    private static bool IsPossible(EpochReport report) =>
        IsAmount(report.Loss) && IsShare(report.Accuracy) && IsAmount(report.ValidationLoss ?? 0) && IsShare(report.ValidationAccuracy ?? 0)
        && IsAmount(report.LearningRate) && IsAmount(report.ImagesPerSecond) && IsTime(report.Elapsed.TotalSeconds);

    private static bool IsAmount(double value) => value >= 0 && double.IsFinite(value);

    private static bool IsShare(double value) => value is >= 0 and <= 1;

    // A century, which TimeSpan holds with ease.
    private static bool IsTime(double seconds) => seconds is >= 0 and < 4e9;
}
