using System.Globalization;
using System.Management.Automation;

namespace Cifar10Ps.Commands;

/// <summary>Calibrates a model, so that of its guesses with a confidence of 80 % four in five are right.</summary>
[Cmdlet(VerbsCommon.Optimize, "ModelCalibration", DefaultParameterSetName = ImageSet)]
[OutputType(typeof(Calibration), typeof(ImageClassifier))]
public sealed class OptimizeModelCalibrationCommand : PredictingCommand
{
    private readonly List<LabeledImage> _images = [];
    private bool _hasTestImages;

    /// <summary>A split, or a data set, which means its validation split.</summary>
    [Parameter(Mandatory = true, Position = 1, ValueFromPipeline = true, ParameterSetName = DatasetSet)]
    [SplitTransformation(Part = nameof(ImageDataset.Validation))]
    [ValidateNotNull]
    public ImageSplit? Dataset { get; set; }

    /// <summary>Writes the calibrated model instead of the calibration.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <inheritdoc/>
    protected override void OnProcess()
    {
        Require(Model);
        _hasTestImages |= Dataset?.Name == nameof(ImageDataset.Test);
        _images.AddRange(Dataset ?? (IEnumerable<LabeledImage>)Image);
        if (!IsModelPiped)
            return;
        WithPipedModel(Calibrate);
        _images.Clear();
    }

    /// <inheritdoc/>
    protected override void OnEnd()
    {
        if (!IsModelPiped)
            Calibrate();
        if (_hasTestImages)
            WriteWarning("These are images to test on. Measured on them, the calibration looks a little better than it is.");
    }

    private void Calibrate()
    {
        WarnOf(Precision);
        using ProgressReporter progress = new(this);
        Calibration calibration = Calibration.Run(Model!, _images, Threads, Precision, done => progress.Report(() =>
            [ProgressReporter.Record(1, $"Calibrating {Model!.Name}", $"{done:N0} of {_images.Count:N0} images", done, _images.Count)]),
            StopToken, WriteWarning);
        WriteVerbose($"{Model!.Name}: {calibration}.");
        // Possible because the loss is minimised, not the error.
        if (calibration.CalibrationError > calibration.CalibrationErrorBefore)
            WriteWarning(string.Create(CultureInfo.CurrentCulture, $"The calibration error on these {_images.Count:N0} images rose from "
                + $"{calibration.CalibrationErrorBefore:P2} to {calibration.CalibrationError:P2}. Calibrate with more images."));
        WriteObject(PassThru ? ModelTransformationAttribute.HandedOut(Model!) : calibration);
    }
}
