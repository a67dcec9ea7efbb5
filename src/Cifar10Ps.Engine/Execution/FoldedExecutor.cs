using Cifar10Ps.Execution.Kernels;
using Cifar10Ps.Models;
using Cifar10Ps.Networks;
using Cifar10Ps.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Cifar10Ps.Execution;

/// <summary>
/// Inference with batch norm folded into the convolutions on a copy of their weights, unit by unit: in our kernels where possible,
/// otherwise by libtorch.
/// </summary>
internal sealed class FoldedExecutor : IExecutor
{
    private readonly Network _network;
    private readonly ScalarType _type;
    private readonly BiasedConvolution _kernel;
    private readonly IReadOnlyList<Unit> _units;
    private readonly Dictionary<int, Folded> _convolutions = [];
    private readonly int[][] _lastUses;
    private readonly Dictionary<string, Tensor> _tensors = new(StringComparer.Ordinal);

    /// <summary>Copies and folds weights.</summary>
    /// <param name="network">The network.</param>
    /// <param name="values">Its values.</param>
    /// <param name="image">Size of the images.</param>
    /// <param name="precision">Precision of convolutions and activations.</param>
    public FoldedExecutor(Network network, StateDict values, Shape image, Precision precision)
    {
        (_network, _type, _units) = (network, precision.ToScalarType(), Unit.Of(network));
        _kernel = KernelSupport.Lanes switch { 16 => Kernel<Lanes16>(), 8 => Kernel<Lanes8>(), _ => Kernel<Lanes4>() };
        _lastUses = LastUses(network, _units);
        Shape[] shapes = network.Shapes(image.Height, image.Width);
        using IDisposable noGradients = no_grad();
        using DisposeScope scope = NewDisposeScope();
        foreach (Unit unit in _units)
        {
            Layer layer = network.Layers[unit.Layer];
            if (layer.Operation is not Convolution convolution)
            {
                foreach (LayerTensor tensor in layer.Tensors)
                    _tensors[tensor.Name] = Kept(torch.tensor(values[tensor.Name], [.. tensor.Shape.Select(size => (long)size)]),
                        ScalarType.Float32);
                continue;
            }

            FoldedConvolution folded = FoldedConvolution.Of(network, unit, values);
            Tensor weight = ActivationMemory.ChannelsLast(
                torch.tensor(folded.Weight, [.. convolution.WeightShape.Select(size => (long)size)]));
            bool isOurs = KernelSupport.HasFoldedInference(network, unit, shapes);
            Tensor? transformed = isOurs ? Kept(Winograd<Float32Element, Lanes4>.TransformedWeight(weight), ScalarType.Float32) : null;
            _convolutions[unit.Layer] = new Folded(transformed, folded.Bias, Kept(weight, Precisions.ConvolutionType(_type)),
                Kept(torch.tensor(folded.Bias), Precisions.ConvolutionType(_type)));
        }

        // A copy is aligned by libtorch, a tensor made from an array is wherever the array is: the last bit may depend on that.
        static Tensor Kept(Tensor values, ScalarType type) => values.to(type, copy: true).DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor Forward(Tensor images) => Forward(images, _network.Layers.Count - 1)[0];

    /// <summary>Computes the outputs of some layers in one pass; layers after them are not computed.</summary>
    /// <param name="images">Normalised images: [count, 3, height, width], fp32, channels-last in memory.</param>
    /// <param name="layers">Positions of the layers, each the last of its unit (<see cref="Unit.Output"/>).</param>
    /// <returns>Their outputs in that order: vectors [count, length] in fp32, feature maps [count, channels, height, width] in the
    /// type of the activations.</returns>
    public Tensor[] Forward(Tensor images, params IReadOnlyList<int> layers)
    {
        int last = layers.Max();
        Tensor?[] outputs = new Tensor?[_network.Layers.Count];
        outputs[0] = images.to(_type);
        for (int i = 0; i < _units.Count && _units[i].Output <= last; i++)
        {
            Unit unit = _units[i];
            IReadOnlyList<int> inputs = _network.Layers[unit.Layer].Inputs;
            Tensor output = _convolutions.TryGetValue(unit.Layer, out Folded? folded)
                ? Convolve(unit, folded, outputs[inputs[0]]!, unit.Shortcut is int shortcut ? outputs[shortcut] : null)
                : Compute(unit.Layer, [.. inputs.Select(input => outputs[input]!)]);
            outputs[unit.Output] = output;
            foreach (int used in _lastUses[i].Except(layers))
                Free(outputs, used);
        }

        return [.. layers.Select(layer => outputs[layer]!)];
    }

    /// <summary>Frees an output that nothing needs any more, unless it is also the output of another layer:
    /// evaluation skips dropout.</summary>
    private static void Free(Tensor?[] outputs, int layer)
    {
        Tensor output = outputs[layer]!;
        outputs[layer] = null;
        if (!Array.Exists(outputs, other => ReferenceEquals(other, output)))
            output.Dispose();
    }

    /// <summary>For each unit, the outputs that no later one needs; the images are the caller's.</summary>
    private static int[][] LastUses(Network network, IReadOnlyList<Unit> units)
    {
        Dictionary<int, int> last = [];
        for (int i = 0; i < units.Count; i++)
            foreach (int input in units[i].Layers.SelectMany(layer => network.Layers[layer].Inputs))
                last[input] = i;
        HashSet<int> kept = [0, .. units.SelectMany(unit => unit.Layers.Where(layer => layer != unit.Output))];
        return [.. units.Select((_, i) => last.Where(use => use.Value == i && !kept.Contains(use.Key)).Select(use => use.Key).ToArray())];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Folded folded in _convolutions.Values)
        {
            folded.Transformed?.Dispose();
            folded.Weight.Dispose();
            folded.Bias.Dispose();
        }

        foreach (Tensor tensor in _tensors.Values)
            tensor.Dispose();
    }

