using System.Runtime.InteropServices;
using Cifar10Ps.Execution.Kernels;
using Cifar10Ps.Networks;
using static TorchSharp.torch;

namespace Cifar10Ps.Execution;

/// <summary>
/// A convolution with its batch norm, and what follows it, fused (<see cref="NormKernels{TElement, TLanes}"/>). Forward and backward are explicit.
/// </summary>
/// <typeparam name="TElement">How activations are stored in memory.</typeparam>
/// <typeparam name="TLanes">The vectors of the kernels.</typeparam>
internal sealed unsafe class ConvolutionNorm<TElement, TLanes>
    where TElement : struct, IElement
    where TLanes : struct, ILanes<TLanes>
{
    private const int Period = NormKernels<TElement, TLanes>.Period;

    private readonly TrainedConvolution<TElement, TLanes> _convolution;
    private readonly Layer _norm;
    private readonly NetworkWeights _weights;
    private readonly int _channels;
    private readonly double _epsilon;
    private readonly double[] _mean, _deviation;
    private readonly float[] _scale = new float[Period], _offset = new float[Period];
    private Tensor _y = null!;
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
        _epsilon = ((BatchNorm)norm.Operation).Epsilon;
        _channels = convolution.Channels;
        if (Period % _channels != 0)
            throw new NotSupportedException($"The fused batch norm takes a number of channels that divides {Period}, not {_channels}.");
        _mean = new double[_channels];
        _deviation = new double[_channels];
    }

    /// <summary>Output of the last forward pass.</summary>
    public Tensor Output { get; private set; } = null!;

    /// <inheritdoc cref="TrainedConvolution{TElement, TLanes}.WeightGradient"/>
    public Task WeightGradient => _convolution.WeightGradient;

    /// <summary>Convolves and normalises with the statistics of these images.</summary>
    /// <param name="input">[batch, channels, height, width], channels-last in memory;
    /// its gradient is computed if it is a leaf that requires one.</param>
    /// <param name="shortcut">What is added after the norm, of the output's shape; null: nothing.</param>
    /// <param name="activate">Whether ReLU follows.</param>
    /// <returns>The output, a leaf that requires a gradient.</returns>
    public Tensor Forward(Tensor input, Tensor? shortcut, bool activate)
    {
        (_y, _addsShortcut) = (_convolution.Forward(input), shortcut is not null);
        byte* y = ActivationMemory.Of(_y);
        nint length = (nint)_y.numel();
        if (length % Period != 0)
            throw new NotSupportedException($"The fused batch norm takes a multiple of {Period} values, not {length}.");
        double count = (double)length / _channels;

        double* sums = stackalloc double[Period], squares = stackalloc double[Period];
        Clear(sums, squares);
        NormKernels<TElement, TLanes>.Moments(y, length, sums, squares);
        Span<float> gamma = Values(TensorRole.NormScale), beta = Values(TensorRole.NormShift), means = Values(TensorRole.NormMean),
            variances = Values(TensorRole.NormVariance);
        fixed (float* scale = _scale, offset = _offset)
        {
            for (int c = 0; c < _channels; c++)
            {
                double mean = Fold(sums, c) / count, variance = Math.Max(Fold(squares, c) / count - mean * mean, 0);
                means[c] = (float)mean;
                variances[c] = (float)(variance * count / Math.Max(count - 1, 1));
                (_mean[c], _deviation[c]) = (mean, Math.Sqrt(variance + _epsilon));
                Spread(scale, c, gamma[c] / _deviation[c]);
                Spread(offset, c, beta[c] - mean * gamma[c] / _deviation[c]);
            }

            Output = ActivationMemory.Like(_y);
            NormKernels<TElement, TLanes>.Normalize(y, shortcut is null ? null : ActivationMemory.Of(shortcut), ActivationMemory.Of(Output), length,
                scale, offset, activate);
        }

        return Output.requires_grad_(true);
    }

    /// <summary>Backward pass through the layer.</summary>
    /// <param name="gradient">Gradient of the output; becomes the gradient before ReLU, which is the shortcut's.</param>
    /// <param name="more">A second gradient of the output, to be added; null: none.</param>
    /// <param name="activated">Whether ReLU followed.</param>
    /// <param name="gradients">Takes the gradients of the layer's parameters.</param>
    /// <param name="shared">Takes the computation of the weight's gradient, which no other layer waits for, if a worker is idle.</param>
    /// <param name="keepGradient">Whether <paramref name="gradient"/> is needed afterwards.</param>
    /// <returns>Gradient of the input; null if it is not needed.</returns>
    public Tensor? Backward(Tensor gradient, Tensor? more, bool activated, Gradients gradients, SharedWork shared, bool keepGradient)
    {
        byte* y = ActivationMemory.Of(_y), g = ActivationMemory.Of(gradient);
        nint length = (nint)_y.numel();
        bool fromInput = activated && more is null && !_addsShortcut && !keepGradient;
        float* p = stackalloc float[Period], q = stackalloc float[Period], r = stackalloc float[Period];
        double* sums = stackalloc double[Period], products = stackalloc double[Period];
        Clear(sums, products);
        Tensor result = keepGradient ? ActivationMemory.Like(_y) : gradient;
        fixed (float* scale = _scale, offset = _offset)
        {
            if (fromInput)
                NormKernels<TElement, TLanes>.SumsThroughRelu(g, y, length, scale, offset, sums, products);
            else
                NormKernels<TElement, TLanes>.ActivateBackward(g, more is null ? null : ActivationMemory.Of(more),
                    activated ? ActivationMemory.Of(Output) : null, y, length, sums, products);
            FindGradients(sums, products, (double)length / _channels, gradients, p, q, r);
            if (fromInput)
                NormKernels<TElement, TLanes>.NormalizeBackwardThroughRelu(g, y, length, scale, offset, p, q, r);
            else
                NormKernels<TElement, TLanes>.NormalizeBackward(g, y, ActivationMemory.Of(result), length, p, q, r);
        }

        Tensor? ofInput = _convolution.Backward(result, gradients, shared);
        if (keepGradient && WeightGradient.IsCompleted)
            result.Dispose();
        return ofInput;
    }

    /// <summary>Gradients of batch norm's parameters, and the factors of <see cref="NormKernels{TElement, TLanes}.NormalizeBackward"/>.</summary>
    private void FindGradients(double* sums, double* products, double count, Gradients gradients, float* p, float* q, float* r)
    {
        Span<float> gamma = Values(TensorRole.NormScale), gammaGradient = gradients.Values(NameOf(TensorRole.NormScale)),
            betaGradient = gradients.Values(NameOf(TensorRole.NormShift));
        for (int c = 0; c < _channels; c++)
        {
            double sum = Fold(sums, c), product = (Fold(products, c) - _mean[c] * sum) / _deviation[c], scale = gamma[c] / _deviation[c];
            (betaGradient[c], gammaGradient[c]) = ((float)sum, (float)product);
            double ofInput = -scale * product / (_deviation[c] * count);
            Spread(p, c, scale);
            Spread(q, c, ofInput);
            Spread(r, c, -scale * sum / count - ofInput * _mean[c]);
        }
    }

    private Span<float> Values(TensorRole role) => MemoryMarshal.Cast<byte, float>(_weights[NameOf(role)].bytes);

    private string NameOf(TensorRole role) => _norm.Tensor(role)!.Name;

    private static void Clear(double* a, double* b)
    {
        new Span<double>(a, Period).Clear();
        new Span<double>(b, Period).Clear();
    }

    private double Fold(double* sums, int channel)
    {
        double sum = 0;
        for (int i = channel; i < Period; i += _channels)
            sum += sums[TElement.Position(i, TLanes.Count)];
        return sum;
    }

    private void Spread(float* values, int channel, double value)
    {
        for (int i = channel; i < Period; i += _channels)
            values[TElement.Position(i, TLanes.Count)] = (float)value;
    }
}
