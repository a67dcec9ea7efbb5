using System.Management.Automation;

namespace Cifar10Ps.Commands;

/// <summary>Saves a model as a safetensors file, with its class names and preprocessing.</summary>
[Cmdlet(VerbsData.Save, "Model", DefaultParameterSetName = PathSet, SupportsShouldProcess = true)]
[OutputType(typeof(ImageClassifier))]
public sealed class SaveModelCommand : ModelWriterCommand
{
    /// <inheritdoc/>
    protected override string Question => "Save model";

    /// <inheritdoc/>
    private protected override object Passed(string file) => ModelTransformationAttribute.HandedOut(Model);

    /// <inheritdoc/>
    protected override Action Prepare(string file)
    {
        // Other programs go by the extension, and would find another format.
        if (ModelFormats.IsForeignName(file))
            throw new EngineException("WrongFileName", ErrorKind.InvalidArgument,
                $"'{file}' has the extension of another format, but Save-Model writes safetensors. Use the extension .safetensors, "
                + "or write another format with Export-Model: .pth, .npz, .onnx.");
        return () => ModelFile.Save(Model, file);
    }
}