    private BiasedConvolution Kernel<TLanes>()
        where TLanes : struct, ILanes<TLanes> => _type == ScalarType.BFloat16
            ? Winograd<BFloat16Element, TLanes>.Convolve : Winograd<Float32Element, TLanes>.Convolve;

    private Tensor Convolve(Unit unit, Folded folded, Tensor x, Tensor? shortcut)
    {
        Convolution convolution = (Convolution)_network.Layers[unit.Layer].Operation;
        bool isMatrix = _type == ScalarType.Float32 && KernelSupport.HasMatrix(convolution, x.shape);
        if (folded.Transformed is not null && !isMatrix)
        {
            return _kernel(x, folded.Transformed, folded.ExactBias, shortcut, unit.Activation is not null);
        }

        Tensor y = isMatrix ? MatrixConvolution.Convolve(convolution, x, folded.Weight, folded.Bias)
            : LibtorchOperations.Convolve(convolution, x, folded.Weight, folded.Bias);
        if (shortcut is not null)
            y.AddTensor(shortcut);
        return unit.Activation is null ? y : y.Rectify();
    }

    private Tensor Compute(int layer, Tensor[] x)
    {
        Tensor y = LibtorchOperations.Compute(_network, layer, x, name => _tensors[name], keys: null);
        if (y.dim() != 4)
            return y;
        Tensor map = ActivationMemory.ChannelsLast(y);
        // It would keep the memory; dropout gives its input itself.
        if (!Array.Exists(x, input => ReferenceEquals(input, y)))
            y.Dispose();
        return map;
    }

    /// <inheritdoc cref="Winograd{TElement, TLanes}.Convolve(Tensor, Tensor, float[], Tensor?, bool)"/>
    private delegate Tensor BiasedConvolution(Tensor input, Tensor transformed, float[] bias, Tensor? shortcut, bool activate);

    /// <summary>A convolution's weight and bias, in fp32 for <see cref="Winograd{TElement, TLanes}"/> (if that computes it),
    /// and in the type in which libtorch convolves.</summary>
    private sealed record Folded(Tensor? Transformed, float[] ExactBias, Tensor Weight, Tensor Bias);
}
