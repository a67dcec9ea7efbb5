using System.Collections;
using System.Globalization;
using System.Management.Automation;
using Cifar10Ps.Data;

namespace Cifar10Ps.Commands;

/// <summary>Makes a data set of images of others, or of a list of picture files and what they show.</summary>
[Cmdlet(VerbsCommon.New, "ImageDataset", DefaultParameterSetName = ImageSet)]
[OutputType(typeof(ImageDataset))]
public sealed class NewImageDatasetCommand : EngineCommand
{
    private const string ImageSet = "Image", ListSet = "List";
    private readonly List<LabeledImage> _train = [];
    private PictureList? _list;
    private int _rows;

    /// <summary>The images to train on.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ParameterSetName = ImageSet)]
    [ValidateNotNull]
    public LabeledImage[] Train { get; set; } = [];

    /// <summary>The images to validate on.</summary>
    [Parameter(ParameterSetName = ImageSet)]
    [ValidateNotNull]
    public LabeledImage[] Validation { get; set; } = [];

    /// <summary>The images to test on.</summary>
    [Parameter(ParameterSetName = ImageSet)]
    [ValidateNotNull]
    public LabeledImage[] Test { get; set; } = [];

    /// <summary>Objects that say where pictures are and what they show.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true, ParameterSetName = ListSet)]
    [ValidateNotNull]
    public PSObject[] InputObject { get; set; } = [];

    /// <summary>The property of the objects that has the path of the picture.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ListSet)]
    [ValidateNotNullOrEmpty]
    public string PathProperty { get; set; } = "";

    /// <summary>The property of the objects that has the name of the class.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ListSet)]
    [ValidateNotNullOrEmpty]
    public string LabelProperty { get; set; } = "";

    /// <summary>The property of the objects that says what the picture is for.</summary>
    [Parameter(ParameterSetName = ListSet)]
    [ValidateNotNullOrEmpty]
    public string? SplitProperty { get; set; }

    /// <summary>The folder of the pictures.</summary>
    [Parameter(ParameterSetName = ListSet)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string? Root { get; set; }

    /// <summary>Width and height of the images in pixels.</summary>
    [Parameter(ParameterSetName = ListSet)]
    [ValidateRange(8, 1024)]
    [NumberTransformation]
    public int ImageSize { get; set; } = 32;

    /// <summary>Share of the training pictures of each class that is held out to validate on.</summary>
    [Parameter(ParameterSetName = ListSet)]
    [ValidateRange(0.0, 0.9)]
    [NumberTransformation]
    public double? ValidationFraction { get; set; }

    /// <summary>Share of the training pictures of each class that is held out to test on.</summary>
    [Parameter(ParameterSetName = ListSet)]
    [ValidateRange(0.0, 0.9)]
    [NumberTransformation]
    public double TestFraction { get; set; }

    /// <summary>Seed of the choice of held-out images.</summary>
    [Parameter(ParameterSetName = ListSet)]
    [ValidateRange(0, int.MaxValue)]
    [NumberTransformation]
    public int Seed { get; set; }

    /// <summary>How many bytes of pixels are kept in memory.</summary>
    [Parameter(ParameterSetName = ListSet)]
    [ValidateRange(0, long.MaxValue)]
    [NumberTransformation]
    public long MemoryLimit { get; set; } = PictureSource.DefaultMemoryLimit;

    /// <summary>Name of the data set.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Name { get; set; }

    /// <inheritdoc/>
    protected override void OnBegin()
    {
        if (ParameterSetName == ListSet)
            _list = new PictureList(ToSingleFile(Root ?? "."), isBounded: Root is not null)
            {
                ImageSize = ImageSize,
                ValidationFraction = ValidationFraction,
                TestFraction = TestFraction,
                Seed = Seed,
                MemoryLimit = MemoryLimit,
                Skipped = (file, error) => WriteError(ToErrorRecord(error, file)),
                Warning = WriteWarning,
            };
    }

    /// <inheritdoc/>
    protected override void OnProcess()
    {
        _train.AddRange(Train);
        foreach (PSObject row in InputObject)
            Add(row);
    }

    /// <inheritdoc/>
    protected override void OnEnd()
    {
        if (_list is null)
        {
            WriteObject(ImageSelection.ToDataset(Name ?? "Images", _train, Validation, Test, WriteWarning));
            return;
        }

        using ProgressReporter progress = new(this);
        ImageDataset data = _list.Read(Name, (done, total) => progress.Report(() =>
            [ProgressReporter.Record(1, "Reading the list", $"{done:N0} of {total:N0} pictures", done, total)]), StopToken);
        WriteVerbose(data.DescribeMemory());
        WriteObject(data);
    }

    private void Add(PSObject row)
    {
        _rows++;
        string path = "";
        try
        {
            path = TextOf(row, PathProperty);
            _list!.Add(path, TextOf(row, LabelProperty), SplitProperty is null ? null : TextOf(row, SplitProperty));
        }
        catch (EngineException e) when (e.ErrorId != "PropertyMissing")
        {
            WriteError(ToErrorRecord(new EngineException(e.ErrorId, e.Kind, $"Row {_rows:N0}: {e.Message}"), path));
        }
    }

    private static string TextOf(PSObject row, string property)
    {
        object? value = Bare(ValueOf(row, property));
        // In JSON there are also lists, of one value or several, and objects.
        if (value is IEnumerable list and not (string or IDictionary) && list.Cast<object?>().ToArray() is [var only])
            value = Bare(only);
        return value is not (IEnumerable or PSCustomObject) or string ? ToText(value)
            : throw new EngineException("RowNotUnderstood", ErrorKind.InvalidData, $"Its '{property}' is not a single value.");

        static object? Bare(object? value) => value is PSObject { BaseObject: var inner } ? inner : value;
    }

    private static object? ValueOf(PSObject row, string property) =>
        row.BaseObject is IDictionary entries && entries.Contains(property) ? entries[property]
        : row.Properties[property] is { } found ? found.Value
        : throw new EngineException("PropertyMissing", ErrorKind.InvalidArgument, $"An object has no property '{property}'; it has "
            + $"{DisplayText.List(row.BaseObject is IDictionary others ? [.. others.Keys.Cast<object>().Select(ToText)]
                : [.. row.Properties.Select(other => other.Name)], 10)}.");

    private static string ToText(object? value) => Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
}
