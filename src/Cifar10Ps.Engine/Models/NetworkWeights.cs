using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Cifar10Ps;

/// <summary>
/// The values of a network as libtorch tensors: views of two flat fp32 buffers, so that an optimizer step, a sum of
/// gradients or a copy is one operation. Convolution weights lie channels-last (output, height, width, input) in memory.
/// </summary>
internal sealed class NetworkWeights : IDisposable
{
    private readonly Dictionary<string, Tensor> _views = new(StringComparer.Ordinal);
    private readonly Tensor[] _learnedViews;
    private readonly ResNetArchitecture _architecture;

    /// <summary>Room for a network.</summary>
    /// <param name="architecture">Shape of the network.</param>
    /// <param name="learned">Another's flat buffer of learned values to share; a new one by default.</param>
    public NetworkWeights(ResNetArchitecture architecture, Tensor? learned = null)
    {
        _architecture = architecture;
        using DisposeScope scope = NewDisposeScope();
        TensorShape[] order = [.. LearnedTensors(architecture)];
        TensorShape[] statistics = [.. architecture.Tensors().Where(t => t.IsStatistic)];
        DecayedLength = order.Where(t => t.Shape.Length > 1).Sum(t => t.Length);
        // Detached: a handle of its own, whose life does not hang on the other's.
        Learned = (learned?.detach() ?? zeros(order.Sum(t => t.Length))).DetachFromDisposeScope();
        Statistics = zeros(statistics.Sum(t => t.Length)).DetachFromDisposeScope();
        foreach ((TensorShape tensor, Tensor view) in Views(order, Learned).Concat(Views(statistics, Statistics)))
            _views[tensor.Name] = view.detach().DetachFromDisposeScope();
        _learnedViews = [.. order.Select(tensor => _views[tensor.Name])];
    }

    /// <summary>All learned values: [ParameterCount]. The first <see cref="DecayedLength"/> are weights of convolutions and the classifier.</summary>
    public Tensor Learned { get; }

    /// <summary>Running means and variances of batch norm: [count].</summary>
    public Tensor Statistics { get; }

    /// <summary>Number of learned values that weight decay applies to: those of tensors with more than one dimension.</summary>
    public int DecayedLength { get; }

    /// <summary>The learned tensors, in the order in which they lie in <see cref="Learned"/>.</summary>
    public IReadOnlyList<Tensor> LearnedViews => _learnedViews;

    /// <summary>A tensor by name, in the shape of the state dict.</summary>
    public Tensor this[string name] => _views[name];

    /// <summary>The learned tensors of a network in the order in which they lie in the flat buffer.</summary>
    public static IEnumerable<TensorShape> LearnedTensors(ResNetArchitecture architecture) =>
        architecture.Tensors().Where(t => !t.IsStatistic).OrderBy(t => t.Shape.Length == 1);

    /// <summary>The learned tensors of a network as views of a flat buffer laid out like <see cref="Learned"/>: gradients, moments.</summary>
    public static IEnumerable<(TensorShape Tensor, Tensor View)> LearnedViewsOf(ResNetArchitecture architecture, Tensor flat) =>
        Views(LearnedTensors(architecture), flat);

    /// <summary>Takes over all values.</summary>
    public void Load(StateDict values)
    {
        using DisposeScope scope = NewDisposeScope();
        foreach (TensorShape tensor in _architecture.Tensors())
            CopyIn(_views[tensor.Name], values[tensor.Name], tensor);
    }

    /// <summary>A copy of all values.</summary>
    public StateDict Store()
    {
        using DisposeScope scope = NewDisposeScope();
        StateDict values = new();
        foreach (TensorShape tensor in _architecture.Tensors())
            values[tensor.Name] = CopyOut(_views[tensor.Name]);
        return values;
    }

    /// <summary>Fills a view from values in the order of the state dict.</summary>
    public static void CopyIn(Tensor view, float[] values, TensorShape tensor)
    {
        using (no_grad())
            view.copy_(torch.tensor(values, [.. tensor.Shape.Select(size => (long)size)]));
    }

    /// <summary>The values of a view in the order of the state dict.</summary>
    public static float[] CopyOut(Tensor view) => MemoryMarshal.Cast<byte, float>(view.detach().contiguous().bytes).ToArray();

    /// <summary>Marks the learned tensors as those that gradients are wanted of.</summary>
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
    }

    private static IEnumerable<(TensorShape Tensor, Tensor View)> Views(IEnumerable<TensorShape> tensors, Tensor flat)
    {
        long offset = 0;
        foreach (TensorShape tensor in tensors)
        {
            Tensor part = flat.narrow(0, offset, tensor.Length);
            long[] shape = [.. tensor.Shape.Select(size => (long)size)];
            // Four dimensions: channels-last in memory.
            yield return (tensor, shape.Length == 4
                ? part.view(shape[0], shape[2], shape[3], shape[1]).permute(0, 3, 1, 2)
                : part.view(shape));
            offset += tensor.Length;
        }
    }
}
