using System.Management.Automation;
using Cifar10Ps.Networks.Families;

namespace Cifar10Ps.Commands;

/// <summary>Makes a SpeedNet to be trained, the network that learns CIFAR-10 fastest.</summary>
[Cmdlet(VerbsCommon.New, "SpeedNet")]
[OutputType(typeof(ImageClassifier))]
public sealed class NewSpeedNetCommand : NewFamilyMemberCommand
{
    /// <summary>Width and height of the images in pixels.</summary>
    [Parameter]
    [ValidateRange(SpeedNet.SmallestImage, SpeedNet.LargestImage)]
    [NumberTransformation]
    public int ImageSize { get; set; } = SpeedNet.ImageSize;

    /// <inheritdoc/>
    private protected override IEnumerable<Network> Allowed(int classes) => [SpeedNet.Create(ImageSize, classes)];

    /// <inheritdoc/>
    private protected override ImageClassifier Create(string[] classes) =>
        ImageClassifier.Create(SpeedNet.Create(ImageSize, classes.Length), classes, Seed, ImageSize);
}
