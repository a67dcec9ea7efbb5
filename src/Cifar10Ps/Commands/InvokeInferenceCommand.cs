using System.Management.Automation;

namespace Cifar10Ps.Commands;

/// <summary>Lets a model guess what images show.</summary>
[Cmdlet(VerbsLifecycle.Invoke, "Inference", DefaultParameterSetName = ImageSet)]
[OutputType(typeof(Prediction))]
public sealed class InvokeInferenceCommand : EngineCommand
{
    private const string ImageSet = "Image", DatasetSet = "Dataset", PathSet = "Path", LiteralPathSet = "LiteralPath";
    private readonly List<LabeledImage> _waiting = [];
    private readonly Dictionary<string, LabeledImage> _truths = [];
    private Predictor? _predictor;

    /// <summary>The model.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    [ValidateNotNull]
    public ImageClassifier Model { get; set; } = null!;

    /// <summary>Images of a data set.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true, ParameterSetName = ImageSet)]
    [ValidateNotNull]
    public LabeledImage[] Image { get; set; } = [];

    /// <summary>A split, or a data set, which means its test split.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true, ParameterSetName = DatasetSet)]
    [SplitTransformation]
    [ValidateNotNull]
    public ImageSplit? Dataset { get; set; }

    /// <summary>Picture files (PNG, JPEG, BMP, WebP, GIF); wildcards are allowed.</summary>
    [Parameter(Mandatory = true, Position = 1, ValueFromPipeline = true, ParameterSetName = PathSet)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] Path { get; set; } = [];

    /// <summary>Picture files, taken as they are.</summary>
    [Parameter(Mandatory = true, ValueFromPipelineByPropertyName = true, ParameterSetName = LiteralPathSet)]
    [Alias("PSPath")]
    [ValidateNotNullOrEmpty]
    public string[] LiteralPath { get; set; } = [];

    /// <summary>How many of the best guesses to list.</summary>
    [Parameter]
    [ValidateRange(1, ResNetArchitecture.MaximumClassCount)]
    [NumberTransformation]
    public int Top { get; set; } = 5;

    /// <summary>Precision of convolutions and activations; Auto is bf16 where the processor has it, fp32 elsewhere.</summary>
    [Parameter]
    public Precision Precision { get; set; }

    /// <summary>Number of worker threads.</summary>
    [Parameter]
    [ValidateRange(1, 1024)]
    [NumberTransformation]
    public int? Threads { get; set; }

    /// <inheritdoc/>
    protected override void OnBegin() => _predictor = new Predictor(Model, Threads, Precision);

    /// <inheritdoc/>
    protected override void OnProcess()
    {
        if (ParameterSetName is ImageSet or DatasetSet)
        {
            foreach (LabeledImage image in Dataset ?? (IEnumerable<LabeledImage>)Image)
                Add(image);
            return;
        }

        bool isLiteral = ParameterSetName == LiteralPathSet;
        foreach (string file in ToExistingFiles(isLiteral ? LiteralPath : Path, isLiteral))
        {
            StopToken.ThrowIfCancellationRequested();
            try
            {
                Add(ImageFile.Load(file, _predictor!.Model.Preprocessing));
            }
            catch (EngineException e)
            {
                WriteError(ToErrorRecord(e, file));
            }
        }
    }

    /// <inheritdoc/>
    protected override void OnEnd()
    {
        Predict();
        if (ClassMatching.Doubt(_predictor!.Model, _truths.Values) is string doubt)
            WriteWarning(doubt);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _predictor?.Dispose();
        base.Dispose(disposing);
    }

    private void Add(LabeledImage image)
    {
        _waiting.Add(image);
        if (image.HasKnownTruth)
            _truths.TryAdd(image.LabelName, image);
        if (_waiting.Count == _predictor!.BatchSize)
            Predict();
    }

    private void Predict()
    {
        LabeledImage[] images = [.. _waiting];
        _waiting.Clear();
        foreach (Prediction prediction in _predictor!.Predict(images, Top))
            WriteObject(prediction);
    }
}
