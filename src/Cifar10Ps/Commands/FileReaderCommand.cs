using System.Management.Automation;

namespace Cifar10Ps.Commands;

/// <summary>Base class of cmdlets that read files or folders one after the other; one that cannot be read does not stop the next.</summary>
public abstract class FileReaderCommand : EngineCommand
{
    /// <summary>The parameter sets.</summary>
    protected const string PathSet = "Path", LiteralPathSet = "LiteralPath";

    /// <summary>The files or folders; wildcards are allowed.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true,
        ParameterSetName = PathSet)]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public virtual string[] Path { get; set; } = [];

    /// <summary>The files or folders, taken as they are.</summary>
    [Parameter(Mandatory = true, ValueFromPipelineByPropertyName = true, ParameterSetName = LiteralPathSet)]
    [Alias("PSPath")]
    [ValidateNotNullOrEmpty]
    public string[] LiteralPath { get; set; } = [];

    /// <summary>Reads one file or folder and writes its content to the pipeline.</summary>
    /// <param name="path">Its full path.</param>
    protected abstract void Read(string path);

    /// <inheritdoc/>
    protected sealed override void OnProcess()
    {
        bool isLiteral = ParameterSetName == LiteralPathSet;
        foreach (string path in ToExistingFiles(isLiteral ? LiteralPath : Path, isLiteral))
        {
            try
            {
                Read(path);
            }
            catch (EngineException e)
            {
                WriteError(ToErrorRecord(e, path));
            }
        }
    }
}
