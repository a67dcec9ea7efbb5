using System.Runtime.InteropServices;
using Cifar10Ps.Models;
using Cifar10Ps.Networks;
using Cifar10Ps.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Cifar10Ps.Execution;

/// <summary>
/// The values of a network as libtorch tensors: views of two flat fp32 buffers, so that an optimizer step, a sum of
/// gradients or a copy is one operation. Convolution weights lie channels-last (output, height, width, input) in memory.
/// </summary>
internal sealed class NetworkWeights : IDisposable
{
    private readonly Dictionary<string, Tensor> _views = new(StringComparer.Ordinal);
    private readonly Tensor[] _learnedViews;
    private readonly Tensor _constants;

    /// <summary>Allocates the values of a network.</summary>
    /// <param name="network">The network.</param>
    /// <param name="shared">Whose parameters and constants to share; null: new ones.</param>
    public NetworkWeights(Network network, NetworkWeights? shared = null)
    {
        Network = network;
        using DisposeScope scope = NewDisposeScope();
        LayerTensor[] statistics = [.. network.Tensors.Where(tensor => tensor.IsStatistic)];
        LayerTensor[] constants = [.. network.Tensors.Where(tensor => !tensor.IsStatistic && !tensor.IsLearned)];
        DecayedLength = network.LearnedTensors.Where(tensor => tensor.IsWeight).Sum(tensor => tensor.Length);
        // Detached: a separate handle, whose lifetime does not depend on the other's.
        Learned = (shared?.Learned.detach() ?? zeros(network.ParameterCount)).DetachFromDisposeScope();
        Statistics = zeros(statistics.Sum(tensor => tensor.Length)).DetachFromDisposeScope();
        _constants = (shared?._constants.detach() ?? zeros(constants.Sum(tensor => tensor.Length))).DetachFromDisposeScope();
        foreach ((LayerTensor tensor, Tensor view) in Views(network.LearnedTensors, Learned).Concat(Views(statistics, Statistics))
            .Concat(Views(constants, _constants)))
            _views[tensor.Name] = view.detach().DetachFromDisposeScope();
        _learnedViews = [.. network.LearnedTensors.Select(tensor => _views[tensor.Name])];
    }

    /// <summary>The network.</summary>
    public Network Network { get; }

    /// <summary>All parameters: [ParameterCount]. The first <see cref="DecayedLength"/> are weights of convolutions and linear
    /// layers.</summary>
    public Tensor Learned { get; }

    /// <summary>Running means and variances of batch norm: [count].</summary>
    public Tensor Statistics { get; }

    /// <summary>Number of parameters that weight decay applies to: those of matrices and kernels.</summary>
    public int DecayedLength { get; }

    /// <summary>The learned tensors, in the order in which they lie in <see cref="Learned"/>.</summary>
    public IReadOnlyList<Tensor> LearnedViews => _learnedViews;

    /// <summary>The parts of a flat buffer like <see cref="Learned"/> that do not belong to the classifier.</summary>
    /// <param name="flat">The buffer.</param>
    /// <param name="skipped">Number of values, the first ones, that are left out.</param>
    public IEnumerable<Tensor> BackboneOf(Tensor flat, long skipped)
    {
        IReadOnlyList<LayerTensor> ofClassifier = Network.Classifier?.Tensors ?? [];
        long start = skipped, end = 0;
        foreach (LayerTensor tensor in Network.LearnedTensors)
        {
            if (ofClassifier.Contains(tensor))
            {
                if (end > start)
                    yield return flat.narrow(0, start, end - start);
                start = end + tensor.Length;
            }

            end += tensor.Length;
        }

        if (end > start)
            yield return flat.narrow(0, start, end - start);
    }

    /// <summary>A tensor by name, in the shape of the state dict.</summary>
    public Tensor this[string name] => _views[name];

    /// <summary>The learned tensors of a network as views of a flat buffer laid out like <see cref="Learned"/>:
    /// gradients, moments.</summary>
    public static IEnumerable<(LayerTensor Tensor, Tensor View)> LearnedViewsOf(Network network, Tensor flat) =>
        Views(network.LearnedTensors, flat);

    /// <summary>Takes all values from a state dict.</summary>
    public void CopyFrom(StateDict values)
    {
        using DisposeScope scope = NewDisposeScope();
        foreach (LayerTensor tensor in Network.Tensors)
            CopyIn(_views[tensor.Name], values[tensor.Name], tensor);
    }

    /// <summary>A copy of all values.</summary>
    public StateDict ToStateDict()
    {
        using DisposeScope scope = NewDisposeScope();
        StateDict values = new();
        foreach (LayerTensor tensor in Network.Tensors)
            values[tensor.Name] = CopyOut(_views[tensor.Name]);
        return values;
    }

    /// <summary>Fills a view from values in the order of the state dict.</summary>
    public static void CopyIn(Tensor view, float[] values, LayerTensor tensor)
    {
        using (no_grad())
            view.Assign(torch.tensor(values, [.. tensor.Shape.Select(size => (long)size)]));
    }

    /// <summary>The values of a view in the order of the state dict.</summary>
    public static float[] CopyOut(Tensor view) => MemoryMarshal.Cast<byte, float>(view.detach().contiguous().bytes).ToArray();

    /// <summary>Marks the learned tensors as requiring gradients.</summary>
    public void RequireGradients()
    {
        foreach (Tensor view in _learnedViews)
            view.requires_grad_(true);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Tensor view in _views.Values)
            view.Dispose();
        Learned.Dispose();
        Statistics.Dispose();
        _constants.Dispose();
    }

    private static IEnumerable<(LayerTensor Tensor, Tensor View)> Views(IEnumerable<LayerTensor> tensors, Tensor flat)
    {
        long offset = 0;
        foreach (LayerTensor tensor in tensors)
        {
            long[] shape = [.. tensor.Shape.Select(size => (long)size)];
            // Held until they are no longer read: outside of a scope, a finaliser may free a tensor while libtorch makes a view of it.
            using Tensor part = flat.narrow(0, offset, tensor.Length);
            // Four dimensions: channels-last in memory.
            using Tensor? rows = shape.Length == 4 ? part.view(shape[0], shape[2], shape[3], shape[1]) : null;
            yield return (tensor, rows?.permute(0, 3, 1, 2) ?? part.view(shape));
            offset += tensor.Length;
        }
    }
}
