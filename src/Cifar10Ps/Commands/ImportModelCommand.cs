using System.Management.Automation;

namespace Cifar10Ps.Commands;

/// <summary>Reads models from files, whose format is told by their content: this module's own, or ResNets from elsewhere.</summary>
[Cmdlet(VerbsData.Import, "Model", DefaultParameterSetName = PathSet)]
[OutputType(typeof(ImageClassifier))]
public sealed class ImportModelCommand : FileReaderCommand
{
    private Preprocessing? _preprocessing;

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
    [ValidateNotNullOrEmpty]
    public string[]? Classes { get; set; }

    /// <inheritdoc/>
    protected override void OnBegin()
    {
        if (Mean is null != StandardDeviation is null)
            throw new EngineException("InvalidPreprocessing", ErrorKind.InvalidArgument, "-Mean and -StandardDeviation belong together: give both, or none.");
        _preprocessing = Mean is null ? null : new Preprocessing(Mean, StandardDeviation!);
    }

    /// <inheritdoc/>
    protected override void Read(string path) => WriteObject(ModelFile.Load(path, _preprocessing, Classes, WriteVerbose));
}
