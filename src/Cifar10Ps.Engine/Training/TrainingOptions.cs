using System.Text.Json.Serialization;
using Cifar10Ps.Data;
using Cifar10Ps.Networks;

namespace Cifar10Ps;

/// <summary>What a training run does; together with the data and the model's initial weights it decides every bit of the result.</summary>
public sealed record TrainingOptions
{
    /// <summary>Largest number of epochs.</summary>
    public const int MaximumEpochs = 100_000;

    /// <summary>Largest batch.</summary>
    public const int MaximumBatchSize = 65_536;

    /// <summary>Limits of the learning rate.</summary>
    public const double MinimumLearningRate = 1e-12, MaximumLearningRate = 1e6;

    /// <summary>Largest gradient clipping.</summary>
    public const double MaximumGradientClipping = 1e6;

    /// <summary>Largest momentum.</summary>
    public const double MaximumMomentum = 0.9999;

    /// <summary>Largest weight decay.</summary>
    public const double MaximumWeightDecay = 10;

    /// <summary>Largest label smoothing.</summary>
    public const double MaximumLabelSmoothing = 0.99;

    /// <summary>What PyTorch's batch norm adds to the variance.</summary>
    public const double DefaultNormEpsilon = BatchNorm.DefaultEpsilon;

    /// <summary>Limits of <see cref="NormEpsilon"/>.</summary>
    public const double MinimumNormEpsilon = 1e-12, MaximumNormEpsilon = 0.1;

    /// <summary>The preset that the others came from.</summary>
    public required Recipe Recipe { get; init; }

    /// <summary>Number of passes over the training images.</summary>
    public required int Epochs { get; init; }

    /// <summary>Largest number of images in one optimizer step.</summary>
    public required int BatchSize { get; init; }

    /// <summary>
    /// Whether the images of an epoch are dealt into batches that differ by one image at most; if not, the last batch takes the remainder,
    /// which may be a single image.
    /// </summary>
    public bool EvenBatches { get; init; }

    /// <summary>The update rule.</summary>
    public required OptimizerKind Optimizer { get; init; }

    /// <summary>Peak learning rate; <see cref="Schedule"/> scales it.</summary>
    public required double LearningRate { get; init; }

    /// <summary>With Muon, the learning rate of everything but the convolutions that a batch norm follows, which is changed by gradient
    /// descent, as a multiple of <see cref="LearningRate"/>; above 0.</summary>
    public double DescentFactor { get; init; } = 2;

    /// <summary>Peak learning rate of everything but the classifier; null: <see cref="LearningRate"/>.</summary>
    public double? BackboneLearningRate { get; init; }

    /// <summary>Epochs at the beginning that train the classifier alone, on features of the other layers, which do not change.</summary>
    public int ClassifierEpochs { get; init; }

    /// <summary>What does not change in the whole run.</summary>
    public Freeze Freeze { get; init; }

    /// <summary>Largest norm of a batch's gradient, which is scaled down to it; 0: no limit.</summary>
    public double GradientClipping { get; init; }

    /// <summary>Momentum of SGD (Nesterov's), or beta1 of Adam and AdamW; with Muon, of what it does not take orthogonal steps
    /// with.</summary>
    public required double Momentum { get; init; }

    /// <summary>Weight decay of convolutions and classifier: added to the gradient (SGD, Adam) or taken off the weights (AdamW);
    /// with Muon, of those that it does not take orthogonal steps with.</summary>
    public required double WeightDecay { get; init; }

    /// <summary>How the learning rate changes.</summary>
    public required Schedule Schedule { get; init; }

    /// <summary>How training images are varied.</summary>
    public required Augmentation Augmentation { get; init; }

    /// <summary>Share of the target that is spread over all classes, 0 to below 1.</summary>
    public required double LabelSmoothing { get; init; }

    /// <summary>How much the images of each class count in the loss; null: all the same.</summary>
    public ClassWeights? ClassWeights { get; init; }

    /// <summary>Which images an epoch trains on.</summary>
    public Sampling Sampling { get; init; }

