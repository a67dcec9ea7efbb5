using System.Management.Automation;

namespace Cifar10Ps.Commands;

/// <summary>Calibrates a model, so that of its guesses with a confidence of 80 % four in five are right.</summary>
[Cmdlet(VerbsCommon.Optimize, "ModelCalibration", DefaultParameterSetName = ImageSet)]
[OutputType(typeof(Calibration), typeof(ImageClassifier))]
public sealed class OptimizeModelCalibrationCommand : EngineCommand
{
    private const string ImageSet = "Image", DatasetSet = "Dataset";
    private readonly List<LabeledImage> _images = [];
    private bool _isModelPiped, _hasTestImages;

    /// <summary>The model; its temperature is changed.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true)]
    [ModelTransformation]
    [ValidateNotNull]
    public ImageClassifier? Model { get; set; }

    /// <summary>The images: <c>$data.Validation | Optimize-ModelCalibration …</c>.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true, ParameterSetName = ImageSet)]
    [ValidateNotNull]
    public LabeledImage[] Image { get; set; } = [];

    /// <summary>A split, or a data set, which means its validation split.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true, ParameterSetName = DatasetSet)]
    [SplitTransformation(Part = nameof(ImageDataset.Validation))]
    [ValidateNotNull]
    public ImageSplit? Dataset { get; set; }

    /// <summary>Precision of convolutions and activations; Auto is bf16 where the processor has it, fp32 elsewhere.</summary>
    [Parameter]
    public Precision Precision { get; set; }

    /// <summary>Number of worker threads.</summary>
    [Parameter]
    [ValidateRange(1, 1024)]
    [NumberTransformation]
    public int? Threads { get; set; }

    /// <summary>Writes the calibrated model instead of the calibration.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <inheritdoc/>
    protected override void OnBegin() => _isModelPiped = !IsBound(nameof(Model));

    /// <inheritdoc/>
    protected override void OnProcess()
    {
        Require(Model);
        _hasTestImages |= Dataset?.Name == nameof(ImageDataset.Test);
        _images.AddRange(Dataset ?? (IEnumerable<LabeledImage>)Image);
        if (!_isModelPiped)
            return;
        Calibrate();
        _images.Clear();
    }

    /// <inheritdoc/>
    protected override void OnEnd()
    {
        if (!_isModelPiped)
            Calibrate();
        if (_hasTestImages)
            WriteWarning("The data have no images to validate on other than those to test on. Measured on them, the calibration looks a "
                + "little better than it is.");
    }

    private void Calibrate()
    {
        using ProgressReporter progress = new(this);
        Calibration calibration = Calibration.Run(Model!, _images, Threads, Precision, done => progress.Report(() =>
            [ProgressReporter.Record(1, $"Calibrating {Model!.Name}", $"{done:N0} of {_images.Count:N0} images", done, _images.Count)]),
            StopToken, WriteWarning);
        WriteVerbose($"{Model!.Name}: {calibration}.");
        WriteObject(PassThru ? Model : calibration);
    }
}
