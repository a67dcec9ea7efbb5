using System.Management.Automation;
using Cifar10Ps.Networks.Families;

namespace Cifar10Ps.Commands;

/// <summary>Makes a ResNet to be trained, of one of the depths of He et al.: for small images, or for large ones.</summary>
[Cmdlet(VerbsCommon.New, "ResNet")]
[OutputType(typeof(ImageClassifier))]
public sealed class NewResNetCommand : NewFamilyMemberCommand
{
    private static readonly int[] SmallDepths = [20, 32, 44, 56, 110];
    private static readonly int[] LargeDepths = [18, 34, 50];

    /// <summary>Number of layers that have weights: 20, 32, 44, 56 or 110 for small images, 18, 34 or 50 for large ones.</summary>
    [Parameter]
    [ValidateSet("18", "20", "32", "34", "44", "50", "56", "110")]
    [NumberTransformation]
    public int Depth { get; set; } = 20;

    /// <summary>What the residual blocks add; networks for large images have projections.</summary>
    [Parameter]
    public Shortcut Shortcut { get; set; }

    /// <inheritdoc/>
    private protected override IEnumerable<Network> Allowed(int classes)
    {
        if (!IsBound(nameof(Depth)) && !IsBound(nameof(Shortcut)))
            return [];
        int[] depths = IsBound(nameof(Depth)) ? [Depth] : [.. SmallDepths, .. LargeDepths];
        Shortcut[] shortcuts = IsBound(nameof(Shortcut)) ? [Shortcut] : Enum.GetValues<Shortcut>();
        return from depth in depths
               from shortcut in shortcuts
               where shortcut == default || !IsLarge(depth)
               select Create(depth, shortcut, classes);
    }

    /// <inheritdoc/>
    private protected override (Network Network, int ImageSize) Wanted(int classes)
    {
        if (IsLarge(Depth) && Shortcut != default)
            throw new EngineException("NetworkMismatch", ErrorKind.InvalidArgument,
                $"A ResNet-{Depth} has projections as its shortcuts. "
                + $"Omit -Shortcut, or take a -Depth for small images: {string.Join(", ", SmallDepths)}.");
        return (Create(Depth, Shortcut, classes), IsLarge(Depth) ? ResNet.ImageSize : CifarResNet.ImageSize);
    }

    private static bool IsLarge(int depth) => LargeDepths.Contains(depth);

    private static Network Create(int depth, Shortcut shortcut, int classes) =>
        IsLarge(depth) ? ResNet.Create(depth, classes) : CifarResNet.Create(depth, shortcut, classes);
}
