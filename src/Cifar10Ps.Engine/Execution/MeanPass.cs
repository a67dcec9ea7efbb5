using Cifar10Ps.Execution.Kernels;
using Cifar10Ps.Runtime;
using static TorchSharp.torch;

namespace Cifar10Ps.Execution;

/// <summary>The mean over all pixels of an image, in fp32. Its gradient is the same in every pixel, so nothing is recorded for it.</summary>
/// <typeparam name="TElement">How activations are stored in memory.</typeparam>
/// <typeparam name="TLanes">The vectors of the kernels.</typeparam>
/// <param name="layer">Position of the layer.</param>
/// <param name="network">Its network.</param>
internal sealed class MeanPass<TElement, TLanes>(int layer, Network network) : UnitPass<TElement, TLanes>(new Unit(layer))
    where TElement : struct, IElement
    where TLanes : struct, ILanes<TLanes>
{
    private readonly int _input = network.Layers[layer].Inputs[0];
    private Tensor _x = null!;

    /// <inheritdoc/>
    public override Tensor Forward(Tensor[] outputs, ImageKeys keys, SharedWork shared)
    {
        _x = outputs[_input];
        return _x.mean([2, 3], type: ScalarType.Float32).requires_grad_(network.NeedsGradient(layer));
    }

    /// <inheritdoc/>
    public override void Backward(Tensor gradient, Tensor? more, PendingGradients<TElement, TLanes> pending, Gradients gradients,
        SharedWork shared)
    {
        if (!network.NeedsGradient(_input))
            return;
        using Tensor ofPixel = (more is null ? gradient.clone() : gradient.PlusTensor(more)).DivideBy(_x.size(2) * _x.size(3));
        using Tensor row = ofPixel.view(_x.size(0), _x.size(1), 1, 1);
        pending.Add(_input, ActivationMemory.Like(_x).Assign(row));
    }
}
