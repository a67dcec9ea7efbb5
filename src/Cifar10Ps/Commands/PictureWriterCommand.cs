
using Cifar10Ps.Reporting;

namespace Cifar10Ps.Commands;

/// <summary>Base class of cmdlets that draw a picture of all pipeline input.</summary>
public abstract class PictureWriterCommand : FileWriterCommand
{
    private string? _file;

    /// <summary>Draws the picture.</summary>
    private protected abstract Picture Draw();

    /// <inheritdoc/>
    protected sealed override void OnBegin()
    {
        // Now, not after the hours that the pipeline may take.
        string file = ToFile();
        _ = Picture.FormatOf(file);
        if (MayWrite(file))
            _file = file;
    }

    /// <inheritdoc/>
    protected sealed override void OnEnd()
    {
        if (_file is null)
            return;
        Picture picture = Draw();
        // Another pipeline may have written it meanwhile.
        RequireAbsent(_file);
        picture.Save(_file);
        if (PassThru)
            WriteObject(ToItem(_file));
    }
}
