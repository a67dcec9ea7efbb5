using System.Management.Automation;
using Cifar10Ps.Data;
using Cifar10Ps.Models;

namespace Cifar10Ps.Commands;

/// <summary>Uses a model to guess what images show.</summary>
[Cmdlet(VerbsLifecycle.Invoke, "Inference", DefaultParameterSetName = ImageSet)]
[OutputType(typeof(Prediction))]
public sealed class InvokeInferenceCommand : PredictingCommand
{
    private const string PathSet = "Path", LiteralPathSet = "LiteralPath";
    private readonly List<LabeledImage> _waiting = [];
    private readonly Dictionary<string, LabeledImage> _truths = [];
    private readonly HashSet<string> _named = [], _found = [];
    private Predictor? _predictor;
    private bool _hasPredicted;
    private ImageClassifier? _model;

    /// <inheritdoc/>
    [Parameter(Mandatory = true, Position = 1, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true,
        ParameterSetName = ImageSet)]
    [ValidateNotNull]
    public override LabeledImage[] Image { get; set; } = [];

    /// <summary>A split, or a data set, which means its test split.</summary>
    [Parameter(Mandatory = true, Position = 1, ValueFromPipeline = true, ParameterSetName = DatasetSet)]
    [SplitTransformation]
    [ValidateNotNull]
    public ImageSplit? Dataset { get; set; }

    /// <summary>Picture files (PNG, JPEG, BMP, WebP, GIF), or folders of them; wildcards are allowed.</summary>
    [Parameter(Mandatory = true, Position = 1, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true,
        ParameterSetName = PathSet)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] Path { get; set; } = [];

    /// <summary>Picture files or folders, taken as they are.</summary>
    [Parameter(Mandatory = true, ValueFromPipelineByPropertyName = true, ParameterSetName = LiteralPathSet)]
    [Alias("PSPath")]
    [ValidateNotNullOrEmpty]
    public string[] LiteralPath { get; set; } = [];

    /// <summary>Includes the pictures in subfolders.</summary>
    [Parameter(ParameterSetName = PathSet)]
    [Parameter(ParameterSetName = LiteralPathSet)]
    public SwitchParameter Recurse { get; set; }

    /// <summary>How many of the best guesses to list.</summary>
    [Parameter]
    [ValidateRange(1, Network.MaximumClassCount)]
    [NumberTransformation]
    public int Top { get; set; } = 5;

    /// <summary>The least confidence of an answer; below it, the class is unknown.</summary>
    [Parameter]
    [ValidateRange(0.0, 1.0)]
    [NumberTransformation]
    public double MinimumConfidence { get; set; }

    /// <summary>How many images are predicted at a time; 1: each as soon as it comes.</summary>
    [Parameter]
    [ValidateRange(1, 65_536)]
    [NumberTransformation]
    public int? BatchSize { get; set; }

    /// <summary>Gives each prediction the features that the network's last layer makes the logits of.</summary>
    [Parameter]
    public SwitchParameter Features { get; set; }

    /// <inheritdoc/>
    protected override void OnProcess()
    {
        Require(Model);
        if (!IsModelPiped)
            Take();
        else
            WithPipedModel(() =>
            {
                try
                {
                    Take();
                    Finish();
                }
                finally
                {
                    Discard();
                }
            });
    }

    /// <inheritdoc/>
    protected override void OnEnd() => Finish();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        Discard();
        base.Dispose(disposing);
    }

    /// <summary>Takes the images that have come, and predicts those that fill a batch.</summary>
    private void Take()
    {
        Use(Model!);
        if (ParameterSetName is ImageSet or DatasetSet)
        {
            foreach (LabeledImage image in Dataset ?? (IEnumerable<LabeledImage>)Image)
                Add(image);
            return;
        }

        bool isLiteral = ParameterSetName == LiteralPathSet;
        foreach (string path in ToExistingFiles(isLiteral ? LiteralPath : Path, isLiteral))
            foreach (string file in ToPictures(path))
                Read(file);
    }

    /// <summary>
    /// A file, or the pictures of a folder. Get-ChildItem -Recurse names a folder and the files in it: a file found in a folder is not
    /// taken a second time.
    /// </summary>
    private IEnumerable<string> ToPictures(string path)
    {
        if (!Directory.Exists(path))
        {
            _named.Add(path);
            return _found.Contains(path) ? [] : [path];
        }

        PictureFolder folder = new(path, (file, error) => WriteError(ToErrorRecord(error, file)));
        string[] files = [.. folder.Find(new DirectoryInfo(path), Recurse, StopToken).Order(StringComparer.Ordinal)];
        if (folder.LeftOut is string leftOut)
            WriteWarning(leftOut);
        if (files is [])
            WriteError(ToErrorRecord(new EngineException("NoImages", ErrorKind.NotFound,
                $"There is no picture in the folder '{path}'"
                + (Recurse ? " or its subfolders." : "; -Recurse includes its subfolders.")), path));
        return files.Where(file => _found.Add(file) && !_named.Contains(file));
    }

    private void Read(string file)
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

    /// <summary>Sets the model for the following images.</summary>
    private void Use(ImageClassifier model)
    {
        if (model == _model)
            return;
        Discard();
        (_predictor, _hasPredicted) = (new Predictor(model, Threads, Precision), false);
        Describe(_predictor);
        _model = model;
    }

    /// <summary>Predicts the images that are still waiting, and warns if the guesses may be misleading.</summary>
    private void Finish()
    {
        if (_predictor is null)
            return;
        Predict();
        if (ClassMatching.Doubt(_predictor.Model, _truths.Values) is string doubt)
            WriteWarning(doubt);
        Discard();
    }

    /// <summary>Forgets the model, and what it was used on.</summary>
    private void Discard()
    {
        _predictor?.Dispose();
        (_predictor, _model) = (null, null);
        _waiting.Clear();
        _truths.Clear();
        _named.Clear();
        _found.Clear();
    }

    private void Add(LabeledImage image)
    {
        _waiting.Add(image);
        if (image.HasKnownTruth)
            _truths.TryAdd(image.LabelName, image);
        if (_waiting.Count == (BatchSize ?? _predictor!.BatchSize))
            Predict();
    }

    private void Predict()
    {
        if (_waiting is [])
            return;
        LabeledImage[] images = [.. _waiting];
        _waiting.Clear();
        // With a batch size of 1, all of them are computed as an image alone is.
        bool isPart = _hasPredicted && BatchSize != 1;
        foreach (Prediction prediction in _predictor!.Predict(images, Top, MinimumConfidence, Features, isPart))
            WriteObject(prediction);
        _hasPredicted = true;
    }
}
