using System.Management.Automation;
using Cifar10Ps.Networks.Families;

namespace Cifar10Ps.Commands;

/// <summary>Makes a ResNet-20 to be trained.</summary>
[Cmdlet(VerbsCommon.New, "ResNet20")]
[OutputType(typeof(ImageClassifier))]
public sealed class NewResNet20Command : NewFamilyMemberCommand
{
    /// <summary>What the residual blocks add.</summary>
    [Parameter]
    public Shortcut Shortcut { get; set; }

    /// <inheritdoc/>
    private protected override IEnumerable<Network> Allowed(int classes) =>
        (IsBound(nameof(Shortcut)) ? [Shortcut] : Enum.GetValues<Shortcut>()).Select(shortcut => CifarResNet.Create(20, shortcut, classes));

    /// <inheritdoc/>
    private protected override ImageClassifier Create(string[] classes) =>
        ImageClassifier.Create(CifarResNet.Create(20, Shortcut, classes.Length), classes, Seed, CifarResNet.ImageSize);
}
