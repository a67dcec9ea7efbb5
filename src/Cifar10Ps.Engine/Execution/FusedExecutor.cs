using Cifar10Ps.Execution.Kernels;
using Cifar10Ps.Networks;
using Cifar10Ps.Runtime;
using static TorchSharp.torch;

namespace Cifar10Ps.Execution;

/// <summary>
/// Training whose forward and backward passes are explicit, unit by unit: in our kernels where possible
/// (<see cref="FusedPass{TElement, TLanes}"/>, <see cref="FrozenNormPass{TElement, TLanes}"/>), otherwise by libtorch. Its gradients are
/// those of <see cref="LibtorchExecutor"/> up to rounding.
/// </summary>
/// <typeparam name="TElement">How activations are stored in memory.</typeparam>
/// <typeparam name="TLanes">The vectors of the kernels.</typeparam>
internal sealed class FusedExecutor<TElement, TLanes> : ITrainingExecutor
    where TElement : struct, IElement
    where TLanes : struct, ILanes<TLanes>
{
    private readonly ScalarType _type;
    private readonly List<UnitPass<TElement, TLanes>> _passes = [];
    private readonly Tensor[] _outputs;

    /// <summary>Prepares a network.</summary>
    /// <param name="master">The values, which are shared.</param>
    /// <param name="image">Size of the images.</param>
    /// <param name="precision">Precision of convolutions and activations: that of <typeparamref name="TElement"/>.</param>
    public FusedExecutor(NetworkWeights master, Shape image, Precision precision)
    {
        Network network = master.Network;
        Weights = new NetworkWeights(network, master);
        _outputs = new Tensor[network.Layers.Count];
        _type = precision.ToScalarType();
        Shape[] shapes = network.Shapes(image.Height, image.Width);
        foreach (Unit unit in Unit.Of(network))
        {
            if (KernelSupport.HasFusedTraining(network, unit, shapes))
                _passes.Add(new FusedPass<TElement, TLanes>(unit, Weights, shapes));
            else if (KernelSupport.HasFrozenNorm(network, unit, shapes))
                _passes.Add(new FrozenNormPass<TElement, TLanes>(unit, Weights, shapes));
            else
                _passes.AddRange(unit.Layers.Select(layer => Pass(network, layer, shapes)));
        }
    }

    /// <inheritdoc/>
    public NetworkWeights Weights { get; }

    /// <inheritdoc/>
    public Tensor Forward(Tensor images, ImageKeys keys, SharedWork shared)
    {
        using IDisposable noGradients = no_grad();
        _outputs[0] = images.to(_type);
        foreach (UnitPass<TElement, TLanes> pass in _passes)
            _outputs[pass.Unit.Output] = pass.Forward(_outputs, keys, shared);
        return _outputs[^1];
    }

    /// <inheritdoc/>
    public void Backward(Tensor gradient, Gradients gradients, SharedWork shared)
    {
        using IDisposable noGradients = no_grad();
        PendingGradients<TElement, TLanes> pending = new();
        pending.Add(_outputs.Length - 1, gradient);
        List<Tensor> spent = [];
        try
        {
            for (int i = _passes.Count - 1; i >= 0; i--)
            {
                int output = _passes[i].Unit.Output;
                // Outputs that depend on no parameter have no gradient.
                if (!Weights.Network.NeedsGradient(output))
                    continue;
                (Tensor first, Tensor? more) = pending.Take(output, _outputs[output], shared);
                _passes[i].Backward(first, more, pending, gradients, shared);
                spent.AddRange(_passes[i].Spent);
                if (more is not null)
                    spent.Add(more);
                // The last output and its gradient are the caller's.
                if (output != _outputs.Length - 1)
                    spent.AddRange(pending.Holds(first) ? [_outputs[output]] : [_outputs[output], first]);
                // Other workers may still read them for gradients of weights.
                if (_passes.Skip(i).All(pass => pass.WeightGradient.IsCompleted))
                    Free(spent);
            }
        }
        finally
        {
            // Even after an exception: memory that other workers still read must not be freed earlier.
            shared.Await(Task.WhenAll(_passes.Select(pass => pass.WeightGradient)));
        }
    }

    /// <summary>The pass of a layer by itself.</summary>
    private UnitPass<TElement, TLanes> Pass(Network network, int layer, IReadOnlyList<Shape> shapes) =>
        KernelSupport.HasTrainedConvolution(network, layer, shapes) ? new ConvolutionPass<TElement, TLanes>(layer, Weights, shapes)
        : network.Layers[layer].Operation is AveragePool { Window: null } ? new MeanPass<TElement, TLanes>(layer, network)
        : network.Layers[layer] is { IsFrozen: false, Operation: Linear } ? new LinearPass<TElement, TLanes>(layer, Weights)
        : new LibtorchPass<TElement, TLanes>(layer, Weights);

    /// <summary>Frees activations and gradients that nothing reads any more, so that the next ones take their memory.</summary>
    private static void Free(List<Tensor> spent)
    {
        foreach (Tensor tensor in spent)
            tensor.Dispose();
        spent.Clear();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IDisposable pass in _passes.OfType<IDisposable>())
            pass.Dispose();
        Weights.Dispose();
    }
}
