using System.Management.Automation;
using Cifar10Ps.Formats;
using Cifar10Ps.Networks.Families;

namespace Cifar10Ps.Commands;

/// <summary>Makes a ResNet to be trained, of one of the depths of He et al.: for small images, or for large ones.</summary>
[Cmdlet(VerbsCommon.New, "ResNet", DefaultParameterSetName = NewSet)]
[OutputType(typeof(ImageClassifier))]
public sealed class NewResNetCommand : NewFamilyMemberCommand
{
    private const string NewSet = "New", PretrainedSet = "Pretrained";
    private const int PretrainedDepth = 18;
    private static readonly int[] SmallDepths = [20, 32, 44, 56, 110];
    private static readonly int[] LargeDepths = [18, 34, 50];

    /// <inheritdoc/>
    [Parameter(Position = 0, ParameterSetName = NewSet)]
    [Parameter(Position = 1, ParameterSetName = PretrainedSet)]
    [ClassesTransformation]
    [ValidateNotNullOrEmpty]
    public override string[] Classes { get; set; } = ["10"];

    /// <summary>A trained model to start from: its weights, except for the last layer if the classes differ,
    /// and its preprocessing.</summary>
    [Parameter(ValueFromPipeline = true, ParameterSetName = NewSet)]
    [ModelTransformation]
    [ValidateNotNull]
    public override ImageClassifier? InitialWeights { get; set; }

    /// <summary>Starts from pretrained weights: those of -Weights, or of a ResNet-18 that was trained on ImageNet.</summary>
    [Parameter(Mandatory = true, ParameterSetName = PretrainedSet)]
    public SwitchParameter Pretrained { get; set; }

    /// <summary>The file of a pretrained network, or a model.</summary>
    [Parameter(Position = 0, ParameterSetName = PretrainedSet)]
    [ModelTransformation]
    [ValidateNotNull]
    public ImageClassifier? Weights { get; set; }

    /// <summary>Number of layers that have weights: 20, 32, 44, 56 or 110 for small images, 18, 34 or 50 for large ones.</summary>
    [Parameter]
    [ValidateSet("18", "20", "32", "34", "44", "50", "56", "110")]
    [NumberTransformation]
    public int Depth { get; set; } = 20;

    /// <summary>What the residual blocks add; networks for large images have projections.</summary>
    [Parameter]
    public Shortcut Shortcut { get; set; }

    /// <inheritdoc/>
    protected override void OnBegin()
    {
        if (Pretrained)
            InitialWeights = Weights;
        if (Pretrained && Weights is null && ((IsBound(nameof(Depth)) && Depth != PretrainedDepth) || Shortcut != default))
            throw new EngineException("NetworkMismatch", ErrorKind.InvalidArgument,
                $"There are pretrained weights for a ResNet-{PretrainedDepth} alone, with projections as its shortcuts. "
                + "Omit -Depth and -Shortcut, or give the file of other weights with -Weights.");
        if (IsBound(nameof(Depth)) && IsLarge(Depth) && Shortcut != default)
            throw new EngineException("NetworkMismatch", ErrorKind.InvalidArgument,
                $"A ResNet-{Depth} has projections as its shortcuts. "
                + $"Omit -Shortcut, or take a -Depth for small images: {string.Join(", ", SmallDepths)}.");
    }

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
    private protected override ImageClassifier Create(string[] classes)
    {
        if (Pretrained)
            return PretrainedNetwork.Load(PretrainedModule.Find(), Template(classes.Length), classes, Seed);
        return ImageClassifier.Create(Create(Depth, Shortcut, classes.Length), classes, Seed,
            IsLarge(Depth) ? ResNet.ImageSize : CifarResNet.ImageSize);
    }

    private static Network Template(int classes) => ResNet.Create(PretrainedNetwork.Blocks, isBottleneck: false, classes);

    private static bool IsLarge(int depth) => LargeDepths.Contains(depth);

    private static Network Create(int depth, Shortcut shortcut, int classes) =>
        IsLarge(depth) ? ResNet.Create(depth, classes) : CifarResNet.Create(depth, shortcut, classes);
}
