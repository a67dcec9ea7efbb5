using Cifar10Ps.Networks;

namespace Cifar10Ps.Models;

/// <summary>
/// A classifier at one moment: network, weights, class names and preprocessing that belong together. It never changes, so code that has
/// read one computes with, saves or evaluates the same model throughout, even during training.
/// </summary>
/// <param name="Network">The network.</param>
/// <param name="Classes">Class names, in the order of the outputs; control characters are spelled out.</param>
/// <param name="Preprocessing">How pictures become input.</param>
/// <param name="Weights">All values, by name.</param>
internal sealed record ModelSnapshot(Network Network, string[] Classes, Preprocessing Preprocessing, StateDict Weights)
{
    /// <summary>The range of a temperature.</summary>
    public const double MinimumTemperature = 0.01, MaximumTemperature = 100;

    /// <summary>Class names, in the order of the outputs.</summary>
    public string[] Classes { get; init => field = Escaped(value); } = Escaped(Classes);

    /// <summary>Number of finished epochs of training; 0 for initial weights.</summary>
    public int TrainedEpochs { get; init; }

    /// <summary>Number of optimizer steps of training, those of an unfinished epoch too; 0 if a file does not say.</summary>
    public long TrainedSteps { get; init; }

    /// <summary>What the logits are divided by before they become probabilities: 1 for a model that is not calibrated.</summary>
    /// <remarks>C. Guo et al., "On calibration of modern neural networks", ICML 2017.</remarks>
    public double Temperature { get; init; } = 1;

    /// <summary>Seed of the initial weights.</summary>
    public int Seed { get; init; }

    /// <summary><c>ResNet-20</c>.</summary>
    public string Name => Network.Name;

    /// <summary>Size of its input.</summary>
    public Shape ImageShape => new(Input.Channels, Preprocessing.Height, Preprocessing.Width);

    /// <summary>Whether the weights were trained, even if only for part of an epoch.</summary>
    public bool IsTrained => TrainedEpochs > 0 || TrainedSteps > 0;

    /// <summary>Whether the class names were made up from a count, and may be replaced by those of the data.</summary>
    public bool HasPlaceholderClasses => Classes.SequenceEqual(ImageClassifier.PlaceholderClasses(Classes.Length));

    /// <summary>Number of parameters (running statistics of batch norm not counted).</summary>
    public int ParameterCount => Network.ParameterCount;

    /// <summary>Whether a number can be a <see cref="Temperature"/>.</summary>
    public static bool IsTemperature(double value) => value is >= MinimumTemperature and <= MaximumTemperature;

    /// <inheritdoc/>
    public override string ToString() => $"{Name} ({Classes.Length} classes)";

    private static string[] Escaped(string[] names) => [.. names.Select(DisplayText.Escape)];
}
