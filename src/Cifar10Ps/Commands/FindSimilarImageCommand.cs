using System.Management.Automation;

namespace Cifar10Ps.Commands;

/// <summary>Finds images that are alike: copies in a data set, also across its splits, or the most similar ones of some images.</summary>
[Cmdlet(VerbsCommon.Find, "SimilarImage", DefaultParameterSetName = ImageSet)]
[OutputType(typeof(SimilarImage))]
public sealed class FindSimilarImageCommand : EngineCommand
{
    private const string ImageSet = "Image", DatasetSet = "Dataset";
    private const double CopySimilarity = 0.88;
    private readonly List<(LabeledImage Image, string? Split)> _images = [];

    /// <summary>A data set: its splits are compared with each other and with themselves.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true, ParameterSetName = DatasetSet)]
    [ValidateNotNull]
    public ImageDataset? Dataset { get; set; }

    /// <summary>Images: compared with each other, or with those of -In.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true, ParameterSetName = ImageSet)]
    [ValidateNotNull]
    public LabeledImage[] Image { get; set; } = [];

    /// <summary>A split to find the most similar images in; or a data set, which means its training split.</summary>
    [Parameter(ParameterSetName = ImageSet)]
    [SplitTransformation(Part = nameof(ImageDataset.Train))]
    [ValidateNotNull]
    public ImageSplit? In { get; set; }

    /// <summary>A model whose features are compared; without it, what the images look like is.</summary>
    [Parameter(Position = 0)]
    [ModelTransformation]
    [ValidateNotNull]
    public ImageClassifier? Model { get; set; }

    /// <summary>At most how many of the most similar images of each image.</summary>
    [Parameter]
    [ValidateRange(1, 1000)]
    [NumberTransformation]
    public int Top { get; set; } = 5;

    /// <summary>The least similarity.</summary>
    [Parameter]
    [ValidateRange(-1.0, 1.0)]
    [NumberTransformation]
    public double? MinimumSimilarity { get; set; }

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
        if (Dataset is null)
        {
            _images.AddRange(Image.Select(image => (image, (string?)null)));
            return;
        }

        foreach (ImageSplit split in new[] { Dataset.Train, Dataset.Validation, Dataset.Test }.Distinct())
            _images.AddRange(split.Select(image => (image, (string?)split.Name)));
    }

    /// <inheritdoc/>
    protected override void OnEnd()
    {
        if (_images.Count == 0)
            throw new EngineException("NoImages", ErrorKind.InvalidArgument, "There is no image to compare.");
        WarnOf(Precision);
        using ProgressReporter progress = new(this);
        using ImageSimilarity similarity = new(Model, Threads, Precision);
        foreach (SimilarImage found in In is null
            ? similarity.Pairs(_images, Top, MinimumSimilarity ?? CopySimilarity, Report, StopToken)
            : similarity.Nearest([.. _images.Select(item => item.Image)], In, Top, MinimumSimilarity ?? -1, Report, StopToken))
            WriteObject(found);

        void Report(string activity, int done, int all) => progress.Report(() =>
            [ProgressReporter.Record(1, $"{activity} images", $"{done:N0} of {all:N0} images", done, all)]);
    }
}
