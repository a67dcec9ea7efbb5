using System.Management.Automation;

namespace Cifar10Ps.Commands;

/// <summary>Gets a data set from the user's pictures: a folder for each class, or such folders for each part.</summary>
[Cmdlet(VerbsCommon.Get, "ImageDataset", DefaultParameterSetName = PathSet)]
[OutputType(typeof(ImageDataset))]
public sealed class GetImageDatasetCommand : FileReaderCommand
{
    /// <summary>Width and height of the images in pixels.</summary>
    [Parameter]
    [ValidateRange(8, 1024)]
    [NumberTransformation]
    public int ImageSize { get; set; } = 32;

    /// <summary>A folder with the pictures to validate on.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string? ValidationPath { get; set; }

    /// <summary>A folder with the pictures to test on.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string? TestPath { get; set; }

    /// <summary>Share of the training pictures of each class that is held out to validate on.</summary>
    [Parameter]
    [ValidateRange(0.0, 0.9)]
    [NumberTransformation]
    public double? ValidationFraction { get; set; }

    /// <summary>Share of the training pictures of each class that is held out to test on.</summary>
    [Parameter]
    [ValidateRange(0.0, 0.9)]
    [NumberTransformation]
    public double TestFraction { get; set; }

    /// <summary>Seed of the choice of held-out images.</summary>
    [Parameter]
    [ValidateRange(0, int.MaxValue)]
    [NumberTransformation]
    public int Seed { get; set; }

    /// <summary>How many bytes of pixels are kept in memory.</summary>
    [Parameter]
    [ValidateRange(0, long.MaxValue)]
    [NumberTransformation]
    public long MemoryLimit { get; set; } = PictureSource.DefaultMemoryLimit;

    /// <inheritdoc/>
    protected override void Read(string path)
    {
        ImageFolder folder = new(path)
        {
            ImageSize = ImageSize,
            ValidationPath = ValidationPath is null ? null : ToSingleFile(ValidationPath),
            TestPath = TestPath is null ? null : ToSingleFile(TestPath),
            ValidationFraction = ValidationFraction,
            TestFraction = TestFraction,
            Seed = Seed,
            MemoryLimit = MemoryLimit,
            Skipped = (file, error) => WriteError(ToErrorRecord(error, file)),
            Warning = WriteWarning,
            Understood = WriteNotice,
        };
        using ProgressReporter progress = new(this);
        ImageDataset data = folder.Read((done, total) => progress.Report(() =>
            [ProgressReporter.Record(1, $"Reading {path}", $"{done:N0} of {total:N0} pictures", done, total)]), StopToken);
        WriteVerbose(data.DescribeMemory());
        WriteObject(data);
    }
}
