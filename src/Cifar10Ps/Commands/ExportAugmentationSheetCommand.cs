using System.Management.Automation;
using Cifar10Ps.Reporting;

namespace Cifar10Ps.Commands;

/// <summary>Draws a sheet of images as training sees them.</summary>
[Cmdlet(VerbsData.Export, "AugmentationSheet", DefaultParameterSetName = PathSet, SupportsShouldProcess = true)]
[OutputType(typeof(FileInfo))]
public sealed class ExportAugmentationSheetCommand : PictureWriterCommand
{
    private readonly List<LabeledImage> _images = [];

    /// <summary>The images, or a data set, which means its training images.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true)]
    [TrainingImagesTransformation]
    [ValidateNotNull]
    public LabeledImage[] Image { get; set; } = [];

    /// <summary>How the images are augmented: a preset, or a list of augmentations.</summary>
    [Parameter]
    [AugmentationTransformation]
    public Augmentation Augmentation { get; set; } = Augmentation.Pictures;

    /// <summary>At most how many images to show.</summary>
    [Parameter]
    [ValidateRange(1, AugmentationSheet.MaximumCount)]
    [NumberTransformation]
    public int Count { get; set; } = 6;

    /// <summary>Number of epochs to show.</summary>
    [Parameter]
    [ValidateRange(1, AugmentationSheet.MaximumEpochs)]
    [NumberTransformation]
    public int Epochs { get; set; } = 8;

    /// <summary>Seed of the training.</summary>
    [Parameter]
    [ValidateRange(0, int.MaxValue)]
    [NumberTransformation]
    public int Seed { get; set; }

    /// <inheritdoc/>
    protected override string Question => "Export augmentation sheet";

    /// <inheritdoc/>
    protected override void OnProcess() => _images.AddRange(Image);

    /// <inheritdoc/>
    private protected override Picture Draw() => AugmentationSheet.Draw(_images, Augmentation, Count, Epochs, Seed);
}
