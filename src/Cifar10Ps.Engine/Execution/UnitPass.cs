using Cifar10Ps.Execution.Kernels;
using Cifar10Ps.Networks;
using Cifar10Ps.Runtime;
using static TorchSharp.torch;

namespace Cifar10Ps.Execution;

/// <summary>A unit of a network in training, forward and backward.</summary>
/// <typeparam name="TElement">How activations are stored in memory.</typeparam>
/// <typeparam name="TLanes">The vectors of the kernels.</typeparam>
internal abstract class UnitPass<TElement, TLanes>(Unit unit)
    where TElement : struct, IElement
    where TLanes : struct, ILanes<TLanes>
{
    /// <summary>The unit.</summary>
    public Unit Unit { get; } = unit;

    /// <summary>Gradients that other workers may still be computing: complete when they are stored.</summary>
    public virtual Task WeightGradient => Task.CompletedTask;

    /// <summary>What only this pass holds, and needs no more after its backward pass and <see cref="WeightGradient"/>.</summary>
    public virtual IEnumerable<Tensor> Spent => [];

    /// <summary>Computes the unit's output.</summary>
    /// <param name="outputs">Outputs of the layers so far, by position; those that need a gradient are leaves that require one.</param>
    /// <param name="keys">What identifies the images.</param>
    /// <param name="shared">Takes what idle workers may do.</param>
    public abstract Tensor Forward(Tensor[] outputs, ImageKeys keys, SharedWork shared);

    /// <summary>Backward pass through the unit.</summary>
    /// <param name="gradient">Gradient of its output; may be overwritten.</param>
    /// <param name="more">A second gradient of its output, to be added; null: none.</param>
    /// <param name="pending">Takes the gradients of its inputs.</param>
    /// <param name="gradients">Takes the gradients of its parameters.</param>
    /// <param name="shared">Takes what idle workers may do.</param>
    public abstract void Backward(Tensor gradient, Tensor? more, PendingGradients<TElement, TLanes> pending,
        Gradients gradients, SharedWork shared);
}

/// <summary>A convolution with its norm, addition and ReLU in our kernels.</summary>
internal sealed class FusedPass<TElement, TLanes> : UnitPass<TElement, TLanes>, IDisposable
    where TElement : struct, IElement
    where TLanes : struct, ILanes<TLanes>
{
    private readonly ConvolutionNorm<TElement, TLanes> _norm;
    private readonly int _input;
    private readonly bool _skipsPixels, _needsShortcut;
    private Tensor _pixels = null!;

    /// <summary>Prepares a unit.</summary>
    /// <param name="unit">The unit, one that <see cref="KernelSupport"/> knows.</param>
    /// <param name="weights">The values.</param>
    /// <param name="shapes">Sizes of the layers' outputs.</param>
    public FusedPass(Unit unit, NetworkWeights weights, IReadOnlyList<Shape> shapes)
        : base(unit)
    {
        Layer layer = weights.Network.Layers[unit.Layer];
        Convolution convolution = (Convolution)layer.Operation;
        _input = layer.Inputs[0];
        Shape input = shapes[_input];
        _skipsPixels = weights.Network.NeedsGradient(_input) && KernelSupport.HasEverySecondPixel(convolution, input);
        if (_skipsPixels)
            (convolution, input) = (convolution with { Window = Window.Square(1, 1, 0) },
                new Shape(input.Channels, input.Height / 2, input.Width / 2));
        _needsShortcut = unit.Shortcut is int shortcut && weights.Network.NeedsGradient(shortcut);
        string name = layer.Tensor(TensorRole.ConvolutionWeight)!.Name;
        _norm = new ConvolutionNorm<TElement, TLanes>(new TrainedConvolution<TElement, TLanes>(convolution, input, name, weights,
            weights.Network.NeedsGradient(_input)), weights.Network.Layers[unit.Norm!.Value], weights);
    }

    /// <inheritdoc/>
    public override Task WeightGradient => _norm.WeightGradient;

    /// <inheritdoc/>
    public override IEnumerable<Tensor> Spent => _skipsPixels ? [.. _norm.Spent, _pixels] : _norm.Spent;

    /// <inheritdoc/>
    public override Tensor Forward(Tensor[] outputs, ImageKeys keys, SharedWork shared)
    {
        Tensor x = outputs[_input];
        if (_skipsPixels)
            x = _pixels = EverySecondPixel<TElement, TLanes>.Of(x, shared).requires_grad_(true);
        return _norm.Forward(x, Unit.Shortcut is int shortcut ? outputs[shortcut] : null, Unit.Activation is not null, shared);
    }

    /// <inheritdoc/>
    public override void Backward(Tensor gradient, Tensor? more, PendingGradients<TElement, TLanes> pending, Gradients gradients,
        SharedWork shared)
    {
        Tensor? ofInput = _norm.Backward(gradient, more, Unit.Activation is not null, gradients, shared, keepGradient: _needsShortcut);
        // It is now the gradient of the sum.
        if (_needsShortcut)
            pending.Add(Unit.Shortcut!.Value, gradient);
        if (ofInput is null)
            return;
        if (_skipsPixels)
            pending.AddEverySecondPixel(_input, ofInput);
        else
            pending.Add(_input, ofInput);
    }

    /// <inheritdoc/>
    public void Dispose() => _norm.Dispose();
}

