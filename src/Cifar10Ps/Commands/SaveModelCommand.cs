using System.Management.Automation;

namespace Cifar10Ps.Commands;

/// <summary>Saves a model as a safetensors file, with its class names and preprocessing.</summary>
[Cmdlet(VerbsData.Save, "Model", DefaultParameterSetName = PathSet, SupportsShouldProcess = true)]
[OutputType(typeof(ImageClassifier))]
public sealed class SaveModelCommand : EngineCommand
{
    private const string PathSet = "Path", LiteralPathSet = "LiteralPath";

    /// <summary>The file; a wildcard must mean one existing file.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = PathSet)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string? Path { get; set; }

    /// <summary>The file, taken as it is.</summary>
    [Parameter(Mandatory = true, ParameterSetName = LiteralPathSet)]
    [Alias("PSPath")]
    [ValidateNotNullOrEmpty]
    public string? LiteralPath { get; set; }

    /// <summary>The model.</summary>
    [Parameter(Mandatory = true, Position = 1, ValueFromPipeline = true)]
    [ValidateNotNull]
    public ImageClassifier Model { get; set; } = null!;

    /// <summary>Replaces an existing file.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>Passes the model on.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <inheritdoc/>
    protected override void OnProcess()
    {
        string file = LiteralPath is not null ? ToFilePath(LiteralPath) : ToSingleFile(Path!);
        if (File.Exists(file) && !Force)
        {
            ThrowTerminatingError(new ErrorRecord(new IOException($"'{file}' exists. Replace it with -Force, or save under another name."),
                "FileExists", ErrorCategory.ResourceExists, file));
        }

        if (!ShouldProcess(file, "Save model"))
            return;
        ModelFile.Save(Model, file);
        if (PassThru)
            WriteObject(Model);
    }

    private string ToSingleFile(string path)
    {
        if (!WildcardPattern.ContainsWildcardCharacters(path))
            return ToFilePath(path);
        string[] files = [.. ToExistingFiles([path], isLiteral: false)];
        return files is [string file] ? file : throw new EngineException("AmbiguousPath", ErrorKind.InvalidArgument,
            $"'{path}' has wildcards and means {files.Length} files. Name one, or use -LiteralPath if the characters belong to the name.");
    }
}
