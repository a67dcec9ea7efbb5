using System.Management.Automation;

namespace Cifar10Ps.Commands;

/// <summary>Finds images that probably have a wrong label.</summary>
[Cmdlet(VerbsCommon.Find, "LabelError", DefaultParameterSetName = ImageSet)]
[OutputType(typeof(LabelError))]
public sealed class FindLabelErrorCommand : EngineCommand
{
    private const string ImageSet = "Image", DatasetSet = "Dataset", PredictionSet = "Prediction";
    private readonly List<LabeledImage> _images = [];
    private readonly List<Prediction> _predictions = [];

    /// <summary>The model whose features are used; best one that was not trained on these labels.</summary>
    [Parameter(Position = 0, ParameterSetName = ImageSet)]
    [Parameter(Position = 0, ParameterSetName = DatasetSet)]
    [ModelTransformation]
    [ValidateNotNull]
    public ImageClassifier? Model { get; set; }

    /// <summary>The images with their labels.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true, ParameterSetName = ImageSet)]
    [ValidateNotNull]
    public LabeledImage[] Image { get; set; } = [];

    /// <summary>A split, or a data set, which means its training split.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true, ParameterSetName = DatasetSet)]
    [SplitTransformation(Part = nameof(ImageDataset.Train))]
    [ValidateNotNull]
    public ImageSplit? Dataset { get; set; }

    /// <summary>Predictions of Invoke-Inference, by models that were not trained on the image.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true, ParameterSetName = PredictionSet)]
    [ValidateNotNull]
    public Prediction[] Prediction { get; set; } = [];

    /// <summary>Number of parts, each of which is judged by what is learned from the others.</summary>
    [Parameter(ParameterSetName = ImageSet)]
    [Parameter(ParameterSetName = DatasetSet)]
    [ValidateRange(2, 100)]
    [NumberTransformation]
    public int Fold { get; set; } = 5;

    /// <summary>Seed of the parts.</summary>
    [Parameter(ParameterSetName = ImageSet)]
    [Parameter(ParameterSetName = DatasetSet)]
    [ValidateRange(0, int.MaxValue)]
    [NumberTransformation]
    public int Seed { get; set; }

    /// <summary>Precision of convolutions and activations; Auto is bf16 where the processor has it, fp32 elsewhere.</summary>
    [Parameter]
    public Precision Precision { get; set; }

    /// <summary>Number of worker threads.</summary>
    [Parameter]
    [ValidateRange(1, 1024)]
    [NumberTransformation]
    public int? Threads { get; set; }

    /// <inheritdoc/>
    protected override void OnProcess()
    {
        _predictions.AddRange(Prediction);
        if (ParameterSetName != PredictionSet)
            Require(Model);
        _images.AddRange(Dataset ?? (IEnumerable<LabeledImage>)Image);
    }

    /// <inheritdoc/>
    protected override void OnEnd()
    {
        WarnOf(Precision);
        using ProgressReporter progress = new(this);
        IReadOnlyList<LabelError> errors = _images is [] ? LabelErrors.Of(_predictions, WriteWarning)
            : LabelErrors.Find(Model!, _images, Fold, Seed, Threads, Precision, (activity, done, all) => progress.Report(() =>
                [ProgressReporter.Record(1, activity, $"{done:N0} of {all:N0}", done, all)]), StopToken);
        WriteObject(errors, enumerateCollection: true);
    }
}