    /// <summary>Precision of convolutions and activations;
    /// a checkpoint holds what <see cref="Precision.Auto"/> meant where its run began.</summary>
    public required Precision Precision { get; init; }

    /// <summary>How the weights of an untrained model are drawn; a trained one keeps its own.</summary>
    public InitializationKind Initialization { get; init; }

    /// <summary>How the preprocessing of an untrained model normalises pixel values; a trained one keeps its own.</summary>
    public Normalization Normalization { get; init; }

    /// <summary>What batch norm adds to the variance in an untrained model, above 0; a trained one keeps its own.</summary>
    public double NormEpsilon { get; init; } = DefaultNormEpsilon;

    /// <summary>Training images that are held out and validated on instead of the test split, the same ones for every seed;
    /// 0: none.</summary>
    public required int ValidationCount { get; init; }

    /// <summary>Largest number of steps in an epoch, to try a run out; 0: no limit.</summary>
    // The name that checkpoints know it by.
    [JsonPropertyName("stepLimit")]
    public int LimitSteps { get; init; }

    /// <summary>Seed of shuffling and augmentation.</summary>
    public required int Seed { get; init; }

    /// <summary>Refuses options that a run cannot have.</summary>
    /// <exception cref="EngineException"><c>OptionOutOfRange</c>.</exception>
    internal void Require()
    {
        if (OutOfRange() is string option)
            throw new EngineException("OptionOutOfRange", ErrorKind.InvalidArgument,
                $"{option} cannot be {GetType().GetProperty(option)!.GetValue(this)}{Reason(option)}.");
    }

    private string Reason(string option) => option switch
    {
        nameof(Augmentation) => $": {Variation.Conflict(Augmentation)}",
        nameof(Sampling) when Enum.IsDefined(Sampling) => " with balanced class weights: each evens the classes out by itself",
        _ => "",
    };

    /// <summary>The first option whose value is not one that a run can have; null: all can.</summary>
    internal string? OutOfRange() =>
        !Enum.IsDefined(Recipe) ? nameof(Recipe)
        : Epochs is < 1 or > MaximumEpochs ? nameof(Epochs)
        : BatchSize is < 1 or > MaximumBatchSize ? nameof(BatchSize)
        : !Enum.IsDefined(Optimizer) ? nameof(Optimizer)
        : LearningRate is not (>= MinimumLearningRate and <= MaximumLearningRate) ? nameof(LearningRate)
        : DescentFactor is not (> 0 and <= MaximumLearningRate) ? nameof(DescentFactor)
        : BackboneLearningRate is not (null or >= MinimumLearningRate and <= MaximumLearningRate) ? nameof(BackboneLearningRate)
        : ClassifierEpochs is < 0 or > MaximumEpochs ? nameof(ClassifierEpochs)
        : !Enum.IsDefined(Freeze) ? nameof(Freeze)
        : GradientClipping is not (>= 0 and <= MaximumGradientClipping) ? nameof(GradientClipping)
        : Momentum is not (>= 0 and <= MaximumMomentum) ? nameof(Momentum)
        : WeightDecay is not (>= 0 and <= MaximumWeightDecay) ? nameof(WeightDecay)
        : !Enum.IsDefined(Schedule) ? nameof(Schedule)
        : Variation.Conflict(Augmentation) is not null ? nameof(Augmentation)
        : !Enum.IsDefined(Sampling) || (Sampling == Sampling.Balanced && Equals(ClassWeights, ClassWeights.Balanced)) ? nameof(Sampling)
        : LabelSmoothing is not (>= 0 and <= MaximumLabelSmoothing) ? nameof(LabelSmoothing)
        : !Enum.IsDefined(Precision) ? nameof(Precision)
        : !Enum.IsDefined(Initialization) ? nameof(Initialization)
        : !Enum.IsDefined(Normalization) ? nameof(Normalization)
        : NormEpsilon is not (>= MinimumNormEpsilon and <= MaximumNormEpsilon) ? nameof(NormEpsilon)
        : ValidationCount < 0 ? nameof(ValidationCount)
        : LimitSteps < 0 ? nameof(LimitSteps)
        : Seed < 0 ? nameof(Seed)
        : null;
}
