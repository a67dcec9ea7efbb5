using Cifar10Ps.Execution.Kernels;
using Cifar10Ps.Networks;
using Cifar10Ps.Runtime;
using static TorchSharp.torch;

namespace Cifar10Ps.Execution;

/// <summary>A convolution in our kernels, forward and backward, a piece of the images at a time: by
/// <see cref="Winograd{TElement, TLanes}"/> where that applies, otherwise by <see cref="WindowConvolution{TElement, TLanes}"/>.</summary>
/// <typeparam name="TElement">How activations are stored in memory.</typeparam>
/// <typeparam name="TLanes">The vectors of the kernels.</typeparam>
/// <param name="operation">Its description, one that <see cref="KernelSupport.HasConvolution"/> knows.</param>
/// <param name="input">Height and width of its input.</param>
internal sealed unsafe class KernelConvolution<TElement, TLanes>(Convolution operation, Shape input)
    where TElement : struct, IElement
    where TLanes : struct, ILanes<TLanes>
{
    private readonly WindowConvolution<TElement, TLanes>? _windows =
        KernelSupport.HasWinograd(operation, input) ? null : new WindowConvolution<TElement, TLanes>(SizesOf(operation, input));

    private readonly Shape _output = operation.Window.Output(input, operation.OutputChannels);

    /// <summary>The sizes of a convolution, as its kernel takes them.</summary>
    public static WindowGeometry SizesOf(Convolution operation, Shape input)
    {
        (Extent size, Extent stride, Border border) = operation.Window;
        // The input may have got channels of zeros (KernelSupport.Filled).
        return new WindowGeometry(operation.InputChannels, input.Height, input.Width, operation.OutputChannels, (size.Height, size.Width),
            (stride.Height, stride.Width), (border.Top, border.Left, border.Bottom, border.Right));
    }

    /// <summary>Convolves, and adds a bias and a shortcut; ReLU may follow.</summary>
    /// <param name="x">[batch, channels, height, width], channels-last in memory.</param>
    /// <param name="weight">[output channels, channels, height, width], fp32, channels-last in memory.</param>
    /// <param name="bias">A number for each output channel; null: none, and nothing else is added.</param>
    /// <param name="shortcut">What is added, of the output's shape; null: nothing.</param>
    /// <param name="activate">Whether ReLU follows; only with a bias.</param>
    /// <param name="shared">Takes the pieces.</param>
    /// <param name="after">Receives the output of each piece as soon as it is there; null: nothing is done with it.</param>
    /// <returns>The output, channels-last in memory.</returns>
    public Tensor Forward(Tensor x, Tensor weight, float[]? bias, Tensor? shortcut, bool activate, SharedWork shared,
        Action<Piece, Activations>? after)
    {
        Tensor result = ActivationMemory.Like(x, _output.Channels, _output.Height, _output.Width);
        Activations from = new(x), to = new(result), added = shortcut is null ? default : new(shortcut);
        float* packed = Pack(weight, isBackward: false, shared);
        shared.ForEachPiece(from.Count, piece =>
        {
            fixed (float* biases = bias)
            {
                if (_windows is null)
                    Winograd<TElement, TLanes>.Convolve(
                        from.Of(piece), to.Of(piece), packed, biases, added.Of(piece).Values, activate);
                else
                    _windows.Convolve(from.Of(piece), to.Of(piece), packed, biases, added.Of(piece).Values, activate);
            }

            after?.Invoke(piece, to.Of(piece));
        });
        return result;
    }

    /// <summary>The gradient of the input.</summary>
    /// <param name="gradient">Gradient of the output.</param>
    /// <param name="weight">The weight.</param>
    /// <param name="x">The input, for its shape.</param>
    /// <param name="shared">Takes the pieces.</param>
    /// <param name="before">Writes the gradient of a piece, before it is read; null: it is there.</param>
    public Tensor InputGradient(Tensor gradient, Tensor weight, Tensor x, SharedWork shared, Action<Piece>? before)
    {
        Tensor result = ActivationMemory.Like(x);
        Activations from = new(gradient), to = new(result);
        float* packed = Pack(weight, isBackward: true, shared);
        shared.ForEachPiece(from.Count, piece =>
        {
            before?.Invoke(piece);
            if (_windows is null)
                Winograd<TElement, TLanes>.Convolve(from.Of(piece), to.Of(piece), packed, bias: null, shortcut: null, activate: false);
            else
                _windows.ConvolveBackward(from.Of(piece), to.Of(piece), packed);
        });
        return result;
    }

    /// <summary>The gradient of the weight.</summary>
    /// <param name="x">The input.</param>
    /// <param name="gradient">Gradient of the output.</param>
    /// <param name="target">Takes it: [output channels, input channels, height, width], fp32, channels-last.</param>
    public void WeightGradient(Tensor x, Tensor gradient, Tensor target)
    {
        if (_windows is null)
            Winograd<TElement, TLanes>.GradientOfWeight(x, gradient, target);
        else
            _windows.GradientOfWeight(new Activations(x), new Activations(gradient), target);
    }

    private float* Pack(Tensor weight, bool isBackward, SharedWork shared) => _windows is null
        ? Winograd<TElement, TLanes>.TransformWeight(weight, isBackward, shared) : _windows.Pack(weight, isBackward, shared);
}
