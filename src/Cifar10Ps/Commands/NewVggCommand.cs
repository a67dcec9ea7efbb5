using System.Management.Automation;
using Cifar10Ps.Networks.Families;

namespace Cifar10Ps.Commands;

/// <summary>Makes a VGG network to be trained.</summary>
[Cmdlet(VerbsCommon.New, "Vgg")]
[OutputType(typeof(ImageClassifier))]
public sealed class NewVggCommand : NewFamilyMemberCommand
{
    /// <summary>Number of layers that have weights.</summary>
    [Parameter]
    [ValidateSet("11", "13", "16", "19")]
    [NumberTransformation]
    public int Depth { get; set; } = 11;

    /// <summary>Width and height of the images in pixels, which decide the size of the first linear layer.</summary>
    [Parameter]
    [ValidateRange(32, 447)]
    [NumberTransformation]
    public int ImageSize { get; set; } = 32;

    /// <summary>Puts a batch norm after each convolution.</summary>
    [Parameter]
    public SwitchParameter BatchNorm { get; set; }

    /// <inheritdoc/>
    private protected override IEnumerable<Network> Allowed(int classes) => [Create(classes)];

    /// <inheritdoc/>
    private protected override ImageClassifier Create(string[] classes) =>
        ImageClassifier.Create(Create(classes.Length), classes, Seed, ImageSize);

    private Network Create(int classes) => Vgg.Create(Depth, BatchNorm, ImageSize, classes);
}
