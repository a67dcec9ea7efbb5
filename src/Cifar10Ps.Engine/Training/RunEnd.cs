using Cifar10Ps.Runtime;

namespace Cifar10Ps.Training;

/// <summary>How a run ended.</summary>
/// <param name="Status">What has become of it.</param>
/// <param name="Reason">Why it stopped, or the error that ended it; null: it is complete, or was stopped by hand or by a signal.</param>
/// <param name="ErrorId">The identifier of that error; null: there was none, or it has none.</param>
/// <param name="Epochs">Number of finished epochs.</param>
/// <param name="Step">Number of steps.</param>
internal sealed record RunEnd(TrainingRunStatus Status, string? Reason, string? ErrorId, int Epochs, long Step)
{
    /// <summary>How a run ended.</summary>
    /// <param name="error">The error that ended it; null: none.</param>
    /// <param name="state">Where it ended.</param>
    public static RunEnd Of(Exception? error, TrainingState state)
    {
        error = MachineMemory.ErrorOf(error) ?? error;
        bool isFailed = error is not (null or OperationCanceledException or EngineException { ErrorId: "RankStopped" });
        TrainingRunStatus status = isFailed ? TrainingRunStatus.Failed : state.StopReason is not null ? TrainingRunStatus.Stopped
            : state.IsComplete ? TrainingRunStatus.Complete : TrainingRunStatus.Interrupted;
        return new RunEnd(status, isFailed ? error!.Message : state.StopReason, (error as EngineException)?.ErrorId, state.History.Count,
            state.Step);
    }
}
