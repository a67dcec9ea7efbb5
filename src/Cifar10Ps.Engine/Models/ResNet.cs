using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Cifar10Ps;

/// <summary>The forward pass of a residual network for small images.</summary>
/// <param name="architecture">Its shape.</param>
/// <param name="weights">Its values.</param>
/// <param name="training">
/// True: batch norm uses the statistics of the batch and leaves them in the running statistics, for the trainer to
/// average. False: it uses the running statistics.
/// </param>
/// <param name="type">Type of convolutions and activations: fp32 or bf16. Parameters and statistics of batch norm, and the classifier, are fp32.</param>
internal sealed class ResNet(ResNetArchitecture architecture, NetworkWeights weights, bool training, ScalarType type = ScalarType.Float32)
{
    /// <summary>Computes logits.</summary>
    /// <param name="images">Normalised images: [batch, 3, height, width], channels-last in memory.</param>
    /// <returns>[batch, classes].</returns>
    public Tensor Forward(Tensor images)
    {
        Tensor x = F.relu(Norm("bn1", Convolve("conv1", images.to(type))));
        for (int stage = 1; stage <= 3; stage++)
            for (int block = 0; block < architecture.BlocksPerStage; block++)
                x = Block(stage, block, x);
        return F.linear(x.mean([2, 3], type: ScalarType.Float32), weights["fc.weight"], weights["fc.bias"]);
    }

    private Tensor Block(int stage, int block, Tensor x)
    {
        string prefix = $"layer{stage}.{block}.";
        int stride = ResNetArchitecture.IsDownsampling(stage, block) ? 2 : 1;
        Tensor y = F.relu(Norm(prefix + "bn1", Convolve(prefix + "conv1", x, stride)));
        y = Norm(prefix + "bn2", Convolve(prefix + "conv2", y));
        Tensor? shortcut = ShortcutOf(stage, block, prefix, x);
        return (shortcut is null ? y : y.AddTensor(shortcut)).relu_();
    }

    private Tensor? ShortcutOf(int stage, int block, string prefix, Tensor x)
    {
        if (!ResNetArchitecture.IsDownsampling(stage, block))
            return architecture.Shortcut == Shortcut.ProjectionOnly ? null : x;
        if (architecture.Shortcut != Shortcut.ZeroPad)
            return Norm(prefix + "downsample.1", Convolve(prefix + "downsample.0", x, stride: 2));
        return ZeroPad(x);
    }

    /// <summary>The shortcut without parameters: every second pixel, and twice the channels, of which the new ones are zero.</summary>
    public static Tensor ZeroPad(Tensor x)
    {
        long padding = x.shape[1] / 2;
        return F.pad(x.slice(2, 0, x.shape[2], 2).slice(3, 0, x.shape[3], 2), [0, 0, 0, 0, padding, padding]);
    }

    private Tensor Convolve(string name, Tensor x, int stride = 1)
    {
        Tensor weight = weights[name + ".weight"];
        long padding = weight.shape[2] / 2;
        return F.conv2d(x, weight.to(type), null, strides: [stride, stride], padding: [padding, padding]);
    }

    // A momentum of one makes the running statistics those of this batch.
    private Tensor Norm(string name, Tensor x) =>
        F.batch_norm(x, weights[name + ".running_mean"], weights[name + ".running_var"], weights[name + ".weight"], weights[name + ".bias"],
            training, momentum: 1, architecture.BatchNormEpsilon);
}
