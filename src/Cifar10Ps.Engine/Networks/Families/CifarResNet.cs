using System.Text.Json;
using System.Text.RegularExpressions;
using Cifar10Ps.Runtime;

namespace Cifar10Ps.Networks.Families;

/// <summary>
/// ResNets for small images: a 3 × 3 convolution, three stages of basic blocks with 16, 32 and 64 channels, global average pooling
/// and a linear classifier.
/// </summary>
/// <remarks>K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition", CVPR 2016, section 4.2.</remarks>
internal sealed partial class CifarResNet : NetworkFamily
{
    /// <summary>The family.</summary>
    public static readonly CifarResNet Family = new();

    /// <summary>Width and height in pixels of the images of the paper.</summary>
    public const int ImageSize = 32;

    /// <summary>Largest depth: that of the paper's largest network with these stages.</summary>
    private const int MaximumDepth = 110;

    private const double ChainerEpsilon = 2e-5;

    /// <summary>Describes a member.</summary>
    /// <param name="depth">Number of weighted layers: 6n + 2 for n blocks a stage, at most 110.</param>
    /// <param name="shortcut">What the blocks add.</param>
    /// <param name="classes">Number of outputs.</param>
    /// <param name="epsilon">Added to the variance in batch norm.</param>
    /// <exception cref="EngineException"><c>InvalidDepth</c>.</exception>
    public static Network Create(int depth, Shortcut shortcut, int classes, double epsilon = BatchNorm.DefaultEpsilon)
    {
        if (!HasDepth(depth))
            throw new EngineException("InvalidDepth", ErrorKind.InvalidArgument,
                $"There is no ResNet for small images with {depth} layers: the depth has to be 6n + 2, at most {MaximumDepth}.");
        NetworkBuilder network = new();
        int x = Normed("conv1", "bn1", NetworkBuilder.InputLayer, 16, 3);
        x = network.Add("relu", new ReLU(), x);
        for (int stage = 1; stage <= 3; stage++)
            for (int block = 0; block < (depth - 2) / 6; block++)
                x = Block($"layer{stage}.{block}.", x, 8 << stage, isDownsampling: stage > 1 && block == 0);
        x = network.Add("avgpool", new AveragePool(), x);
        network.Add("fc", new Linear(network.ChannelsOf(x), classes), x);
        return network.Build($"ResNet-{depth}", $"{shortcut} shortcuts");

        int Block(string prefix, int x, int channels, bool isDownsampling)
        {
            int stride = isDownsampling ? 2 : 1;
            int y = network.Add(prefix + "relu1", new ReLU(), Normed(prefix + "conv1", prefix + "bn1", x, channels, 3, stride));
            y = Normed(prefix + "conv2", prefix + "bn2", y, channels, 3);
            int? added = isDownsampling
                ? shortcut == Shortcut.ZeroPad
                    ? network.Add(prefix + "shortcut", new ZeroPad(), x)
                    : Normed(prefix + "downsample.0", prefix + "downsample.1", x, channels, 1, stride)
                : shortcut == Shortcut.ProjectionOnly ? null : x;
            if (added is int other)
                y = network.Add(prefix + "add", new Add(), y, other);
            return network.Add(prefix + "relu2", new ReLU(), y);
        }

        int Normed(string convolution, string norm, int x, int channels, int size, int stride = 1) =>
            network.Norm(norm, network.Convolution(convolution, x, channels, size, stride), epsilon);
    }

    /// <inheritdoc cref="NetworkFamily.FromOptions"/>
    public static new Network FromOptions(string json)
    {
        Options options = JsonSerializer.Deserialize<Options>(json, Json.Options)
            ?? throw new InvalidDataException("its architecture is empty");
        return HasDepth(options.Depth) && options.ClassCount is >= 2 and <= Network.MaximumClassCount
            && Enum.IsDefined(options.Shortcut) && options.BatchNormEpsilon is > 0 and < 1
            ? Create(options.Depth, options.Shortcut, options.ClassCount, options.BatchNormEpsilon)
            : throw new InvalidDataException($"its architecture is not that of a ResNet with 6n + 2 layers, at most {MaximumDepth}");
    }

