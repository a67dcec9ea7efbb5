using System.Text.RegularExpressions;

namespace Cifar10Ps.Networks.Families;

/// <summary>
/// VGG networks: 3 × 3 convolutions with five poolings between them, and three linear layers with dropout. Tensors are named as in
/// torchvision, which pools to 7 × 7 before the linear layers: images of 224 pixels, or of 32 with a single pixel there.
/// </summary>
/// <remarks>K. Simonyan, A. Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015, table 1.</remarks>
internal sealed partial class Vgg : NetworkFamily
{
    /// <summary>The family.</summary>
    public static readonly Vgg Family = new();

    // A larger image gives the first linear layer more than the 400,000,000 parameters that a network may have.
    private const int SmallestImage = 32, LargestImage = 447;

    private const int Features = 4096, LastChannels = 512;

    /// <summary>Convolutions of each of the five stages, by the number of weighted layers.</summary>
    private static readonly Dictionary<int, int[]> Depths = new()
    {
        [11] = [1, 1, 2, 2, 2],
        [13] = [2, 2, 2, 2, 2],
        [16] = [2, 2, 3, 3, 3],
        [19] = [2, 2, 4, 4, 4],
    };

    /// <summary>Describes a member.</summary>
    /// <param name="depth">Number of weighted layers: 11, 13, 16 or 19.</param>
    /// <param name="hasNorms">Whether a batch norm follows each convolution, in place of its bias.</param>
    /// <param name="imageSize">Width and height of the images in pixels, 32 to 447: five poolings halve it, rounded down.</param>
    /// <param name="classes">Number of outputs.</param>
    /// <exception cref="EngineException"><c>InvalidDepth</c>, <c>InvalidNetwork</c>.</exception>
    public static Network Create(int depth, bool hasNorms, int imageSize, int classes)
    {
        if (!Depths.TryGetValue(depth, out int[]? stages))
            throw new EngineException("InvalidDepth", ErrorKind.InvalidArgument,
                $"There is no VGG with {depth} layers: {string.Join(", ", Depths.Keys)} are possible.");
        if (imageSize is < SmallestImage or > LargestImage)
            throw new EngineException("InvalidNetwork", ErrorKind.InvalidArgument,
                $"A VGG takes images of {SmallestImage} to {LargestImage} pixels, not {imageSize}.");
        try
        {
            return Create(depth, stages, hasNorms, imageSize / SmallestImage, classes);
        }
        catch (InvalidDataException e)
        {
            throw new EngineException("InvalidNetwork", ErrorKind.InvalidArgument,
                $"A VGG-{depth} for images of {imageSize} pixels and {classes} classes is too large: {e.Message}.", e);
        }
    }

    private static Network Create(int depth, int[] stages, bool hasNorms, int side, int classes)
    {
        NetworkBuilder network = new();
        int x = NetworkBuilder.InputLayer, place = 0;
        for (int stage = 0; stage < stages.Length; stage++)
        {
            for (int i = 0; i < stages[stage]; i++)
            {
                x = network.Convolution($"features.{place++}", x, Math.Min(64 << stage, LastChannels), 3, hasBias: !hasNorms);
                if (hasNorms)
                    x = network.Norm($"features.{place++}", x);
                x = network.Add($"features.{place++}", new ReLU(), x);
            }

            x = network.Add($"features.{place++}", new MaxPool(Window.Square(2, 2, 0)), x);
        }

        x = network.Add("flatten", new Flatten(), x);
        x = network.Add("classifier.0", new Linear(LastChannels * side * side, Features), x);
        x = network.Add("classifier.2", new Dropout(0.5), network.Add("classifier.1", new ReLU(), x));
        x = network.Add("classifier.3", new Linear(Features, Features), x);
        x = network.Add("classifier.5", new Dropout(0.5), network.Add("classifier.4", new ReLU(), x));
        network.Add("classifier.6", new Linear(Features, classes), x);
        return network.Build($"VGG-{depth}", hasNorms ? "with batch norm" : "");
    }

    /// <inheritdoc/>
    private protected override string Trait => "a VGG (features.0 …, classifier.0, classifier.3, classifier.6)";

    /// <inheritdoc/>
    private protected override IEnumerable<string> Classifiers => ["classifier.6"];

    /// <inheritdoc/>
    private protected override bool Knows(string name) => KnownName().IsMatch(name);

    /// <inheritdoc/>
    private protected override (Network Network, int ImageSize) Read(Func<string, int[]?> shapeOf)
    {
        if (shapeOf("classifier.6.weight") is not [int classes, _] || shapeOf("classifier.0.weight") is not [_, int inputs])
            throw new InvalidDataException(
                "it has no classifier 'classifier.0.weight' and 'classifier.6.weight' with a row for each output");
        bool hasNorms = shapeOf("features.1.weight") is not null;
        int convolutions = Enumerable.Range(0, 100).Count(place => shapeOf($"features.{place}.weight") is { Length: 4 });
        int depth = convolutions + 3, side = (int)Math.Sqrt(inputs / LastChannels);
        return Depths.TryGetValue(depth, out int[]? stages) && side is >= 1 and <= LargestImage / SmallestImage
            ? (Create(depth, stages, hasNorms, side, classes), SmallestImage * side)
            : throw new InvalidDataException($"there is no VGG with {convolutions} convolutions");
    }

    [GeneratedRegex(@"^(features\.\d+\.(weight|bias|running_mean|running_var)|classifier\.[036]\.(weight|bias))$")]
    private static partial Regex KnownName();
}
