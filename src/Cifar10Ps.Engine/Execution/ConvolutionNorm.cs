using System.Runtime.InteropServices;
using Cifar10Ps.Execution.Kernels;
using Cifar10Ps.Networks;
using Cifar10Ps.Runtime;
using static TorchSharp.torch;

namespace Cifar10Ps.Execution;

/// <summary>
/// A convolution with its batch norm, and what follows it, fused (<see cref="NormKernels{TElement, TLanes}"/>). Forward and backward are
/// explicit.
/// </summary>
/// <typeparam name="TElement">How activations are stored in memory.</typeparam>
/// <typeparam name="TLanes">The vectors of the kernels.</typeparam>
internal sealed unsafe class ConvolutionNorm<TElement, TLanes> : IDisposable
    where TElement : struct, IElement
    where TLanes : struct, ILanes<TLanes>
{
    private const int Period = NormKernels<TElement, TLanes>.Period;

    /// <summary>Values of a row of the kernels.</summary>
    private readonly int _width;

    private readonly TrainedConvolution<TElement, TLanes> _convolution;
    private readonly Layer _norm;
    private readonly NetworkWeights _weights;
    private readonly int _channels;
    private readonly double _epsilon;
    private readonly bool _learnsScale;
    private readonly double[] _mean, _deviation;
    private readonly float[] _scale, _offset, _factors;
    private readonly Moments _moments;
    private Tensor _y = null!, _output = null!;
    private Tensor? _ownGradient;
    private bool _addsShortcut;

    /// <summary>Creates the layer.</summary>
    /// <param name="convolution">The convolution.</param>
    /// <param name="norm">The batch norm.</param>
    /// <param name="weights">Parameters and running statistics of batch norm; forward stores the statistics of its images here.</param>
    /// <exception cref="NotSupportedException">The kernels cannot compute so many channels.</exception>
    public ConvolutionNorm(TrainedConvolution<TElement, TLanes> convolution, Layer norm, NetworkWeights weights)
    {
        _convolution = convolution;
        _norm = norm;
        _weights = weights;
        (_, _epsilon, _learnsScale) = (BatchNorm)norm.Operation;
        _channels = convolution.Channels;
        if (Period % _channels != 0 && _channels % Period != 0)
            throw new NotSupportedException(
                $"The fused batch norm takes a number of channels that divides {Period} or is a multiple, not {_channels}.");
        _width = Math.Max(Period, _channels);
        (_scale, _offset, _factors) = (new float[_width], new float[_width], new float[3 * _width]);
        _moments = new Moments(_width);
        _mean = new double[_channels];
        _deviation = new double[_channels];
    }

    /// <summary>What is needed no more after the backward pass and <see cref="WeightGradient"/>, besides the arguments.</summary>
    public IEnumerable<Tensor> Spent =>
        _ownGradient is null ? [_y, .. _convolution.Spent] : [_y, _ownGradient, .. _convolution.Spent];

    /// <inheritdoc cref="TrainedConvolution{TElement, TLanes}.WeightGradient"/>
    public Task WeightGradient => _convolution.WeightGradient;

    /// <summary>Convolves and normalises with the statistics of these images.</summary>
    /// <param name="input">[batch, channels, height, width], channels-last in memory;
    /// its gradient is computed if it is a leaf that requires one.</param>
    /// <param name="shortcut">What is added after the norm, of the output's shape; null: nothing.</param>
    /// <param name="activate">Whether ReLU follows.</param>
    /// <param name="shared">Takes the pieces.</param>
    /// <returns>The output, a leaf that requires a gradient.</returns>
    public Tensor Forward(Tensor input, Tensor? shortcut, bool activate, SharedWork shared)
    {
        _addsShortcut = shortcut is not null;
        Moments moments = _moments.Cleared((int)input.size(0));
        _y = _convolution.Forward(input, shared, (piece, part) =>
        {
            fixed (double* sums = moments.Of(piece))
                NormKernels<TElement, TLanes>.Moments(part.Values, part.Length, _width, sums, sums + _width);
        });
        Activations y = new(_y);
        if (y.ImageLength % _width != 0)
            throw new NotSupportedException($"The fused batch norm takes a multiple of {_width} values, not {y.ImageLength}.");
        double count = (double)y.Length / _channels;
        (double[] values, double[] squares) = moments.Added();
        Span<float> gamma = Values(TensorRole.NormScale), beta = Values(TensorRole.NormShift), means = Values(TensorRole.NormMean),
            variances = Values(TensorRole.NormVariance);
        for (int c = 0; c < _channels; c++)
        {
            double mean = Fold(values, c) / count, variance = Math.Max(Fold(squares, c) / count - mean * mean, 0);
            means[c] = (float)mean;
            // A single value equals its mean: it does not vary, and the norm is constant.
            variances[c] = count == 1 ? 0 : (float)(variance * count / (count - 1));
            (_mean[c], _deviation[c]) = (mean, count == 1 ? double.PositiveInfinity : Math.Sqrt(variance + _epsilon));
            Spread(_scale, c, gamma[c] / _deviation[c]);
            Spread(_offset, c, beta[c] - mean * gamma[c] / _deviation[c]);
        }

        _output = ActivationMemory.Like(_y);
        Activations output = new(_output), added = shortcut is null ? default : new(shortcut);
        shared.ForEachPiece(y.Count, piece =>
        {
            Activations part = y.Of(piece);
            fixed (float* scale = _scale, offset = _offset)
                NormKernels<TElement, TLanes>.Normalize(part.Values, added.Of(piece).Values, output.Of(piece).Values, part.Length,
                    _width, scale, offset, activate);
        });
        return _output.requires_grad_(true);
    }

    /// <summary>Backward pass through the layer.</summary>
    /// <param name="gradient">Gradient of the output; becomes the gradient before ReLU, which is the shortcut's.</param>
    /// <param name="more">A second gradient of the output, to be added; null: none.</param>
    /// <param name="activated">Whether ReLU followed.</param>
    /// <param name="gradients">Takes the gradients of the layer's parameters.</param>
    /// <param name="shared">Takes the pieces, and the computation of the weight's gradient, which no other layer waits for.</param>
    /// <param name="keepGradient">Whether <paramref name="gradient"/> is needed afterwards.</param>
    /// <returns>Gradient of the input; null if it is not needed.</returns>
    public Tensor? Backward(Tensor gradient, Tensor? more, bool activated, Gradients gradients, SharedWork shared, bool keepGradient)
    {
        _ownGradient = keepGradient ? ActivationMemory.Like(_y) : null;
        Tensor result = _ownGradient ?? gradient;
        Activations y = new(_y), g = new(gradient), other = more is null ? default : new(more),
            active = activated ? new(_output) : default, target = new(result);
        bool fromInput = activated && more is null && !_addsShortcut && !keepGradient;
        Moments moments = _moments.Cleared(y.Count);
        shared.ForEachPiece(y.Count, piece =>
        {
            Activations part = y.Of(piece);
            fixed (float* scale = _scale, offset = _offset)
            fixed (double* sums = moments.Of(piece))
            {
                if (fromInput)
                    NormKernels<TElement, TLanes>.SumsThroughRelu(g.Of(piece).Values, part.Values, part.Length, _width, scale, offset,
                        sums, sums + _width);
                else
                    NormKernels<TElement, TLanes>.ActivateBackward(g.Of(piece).Values, other.Of(piece).Values, active.Of(piece).Values,
                        part.Values, part.Length, _width, sums, sums + _width);
            }
        });
        FindGradients(moments, (double)y.Length / _channels, gradients);
        return _convolution.Backward(result, gradients, shared, piece =>
        {
            Activations part = y.Of(piece);
            fixed (float* scale = _scale, offset = _offset, p = _factors)
            {
                if (fromInput)
                    NormKernels<TElement, TLanes>.NormalizeBackwardThroughRelu(g.Of(piece).Values, part.Values, part.Length, _width, scale,
                        offset, p, p + _width, p + 2 * _width);
                else
                    NormKernels<TElement, TLanes>.NormalizeBackward(g.Of(piece).Values, part.Values, target.Of(piece).Values, part.Length,
                        _width, p, p + _width, p + 2 * _width);
            }
        });
    }

    /// <inheritdoc/>
    public void Dispose() => _convolution.Dispose();

    /// <summary>Finds the gradients of batch norm's parameters, and the factors of
    /// <see cref="NormKernels{TElement, TLanes}.NormalizeBackward"/>: those of the gradient, those of the input, and the terms.</summary>
    /// <param name="moments">The sums of the gradient before ReLU, and of that times the input.</param>
    /// <param name="count">Number of values of a channel.</param>
    /// <param name="gradients">Takes the gradients.</param>
    private void FindGradients(Moments moments, double count, Gradients gradients)
    {
        (double[] sums, double[] products) = moments.Added();
        Span<float> gamma = Values(TensorRole.NormScale), betaGradient = gradients.Values(NameOf(TensorRole.NormShift)),
            gammaGradient = _learnsScale ? gradients.Values(NameOf(TensorRole.NormScale)) : new float[_channels];
        for (int c = 0; c < _channels; c++)
        {
            double sum = Fold(sums, c), product = (Fold(products, c) - _mean[c] * sum) / _deviation[c], scale = gamma[c] / _deviation[c];
            (betaGradient[c], gammaGradient[c]) = ((float)sum, (float)product);
            double ofInput = -scale * product / (_deviation[c] * count);
            Spread(_factors, c, scale);
            Spread(_factors.AsSpan(_width), c, ofInput);
            Spread(_factors.AsSpan(2 * _width), c, -scale * sum / count - ofInput * _mean[c]);
        }
    }

    private Span<float> Values(TensorRole role) => MemoryMarshal.Cast<byte, float>(_weights[NameOf(role)].bytes);

    private string NameOf(TensorRole role) => _norm.Tensor(role)!.Name;

    private double Fold(double[] sums, int channel)
    {
        double sum = 0;
        for (int i = channel; i < _width; i += _channels)
            sum += sums[TElement.Position(i, TLanes.Count)];
        return sum;
    }

    private void Spread(Span<float> values, int channel, double value)
    {
        for (int i = channel; i < _width; i += _channels)
            values[TElement.Position(i, TLanes.Count)] = (float)value;
    }

    /// <summary>Two sums over the values of each piece, which are added in the order of the pieces. Their memory is kept: new memory for
    /// each layer costs more than clearing it.</summary>
    private sealed class Moments(int width)
    {
        private readonly double[] _first = new double[width], _second = new double[width];
        private double[] _sums = [];

        /// <summary>These sums, all zero.</summary>
        /// <param name="images">Number of images, all pieces together.</param>
        public Moments Cleared(int images)
        {
            Array.Resize(ref _sums, SharedWork.PieceCount(images) * 2 * width);
            Array.Clear(_sums);
            return this;
        }

        /// <summary>The sums of a piece: of the one thing, then of the other.</summary>
        public Span<double> Of(Piece piece) => _sums.AsSpan(piece.Index * 2 * width, 2 * width);

        /// <summary>Those of all pieces; overwritten by the next call.</summary>
        public (double[] First, double[] Second) Added()
        {
            Array.Clear(_first);
            Array.Clear(_second);
            for (int piece = 0; piece < _sums.Length; piece += 2 * width)
            {
                for (int i = 0; i < width; i++)
                {
                    _first[i] += _sums[piece + i];
                    _second[i] += _sums[piece + width + i];
                }
            }

            return (_first, _second);
        }
    }
}
