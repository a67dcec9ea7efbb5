using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Cifar10Ps;

/// <summary>The forward pass of a residual network for inference, with batch norm folded into the convolutions on a copy of their weights.</summary>
internal sealed class FoldedResNet : IDisposable
{
    private readonly ResNetArchitecture _architecture;
    private readonly ScalarType _type;
    private readonly Dictionary<string, (Tensor Weight, Tensor Bias)> _layers = new(StringComparer.Ordinal);

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
            Tensor weight = tensor(convolution.Weight, [.. convolution.Shape]).to(type), bias = tensor(convolution.Bias).to(type);
            Add(convolution.Name, ActivationMemory.ChannelsLast(weight), bias);
        }

        Add("fc", tensor(weights["fc.weight"], [architecture.ClassCount, ResNetArchitecture.Channels(3)]), tensor(weights["fc.bias"]));

        // A clone lies where libtorch aligns it, a tensor of an array where the array does: on that the last bit may depend.
        void Add(string name, Tensor weight, Tensor bias) => _layers[name] = (weight.clone().DetachFromDisposeScope(), bias.clone().DetachFromDisposeScope());
    }

    /// <summary>Computes logits.</summary>
    /// <param name="images">Normalised images: [batch, 3, height, width], channels-last in memory.</param>
    /// <returns>[batch, classes], fp32.</returns>
    public Tensor Forward(Tensor images)
    {
        Tensor x = Convolve("conv1", images.to(_type)).relu_();
        foreach ((string prefix, bool isDownsampling) in _architecture.Blocks())
        {
            int stride = isDownsampling ? 2 : 1;
            Tensor y = Convolve(prefix + "conv2", Convolve(prefix + "conv1", x, stride).relu_());
            Tensor? shortcut = isDownsampling
                ? _architecture.Shortcut == Shortcut.ZeroPad ? ResNet.ZeroPad(x) : Convolve(prefix + "downsample.0", x, stride)
                : _architecture.Shortcut == Shortcut.ProjectionOnly ? null : x;
            x = (shortcut is null ? y : y.AddTensor(shortcut)).relu_();
        }

        return F.linear(x.mean([2, 3], type: ScalarType.Float32), _layers["fc"].Weight, _layers["fc"].Bias);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach ((Tensor weight, Tensor bias) in _layers.Values)
        {
            weight.Dispose();
            bias.Dispose();
        }
    }

    private Tensor Convolve(string name, Tensor x, int stride = 1)
    {
        (Tensor weight, Tensor bias) = _layers[name];
        long padding = weight.shape[2] / 2;
        return F.conv2d(x, weight, bias, strides: [stride, stride], padding: [padding, padding]);
    }
}
