using Cifar10Ps.Execution.Kernels;
using Cifar10Ps.Runtime;
using static TorchSharp.torch;

namespace Cifar10Ps.Execution;

/// <summary>Gradients of layers' outputs in the backward pass, until all users of an output have contributed.</summary>
/// <typeparam name="TElement">How activations are stored in memory.</typeparam>
/// <typeparam name="TLanes">The vectors of the kernels.</typeparam>
internal sealed class PendingGradients<TElement, TLanes>
    where TElement : struct, IElement
    where TLanes : struct, ILanes<TLanes>
{
    private readonly Dictionary<int, (Tensor First, Tensor? Second)> _gradients = [];
    private readonly Dictionary<int, List<Tensor>> _sparse = [];

    /// <summary>Adds a gradient, which the caller neither changes nor needs afterwards.</summary>
    /// <param name="layer">Position of the layer.</param>
    /// <param name="gradient">Gradient of its output.</param>
    public void Add(int layer, Tensor gradient)
    {
        // Two are kept apart: the receiver adds them in a pass that it makes anyway.
        if (!_gradients.TryGetValue(layer, out (Tensor First, Tensor? Second) found))
            _gradients[layer] = (gradient, null);
        else
            _gradients[layer] = found.Second is null ? (found.First, gradient) : (found.First, found.Second.AddTensor(gradient));
    }

    /// <summary>Adds a gradient of every second pixel.</summary>
    public void AddEverySecondPixel(int layer, Tensor gradient)
    {
        if (!_sparse.TryGetValue(layer, out List<Tensor>? found))
            _sparse[layer] = found = [];
        found.Add(gradient);
    }

    /// <summary>Whether a gradient has been added and not been taken.</summary>
    public bool Holds(Tensor gradient) =>
        _gradients.Values.Any(pair => ReferenceEquals(pair.First, gradient) || ReferenceEquals(pair.Second, gradient));

    /// <summary>Takes the gradient of a layer's output, in one or two parts.</summary>
    /// <param name="layer">Position of the layer.</param>
    /// <param name="output">Its output, for the shape.</param>
    /// <param name="shared">Takes the pieces.</param>
    public (Tensor Gradient, Tensor? More) Take(int layer, Tensor output, SharedWork shared)
    {
        (Tensor gradient, Tensor? more) = _gradients.Remove(layer, out (Tensor, Tensor?) found)
            ? found : (ActivationMemory.Like(output).Clear(), null);
        if (_sparse.Remove(layer, out List<Tensor>? sparse))
            foreach (Tensor part in sparse)
            {
                EverySecondPixel<TElement, TLanes>.Add(gradient, part, shared);
                part.Dispose();
            }
        return (gradient, more);
    }
}
