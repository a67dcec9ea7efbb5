using Cifar10Ps.Execution.Kernels;
using Cifar10Ps.Networks;
using Cifar10Ps.Runtime;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Cifar10Ps.Execution;

/// <summary>A linear layer, whose gradients are three products, so that nothing is recorded for it.</summary>
/// <typeparam name="TElement">How activations are stored in memory.</typeparam>
/// <typeparam name="TLanes">The vectors of the kernels.</typeparam>
/// <param name="layer">Position of the layer.</param>
/// <param name="weights">The values.</param>
internal sealed class LinearPass<TElement, TLanes>(int layer, NetworkWeights weights) : UnitPass<TElement, TLanes>(new Unit(layer))
    where TElement : struct, IElement
    where TLanes : struct, ILanes<TLanes>
{
    private readonly int _input = weights.Network.Layers[layer].Inputs[0];
    private readonly string _weight = weights.Network.Layers[layer].Tensor(TensorRole.LinearWeight)!.Name;
    private readonly string? _bias = weights.Network.Layers[layer].Tensor(TensorRole.LinearBias)?.Name;
    private Tensor _x = null!;

    /// <inheritdoc/>
    public override Tensor Forward(Tensor[] outputs, ImageKeys keys, SharedWork shared)
    {
        _x = outputs[_input];
        return F.linear(_x, weights[_weight], _bias is null ? null : weights[_bias])
            .requires_grad_(weights.Network.NeedsGradient(layer));
    }

    /// <inheritdoc/>
    public override void Backward(Tensor gradient, Tensor? more, PendingGradients<TElement, TLanes> pending, Gradients gradients,
        SharedWork shared)
    {
        using Tensor sum = more is null ? gradient.alias() : gradient.PlusTensor(more);
        using Tensor transposed = sum.t();
        using Tensor ofWeight = transposed.mm(_x);
        gradients[_weight].Assign(ofWeight);
        if (_bias is not null)
        {
            using Tensor ofBias = sum.sum([0]);
            gradients[_bias].Assign(ofBias);
        }

        if (weights.Network.NeedsGradient(_input))
            pending.Add(_input, sum.mm(weights[_weight]));
    }
}
