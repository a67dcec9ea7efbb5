using System.Management.Automation;

namespace Cifar10Ps.Commands;

/// <summary>What the cmdlets share that take training steps.</summary>
public abstract class TrainingCommand : EngineCommand
{
    /// <summary>The data: trained on Train.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true)]
    [WholeDatasetTransformation]
    [ValidateNotNull]
    public ImageDataset Dataset { get; set; } = null!;

    /// <summary>The preset that the other options start from.</summary>
    [Parameter]
    public Recipe Recipe { get; set; }

    /// <summary>Images of one optimizer step.</summary>
    [Parameter]
    [ValidateRange(1, TrainingOptions.MaximumBatchSize)]
    [NumberTransformation]
    public int BatchSize { get; set; }

    /// <summary>The update rule.</summary>
    [Parameter]
    public OptimizerKind Optimizer { get; set; }

    /// <summary>Momentum of Sgd, or beta1 of Adam and AdamW; with Muon, of everything but the convolutions.</summary>
    [Parameter]
    [ValidateRange(0.0, TrainingOptions.MaximumMomentum)]
    [NumberTransformation]
    public double Momentum { get; set; }

    /// <summary>Weight decay of convolutions and classifier.</summary>
    [Parameter]
    [ValidateRange(0.0, TrainingOptions.MaximumWeightDecay)]
    [NumberTransformation]
    public double WeightDecay { get; set; }

    /// <summary>How training images are varied.</summary>
    [Parameter]
    public Augmentation Augmentation { get; set; }

    /// <summary>Share of the target that is spread over all classes.</summary>
    [Parameter]
    [ValidateRange(0.0, TrainingOptions.MaximumLabelSmoothing)]
    [NumberTransformation]
    public double LabelSmoothing { get; set; }

    /// <summary>Precision of convolutions and activations; Auto is bf16 where the processor has it, fp32 elsewhere.</summary>
    [Parameter]
    public Precision Precision { get; set; }

    /// <summary>Seed of shuffling and augmentation.</summary>
    [Parameter]
    [ValidateRange(0, int.MaxValue)]
    [NumberTransformation]
    public int Seed { get; set; }

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

    /// <summary>The options of the preset, with everything that the user gave.</summary>
    private protected TrainingOptions Options() => Change(Recipes.Options(Recipe, IsBound(nameof(Optimizer)) ? Optimizer : null));

    /// <summary>Options with everything that the user gave.</summary>
    private protected virtual TrainingOptions Change(TrainingOptions options) => options with
    {
        Recipe = Bound(nameof(Recipe), Recipe, options.Recipe),
        BatchSize = Bound(nameof(BatchSize), BatchSize, options.BatchSize),
        Optimizer = Bound(nameof(Optimizer), Optimizer, options.Optimizer),
        Momentum = Bound(nameof(Momentum), Momentum, options.Momentum),
        WeightDecay = Bound(nameof(WeightDecay), WeightDecay, options.WeightDecay),
        Augmentation = Bound(nameof(Augmentation), Augmentation, options.Augmentation),
        LabelSmoothing = Bound(nameof(LabelSmoothing), LabelSmoothing, options.LabelSmoothing),
        Precision = Bound(nameof(Precision), Precision, options.Precision),
        Seed = Bound(nameof(Seed), Seed, options.Seed),
    };

    /// <summary>What the user gave for a parameter, or else another value.</summary>
    private protected T Bound<T>(string parameter, T given, T otherwise) => IsBound(parameter) ? given : otherwise;
}
