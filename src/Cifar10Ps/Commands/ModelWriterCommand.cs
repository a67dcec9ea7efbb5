using System.Management.Automation;

namespace Cifar10Ps.Commands;

/// <summary>What the cmdlets share that write a model to a file.</summary>
public abstract class ModelWriterCommand : EngineCommand
{
    /// <summary>The parameter sets.</summary>
    protected const string PathSet = "Path", LiteralPathSet = "LiteralPath";

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

    /// <summary>What is asked before a file is written.</summary>
    protected abstract string Question { get; }

    /// <summary>Prepares the writing of a file, and refuses what cannot be written.</summary>
    /// <returns>Writes the model.</returns>
    protected abstract Action Prepare(string file);

    /// <inheritdoc/>
    protected sealed override void OnProcess()
    {
        string file = LiteralPath is not null ? ToFilePath(LiteralPath) : ToSingleFile(Path!);
        Action write = Prepare(file);
        if (File.Exists(file) && !Force)
        {
            ThrowTerminatingError(new ErrorRecord(new IOException($"'{file}' exists. Replace it with -Force, or save under another name."),
                "FileExists", ErrorCategory.ResourceExists, file));
        }

        if (!ShouldProcess(file, Question))
            return;
        write();
        if (PassThru)
            WriteObject(Model);
    }
}
