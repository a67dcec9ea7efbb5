using Cifar10Ps.Execution.Kernels;
using Cifar10Ps.Networks;
using Cifar10Ps.Runtime;
using static TorchSharp.torch;

namespace Cifar10Ps.Execution;

/// <summary>A convolution without bias, forward and backward: our own where it applies
/// (<see cref="KernelConvolution{TElement, TLanes}"/>), otherwise libtorch's.</summary>
/// <typeparam name="TElement">How activations are stored in memory.</typeparam>
/// <typeparam name="TLanes">The vectors of the kernels.</typeparam>
/// <param name="operation">Its description.</param>
/// <param name="input">Size of its input.</param>
/// <param name="name">Name of the weight in the state dict.</param>
/// <param name="weights">Holds it in fp32.</param>
/// <param name="needsGradient">Whether the gradient of the input is needed.</param>
internal sealed class TrainedConvolution<TElement, TLanes>(Convolution operation, Shape input, string name, NetworkWeights weights,
    bool needsGradient) : IDisposable
    where TElement : struct, IElement
    where TLanes : struct, ILanes<TLanes>
{
    private readonly KernelConvolution<TElement, TLanes>? _kernel =
        KernelSupport.Filled(operation) is var filled && KernelSupport.HasConvolution(filled, input, needsGradient)
            ? new KernelConvolution<TElement, TLanes>(filled, input) : null;

    /// <summary>Channels that the kernel takes; those beyond the convolution's own are zero.</summary>
    private readonly int _channels = KernelSupport.Filled(operation).InputChannels;

    private Tensor _input = null!, _output = null!;

    /// <summary>A copy of the weight in the type that libtorch convolves in; null: it has convolved nothing.</summary>
    private Tensor? _leaf;

    /// <summary>Number of output channels.</summary>
    public int Channels => operation.OutputChannels;

    /// <summary>The computation of the weight's gradient: complete when the gradient is stored.</summary>
    public Task WeightGradient { get; private set; } = Task.CompletedTask;

    /// <summary>What is needed no more after the backward pass and <see cref="WeightGradient"/>, besides the arguments.</summary>
    public IEnumerable<Tensor> Spent => _kernel is not null && IsFilled ? [_input] : [];

    private bool IsFilled => _channels > operation.InputChannels;

    /// <summary>Convolves, with a border of zeros.</summary>
    /// <param name="input">[batch, channels, height, width], channels-last in memory; a leaf that requires a gradient if that is needed.
    /// </param>
    /// <param name="shared">Takes the pieces.</param>
    /// <param name="after">Receives the output of each piece as soon as it is there; null: nothing is done with it.</param>
    /// <returns>The output, channels-last in memory.</returns>
    public Tensor Forward(Tensor input, SharedWork shared, Action<Piece, Activations>? after)
    {
        _input = input;
        if (_kernel is not null)
        {
            if (IsFilled)
                _input = ActivationMemory.WithChannels(input, _channels);
            using Tensor weight = FilledWeight();
            return _kernel.Forward(_input, weight, bias: null, shortcut: null, activate: false, shared, after);
        }

        _leaf ??= weights[name].to(Precisions.ConvolutionType(input.dtype), copy: true).requires_grad_(true).DetachFromDisposeScope();
        _leaf.Assign(weights[name]);
        using (enable_grad())
            _output = LibtorchOperations.Convolve(operation, input, _leaf, bias: null);
        if (after is not null)
        {
            Activations y = new(_output);
            shared.ForEachPiece(y.Count, piece => after(piece, y.Of(piece)));
        }

        return _output;
    }

    /// <summary>Backward pass through the convolution.</summary>
    /// <param name="gradient">Gradient of the output; not to be changed before <see cref="WeightGradient"/> is done.</param>
    /// <param name="gradients">Takes the weight's gradient.</param>
    /// <param name="shared">Takes the pieces, and the computation of the weight's gradient, which no other layer waits for.</param>
    /// <param name="before">Writes the gradient of a piece, before it is read; null: it is there.</param>
    /// <returns>Gradient of the input; null if it is not needed.</returns>
    public Tensor? Backward(Tensor gradient, Gradients gradients, SharedWork shared, Action<Piece>? before)
    {
        Tensor target = gradients[name];
        if (_kernel is not null)
        {
            using Tensor weight = FilledWeight();
            Tensor? ofInput = needsGradient ? _kernel.InputGradient(gradient, weight, _input, shared, before) : null;
            if (!needsGradient && before is not null)
                shared.ForEachPiece((int)gradient.shape[0], before);
            WeightGradient = shared.Give(FindKernelGradient);
            if (ofInput is null || !IsFilled)
                return ofInput;
            using (ofInput)
            using (Tensor part = ofInput.narrow(1, 0, operation.InputChannels))
                return ActivationMemory.ChannelsLast(part);
        }

        if (before is not null)
            shared.ForEachPiece((int)gradient.shape[0], before);
        if (!needsGradient)
        {
            FindWeightGradient();
            return null;
        }

        if (shared.IsWanted)
        {
            // The input's gradient first, which the next layer waits for: libtorch locks its recorded graph.
            using Tensor ofInput = autograd.grad([_output], [_input], [gradient], retain_graph: true)[0];
            WeightGradient = shared.Give(FindWeightGradient);
            return ActivationMemory.ChannelsLast(ofInput);
        }

        IList<Tensor> found = autograd.grad([_output], [_leaf!, _input], [gradient]);
        target.Assign(found[0]);
        using (found[1])
            return ActivationMemory.ChannelsLast(found[1]);

        void FindKernelGradient()
        {
            if (!IsFilled)
            {
                _kernel.WeightGradient(_input, gradient, target);
                return;
            }

            using Tensor all = ActivationMemory.Like(target, _channels, target.shape[2], target.shape[3]);
            _kernel.WeightGradient(_input, gradient, all);
            using Tensor part = all.narrow(1, 0, operation.InputChannels);
            target.Assign(part);
        }

        void FindWeightGradient()
        {
            using Tensor ofWeight = autograd.grad([_output], [_leaf!], [gradient])[0];
            target.Assign(ofWeight);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _leaf?.Dispose();

    /// <summary>The weight as the kernel takes it; for the caller to dispose of.</summary>
    private Tensor FilledWeight() => IsFilled ? ActivationMemory.WithChannels(weights[name], _channels) : weights[name].alias();
}
