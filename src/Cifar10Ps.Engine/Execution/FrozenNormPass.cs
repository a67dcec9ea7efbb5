using System.Runtime.InteropServices;
using Cifar10Ps.Execution.Kernels;
using Cifar10Ps.Networks;
using Cifar10Ps.Runtime;
using static TorchSharp.torch;

namespace Cifar10Ps.Execution;

/// <summary>
/// A convolution that is trained with a batch norm that is not: the norm multiplies and shifts each channel by constants, so it is folded
/// into the convolution, and the addition and ReLU are part of the same kernel.
/// </summary>
/// <typeparam name="TElement">How activations are stored in memory.</typeparam>
/// <typeparam name="TLanes">The vectors of the kernels.</typeparam>
internal sealed unsafe class FrozenNormPass<TElement, TLanes> : UnitPass<TElement, TLanes>, IDisposable
    where TElement : struct, IElement
    where TLanes : struct, ILanes<TLanes>
{
    private readonly KernelConvolution<TElement, TLanes> _convolution;
    private readonly NetworkWeights _weights;
    private readonly Layer _norm;
    private readonly string _name;
    private readonly int _input;
    private readonly bool _needsInput, _needsShortcut;
    private readonly float[] _bias;
    private readonly Tensor _scale, _folded;
    private Tensor _x = null!, _output = null!;
    private Tensor? _ownGradient;
    private Task _weightGradient = Task.CompletedTask;

    /// <summary>Prepares a unit.</summary>
    /// <param name="unit">The unit, one that <see cref="KernelSupport"/> knows.</param>
    /// <param name="weights">The values.</param>
    /// <param name="shapes">Sizes of the layers' outputs.</param>
    public FrozenNormPass(Unit unit, NetworkWeights weights, IReadOnlyList<Shape> shapes)
        : base(unit)
    {
        Network network = weights.Network;
        Layer layer = network.Layers[unit.Layer];
        Convolution operation = (Convolution)layer.Operation;
        (_weights, _norm, _input) = (weights, network.Layers[unit.Norm!.Value], layer.Inputs[0]);
        _name = layer.Tensor(TensorRole.ConvolutionWeight)!.Name;
        _convolution = new KernelConvolution<TElement, TLanes>(operation, shapes[_input]);
        _needsInput = network.NeedsGradient(_input);
        _needsShortcut = unit.Shortcut is int shortcut && network.NeedsGradient(shortcut);
        _bias = new float[operation.OutputChannels];
        _scale = empty(operation.OutputChannels, 1, 1, 1).DetachFromDisposeScope();
        _folded = ActivationMemory.Like(weights[_name]).DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public override Task WeightGradient => _weightGradient;

    /// <inheritdoc/>
    public override IEnumerable<Tensor> Spent => _ownGradient is null ? [] : [_ownGradient];

    /// <inheritdoc/>
    public override Tensor Forward(Tensor[] outputs, ImageKeys keys, SharedWork shared)
    {
        _x = outputs[_input];
        Fold();
        _output = _convolution.Forward(_x, _folded, _bias, Unit.Shortcut is int shortcut ? outputs[shortcut] : null,
            Unit.Activation is not null, shared, after: null);
        return _output.requires_grad_(true);
    }

    /// <inheritdoc/>
    public override void Backward(Tensor gradient, Tensor? more, PendingGradients<TElement, TLanes> pending, Gradients gradients,
        SharedWork shared)
    {
        // The gradient of the weight may still be read when the shortcut's gradient is changed.
        _ownGradient = _needsShortcut ? ActivationMemory.Like(gradient) : null;
        Tensor result = _ownGradient ?? gradient;
        Activations g = new(gradient), other = more is null ? default : new(more),
            copy = _ownGradient is null ? default : new(_ownGradient), active = Unit.Activation is null ? default : new(_output);
        void Activate(Piece piece) => NormKernels<TElement, TLanes>.ReluBackward(g.Of(piece).Values, other.Of(piece).Values,
            active.Of(piece).Values, copy.Of(piece).Values, g.Of(piece).Length);

        Tensor target = gradients[_name];
        if (_needsInput)
            pending.Add(_input, _convolution.InputGradient(result, _folded, _x, shared, Activate));
        else
            shared.ForEachPiece(g.Count, Activate);
        if (_needsShortcut)
            pending.Add(Unit.Shortcut!.Value, gradient);
        _weightGradient = shared.Give(() =>
        {
            using IDisposable noGradients = no_grad();
            _convolution.WeightGradient(_x, result, target);
            target.MultiplyBy(_scale);
        });
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _scale.Dispose();
        _folded.Dispose();
    }

    private void Fold()
    {
        Span<float> factors = MemoryMarshal.Cast<byte, float>(_scale.bytes), gamma = Values(TensorRole.NormScale),
            beta = Values(TensorRole.NormShift), mean = Values(TensorRole.NormMean), variance = Values(TensorRole.NormVariance);
        double epsilon = ((BatchNorm)_norm.Operation).Epsilon;
        for (int channel = 0; channel < factors.Length; channel++)
        {
            double factor = gamma[channel] / Math.Sqrt(variance[channel] + epsilon);
            (factors[channel], _bias[channel]) = ((float)factor, (float)(beta[channel] - mean[channel] * factor));
        }

        _folded.Assign(_weights[_name]).MultiplyBy(_scale);
    }

    private Span<float> Values(TensorRole role) => MemoryMarshal.Cast<byte, float>(_weights[_norm.Tensor(role)!.Name].bytes);
}
