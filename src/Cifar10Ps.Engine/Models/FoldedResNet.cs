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
        using NetworkWeights values = new(architecture);
        values.Load(weights);
        using IDisposable noGradients = no_grad();
        using DisposeScope scope = NewDisposeScope();
        Fold("conv1", "bn1");
        foreach (string prefix in Blocks().Select(block => block.Prefix))
        {
            Fold(prefix + "conv1", prefix + "bn1");
            Fold(prefix + "conv2", prefix + "bn2");
        }

        foreach (string prefix in Blocks().Where(block => block.IsDownsampling && architecture.Shortcut != Shortcut.ZeroPad).Select(block => block.Prefix))
            Fold(prefix + "downsample.0", prefix + "downsample.1");
        _layers["fc"] = (values["fc.weight"].clone().DetachFromDisposeScope(), values["fc.bias"].clone().DetachFromDisposeScope());

        void Fold(string convolution, string norm)
        {
            using Scalar epsilon = architecture.BatchNormEpsilon;
            Tensor scale = values[norm + ".weight"] / (values[norm + ".running_var"] + epsilon).sqrt();
            Tensor weight = (values[convolution + ".weight"] * scale.view(-1, 1, 1, 1)).to(type);
            Tensor bias = (values[norm + ".bias"] - values[norm + ".running_mean"] * scale).to(type);
            _layers[convolution] = (ActivationMemory.ChannelsLast(weight).DetachFromDisposeScope(), bias.DetachFromDisposeScope());
        }
    }

    /// <summary>Computes logits.</summary>
    /// <param name="images">Normalised images: [batch, 3, height, width], channels-last in memory.</param>
    /// <returns>[batch, classes], fp32.</returns>
    public Tensor Forward(Tensor images)
    {
        Tensor x = Convolve("conv1", images.to(_type)).relu_();
        foreach ((string prefix, bool isDownsampling) in Blocks())
        {
            int stride = isDownsampling ? 2 : 1;
            Tensor y = Convolve(prefix + "conv2", Convolve(prefix + "conv1", x, stride).relu_());
            Tensor? shortcut = isDownsampling
                ? _architecture.Shortcut == Shortcut.ZeroPad ? ResNet.ZeroPad(x) : Convolve(prefix + "downsample.0", x, stride)
                : _architecture.Shortcut == Shortcut.ProjectionOnly ? null : x;
            x = (shortcut is null ? y : y.add_(shortcut)).relu_();
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

    private IEnumerable<(string Prefix, bool IsDownsampling)> Blocks() =>
        from stage in Enumerable.Range(1, 3)
        from block in Enumerable.Range(0, _architecture.BlocksPerStage)
        select ($"layer{stage}.{block}.", ResNetArchitecture.IsDownsampling(stage, block));

    private Tensor Convolve(string name, Tensor x, int stride = 1)
    {
        (Tensor weight, Tensor bias) = _layers[name];
        long padding = weight.shape[2] / 2;
        return F.conv2d(x, weight, bias, strides: [stride, stride], padding: [padding, padding]);
    }
}
