using System.Management.Automation;

namespace Cifar10Ps.Commands;

/// <summary>Writes the computation graph of a model: as text for Graphviz, or drawn by it.</summary>
[Cmdlet(VerbsData.Export, "ModelGraph", DefaultParameterSetName = PathSet, SupportsShouldProcess = true)]
[OutputType(typeof(FileInfo))]
public sealed class ExportModelGraphCommand : ModelWriterCommand
{
    /// <summary>The format; by default the one that the file's extension stands for.</summary>
    [Parameter]
    public GraphFormat? Format { get; set; }

    /// <inheritdoc/>
    protected override string Question => "Export graph";

    /// <inheritdoc/>
    protected override Action Prepare(string file)
    {
        GraphFormat format = Format ?? ModelGraph.OfName(file) ?? throw new EngineException("UnknownGraphFormat", ErrorKind.InvalidArgument,
            $"The name of '{file}' has no extension of a graph format: .dot, .gv, .svg, .png. Use one of these, or give -Format.");
        return () => ModelGraph.Export(Model, file, format, StopToken);
    }
}
