using System.Globalization;

namespace Cifar10Ps;

/// <summary>Guesses of similar confidence: how sure a classifier was, and how often it was right.</summary>
/// <param name="From">The lowest confidence, not included.</param>
/// <param name="To">The highest confidence, included.</param>
/// <param name="Count">Number of images.</param>
/// <param name="Confidence">Mean confidence, 0 to 1; null without images.</param>
/// <param name="Accuracy">Share of right guesses, 0 to 1; null without images.</param>
public sealed record ReliabilityBin(double From, double To, int Count, double? Confidence, double? Accuracy)
{
    /// <summary>Number of bins between 0 and 1.</summary>
    internal const int BinCount = 15;

    /// <summary>The bins of equal width.</summary>
    /// <param name="guesses">The confidence of each guess, 0 to 1, and whether it was right.</param>
    internal static ReliabilityBin[] Of(IReadOnlyCollection<(double Confidence, bool IsCorrect)> guesses)
    {
        ILookup<int, (double Confidence, bool IsCorrect)> bins =
            guesses.ToLookup(guess => Math.Clamp((int)Math.Ceiling(guess.Confidence * BinCount) - 1, 0, BinCount - 1));
        return [.. Enumerable.Range(0, BinCount).Select(i => new ReliabilityBin((double)i / BinCount, (i + 1.0) / BinCount,
            bins[i].Count(), bins[i].Average(guess => (double?)guess.Confidence),
                bins[i].Average(guess => guess.IsCorrect ? 1.0 : (double?)0)))];
    }

    /// <inheritdoc/>
    public override string ToString() => Count == 0 ? "no images" : string.Create(CultureInfo.CurrentCulture,
        $"{DisplayText.Count(Count, "image")}, confidence {Confidence:P1}, accuracy {Accuracy:P1}");
}
