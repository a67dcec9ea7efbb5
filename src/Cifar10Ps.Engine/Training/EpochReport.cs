using System.Globalization;
using System.Text.Json.Serialization;

namespace Cifar10Ps;

/// <summary>The results of a training epoch.</summary>
public sealed record EpochReport
{
    /// <summary>Epoch, from 1.</summary>
    public required int Epoch { get; init; }

    /// <summary>Optimizer steps since the start of the run.</summary>
    public required long Step { get; init; }

    /// <summary>Mean training loss over the epoch's images, at the time of their step, in nats.</summary>
    public required double Loss { get; init; }

    /// <summary>Fraction of the training images guessed right at the time of their step, 0 to 1.</summary>
    public required double Accuracy { get; init; }

    /// <summary>Mean cross-entropy on the validation images after the epoch, in nats; null for an epoch without validation.</summary>
    public required double? ValidationLoss { get; init; }

    /// <summary>Share of the validation images guessed right after the epoch, 0 to 1; null for an epoch without validation.</summary>
    public required double? ValidationAccuracy { get; init; }

    /// <summary>
    /// Whether it was better than every epoch before it (<see cref="IsBetterThan"/>): as known when it was reported, when such an epoch
    /// became <c>checkpoint-best</c>. In a history that is read later, only the best epoch of the run.
    /// </summary>
    public bool IsBest { get; init; }

    /// <summary>Learning rate of the epoch's last step; NaN in a history that does not say.</summary>
    public required double LearningRate { get; init; }

    /// <summary>Training images per second, validation not counted; NaN in a history that does not say.</summary>
    public required double ImagesPerSecond { get; init; }

    /// <summary>Time since the start of the run, pauses between stop and resume not counted.</summary>
    public required TimeSpan Elapsed { get; init; }

    /// <summary>The output directory of the run, or the file that a history was read from; null for a run that keeps no files.</summary>
    [JsonIgnore]
    public string? Run { get; init; }

    /// <summary>Whether its validation accuracy is higher than another epoch's, or equal with a lower loss: with few validation images,
    /// many epochs guess the same number right.</summary>
    /// <param name="other">The other epoch; none, and one without validation, is worse than any with one.</param>
    internal bool IsBetterThan(EpochReport? other) => ValidationAccuracy is double accuracy
        && (other?.ValidationAccuracy is not double best || accuracy > best
            || (accuracy == best && ValidationLoss < other!.ValidationLoss));

    /// <summary>The best of some epochs, the first of equals; null if none was validated.</summary>
    /// <param name="reports">The epochs.</param>
    internal static EpochReport? BestOf(IEnumerable<EpochReport> reports) =>
        reports.Aggregate((EpochReport?)null, (best, report) => report.IsBetterThan(best) ? report : best);

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.CurrentCulture, $"epoch {Epoch}: loss {Loss:F4}, accuracy {Accuracy:P2}")
        + (ValidationAccuracy is double validation
            ? string.Create(CultureInfo.CurrentCulture, $", validation accuracy {validation:P2}") : "");
}
