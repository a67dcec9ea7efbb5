using System.Management.Automation;

namespace Cifar10Ps.Commands;

/// <summary>Reads models from files, whose format is recognised by their content: this module's own, or those of other programs.</summary>
[Cmdlet(VerbsData.Import, "Model", DefaultParameterSetName = PathSet)]
[OutputType(typeof(ImageClassifier))]
public sealed class ImportModelCommand : FileReaderCommand
{
    private ImportOptions _options = new();

    /// <summary>Which network of a file that holds several: the name of its state dict in the file, or the prefix of its tensors.</summary>
    [Parameter]
    [ValidateNotNull]
    [AllowEmptyString]
    public string? Key { get; set; }

    /// <summary>Mean of red, green, blue that the model was trained with, for a file that does not say; pixels from 0 to 1.</summary>
    [Parameter]
    [ValidateCount(3, 3)]
    [NumberTransformation]
    public double[]? Mean { get; set; }

    /// <summary>Standard deviation of red, green, blue that the model was trained with, for a file that does not say.</summary>
    [Parameter]
    [ValidateCount(3, 3)]
    [NumberTransformation]
    public double[]? StandardDeviation { get; set; }

    /// <summary>Class names, for a file that does not say.</summary>
    [Parameter]
    [ClassesTransformation]
    [ValidateNotNullOrEmpty]
    public string[]? Classes { get; set; }

    /// <inheritdoc/>
    protected override void OnBegin()
    {
        // Arguments that are invalid for any file are refused before the first is read.
        _ = new Preprocessing(Mean ?? Preprocessing.None.Mean, StandardDeviation ?? Preprocessing.None.StandardDeviation);
        _options = new ImportOptions
        {
            Key = Key,
            Mean = Mean,
            StandardDeviation = StandardDeviation,
            Classes = Classes,
            Tell = WriteVerbose,
            Warn = WriteWarning,
        };
    }

    /// <inheritdoc/>
    protected override void Read(string path)
    {
        string file = OutputDirectory.FindModel(path);
        if (file != path)
            WriteVerbose($"'{path}' is a folder: reading '{file}'.");
        WriteObject(ModelFile.Load(file, _options));
    }
}
