using System.Runtime.InteropServices;
using Cifar10Ps.Networks;
using static TorchSharp.torch;

namespace Cifar10Ps.Execution;

/// <summary>What a backward pass leaves, in one flat buffer: gradients, laid out like the parameters and found by name, and statistics
/// of batch norm; then there is room for a few more values.</summary>
internal sealed class Gradients : IDisposable
{
    private readonly Dictionary<string, Tensor> _views = new(StringComparer.Ordinal);

    /// <summary>Allocates a buffer, all zero.</summary>
    /// <param name="weights">The values that the gradients belong to.</param>
    /// <param name="more">Number of further values.</param>
    public Gradients(NetworkWeights weights, int more = 0)
    {
        (long learned, long statistics) = (weights.Learned.numel(), weights.Statistics.numel());
        All = zeros(learned + statistics + more);
        Flat = All.narrow(0, 0, learned);
        Statistics = All.narrow(0, learned, statistics);
        More = All.narrow(0, learned + statistics, more);
        foreach ((LayerTensor tensor, Tensor view) in NetworkWeights.LearnedViewsOf(weights.Network, Flat))
            _views[tensor.Name] = view;
    }

    /// <summary>The whole buffer.</summary>
    public Tensor All { get; }

    /// <summary>All gradients.</summary>
    public Tensor Flat { get; }

    /// <summary>Means and variances of batch norm.</summary>
    public Tensor Statistics { get; }

    /// <summary>The further values.</summary>
    public Tensor More { get; }

    /// <summary>In the order of the parameters.</summary>
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
        Statistics.Dispose();
        More.Dispose();
        All.Dispose();
    }
}
