using static TorchSharp.torch;

namespace Cifar10Ps;

/// <summary>A replica that leaves everything to libtorch: for processors without 512-bit vectors, and odd image sizes.</summary>
internal sealed class PlainReplica : Replica
{
    private readonly ResNet _network;

    /// <inheritdoc cref="Replica.Create"/>
    public PlainReplica(ResNetArchitecture architecture, NetworkWeights master, Precision precision, double labelSmoothing)
        : base(architecture, master, labelSmoothing)
    {
        Weights.RequireGradients();
        _network = new ResNet(architecture, Weights, training: true, precision.ToScalarType());
    }

    /// <inheritdoc/>
    public override (double LossSum, int Correct) Compute(Tensor images, Tensor labels, int batchSize, GradientViews gradients, SharedWork shared)
    {
        Tensor logits = _network.Forward(images), loss = Loss(logits, labels);
        IList<Tensor> found = GradientsOf(loss, batchSize, [.. Weights.LearnedViews]);
        using IDisposable noGradients = no_grad();
        foreach ((Tensor target, Tensor gradient) in gradients.InOrder.Zip(found))
            target.copy_(gradient);
        return Count(loss, logits, labels);
    }
}
