using System.Management.Automation;

namespace Cifar10Ps.Commands;

/// <summary>Gets a data set from the user's pictures: a folder for each class.</summary>
[Cmdlet(VerbsCommon.Get, "ImageDataset", DefaultParameterSetName = PathSet)]
[OutputType(typeof(ImageDataset))]
public sealed class GetImageDatasetCommand : FileReaderCommand
{
    /// <summary>Width and height of the images in pixels.</summary>
    [Parameter]
    [ValidateRange(8, 1024)]
    [NumberTransformation]
    public int ImageSize { get; set; } = 32;

    /// <summary>Share of each class that is held out as the test split.</summary>
    [Parameter]
    [ValidateRange(0.0, 0.9)]
    [NumberTransformation]
    public double ValidationFraction { get; set; } = 0.2;

    /// <summary>Seed of the choice of held-out images.</summary>
    [Parameter]
    [ValidateRange(0, int.MaxValue)]
    [NumberTransformation]
    public int Seed { get; set; }

    /// <inheritdoc/>
    protected override void Read(string path)
    {
        ImageFolder folder = new(path)
        {
            ImageSize = ImageSize,
            ValidationFraction = ValidationFraction,
            Seed = Seed,
            Skipped = (file, error) => WriteError(ToErrorRecord(error, file)),
            Warning = WriteWarning,
        };
        using ProgressReporter progress = new(this);
        WriteObject(folder.Read((done, total) => progress.Report(() =>
            [ProgressReporter.Record(1, $"Reading {path}", $"{done:N0} of {total:N0} pictures", done, total)]), StopToken));
    }
}