    /// <summary>The original Chainer program's network: its nine blocks have a projection each, of which seven are never used.</summary>
    public static ChainerLayout ChainerLayoutOf(int classes)
    {
        Network network = Create(20, Shortcut.ProjectionOnly, classes, ChainerEpsilon);
        Dictionary<string, int[]> unused = [];
        foreach (Layer layer in network.Layers.Where(layer => layer.Name.EndsWith(".conv2", StringComparison.Ordinal)))
        {
            string block = layer.Name[..^"conv2".Length];
            int channels = ((Convolution)layer.Operation).OutputChannels;
            if (network.Layers.Any(other => other.Name == block + "downsample.0"))
                continue;
            string prefix = ToChainer(block);
            unused[prefix + "conv3/W"] = [channels, channels, 1, 1];
            foreach (string part in (string[])["gamma", "beta", "avg_mean", "avg_var"])
                unused[$"{prefix}bn3/{part}"] = [channels];
            unused[prefix + "bn3/N"] = [];
        }

        return new ChainerLayout(network, network.Tensors.ToDictionary(tensor => tensor.Name, ChainerName, StringComparer.Ordinal), unused);
    }

    /// <inheritdoc/>
    private protected override string Trait => "a ResNet for small pictures (conv1, bn1, layer1.0.conv1 …, fc)";

    /// <inheritdoc/>
    private protected override IEnumerable<string> Classifiers => ["fc", "linear"];

    /// <inheritdoc/>
    private protected override string Canonical(string name)
    {
        if (name.StartsWith("linear.", StringComparison.Ordinal))
            name = "fc." + name["linear.".Length..];
        name = Stem().Replace(name, "${1}1.");
        name = Stage().Replace(name, "layer$1.");
        name = Projection().Replace(name, "$1downsample.");
        return Numbered().Replace(name, "$1$2.");
    }

    /// <inheritdoc/>
    private protected override bool Knows(string name) => KnownName().IsMatch(name);

    /// <inheritdoc/>
    private protected override (Network Network, int ImageSize) Read(Func<string, int[]?> shapeOf)
    {
        if (shapeOf("fc.weight") is not [int classes, _])
            throw new InvalidDataException("it has no classifier 'fc.weight' or 'linear.weight' with a row for each class");
        int blocks = Enumerable.Range(0, MaximumDepth).TakeWhile(block => shapeOf($"layer1.{block}.conv1.weight") is not null).Count();
        // Whether the other blocks add the identity cannot be determined.
        Shortcut shortcut = shapeOf("layer2.0.downsample.0.weight") is not null ? Shortcut.Projection : Shortcut.ZeroPad;
        return HasDepth(6 * blocks + 2)
            ? (Create(6 * blocks + 2, shortcut, classes), ImageSize)
            : throw new InvalidDataException($"its architecture is not that of a ResNet with 6n + 2 layers, at most {MaximumDepth}");
    }

    private static bool HasDepth(int depth) => depth is > 2 and <= MaximumDepth && depth % 6 == 2;

    /// <summary>The original's name for a tensor: <c>res3/0/conv1/W</c> for <c>layer1.0.conv1.weight</c>.</summary>
    private static string ChainerName(LayerTensor tensor)
    {
        string link = tensor.Name[..tensor.Name.LastIndexOf('.')] switch { "bn1" => "bn2", "fc" => "fc7", string part => ToChainer(part) };
        return $"{link}/" + tensor.Role switch
        {
            TensorRole.NormMean => "avg_mean",
            TensorRole.NormVariance => "avg_var",
            TensorRole.NormScale => "gamma",
            TensorRole.NormShift => "beta",
            TensorRole.LinearBias => "b",
            _ => "W",
        };
    }

    private static string ToChainer(string layer) =>
        layer.Replace("layer1.", "res3/").Replace("layer2.", "res4/").Replace("layer3.", "res5/")
        .Replace("downsample.0", "conv3").Replace("downsample.1", "bn3").Replace('.', '/');

    /// <summary>How files of version 0.1 and 0.2 describe their network.</summary>
    private sealed record Options(int Depth, Shortcut Shortcut, int ClassCount, double BatchNormEpsilon = BatchNorm.DefaultEpsilon);

    [GeneratedRegex(@"^(conv|bn)\.")]
    private static partial Regex Stem();

    [GeneratedRegex(@"^stage_?([1-3])\.")]
    private static partial Regex Stage();

    [GeneratedRegex(@"^(layer[23]\.0\.)shortcut\.")]
    private static partial Regex Projection();

    [GeneratedRegex(@"\b(conv|bn)_([12])\.")]
    private static partial Regex Numbered();

    [GeneratedRegex(@"^((conv1|layer[123]\.\d+\.(conv[12]|downsample\.0)|fc)\.(weight|bias)"
        + @"|(bn1|layer[123]\.\d+\.(bn[12]|downsample\.1))\.(weight|bias|running_mean|running_var))$")]
    private static partial Regex KnownName();
}
