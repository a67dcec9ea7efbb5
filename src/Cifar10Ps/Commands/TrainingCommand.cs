using System.Management.Automation;

namespace Cifar10Ps.Commands;

/// <summary>Base class of cmdlets that take training steps.</summary>
public abstract class TrainingCommand : EngineCommand
{
    /// <summary>The data: trained on Train.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true)]
    [WholeDatasetTransformation]
    [ValidateNotNull]
    public ImageDataset Dataset { get; set; } = null!;

    /// <summary>The preset that the other options start from.</summary>
    [Parameter]
    public Recipe? Recipe { get; set; }

    /// <summary>Images of one optimizer step.</summary>
    [Parameter]
    [ValidateRange(1, TrainingOptions.MaximumBatchSize)]
    [NumberTransformation]
    public int? BatchSize { get; set; }

    /// <summary>The update rule.</summary>
    [Parameter]
    public OptimizerKind? Optimizer { get; set; }

    /// <summary>What training leaves as it is: batch norm, or everything but the classifier.</summary>
    [Parameter]
    public Freeze? Freeze { get; set; }

    /// <summary>Largest norm of a batch's gradient, which is scaled down to it; 0: no limit.</summary>
    [Parameter]
    [ValidateRange(0.0, TrainingOptions.MaximumGradientClipping)]
    [NumberTransformation]
    public double? GradientClipping { get; set; }

    /// <summary>Momentum of Sgd, or beta1 of Adam and AdamW; with Muon, of everything but the convolutions.</summary>
    [Parameter]
    [ValidateRange(0.0, TrainingOptions.MaximumMomentum)]
    [NumberTransformation]
    public double? Momentum { get; set; }

    /// <summary>Weight decay of convolutions and classifier.</summary>
    [Parameter]
    [ValidateRange(0.0, TrainingOptions.MaximumWeightDecay)]
    [NumberTransformation]
    public double? WeightDecay { get; set; }

    /// <summary>How training images are augmented: a preset, or a list of augmentations.</summary>
    [Parameter]
    [AugmentationTransformation]
    public Augmentation? Augmentation { get; set; }

    /// <summary>How much the images of each class count: Balanced, or weights by class name.</summary>
    [Parameter]
    [ClassWeightsTransformation]
    [ArgumentCompleter(typeof(ClassWeightsCompleter))]
    [ValidateNotNull]
    public ClassWeights? ClassWeights { get; set; }

    /// <summary>Which images an epoch trains on.</summary>
    [Parameter]
    public Sampling? Sampling { get; set; }

    /// <summary>Share of the target that is spread over all classes.</summary>
    [Parameter]
    [ValidateRange(0.0, TrainingOptions.MaximumLabelSmoothing)]
    [NumberTransformation]
    public double? LabelSmoothing { get; set; }

    /// <summary>Precision of convolutions and activations; Auto is bf16 where the processor has it, fp32 elsewhere.</summary>
    [Parameter]
    public Precision? Precision { get; set; }

    /// <summary>How the weights of an untrained model are drawn.</summary>
    [Parameter]
    public InitializationKind? Initialization { get; set; }

    /// <summary>How the preprocessing of an untrained model normalises pixel values.</summary>
    [Parameter]
    public Normalization? Normalization { get; set; }

    /// <summary>What batch norm adds to the variance in an untrained model.</summary>
    [Parameter]
    [ValidateRange(TrainingOptions.MinimumNormEpsilon, TrainingOptions.MaximumNormEpsilon)]
    [NumberTransformation]
    public double? NormEpsilon { get; set; }

    /// <summary>Seed of shuffling and augmentation.</summary>
    [Parameter]
    [ValidateRange(0, int.MaxValue)]
    [NumberTransformation]
    public int? Seed { get; set; }

    /// <summary>Number of worker threads; it does not change the result.</summary>
    [Parameter]
    [ValidateRange(1, 1024)]
    [NumberTransformation]
    public int? Threads { get; set; }

    /// <summary>Trains on a data set.</summary>
    private protected abstract void Train();

    /// <inheritdoc/>
    protected sealed override void OnProcess()
    {
        WholeDatasetTransformationAttribute.Check(Dataset);
        Train();
    }

    /// <summary>The options that the user gave.</summary>
    private protected virtual RequestedOptions Requested() => new()
    {
        Recipe = Recipe,
        BatchSize = BatchSize,
        Optimizer = Optimizer,
        Freeze = Freeze,
        GradientClipping = GradientClipping,
        Momentum = Momentum,
        WeightDecay = WeightDecay,
        Augmentation = Augmentation,
        ClassWeights = ClassWeights,
        Sampling = Sampling,
        LabelSmoothing = LabelSmoothing,
        Precision = Precision,
        Initialization = Initialization,
        Normalization = Normalization,
        NormEpsilon = NormEpsilon,
        Seed = Seed,
    };
}
