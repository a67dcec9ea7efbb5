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
    protected override Action Prepare(string file) => () => ModelFile.Save(Model, file);
}
