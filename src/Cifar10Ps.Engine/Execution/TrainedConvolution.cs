using Cifar10Ps.Execution.Kernels;
using Cifar10Ps.Networks;
using Cifar10Ps.Runtime;
using static TorchSharp.torch;

namespace Cifar10Ps.Execution;

/// <summary>A convolution without bias, forward and backward: our own where it applies (<see cref="Winograd{TElement, TLanes}"/>),
/// otherwise libtorch's.</summary>
/// <typeparam name="TElement">How activations are stored in memory.</typeparam>
/// <typeparam name="TLanes">The vectors of the kernels.</typeparam>
/// <param name="operation">Its description.</param>
/// <param name="input">Size of its input.</param>
/// <param name="name">Name of the weight in the state dict.</param>
/// <param name="weights">Holds it in fp32.</param>
/// <param name="leaf">The weight as a leaf, in the type that libtorch convolves in.</param>
internal sealed unsafe class TrainedConvolution<TElement, TLanes>(Convolution operation, Shape input, string name, NetworkWeights weights,
    Tensor leaf)
    where TElement : struct, IElement
    where TLanes : struct, ILanes<TLanes>
{
    private readonly bool _isOurs = KernelSupport.HasWinograd(operation, input);
    private Tensor _input = null!, _output = null!;

    /// <summary>Number of output channels.</summary>
    public int Channels => operation.OutputChannels;

    /// <summary>The computation of the weight's gradient: complete when the gradient is stored.</summary>
    public Task WeightGradient { get; private set; } = Task.CompletedTask;

    /// <summary>Convolves, with a border of zeros.</summary>
    /// <param name="input">[batch, channels, height, width], channels-last in memory;
    /// its gradient is computed if it is a leaf that requires one.</param>
    /// <param name="shared">Takes the pieces.</param>
    /// <param name="after">Receives the output of each piece as soon as it is there; null: nothing is done with it.</param>
    /// <returns>The output, channels-last in memory.</returns>
    public Tensor Forward(Tensor input, SharedWork shared, Action<Piece, Activations>? after)
    {
        _input = input;
        if (_isOurs)
        {
            _output = ActivationMemory.Like(input, Channels);
            Activations x = new(input), y = new(_output);
            float* weight = Winograd<TElement, TLanes>.TransformWeight(weights[name], isBackward: false, shared);
            shared.ForEachPiece(x.Count, piece =>
            {
                Winograd<TElement, TLanes>.Convolve(x.Of(piece), y.Of(piece), weight, bias: null, shortcut: null, activate: false);
                after?.Invoke(piece, y.Of(piece));
            });
            return _output;
        }

        using (enable_grad())
            _output = LibtorchOperations.Convolve(operation, input, leaf, bias: null);
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
        if (_isOurs)
        {
            Tensor ofInput = ActivationMemory.Like(_input);
            Activations y = new(gradient), x = new(ofInput);
            float* weight = Winograd<TElement, TLanes>.TransformWeight(weights[name], isBackward: true, shared);
            shared.ForEachPiece(x.Count, piece =>
            {
                before?.Invoke(piece);
                Winograd<TElement, TLanes>.Convolve(y.Of(piece), x.Of(piece), weight, bias: null, shortcut: null, activate: false);
            });
            WeightGradient = shared.Give(() => Winograd<TElement, TLanes>.GradientOfWeight(_input, gradient, target));
            return ofInput;
        }

        if (before is not null)
            shared.ForEachPiece((int)gradient.shape[0], before);
        if (!_input.requires_grad)
        {
            FindWeightGradient();
            return null;
        }

        if (shared.IsWanted)
        {
            // The input's gradient first, which the next layer waits for: libtorch locks its recorded graph.
            Tensor ofInput = autograd.grad([_output], [_input], [gradient], retain_graph: true)[0];
            WeightGradient = shared.Give(FindWeightGradient);
            return ActivationMemory.ChannelsLast(ofInput);
        }

        IList<Tensor> found = autograd.grad([_output], [leaf, _input], [gradient]);
        target.copy_(found[0]);
        return ActivationMemory.ChannelsLast(found[1]);

        void FindWeightGradient()
        {
            using Tensor ofWeight = autograd.grad([_output], [leaf], [gradient])[0];
            target.copy_(ofWeight);
        }
    }
}
