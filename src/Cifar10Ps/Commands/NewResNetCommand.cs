using System.Management.Automation;

namespace Cifar10Ps.Commands;

/// <summary>Makes a ResNet to be trained, of one of the depths of He et al.</summary>
[Cmdlet(VerbsCommon.New, "ResNet")]
[OutputType(typeof(ImageClassifier))]
public sealed class NewResNetCommand : NewNetworkCommand
{
    /// <summary>Number of layers that have weights.</summary>
    [Parameter]
    [ValidateSet("20", "32", "44", "56", "110")]
    [NumberTransformation]
    public int Depth { get; set; } = 20;

    /// <inheritdoc/>
    private protected override int? Layers => IsBound(nameof(Depth)) ? Depth : null;
}
