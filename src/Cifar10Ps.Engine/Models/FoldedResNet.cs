using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Cifar10Ps;

/// <summary>The forward pass of a residual network for inference, with batch norm folded into the convolutions on a copy of their weights.</summary>
internal sealed class FoldedResNet : IDisposable
{
    private readonly ResNetArchitecture _architecture;
    private readonly ScalarType _type;
    private readonly Dictionary<string, Layer> _layers = new(StringComparer.Ordinal);
    private readonly Tensor _classifierWeight, _classifierBias;

    /// <summary>Copies and folds weights.</summary>
    /// <param name="architecture">Shape of the network.</param>
    /// <param name="weights">Its values.</param>
    /// <param name="type">Type of convolutions and activations: fp32 or bf16. The classifier is fp32.</param>
    public FoldedResNet(ResNetArchitecture architecture, StateDict weights, ScalarType type)
    {
        _architecture = architecture;
        _type = type;
        using IDisposable noGradients = no_grad();
        using DisposeScope scope = NewDisposeScope();
        foreach (FoldedConvolution convolution in FoldedConvolution.Of(architecture, weights))
        {
            Tensor weight = ActivationMemory.ChannelsLast(tensor(convolution.Weight, [.. convolution.Shape]));
            Tensor? transformed = convolution.Shape is [_, > 3, 3, _] ? Kept(Winograd<Float32Element>.TransformedWeight(weight), ScalarType.Float32) : null;
            _layers[convolution.Name] = new Layer(transformed, convolution.Bias, Kept(weight, type), Kept(tensor(convolution.Bias), type));
        }

        _classifierWeight = Kept(tensor(weights["fc.weight"], [architecture.ClassCount, ResNetArchitecture.Channels(3)]), ScalarType.Float32);
        _classifierBias = Kept(tensor(weights["fc.bias"]), ScalarType.Float32);

        // A copy lies where libtorch aligns it, a tensor of an array where the array does: on that the last bit may depend.
        static Tensor Kept(Tensor values, ScalarType type) => values.to(type, copy: true).DetachFromDisposeScope();
    }

    /// <summary>Computes logits.</summary>
    /// <param name="images">Normalised images: [batch, 3, height, width], channels-last in memory.</param>
    /// <returns>[batch, classes], fp32.</returns>
    public Tensor Forward(Tensor images)
    {
        Tensor x = Activated("conv1", images.to(_type), stride: 1, shortcut: null);
        foreach ((string prefix, bool isDownsampling) in _architecture.Blocks())
        {
            int stride = isDownsampling ? 2 : 1;
            Tensor y = Activated(prefix + "conv1", x, stride, shortcut: null);
            Tensor? shortcut = isDownsampling
                ? _architecture.Shortcut == Shortcut.ZeroPad ? ActivationMemory.ChannelsLast(ResNet.ZeroPad(x)) : Convolve(prefix + "downsample.0", x, stride)
                : _architecture.Shortcut == Shortcut.ProjectionOnly ? null : x;
            x = Activated(prefix + "conv2", y, stride: 1, shortcut);
        }

        return F.linear(x.mean([2, 3], type: ScalarType.Float32), _classifierWeight, _classifierBias);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Layer layer in _layers.Values)
        {
            layer.Transformed?.Dispose();
            layer.Weight.Dispose();
            layer.Bias.Dispose();
        }

        _classifierWeight.Dispose();
        _classifierBias.Dispose();
    }

    /// <summary>A convolution, the addition of a shortcut and ReLU.</summary>
    private Tensor Activated(string name, Tensor x, int stride, Tensor? shortcut)
    {
        Layer layer = _layers[name];
        if (layer.Transformed is not null && Winograd<BFloat16Element>.Fits(x, layer.Weight, stride))
        {
            return _type == ScalarType.BFloat16
                ? Winograd<BFloat16Element>.ConvolveAndActivate(x, layer.Transformed, layer.ExactBias, shortcut)
                : Winograd<Float32Element>.ConvolveAndActivate(x, layer.Transformed, layer.ExactBias, shortcut);
        }

        Tensor y = Convolve(name, x, stride);
        return (shortcut is null ? y : y.AddTensor(shortcut)).relu_();
    }

    private Tensor Convolve(string name, Tensor x, int stride)
    {
        (_, _, Tensor weight, Tensor bias) = _layers[name];
        long padding = weight.shape[2] / 2;
        return F.conv2d(x, weight, bias, strides: [stride, stride], padding: [padding, padding]);
    }

    /// <summary>A convolution's weight and bias, in fp32 for <see cref="Winograd{TElement}"/> (if it is three pixels wide), and in the type of the activations for libtorch.</summary>
    private sealed record Layer(Tensor? Transformed, float[] ExactBias, Tensor Weight, Tensor Bias);
}
