using System.Text.RegularExpressions;

namespace Cifar10Ps.Networks.Families;

/// <summary>
/// The network of airbench94, made to learn CIFAR-10 in as little computation as possible: a 2 × 2 convolution that whitens the images,
/// three stages of two 3 × 3 convolutions, the first of which is followed by max pooling, batch norm that learns its shift only, GELU,
/// and a classifier without bias that reads scaled features, which is the same as scaled logits.
/// </summary>
/// <remarks>K. Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU", 2024.</remarks>
internal sealed partial class SpeedNet : NetworkFamily
{
    /// <summary>The family.</summary>
    public static readonly SpeedNet Family = new();

    /// <summary>Width and height in pixels of the images of the paper.</summary>
    public const int ImageSize = 32;

    /// <summary>Limits of the images' width and height: three poolings leave at least a pixel.</summary>
    public const int SmallestImage = 9, LargestImage = 128;

    private const int WhiteningSize = 2;

    // The learning rate of a classifier relative to that of the shifts is the square of this: as in the paper's later version with Muon.
    private const double FeatureScale = 1.0 / 64;

    private static readonly int[] Widths = [64, 256, 256];

    /// <summary>Describes a member.</summary>
    /// <param name="imageSize">Width and height of the images in pixels, 9 to 128; the last pooling takes all pixels that are left.</param>
    /// <param name="classes">Number of outputs.</param>
    public static Network Create(int imageSize, int classes)
    {
        NetworkBuilder network = new();
        int filters = 2 * Input.Channels * WhiteningSize * WhiteningSize;
        int x = network.Add("whiten", new Convolution(Input.Channels, filters, Window.Square(WhiteningSize, 1, 0), HasBias: true,
            IsWhitening: true), NetworkBuilder.InputLayer);
        x = network.Add("gelu", new Gelu(), x);
        int side = imageSize - WhiteningSize + 1;
        for (int stage = 1; stage <= Widths.Length; stage++, side /= 2)
        {
            string prefix = $"layer{stage}.";
            x = network.Convolution(prefix + "conv1", x, Widths[stage - 1], 3);
            x = network.Norm(prefix + "norm1", network.Add(prefix + "pool", new MaxPool(Window.Square(2, 2, 0)), x), learnsScale: false);
            x = network.Convolution(prefix + "conv2", network.Add(prefix + "gelu1", new Gelu(), x), Widths[stage - 1], 3);
            x = network.Add(prefix + "gelu2", new Gelu(), network.Norm(prefix + "norm2", x, learnsScale: false));
        }

        x = network.Add("flatten", new Flatten(), network.Add("pool", new MaxPool(Window.Square(side, side, 0)), x));
        x = network.Add("scale", new Scale(FeatureScale), x);
        network.Add("fc", new Linear(Widths[^1], classes, HasBias: false), x);
        return network.Build("SpeedNet");
    }

    /// <inheritdoc/>
    private protected override string Trait => "a SpeedNet (whiten, layer1.conv1 …, fc)";

    /// <inheritdoc/>
    private protected override bool Knows(string name) => KnownName().IsMatch(name);

    /// <inheritdoc/>
    private protected override (Network Network, int ImageSize) Read(Func<string, int[]?> shapeOf) =>
        shapeOf("fc.weight") is [int classes, _]
            ? (Create(ImageSize, classes), ImageSize)
            : throw new InvalidDataException("it has no classifier 'fc.weight' with a row for each output");

    [GeneratedRegex(
        @"^(whiten\.(weight|bias)|layer[123]\.(conv[12]\.weight|norm[12]\.(weight|bias|running_mean|running_var))|fc\.weight)$")]
    private static partial Regex KnownName();
}
