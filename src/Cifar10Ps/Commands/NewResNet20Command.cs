using System.Management.Automation;

namespace Cifar10Ps.Commands;

/// <summary>Makes a ResNet-20 to be trained.</summary>
[Cmdlet(VerbsCommon.New, "ResNet20")]
[OutputType(typeof(ImageClassifier))]
public sealed class NewResNet20Command : NewNetworkCommand
{
    /// <inheritdoc/>
    private protected override int? Layers => 20;
}
