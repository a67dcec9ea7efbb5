using System.Management.Automation;
using System.Management.Automation.Language;

namespace Cifar10Ps;

/// <summary>Messages about a training, in the pipeline and in a job.</summary>
internal static class TrainingMessages
{
    /// <summary>The progress of a run: its epochs, and below them the batches.</summary>
    public static IEnumerable<ProgressRecord> ToRecords(ImageClassifier model, TrainingProgress at)
    {
        double part = at.IsPreparing ? 0 : at.IsValidating ? 1 : (double)at.Done / at.Total;
        yield return ProgressReporter.Record(1, $"Training {model.Name}", $"Epoch {at.Epoch} of {at.EpochCount}", at.Epoch - 1 + part,
            at.EpochCount, at.RunTimeLeft);
        // Short: with activity, indentation and time, 80 columns hold it.
        string status = at.IsPreparing ? $"Computing features: {at.Done:N0} of {at.Total:N0} images"
            : at.IsValidating ? $"Validating: {at.Done:N0} of {at.Total:N0} images"
            : $"{at.Done:N0}/{at.Total:N0}, loss {at.Loss:F3}, accuracy {at.Accuracy:P1}, {at.ImagesPerSecond:F0} images/s";
        yield return ProgressReporter.Record(2, $"Epoch {at.Epoch}", status, at.Done, at.Total,
            at.IsValidating || at.IsPreparing ? null : at.EpochTimeLeft, parent: 1);
    }

    /// <summary>What to know about classes of unequal size; null: they are not, or the run evens them out.</summary>
    public static string? AboutClassSizes(Trainer trainer) => trainer.Imbalance is not var (largest, most, smallest, least) ? null
        : $"The class '{largest.LabelName}' has {most:N0} training images, '{smallest.LabelName}' only {least:N0}: small classes tend to "
            + "be overlooked. -Sampling Balanced or -ClassWeights Balanced makes every class count the same.";

    /// <summary>Why a run stopped before its last epoch, and how to resume it; null: it did not.</summary>
    public static string? WhyItStopped(Trainer trainer, bool isCancelled)
    {
        if (trainer.IsComplete || (!isCancelled && trainer.StopReason is null))
            return null;
        string why = trainer.StopReason is string reason ? $"Training was stopped: {reason}" : "Training was stopped.";
        return trainer.Output is { } output && File.Exists(output.LatestCheckpoint)
            ? $"{why} Resume with -ResumeFrom '{CodeGeneration.EscapeSingleQuotedStringContent(output.LatestCheckpoint)}'." : why;
    }
}
