using System.Management.Automation;

namespace Cifar10Ps.Commands;

/// <summary>Lists the layers of a model: output shapes, parameters, multiply-adds, memory.</summary>
[Cmdlet(VerbsCommon.Get, "ModelSummary")]
[OutputType(typeof(LayerSummary))]
public sealed class GetModelSummaryCommand : EngineCommand
{
    /// <summary>The model.</summary>
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true)]
    [ModelTransformation]
    [ValidateNotNull]
    public ImageClassifier Model { get; set; } = null!;

    /// <inheritdoc/>
    protected override void OnProcess() => WriteObject(LayerSummary.Of(Model), enumerateCollection: true);
}
