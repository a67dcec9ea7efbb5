using System.Management.Automation;

namespace Cifar10Ps.Commands;

/// <summary>Reads models from files, whose format is told by their content: this module's own, or ResNets from elsewhere.</summary>
[Cmdlet(VerbsData.Import, "Model", DefaultParameterSetName = PathSet)]
[OutputType(typeof(ImageClassifier))]
public sealed class ImportModelCommand : EngineCommand
{
    private const string PathSet = "Path", LiteralPathSet = "LiteralPath";

    /// <summary>The files; wildcards are allowed.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ParameterSetName = PathSet)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string[] Path { get; set; } = [];

    /// <summary>The files, taken as they are.</summary>
    [Parameter(Mandatory = true, ValueFromPipelineByPropertyName = true, ParameterSetName = LiteralPathSet)]
    [Alias("PSPath")]
    [ValidateNotNullOrEmpty]
    public string[] LiteralPath { get; set; } = [];

    /// <summary>Mean of red, green, blue that the model was trained with, for a file that does not say; pixels from 0 to 1.</summary>
    [Parameter]
    [ValidateCount(3, 3)]
    public double[]? Mean { get; set; }

    /// <summary>Standard deviation of red, green, blue that the model was trained with, for a file that does not say.</summary>
    [Parameter]
    [ValidateCount(3, 3)]
    public double[]? StandardDeviation { get; set; }

    /// <summary>Class names, for a file that does not say.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? Classes { get; set; }

    /// <inheritdoc/>
    protected override void OnProcess()
    {
        if (Mean is null != StandardDeviation is null)
            throw new EngineException("InvalidPreprocessing", ErrorKind.InvalidArgument, "-Mean and -StandardDeviation belong together: give both, or none.");
        Preprocessing? preprocessing = Mean is null ? null : new Preprocessing(Mean, StandardDeviation!);
        bool isLiteral = ParameterSetName == LiteralPathSet;
        foreach (string file in ToExistingFiles(isLiteral ? LiteralPath : Path, isLiteral))
        {
            try
            {
                WriteObject(ModelFile.Load(file, preprocessing, Classes, WriteVerbose));
            }
            catch (EngineException e)
            {
                WriteError(ToErrorRecord(e, file));
            }
        }
    }
}
