using System.Management.Automation;

namespace Cifar10Ps.Commands;

/// <summary>Measures how well a model does on images whose truth is known.</summary>
[Cmdlet(VerbsDiagnostic.Measure, "Model", DefaultParameterSetName = ImageSet)]
[OutputType(typeof(Evaluation))]
public sealed class MeasureModelCommand : EngineCommand
{
    private const string ImageSet = "Image", DatasetSet = "Dataset";
    private readonly List<LabeledImage> _images = [];

    /// <summary>The model.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    [ValidateNotNull]
    public ImageClassifier Model { get; set; } = null!;

    /// <summary>The images: <c>$cifar.Test | Measure-Model …</c>.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true, ParameterSetName = ImageSet)]
    [ValidateNotNull]
    public LabeledImage[] Image { get; set; } = [];

    /// <summary>A split, or a data set, which means its test split.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true, ParameterSetName = DatasetSet)]
    [SplitTransformation]
    [ValidateNotNull]
    public ImageSplit? Dataset { get; set; }

    /// <summary>Averages the logits of each image and its mirror image.</summary>
    [Parameter]
    public SwitchParameter Augment { get; set; }

    /// <summary>Precision of convolutions and activations; Auto is bf16 where the processor has it, fp32 elsewhere.</summary>
    [Parameter]
    public Precision Precision { get; set; }

    /// <summary>Number of worker threads.</summary>
    [Parameter]
    [ValidateRange(1, 1024)]
    [NumberTransformation]
    public int? Threads { get; set; }

    /// <inheritdoc/>
    protected override void OnProcess() => _images.AddRange(Dataset ?? (IEnumerable<LabeledImage>)Image);

    /// <inheritdoc/>
    protected override void OnEnd()
    {
        using ProgressReporter progress = new(this);
        using Predictor predictor = new(Model, Threads, Precision, Augment);
        WriteObject(Evaluation.Run(predictor, _images, done => progress.Report(() =>
            [ProgressReporter.Record(1, $"Measuring {Model.Name}", $"{done:N0} of {_images.Count:N0} images", done, _images.Count)]), StopToken, WriteWarning));
    }
}
