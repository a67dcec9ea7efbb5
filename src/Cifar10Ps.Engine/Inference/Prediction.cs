using System.Globalization;
using Cifar10Ps.Inference;
using Cifar10Ps.Models;

namespace Cifar10Ps;

/// <summary>What a classifier says about one image.</summary>
public sealed class Prediction
{
    private const string Unknown = "unknown";

    /// <summary>Evaluates logits.</summary>
    /// <param name="model">The classifier, for its class names.</param>
    /// <param name="logits">A logit for each class.</param>
    /// <param name="top">How many classes to list in <see cref="Top"/>.</param>
    /// <param name="image">The image.</param>
    /// <param name="minimumConfidence">The least confidence of an answer, 0 to 1.</param>
    /// <param name="features">What the classifier reads; null: it is not kept.</param>
    internal Prediction(ModelSnapshot model, float[] logits, int top, LabeledImage image, double minimumConfidence = 0,
        float[]? features = null)
    {
        Logits = new(logits);
        Model = model;
        Features = features is null ? null : new(features);
        float[] probabilities = [.. Probabilities.Of(logits, model.Temperature).Select(p => (float)p)];
        // A stable sort: equal logits keep the order of the classes. Small probabilities may be equal where logits are not.
        Top = new([.. Enumerable.Range(0, logits.Length).OrderByDescending(c => logits[c]).Take(top)
            .Select((c, i) => new ClassProbability(i + 1, model.Classes[c], probabilities[c], c))]);
        // NaN is below any confidence.
        IsUnknown = !(Confidence >= minimumConfidence);
        Image = image;
        Path = image.Path;
        if (!image.HasKnownTruth)
            return;
        (Index, Label, LabelName) = (image.Index, image.Label, image.LabelName);
        int truth = ClassMatching.IndexOf(model, image);
        IsCorrect = IsUnknown ? null : Top[0].ClassIndex == truth;
        // A class that the model does not have: the guess is wrong, and the truth has no probability.
        if (truth >= 0)
            Loss = Probabilities.Loss(logits, model.Temperature, truth);
    }

    /// <summary>What the network saw.</summary>
    public LabeledImage Image { get; }

    /// <summary>Position of the image in its split; null for a file outside a data set.</summary>
    public int? Index { get; }

    /// <summary>The picture file; null if there is none.</summary>
    public string? Path { get; }

    /// <summary>The answer: the best guess; <c>unknown</c> if that is not confident enough.</summary>
    public string Class => IsUnknown ? Unknown : Top[0].Class;

    /// <summary>Whether the best guess is below the least confidence that was asked for, so that there is no answer. It distinguishes no
    /// answer from a class that is named <c>unknown</c>.</summary>
    public bool IsUnknown { get; }

    /// <summary>Probability of the best guess, 0 to 1.</summary>
    public float Confidence => Top[0].Probability;

    /// <summary>Index of the true class among the classes of the data, whose order may be another than the model's;
    /// null if the true class is not known.</summary>
    public int? Label { get; }

    /// <summary>Name of the true class; null if the true class is not known.</summary>
    public string? LabelName { get; }

    /// <summary>Whether the answer has the name of the true class; null if the true class is not known, or there is no answer.</summary>
    public bool? IsCorrect { get; }

    /// <summary>Cross-entropy in nats: minus the logarithm of the truth's probability; null if the true class is not known,
    /// or is not a class of the model.</summary>
    public double? Loss { get; }

    /// <summary>The best guesses, best first.</summary>
    public ReadOnlyList<ClassProbability> Top { get; }

    /// <summary>The network's output: a logit for each class, in the order of the classes.</summary>
    public ReadOnlyList<float> Logits { get; }

    /// <summary>What the network's last linear layer makes the logits of (<see cref="Predictor.Features"/>), similar for similar images;
    /// null if it was not asked for.</summary>
    public ReadOnlyList<float>? Features { get; }

    /// <summary>The classifier as it was.</summary>
    internal ModelSnapshot Model { get; }

    /// <inheritdoc/>
    public override string ToString() => (IsUnknown ? $"{Unknown}, perhaps {Top[0]}" : $"{Top[0]}")
        + (LabelName is null ? "" : $", truth {LabelName}");
}

/// <summary>A class and how probable it is.</summary>
/// <param name="Rank">1 for the best guess.</param>
/// <param name="Class">Name of the class.</param>
/// <param name="Probability">0 to 1.</param>
/// <param name="ClassIndex">Index of the class.</param>
public sealed record ClassProbability(int Rank, string Class, float Probability, int ClassIndex)
{
    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.CurrentCulture, $"{Class} {Probability:P1}");
}
