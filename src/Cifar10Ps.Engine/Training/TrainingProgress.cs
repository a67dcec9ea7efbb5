namespace Cifar10Ps;

/// <summary>The progress of a run, reported after every step and every portion of the validation.</summary>
/// <param name="Epoch">Epoch, from 1.</param>
/// <param name="EpochCount">Epochs of the run.</param>
/// <param name="Done">Images of this epoch (or of its validation) that are done.</param>
/// <param name="Total">Images of this epoch (or of its validation).</param>
/// <param name="IsValidating">Whether this is the validation at the end of the epoch.</param>
/// <param name="Loss">Mean training loss of this epoch so far.</param>
/// <param name="Accuracy">Training accuracy of this epoch so far, 0 to 1.</param>
/// <param name="ImagesPerSecond">Training images per second in this epoch so far.</param>
/// <param name="RunTimeLeft">Time that the rest of the run takes at its pace since it began or was resumed; null: not known yet.</param>
/// <param name="IsPreparing">Whether features are being computed, which epochs of the classifier alone need once.</param>
public readonly record struct TrainingProgress(
    int Epoch, int EpochCount, int Done, int Total, bool IsValidating, double Loss, double Accuracy, double ImagesPerSecond,
    TimeSpan? RunTimeLeft, bool IsPreparing = false)
{
    /// <summary>Time that the rest of this epoch takes at this rate, validation not counted.</summary>
    public TimeSpan EpochTimeLeft => ImagesPerSecond > 0 ? TimeSpan.FromSeconds((Total - Done) / ImagesPerSecond) : TimeSpan.Zero;
}
