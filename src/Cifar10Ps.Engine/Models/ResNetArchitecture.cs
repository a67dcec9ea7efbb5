using System.Text.Json.Serialization;

namespace Cifar10Ps;

/// <summary>What a residual block adds to its convolutions.</summary>
public enum Shortcut
{
    /// <summary>The identity, and a 1 × 1 convolution with batch norm where the size changes (option B of He et al.).</summary>
    Projection,

    /// <summary>The identity, and a subsampled, zero-padded copy without parameters where the size changes (option A of He et al.).</summary>
    ZeroPad,

    /// <summary>A projection where the size changes and nothing elsewhere: the network of the original Chainer program, which forgot the identity.</summary>
    ProjectionOnly,
}

/// <summary>
/// The shape of a ResNet for small images: a 3 × 3 convolution, three stages of basic blocks with 16, 32 and 64 channels,
/// global average pooling and a linear classifier.
/// </summary>
/// <param name="Depth">Number of weighted layers: 6 · n + 2 for n blocks a stage.</param>
/// <param name="Shortcut">What the blocks add.</param>
/// <param name="ClassCount">Number of outputs.</param>
/// <param name="BatchNormEpsilon">Added to the variance in batch norm.</param>
/// <remarks>K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition", CVPR 2016, section 4.2.</remarks>
public sealed record ResNetArchitecture(int Depth, Shortcut Shortcut, int ClassCount, double BatchNormEpsilon = ResNetArchitecture.DefaultBatchNormEpsilon)
{
    /// <summary>Epsilon of PyTorch's batch norm.</summary>
    public const double DefaultBatchNormEpsilon = 1e-5;

    /// <summary>Largest number of classes.</summary>
    public const int MaximumClassCount = 10_000;

    /// <summary>Largest depth: that of the paper's largest network with these stages.</summary>
    internal const int MaximumDepth = 110;

    /// <summary><c>ResNet-20</c>.</summary>
    [JsonIgnore]
    public string Name => $"ResNet-{Depth}";

    /// <inheritdoc/>
    public override string ToString() => $"{Name}, {Shortcut} shortcuts";

    /// <summary>Whether there is a network of this depth.</summary>
    [JsonIgnore]
    internal bool HasKnownDepth => Depth is > 2 and <= MaximumDepth && Depth % 6 == 2;

    /// <summary>Residual blocks of each stage.</summary>
    [JsonIgnore]
    internal int BlocksPerStage => (Depth - 2) / 6;

    /// <summary>Channels of a stage, 1 to 3.</summary>
    internal static int Channels(int stage) => 8 << stage;

    /// <summary>Whether the block changes the size of its input and so cannot add it unchanged.</summary>
    internal static bool IsDownsampling(int stage, int block) => stage > 1 && block == 0;

    /// <summary>The residual blocks in their order: what the names of their tensors begin with, and whether they change the size.</summary>
    internal IEnumerable<(string Prefix, bool IsDownsampling)> Blocks() =>
        from stage in Enumerable.Range(1, 3)
        from block in Enumerable.Range(0, BlocksPerStage)
        select ($"layer{stage}.{block}.", IsDownsampling(stage, block));

    /// <summary>All tensors in the order of the forward pass, with the names that PyTorch's common ResNets give them.</summary>
    internal IEnumerable<TensorShape> Tensors()
    {
        foreach (TensorShape tensor in ConvolutionAndNorm("conv1", "bn1", Channels(1), 3, 3))
            yield return tensor;
        for (int stage = 1; stage <= 3; stage++)
        {
            for (int block = 0; block < BlocksPerStage; block++)
            {
                string prefix = $"layer{stage}.{block}.";
                int output = Channels(stage), input = IsDownsampling(stage, block) ? Channels(stage - 1) : output;
                IEnumerable<TensorShape> parts = ConvolutionAndNorm(prefix + "conv1", prefix + "bn1", output, input, 3)
                    .Concat(ConvolutionAndNorm(prefix + "conv2", prefix + "bn2", output, output, 3));
                if (Shortcut != Shortcut.ZeroPad && IsDownsampling(stage, block))
                    parts = parts.Concat(ConvolutionAndNorm(prefix + "downsample.0", prefix + "downsample.1", output, input, 1));
                foreach (TensorShape tensor in parts)
                    yield return tensor;
            }
        }

        yield return new TensorShape("fc.weight", [ClassCount, Channels(3)]);
        yield return new TensorShape("fc.bias", [ClassCount]);
    }

    private static IEnumerable<TensorShape> ConvolutionAndNorm(string convolution, string norm, int output, int input, int kernel) =>
    [
        new(convolution + ".weight", [output, input, kernel, kernel]),
        new(norm + ".weight", [output]),
        new(norm + ".bias", [output]),
        new(norm + ".running_mean", [output]),
        new(norm + ".running_var", [output]),
    ];
}

/// <summary>Name and shape of a tensor of a network.</summary>
/// <param name="Name">Name in the state dict: <c>layer1.0.conv1.weight</c>.</param>
/// <param name="Shape">Sizes of its dimensions.</param>
internal sealed record TensorShape(string Name, int[] Shape)
{
    /// <summary>Number of values.</summary>
    public int Length { get; } = Shape.Aggregate(1, (product, size) => product * size);

    /// <summary>A part of the last layer.</summary>
    public bool IsClassifier => Name.StartsWith("fc.", StringComparison.Ordinal);

    /// <summary>A running statistic of batch norm, which is gathered, not learned.</summary>
    public bool IsStatistic => Name.EndsWith(".running_mean", StringComparison.Ordinal) || Name.EndsWith(".running_var", StringComparison.Ordinal);
}
