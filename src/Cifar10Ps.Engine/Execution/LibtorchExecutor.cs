using Cifar10Ps.Models;
using Cifar10Ps.Runtime;
using static TorchSharp.torch;

namespace Cifar10Ps.Execution;

/// <summary>
/// Leaves everything to libtorch and its autograd: any network, either precision. The reference for the other executors, and the fallback
/// for what they cannot compute. In training with a frozen backbone, it takes features instead of images.
/// </summary>
internal sealed class LibtorchExecutor : IExecutor, ITrainingExecutor
{
    private readonly ScalarType _type;
    private Tensor? _logits;

    /// <summary>For training.</summary>
    /// <param name="master">The values, which are shared.</param>
    /// <param name="precision">Precision of convolutions and activations.</param>
    public LibtorchExecutor(NetworkWeights master, Precision precision)
    {
        Weights = new NetworkWeights(master.Network, master);
        Weights.RequireGradients();
        _type = precision.ToScalarType();
    }

    /// <summary>For evaluation.</summary>
    /// <param name="network">The network.</param>
    /// <param name="values">Its values, which are copied.</param>
    /// <param name="precision">Precision of convolutions and activations.</param>
    public LibtorchExecutor(Network network, StateDict values, Precision precision)
    {
        Weights = new NetworkWeights(network);
        Weights.CopyFrom(values);
        _type = precision.ToScalarType();
    }

    /// <inheritdoc/>
    public NetworkWeights Weights { get; }

    /// <inheritdoc/>
    public Tensor Forward(Tensor images)
    {
        using IDisposable noGradients = no_grad();
        return Walk(images, keys: null);
    }

    /// <inheritdoc/>
    public Tensor Forward(Tensor images, ImageKeys keys, SharedWork shared) => _logits = Walk(images, keys);

    /// <inheritdoc/>
    public void Backward(Tensor gradient, Gradients gradients, SharedWork shared)
    {
        IList<Tensor> found = autograd.grad([_logits!], [.. Weights.LearnedViews], [gradient]);
        using IDisposable noGradients = no_grad();
        foreach ((Tensor target, Tensor value) in gradients.InOrder.Zip(found))
            target.Assign(value);
        _logits = null;
    }

    /// <inheritdoc/>
    public void Dispose() => Weights.Dispose();

    private Tensor Walk(Tensor images, ImageKeys? keys)
    {
        Network network = Weights.Network;
        Tensor[] outputs = new Tensor[network.Layers.Count];
        int first = network.HasFrozenBackbone ? network.FeatureLayer : 0;
        outputs[first] = first > 0 ? images : images.to(_type);
        for (int i = first + 1; i < outputs.Length; i++)
            outputs[i] = LibtorchOperations.Compute(network, i, [.. network.Layers[i].Inputs.Select(input => outputs[input])],
                name => Weights[name], keys);
        return outputs[^1];
    }
}
