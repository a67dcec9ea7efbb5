using System.Management.Automation;
using Cifar10Ps.Runtime;

namespace Cifar10Ps.Commands;

/// <summary>Base class of cmdlets that write a file.</summary>
public abstract class FileWriterCommand : EngineCommand
{
    /// <summary>The parameter sets.</summary>
    protected const string PathSet = "Path", LiteralPathSet = "LiteralPath";

    private readonly HashSet<string> _taken = [];

    /// <summary>The file: a new one, or one that a pattern matches.</summary>
    [Parameter(Mandatory = true, Position = 0, ParameterSetName = PathSet)]
    [FileNameTransformation]
    [ValidateNotNullOrEmpty]
    [SupportsWildcards]
    public string? Path { get; set; }

    /// <summary>The file, taken as it is.</summary>
    [Parameter(Mandatory = true, ParameterSetName = LiteralPathSet)]
    [Alias("PSPath")]
    [FileNameTransformation]
    [ValidateNotNullOrEmpty]
    public string? LiteralPath { get; set; }

    /// <summary>Replaces an existing file.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>Writes an object to the pipeline, as described in the cmdlet's help; by default nothing is written.</summary>
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <summary>What is asked before a file is written.</summary>
    protected abstract string Question { get; }

    /// <summary>Whether the value of a parameter is new input: one that is given by name is the same for each pipeline object.</summary>
    private protected bool IsInput(string parameter) => !IsNamed(parameter) || _taken.Add(parameter);

    /// <summary>A file, as Get-Item gives it.</summary>
    protected PSObject ToItem(string file) => InvokeProvider.Item.Get([file], force: true, literalPath: true)[0];

    /// <summary>The file or folder that the user means.</summary>
    protected string ToTarget() => LiteralPath is not null ? ToFilePath(LiteralPath) : ToOutputFile(Path!);

    /// <summary>The file that the user means.</summary>
    protected string ToFile()
    {
        string file = ToTarget();
        return !System.IO.Path.EndsInDirectorySeparator(file) ? file
            : throw new EngineException("NotARegularFile", ErrorKind.InvalidArgument, $"'{file}' is the name of a folder. Name a file.");
    }

    /// <summary>Whether the user wants a file to be written; an existing one is an error without <see cref="Force"/>.</summary>
    protected bool MayWrite(string file)
    {
        RequireAbsent(file);
        return ShouldProcess(DisplayText.Escape(file), Question);
    }

    /// <summary>Refuses to replace an existing file without <see cref="Force"/>.</summary>
    protected void RequireAbsent(string file)
    {
        RegularFile.Require(file);
        if (File.Exists(file) && !Force)
        {
            ThrowTerminatingError(new ErrorRecord(
                new IOException($"'{DisplayText.Escape(file)}' exists. Replace it with -Force, or save under another name."),
                "FileExists", ErrorCategory.ResourceExists, file));
        }
    }
}