/// <summary>A convolution in our kernels whose norm, or what else follows it, is left to libtorch.</summary>
internal sealed class ConvolutionPass<TElement, TLanes> : UnitPass<TElement, TLanes>, IDisposable
    where TElement : struct, IElement
    where TLanes : struct, ILanes<TLanes>
{
    private readonly TrainedConvolution<TElement, TLanes> _convolution;
    private readonly NetworkWeights _weights;
    private readonly int _layer, _input;

    /// <summary>Prepares a layer.</summary>
    /// <param name="layer">Position of the convolution, one that <see cref="KernelSupport"/> knows.</param>
    /// <param name="weights">The values.</param>
    /// <param name="shapes">Sizes of the layers' outputs.</param>
    public ConvolutionPass(int layer, NetworkWeights weights, IReadOnlyList<Shape> shapes)
        : base(new Unit(layer))
    {
        Layer description = weights.Network.Layers[layer];
        (_layer, _input, _weights) = (layer, description.Inputs[0], weights);
        _convolution = new TrainedConvolution<TElement, TLanes>((Convolution)description.Operation, shapes[_input],
            description.Tensor(TensorRole.ConvolutionWeight)!.Name, weights, weights.Network.NeedsGradient(_input));
    }

    /// <inheritdoc/>
    public override Task WeightGradient => _convolution.WeightGradient;

    /// <inheritdoc/>
    public override IEnumerable<Tensor> Spent => _convolution.Spent;

    /// <inheritdoc/>
    public override Tensor Forward(Tensor[] outputs, ImageKeys keys, SharedWork shared) =>
        _convolution.Forward(outputs[_input], shared, after: null).requires_grad_(_weights.Network.NeedsGradient(_layer));

    /// <inheritdoc/>
    public override void Backward(Tensor gradient, Tensor? more, PendingGradients<TElement, TLanes> pending, Gradients gradients,
        SharedWork shared)
    {
        if (more is not null)
            gradient = gradient.PlusTensor(more);
        if (_convolution.Backward(gradient, gradients, shared, before: null) is { } ofInput)
            pending.Add(_input, ofInput);
    }

    /// <inheritdoc/>
    public void Dispose() => _convolution.Dispose();
}

/// <summary>A layer that is left to libtorch and its autograd.</summary>
internal sealed class LibtorchPass<TElement, TLanes> : UnitPass<TElement, TLanes>, IDisposable
    where TElement : struct, IElement
    where TLanes : struct, ILanes<TLanes>
{
    private readonly NetworkWeights _weights;
    private readonly int _layer;
    private readonly int[] _inputs;
    private readonly Dictionary<string, Tensor> _parameters = new(StringComparer.Ordinal);
    private Tensor[] _x = [];
    private Tensor _output = null!;

    /// <inheritdoc/>
    /// <remarks>Some layers give their input itself, such as dropout that drops nothing.</remarks>
    public override IEnumerable<Tensor> Spent => Array.Exists(_x, input => ReferenceEquals(input, _output)) ? [] : [_output];

    /// <summary>Prepares a layer.</summary>
    /// <param name="layer">Position of the layer.</param>
    /// <param name="weights">The values.</param>
    public LibtorchPass(int layer, NetworkWeights weights)
        : base(new Unit(layer))
    {
        (_layer, _weights) = (layer, weights);
        _inputs = [.. weights.Network.Layers[layer].Inputs];
        foreach (LayerTensor tensor in weights.Network.Layers[layer].Tensors.Where(tensor => tensor.IsLearned))
            _parameters[tensor.Name] = weights[tensor.Name].detach().requires_grad_(true).DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor Forward(Tensor[] outputs, ImageKeys keys, SharedWork shared)
    {
        _x = [.. _inputs.Select(input => outputs[input])];
        using (enable_grad())
            _output = LibtorchOperations.Compute(_weights.Network, _layer, _x,
                name => _parameters.GetValueOrDefault(name) ?? _weights[name], keys);
        // Each of them would keep the memory.
        using Tensor output = _output.detach();
        return (output.dim() == 4 ? ActivationMemory.ChannelsLast(output) : output.alias())
            .requires_grad_(_weights.Network.NeedsGradient(_layer));
    }

    /// <inheritdoc/>
    public override void Backward(Tensor gradient, Tensor? more, PendingGradients<TElement, TLanes> pending, Gradients gradients,
        SharedWork shared)
    {
        if (more is not null)
            gradient = gradient.PlusTensor(more);
        (int Layer, Tensor X)[] wanted = [.. _inputs.Zip(_x).Where(input => input.Second.requires_grad).DistinctBy(input => input.First)];
        IList<Tensor> found;
        using (enable_grad())
            found = autograd.grad([_output], [.. _parameters.Values, .. wanted.Select(input => input.X)], [gradient]);
        foreach ((string name, Tensor value) in _parameters.Keys.Zip(found))
            gradients[name].Assign(value);
        for (int i = 0; i < wanted.Length; i++)
        {
            // An addition gives the same memory to both.
            using Tensor ofInput = i > 0 ? found[_parameters.Count + i].clone() : found[_parameters.Count + i];
            pending.Add(wanted[i].Layer, ofInput.dim() == 4 ? ActivationMemory.ChannelsLast(ofInput) : ofInput.alias());
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Tensor parameter in _parameters.Values)
            parameter.Dispose();
    }
}
