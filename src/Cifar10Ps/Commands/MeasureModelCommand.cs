using System.Management.Automation;

namespace Cifar10Ps.Commands;

/// <summary>Measures how well a model performs on images whose true class is known.</summary>
[Cmdlet(VerbsDiagnostic.Measure, "Model", DefaultParameterSetName = ImageSet)]
[OutputType(typeof(Evaluation))]
public sealed class MeasureModelCommand : PredictingCommand
{
    private const string PredictionSet = "Prediction";
    private readonly List<LabeledImage> _images = [];
    private readonly List<Prediction> _predictions = [];
    private bool _hasModel;

    /// <summary>A split, or a data set, which means its test split.</summary>
    [Parameter(Mandatory = true, Position = 1, ValueFromPipeline = true, ParameterSetName = DatasetSet)]
    [SplitTransformation]
    [ValidateNotNull]
    public ImageSplit? Dataset { get; set; }

    /// <summary>Predictions of Invoke-Inference for images whose true class is known.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true, ParameterSetName = PredictionSet)]
    [ValidateNotNull]
    public Prediction[] Prediction { get; set; } = [];

    /// <summary>Averages the logits of each image and its mirror image, as -Views 2 does.</summary>
    [Parameter]
    public SwitchParameter Augment { get; set; }

    /// <summary>Over how many views of each image logits are averaged.</summary>
    [Parameter]
    [ValidateSet("1", "2", "6")]
    [NumberTransformation]
    public int Views { get; set; } = 1;

    /// <inheritdoc/>
    protected override void OnProcess()
    {
        if (ParameterSetName == PredictionSet)
        {
            if (Model is not null || Augment || IsBound(nameof(Views)))
                throw new EngineException("PredictionsAreMade", ErrorKind.InvalidArgument,
                    "Predictions are measured as they are. Omit -Model, -Augment and -Views, or pipe the images instead.");
            _predictions.AddRange(Prediction);
            return;
        }

        Require(Model);
        _hasModel = true;
        IEnumerable<LabeledImage> images = Dataset ?? (IEnumerable<LabeledImage>)Image;
        if (IsModelPiped)
            WithPipedModel(() => Measure(Model!, [.. images]));
        else
            _images.AddRange(images);
    }

    /// <inheritdoc/>
    protected override void OnEnd()
    {
        if (!IsModelPiped)
            Measure(Model!, _images);
        // No model that was piped could be read, which is an error already.
        else if (!_hasModel && !IsNamed(nameof(Dataset)) && !IsNamed(nameof(Image)))
            WriteObject(Evaluation.Of(_predictions, WriteWarning));
    }

    private void Measure(ImageClassifier model, List<LabeledImage> images)
    {
        using ProgressReporter progress = new(this);
        using Predictor predictor = new(model, Threads, Precision, Augment && !IsBound(nameof(Views)) ? 2 : Views);
        Describe(predictor);
        Evaluation evaluation = Evaluation.Run(predictor, images, done => progress.Report(() =>
            [ProgressReporter.Record(1, $"Measuring {model.Name}", $"{done:N0} of {images.Count:N0} images", done, images.Count)]),
            StopToken, WriteWarning);
        evaluation.Model = ModelTransformationAttribute.FileOf(model) ?? model.Name;
        WriteObject(evaluation);
    }
}
