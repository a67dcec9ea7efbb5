using System.Globalization;

namespace Cifar10Ps;

/// <summary>An image that probably has a wrong label.</summary>
/// <param name="Image">The image.</param>
/// <param name="LabelName">The class that it is said to show.</param>
/// <param name="Suggestion">The class that it probably shows.</param>
/// <param name="Confidence">Probability of the suggestion, 0 to 1.</param>
/// <param name="LabelProbability">Probability of the label, 0 to 1.</param>
public sealed record LabelError(LabeledImage Image, string LabelName, string Suggestion, double Confidence, double LabelProbability)
{
    /// <summary>Position of the image in its split.</summary>
    public int Index => Image.Index;

    /// <summary>The picture file; null if there is none.</summary>
    public string? Path => Image.Path;

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.CurrentCulture, $"{Image}, probably {Suggestion} {Confidence:P1}");
}
