using System.Text.RegularExpressions;

namespace Cifar10Ps.Networks.Families;

/// <summary>
/// ResNets for large images: a 7 × 7 convolution and max pooling, four stages of blocks from 64 channels on, global average pooling and a
/// linear classifier. Tensors are named as in torchvision, and as there the second convolution of a bottleneck has the stride.
/// </summary>
/// <remarks>K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition", CVPR 2016, table 1.</remarks>
internal sealed partial class ResNet : NetworkFamily
{
    /// <summary>The family.</summary>
    public static readonly ResNet Family = new();

    /// <summary>Channels of a bottleneck's output, as a multiple of those inside.</summary>
    private const int Expansion = 4;

    /// <summary>Width and height in pixels of the images of the paper.</summary>
    public const int ImageSize = 224;

    private const int StageCount = 4, MaximumBlocks = 64;

    private static readonly Dictionary<int, (int[] Blocks, bool IsBottleneck)> Depths = new()
    {
        [18] = ([2, 2, 2, 2], false),
        [34] = ([3, 4, 6, 3], false),
        [50] = ([3, 4, 6, 3], true),
        [101] = ([3, 4, 23, 3], true),
        [152] = ([3, 8, 36, 3], true),
    };

    /// <summary>Describes a member of the paper's depths.</summary>
    /// <param name="depth">Number of weighted layers: 18, 34, 50, 101 or 152.</param>
    /// <param name="classes">Number of outputs.</param>
    /// <exception cref="EngineException"><c>InvalidDepth</c>.</exception>
    public static Network Create(int depth, int classes) => Depths.TryGetValue(depth, out (int[] Blocks, bool IsBottleneck) stages)
        ? Create(stages.Blocks, stages.IsBottleneck, classes)
        : throw new EngineException("InvalidDepth", ErrorKind.InvalidArgument,
            $"There is no ResNet for large images with {depth} layers: {string.Join(", ", Depths.Keys)} are possible.");

    /// <summary>Describes a member with any number of blocks.</summary>
    /// <param name="blocks">Number of blocks of each of the four stages.</param>
    /// <param name="isBottleneck">Whether blocks have three convolutions, the outer two of one pixel, instead of two.</param>
    /// <param name="classes">Number of outputs.</param>
    public static Network Create(IReadOnlyList<int> blocks, bool isBottleneck, int classes)
    {
        NetworkBuilder network = new();
        int x = network.Add("relu", new ReLU(), Normed("conv1", "bn1", NetworkBuilder.InputLayer, 64, 7, 2));
        x = network.Add("maxpool", new MaxPool(Window.Square(3, 2, 1)), x);
        for (int stage = 0; stage < StageCount; stage++)
            for (int block = 0; block < blocks[stage]; block++)
                x = Block($"layer{stage + 1}.{block}.", x, 64 << stage, stage > 0 && block == 0 ? 2 : 1);
        x = network.Add("avgpool", new AveragePool(), x);
        network.Add("fc", new Linear(network.ChannelsOf(x), classes), x);
        int depth = 2 + blocks.Sum() * (isBottleneck ? 3 : 2);
        return network.Build($"ResNet-{depth}",
            Depths.TryGetValue(depth, out var known) && known.Blocks.SequenceEqual(blocks) && known.IsBottleneck == isBottleneck
            ? "" : $"{(isBottleneck ? "bottleneck" : "basic")} blocks {string.Join(", ", blocks)}");

        int Block(string prefix, int x, int channels, int stride)
        {
            int output = isBottleneck ? Expansion * channels : channels, y;
            if (isBottleneck)
            {
                y = network.Add(prefix + "relu1", new ReLU(), Normed(prefix + "conv1", prefix + "bn1", x, channels, 1));
                y = network.Add(prefix + "relu2", new ReLU(), Normed(prefix + "conv2", prefix + "bn2", y, channels, 3, stride));
                y = Normed(prefix + "conv3", prefix + "bn3", y, output, 1);
            }
            else
            {
                y = network.Add(prefix + "relu1", new ReLU(), Normed(prefix + "conv1", prefix + "bn1", x, channels, 3, stride));
                y = Normed(prefix + "conv2", prefix + "bn2", y, output, 3);
            }

            int shortcut = stride == 1 && network.ChannelsOf(x) == output
                ? x : Normed(prefix + "downsample.0", prefix + "downsample.1", x, output, 1, stride);
            return network.Add(prefix + (isBottleneck ? "relu3" : "relu2"), new ReLU(),
                network.Add(prefix + "add", new Add(), y, shortcut));
        }

        int Normed(string convolution, string norm, int x, int channels, int size, int stride = 1) =>
            network.Norm(norm, network.Convolution(convolution, x, channels, size, stride));
    }

    /// <inheritdoc/>
    private protected override string Trait => "a ResNet for large pictures (conv1, bn1, layer1.0.conv1 … layer4.1.bn2, fc)";

    /// <inheritdoc/>
    private protected override bool Knows(string name) => KnownName().IsMatch(name);

    /// <inheritdoc/>
    private protected override (Network Network, int ImageSize) Read(Func<string, int[]?> shapeOf)
    {
        if (shapeOf("fc.weight") is not [int classes, _])
            throw new InvalidDataException("it has no classifier 'fc.weight' with a row for each class");
        int[] blocks = [.. Enumerable.Range(1, StageCount).Select(stage =>
            Enumerable.Range(0, MaximumBlocks).TakeWhile(block => shapeOf($"layer{stage}.{block}.conv1.weight") is not null).Count())];
        return (Create(blocks, isBottleneck: shapeOf("layer1.0.conv3.weight") is not null, classes), ImageSize);
    }

    [GeneratedRegex(@"^((conv1|layer[1234]\.\d+\.(conv[123]|downsample\.0)|fc)\.(weight|bias)"
        + @"|(bn1|layer[1234]\.\d+\.(bn[123]|downsample\.1))\.(weight|bias|running_mean|running_var))$")]
    private static partial Regex KnownName();
}
