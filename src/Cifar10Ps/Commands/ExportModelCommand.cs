using System.Management.Automation;

namespace Cifar10Ps.Commands;

/// <summary>Writes a model in a format that other programs read.</summary>
[Cmdlet(VerbsData.Export, "Model", DefaultParameterSetName = PathSet, SupportsShouldProcess = true)]
[OutputType(typeof(FileInfo))]
public sealed class ExportModelCommand : ModelWriterCommand
{
    /// <summary>The format; by default the one that the file's extension stands for.</summary>
    [Parameter]
    public ModelFormat? Format { get; set; }

    /// <summary>Includes the preprocessing and softmax in an ONNX graph: bytes in, probabilities out.</summary>
    [Parameter]
    public SwitchParameter IncludePreprocessing { get; set; }

    /// <inheritdoc/>
    protected override string Question => "Export model";

    /// <inheritdoc/>
    protected override Action Prepare(string file)
    {
        ModelFormat format = Format ?? ModelFormats.OfName(file)
            ?? throw new EngineException("UnknownModelFormat", ErrorKind.InvalidArgument,
                $"The name of '{file}' has no extension of a model format: .safetensors, .pth, .pt, .th, .npz, .model, .onnx. "
                + "Use one of these, or give -Format.");
        return () => ModelFile.Export(Model, file, format, IncludePreprocessing);
    }
}
