using System.Globalization;

namespace Cifar10Ps;

/// <summary>Two images that are alike.</summary>
/// <param name="Similarity">Cosine of the angle between the vectors that describe them, to six digits: 1 for equal images.</param>
/// <param name="Image">The one.</param>
/// <param name="Split">The part of the data set that it is in; null: it was given alone.</param>
/// <param name="Similar">The other.</param>
/// <param name="SimilarSplit">The part of the data set that the other is in; null: it was given alone.</param>
public sealed record SimilarImage(double Similarity, LabeledImage Image, string? Split, LabeledImage Similar, string? SimilarSplit)
{
    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.CurrentCulture,
        $"{Place(Split)}{Image} and {Place(SimilarSplit)}{Similar}: {Similarity:F4}");

    private static string Place(string? split) => split is null ? "" : $"{split} ";
}
