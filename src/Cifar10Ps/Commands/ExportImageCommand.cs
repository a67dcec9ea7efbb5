using System.Management.Automation;
using Cifar10Ps.Reporting;

namespace Cifar10Ps.Commands;

/// <summary>Writes images as PNG files, into a folder for each class.</summary>
[Cmdlet(VerbsData.Export, "Image", DefaultParameterSetName = PathSet, SupportsShouldProcess = true)]
[OutputType(typeof(FileInfo))]
public sealed class ExportImageCommand : FileWriterCommand
{
    private ProgressReporter? _progress;
    private string? _folder;
    private ClassFolders? _classes;
    private int _done;
    private bool _hasDataset;

    /// <summary>Images of data sets, or those of predictions.</summary>
    [Parameter(ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNull]
    public LabeledImage[] Image { get; set; } = [];

    /// <summary>A data set: each part goes into a folder of its own.</summary>
    [Parameter(ValueFromPipeline = true)]
    [ValidateNotNull]
    public ImageDataset? Dataset { get; set; }

    /// <inheritdoc/>
    protected override string Question => "Export images";

    /// <inheritdoc/>
    protected override void OnBegin()
    {
        string folder = System.IO.Path.TrimEndingDirectorySeparator(ToTarget());
        if (File.Exists(folder))
            throw new EngineException("NotAFolder", ErrorKind.InvalidArgument, $"'{folder}' is a file. Name a folder.");
        if (!ShouldProcess(DisplayText.Escape(folder), Question))
            return;
        _folder = folder;
        _classes = new ClassFolders(folder);
        _progress = new ProgressReporter(this);
    }

    /// <inheritdoc/>
    protected override void OnProcess()
    {
        if (_folder is null)
            return;
        foreach (LabeledImage image in IsInput(nameof(Image)) ? Image : [])
            Write(image, _classes!, total: 0);
        if (Dataset is null || !IsInput(nameof(Dataset)))
            return;
        if (_hasDataset)
            throw new EngineException("SeveralDatasets", ErrorKind.InvalidArgument,
                $"'{_folder}' has the images of a data set already. Export each into a folder of its own.");
        _hasDataset = true;
        int total = Dataset.Splits.Sum(part => part.Count);
        foreach (ImageSplit split in Dataset.Splits)
        {
            ClassFolders classes = new(System.IO.Path.Combine(_folder, split.Name.ToLowerInvariant()));
            foreach (LabeledImage image in split)
                Write(image, classes, total);
        }
    }

    /// <inheritdoc/>
    protected override void OnEnd()
    {
        if (_folder is not null && _done == 0)
            throw new EngineException("NoImages", ErrorKind.InvalidArgument, "There is no image to export.");
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _progress?.Dispose();
        base.Dispose(disposing);
    }

    private void Write(LabeledImage image, ClassFolders classes, int total)
    {
        StopToken.ThrowIfCancellationRequested();
        string file = classes.PathOf(image);
        RequireAbsent(file);
        _done++;
        try
        {
            ClassFolders.Write(image, file);
        }
        catch (EngineException e) when (e.Kind is not ErrorKind.WriteError)
        {
            WriteError(ToErrorRecord(e, image.Path ?? $"{image}"));
            return;
        }

        _progress!.Report(() => [ProgressReporter.Record(1, $"Exporting to {_folder}", DisplayText.Count(_done, "image"), _done, total)]);
        if (PassThru)
            WriteObject(ToItem(file));
    }
}
