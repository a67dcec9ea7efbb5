using System.Management.Automation;

namespace Cifar10Ps.Commands;

/// <summary>Base class of cmdlets that write a model to a file.</summary>
public abstract class ModelWriterCommand : FileWriterCommand
{
    private ImageClassifier? _written;

    /// <summary>The model.</summary>
    [Parameter(Mandatory = true, Position = 1, ValueFromPipeline = true)]
    [ModelTransformation]
    [ValidateNotNull]
    public ImageClassifier Model { get; set; } = null!;

    /// <summary>Prepares writing a file, and refuses what cannot be written.</summary>
    /// <returns>An action that writes the model.</returns>
    protected abstract Action Prepare(string file);

    /// <inheritdoc/>
    protected sealed override void OnProcess()
    {
        string file = ToFile();
        if (_written is not null && _written != Model)
            throw new EngineException("SeveralModels", ErrorKind.InvalidArgument,
                $"'{file}' has another model of this pipeline already. Give each model a file of its own: "
                + $"… | ForEach-Object {{ $_ | {MyInvocation.MyCommand.Name} -Path … }}.");
        Action write = Prepare(file);
        if (!MayWrite(file))
            return;
        write();
        _written = Model;
        if (PassThru)
            WriteObject(Passed(file));
    }

    /// <summary>What is passed down the pipeline.</summary>
    /// <param name="file">The file that was written.</param>
    private protected virtual object Passed(string file) => ToItem(file);
}
