namespace Cifar10Ps;

/// <summary>What has become of a run.</summary>
public enum TrainingRunStatus
{
    /// <summary>All epochs are done.</summary>
    Complete,

    /// <summary>It ended before its last epoch for a reason: early stopping, a time limit, or its own commands.</summary>
    Stopped,

    /// <summary>It ended in the middle, and can be resumed.</summary>
    Interrupted,

    /// <summary>An error ended it; if it has a checkpoint, it can be resumed.</summary>
    Failed,

    /// <summary>It writes to its folder now.</summary>
    Running,
}
