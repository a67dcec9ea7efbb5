using System.Runtime.InteropServices;
using Cifar10Ps.Networks;
using static TorchSharp.torch;

namespace Cifar10Ps.Execution;

/// <summary>Gradients by name, as views of a flat buffer that is laid out like the learned values.</summary>
internal sealed class Gradients : IDisposable
{
    private readonly Dictionary<string, Tensor> _views = new(StringComparer.Ordinal);

    /// <summary>Allocates gradients, all zero.</summary>
    /// <param name="weights">The values that the gradients belong to.</param>
    public Gradients(NetworkWeights weights)
    {
        Flat = zeros_like(weights.Learned);
        foreach ((LayerTensor tensor, Tensor view) in NetworkWeights.LearnedViewsOf(weights.Network, Flat))
            _views[tensor.Name] = view;
    }

    /// <summary>All gradients.</summary>
    public Tensor Flat { get; }

    /// <summary>In the order of the learned values.</summary>
    public IEnumerable<Tensor> InOrder => _views.Values;

    /// <summary>The gradient of a tensor of the state dict.</summary>
    public Tensor this[string name] => _views[name];

    /// <summary>The values of a gradient with one dimension.</summary>
    public Span<float> Values(string name) => MemoryMarshal.Cast<byte, float>(_views[name].bytes);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Tensor view in _views.Values)
            view.Dispose();
        Flat.Dispose();
    }
}
