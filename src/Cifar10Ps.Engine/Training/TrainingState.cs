namespace Cifar10Ps;

/// <summary>Everything of a run that is neither weights nor moments: with these, a run goes on as if it had never stopped.</summary>
internal sealed record TrainingState
{
    /// <summary>What the run does.</summary>
    public required TrainingOptions Options { get; init; }

    /// <summary>Number of training images; another number is another run.</summary>
    public required int TrainCount { get; init; }

    /// <summary>Fingerprint of the data (<see cref="ImageDataset.Fingerprint"/>); null: an earlier version or another program wrote the checkpoint.</summary>
    public string? DataFingerprint { get; init; }

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

    /// <summary>Why the run stopped before its last epoch; null: it is under way, complete, or was interrupted.</summary>
    public string? StopReason { get; set; }

    /// <summary>Reports of the finished epochs.</summary>
    public List<EpochReport> History { get; init; } = [];

    /// <summary>The epoch that is next, or under way, from 1.</summary>
    public int Epoch => History.Count + 1;
}
