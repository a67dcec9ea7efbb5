using System.Globalization;

namespace Cifar10Ps.Training;

/// <summary>Ends a run whose validation no longer improves.</summary>
internal static class EarlyStopping
{
    /// <summary>Why a run ends after the epochs so far; null: it continues.</summary>
    /// <param name="history">Reports of the epochs so far.</param>
    /// <param name="firstEpoch">First epoch of the part of the network that is trained: what another part reached does not count.</param>
    /// <param name="patience">Number of validations in a row without a better accuracy that end a run; 0: never.</param>
    public static string? Reason(IReadOnlyList<EpochReport> history, int firstEpoch, int patience)
    {
        double[] accuracies = [.. history.Skip(firstEpoch - 1).Select(report => report.ValidationAccuracy).OfType<double>()];
        int sinceBest = accuracies.Length - 1 - Array.IndexOf(accuracies, accuracies.DefaultIfEmpty().Max());
        return patience > 0 && accuracies.Length > 0 && sinceBest >= patience
            ? string.Create(CultureInfo.InvariantCulture,
                $"No better validation accuracy than {accuracies.Max():P2} in "
                + $"{DisplayText.Count(sinceBest, "validation")}, up to epoch {history.Count}.")
            : null;
    }
}
