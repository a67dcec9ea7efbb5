using System.Runtime.Intrinsics;

namespace Cifar10Ps;

/// <summary>
/// The forward pass of a residual network for one image, in fp32 and without libtorch, whose way to a convolution takes about as
/// long as the convolution of one image. Batch norm is folded into the convolutions.
/// </summary>
internal sealed class SingleImageResNet
{
    private readonly ResNetArchitecture _architecture;
    private readonly Dictionary<string, SingleImageConvolution> _convolutions = new(StringComparer.Ordinal);
    private readonly float[] _weight, _bias;
    private readonly FeatureMap _image;
    private readonly (FeatureMap Inner, FeatureMap Output)[] _stages;

    /// <summary>Folds weights and makes room for the activations.</summary>
    /// <param name="architecture">Shape of the network.</param>
    /// <param name="weights">Its values.</param>
    /// <param name="width">Width of the image in pixels; see <see cref="Fits"/>.</param>
    /// <param name="height">Height of the image in pixels.</param>
    public SingleImageResNet(ResNetArchitecture architecture, StateDict weights, int width, int height)
    {
        _architecture = architecture;
        foreach (FoldedConvolution convolution in FoldedConvolution.Of(architecture, weights))
            _convolutions[convolution.Name] = new SingleImageConvolution(convolution);
        (_weight, _bias) = (weights["fc.weight"], weights["fc.bias"]);
        _image = new FeatureMap(height, width, 3);
        _stages = [.. Enumerable.Range(0, 3).Select(stage => (Room(stage), Room(stage)))];

        FeatureMap Room(int stage) => new(height >> stage, width >> stage, ResNetArchitecture.Channels(stage + 1));
    }

    /// <summary>Whether it can compute images of a size, and the processor has the vectors for it.</summary>
    /// <remarks>Where there are no 512-bit vectors, the compiler makes two of 256 bits of each.</remarks>
    public static bool Fits(int width, int height) => Vector256.IsHardwareAccelerated && width % 32 == 0 && height % 4 == 0;

    /// <summary>Computes logits; one image at a time.</summary>
    /// <param name="pixels">A normalised image: [height, width, 3].</param>
    /// <returns>A logit for each class.</returns>
    public float[] Logits(ReadOnlySpan<float> pixels)
    {
        int rowLength = _image.Width * 3;
        for (int y = 0; y < _image.Height; y++)
            pixels.Slice(y * rowLength, rowLength).CopyTo(_image.Row(y));

        int stage = 0;
        FeatureMap x = _stages[0].Output;
        _convolutions["conv1"].Apply(_image, x, adds: false, activate: true);
        foreach ((string prefix, bool isDownsampling) in _architecture.Blocks())
        {
            (FeatureMap inner, FeatureMap output) = _stages[isDownsampling ? ++stage : stage];
            _convolutions[prefix + "conv1"].Apply(x, inner, adds: false, activate: true);
            // The shortcut lies where its sum is wanted.
            if (isDownsampling && _architecture.Shortcut == Shortcut.ZeroPad)
                ZeroPad(x, output);
            else if (isDownsampling)
                _convolutions[prefix + "downsample.0"].Apply(x, output, adds: false, activate: false);
            _convolutions[prefix + "conv2"].Apply(inner, output, isDownsampling || _architecture.Shortcut != Shortcut.ProjectionOnly, activate: true);
            x = output;
        }

        return Classify(x);
    }

    /// <summary>Every second pixel, and twice the channels, of which the new ones are zero.</summary>
    private static void ZeroPad(FeatureMap x, FeatureMap output)
    {
        for (int y = 0; y < output.Height; y++)
        {
            Span<float> from = x.Row(2 * y), to = output.Row(y);
            to.Clear();
            for (int pixel = 0; pixel < output.Width; pixel++)
                from.Slice(2 * pixel * x.Channels, x.Channels).CopyTo(to[(pixel * output.Channels + x.Channels / 2)..]);
        }
    }

    private float[] Classify(FeatureMap x)
    {
        double[] means = new double[x.Channels];
        for (int y = 0; y < x.Height; y++)
            for (Span<float> row = x.Row(y); row.Length > 0; row = row[x.Channels..])
                for (int c = 0; c < means.Length; c++)
                    means[c] += row[c] / (double)(x.Width * x.Height);

        return [.. _bias.Select((bias, n) => (float)(bias + means.Select((mean, c) => mean * _weight[n * means.Length + c]).Sum()))];
    }
}
