namespace Cifar10Ps.Training;

/// <summary>How a run ended.</summary>
/// <param name="Status">What has become of it.</param>
/// <param name="Reason">Why it stopped, or the error that ended it; null: it is complete, or was stopped by hand or by a signal.</param>
/// <param name="ErrorId">The identifier of that error; null: there was none, or it has none.</param>
/// <param name="Epochs">Number of finished epochs.</param>
/// <param name="Step">Number of steps.</param>
internal sealed record RunEnd(TrainingRunStatus Status, string? Reason, string? ErrorId, int Epochs, long Step);
