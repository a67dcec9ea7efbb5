using System.Runtime.CompilerServices;
using Cifar10Ps.Runtime;

namespace Cifar10Ps.Execution.Kernels;

/// <summary>
/// A convolution of one image, with its bias, the addition of a shortcut and ReLU: by <see cref="Winograd{TElement, TLanes}"/> where that
/// applies; otherwise directly, some neighbouring pixels and output channels at a time, which stay in registers while the kernel runs over
/// the input.
/// </summary>
/// <typeparam name="TLanes">The vectors.</typeparam>
internal sealed unsafe class SingleImageConvolution<TLanes> : ISingleImageConvolution
    where TLanes : struct, ILanes<TLanes>
{
    private const int Pixels = 8, Block = MatrixProducts<TLanes>.Block;

    private readonly int _size, _inputs, _outputs;
    private readonly bool _isWinograd;
    private readonly float[] _bias;
    private readonly AlignedMemory _weights;

    /// <summary>Stores the weights in the order in which they are read.</summary>
    /// <param name="weight">The weight, [output, input, size, size]: one or three pixels wide; 16 divides the output channels.</param>
    /// <param name="bias">A bias for each output channel.</param>
    /// <param name="inputs">Number of input channels.</param>
    /// <param name="size">Width of the kernel in pixels.</param>
    /// <param name="isWinograd">Whether Winograd's kernels compute it.</param>
    public SingleImageConvolution(float[] weight, float[] bias, int inputs, int size, bool isWinograd)
    {
        (_bias, _outputs, _inputs, _size, _isWinograd) = (bias, bias.Length, inputs, size, isWinograd);
        int area = _size * _size;
        if (isWinograd)
        {
            float[] channelsLast = new float[weight.Length];
            for (int output = 0, i = 0; output < _outputs; output++)
                for (int place = 0; place < area; place++)
                    for (int input = 0; input < _inputs; input++)
                        channelsLast[i++] = weight[(output * _inputs + input) * area + place];
            // Each half by itself.
            _weights = new AlignedMemory(_outputs / Half * HalfLength);
            fixed (float* values = channelsLast)
                for (int first = 0; first < _outputs; first += Half)
                    Winograd<Float32Element, TLanes>.TransformWeight(
                        values + first * area * _inputs, _inputs, Half, _weights.At(first / Half * HalfLength));
            return;
        }

        // [output / 16, height, width, input, 16].
        _weights = new AlignedMemory(weight.Length);
        for (int block = 0, i = 0; block < _outputs; block += Block)
            for (int place = 0; place < area; place++)
                for (int input = 0; input < _inputs; input++)
                    for (int output = block; output < block + Block; output++)
                        *_weights.At(i++) = weight[(output * _inputs + input) * area + place];
    }

    /// <summary>Output channels of a half, or all if there are too few to be divided; then the rows are.</summary>
    private int Half => _outputs % (2 * Block) == 0 ? _outputs / 2 : _outputs;

    private int HalfLength => Winograd<Float32Element, TLanes>.TransformedLength(_inputs, Half);

    /// <inheritdoc/>
    public void Apply(FeatureMap input, FeatureMap output, bool adds, bool activate, SharedWork shared) => shared.ForEach(2, half =>
    {
        fixed (float* from = input.Values, to = output.Values, bias = _bias)
        {
            if (_isWinograd)
                Multiply(input.In(from), output.In(to), bias, half, adds, activate);
            else
                Run(input, output, from, to, bias, half, adds, activate);
        }
    });

    /// <summary>Half of the output channels; with few channels, half of the rows of tiles.</summary>
    private void Multiply(Activations x, Activations y, float* bias, int half, bool adds, bool activate)
    {
        int first = half * Half, rows = y.Height / 4;
        if (Half == _outputs)
        {
            Winograd<Float32Element, TLanes>.Convolve(x, y, _weights.At(0), bias, adds ? y.Values : null, activate,
                half == 0 ? (0, rows / 2) : (rows / 2, rows));
            return;
        }

        Activations part = y.OfChannels(first, Half);
        Winograd<Float32Element, TLanes>.Convolve(x, part, _weights.At(half * HalfLength), bias + first, adds ? part.Values : null,
            activate);
    }

    /// <summary>Half of the rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Run(FeatureMap input, FeatureMap output, float* from, float* to, float* bias, int half, bool adds, bool activate)
    {
        int stride = input.Width / output.Width, middle = output.Height / 2;
        int border = (1 - _size / 2) * (input.RowLength + _inputs), weightsOfBlock = _size * _size * _inputs * Block;
        for (int block = 0; block < _outputs / Block; block++)
            for (int y = half == 0 ? 0 : middle, end = half == 0 ? middle : output.Height; y < end; y++)
                for (int x = 0; x < output.Width; x += Pixels)
                    Tile(from + border + y * stride * input.RowLength + x * stride * _inputs, input.RowLength, stride * _inputs,
                        _weights.At(block * weightsOfBlock), _size, _size * _inputs, bias + block * Block,
                        to + (y + 1) * output.RowLength + (x + 1) * _outputs + block * Block, _outputs, adds, activate);
    }

    /// <summary>Eight pixels of 16 channels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Tile(float* input, nint row, nint step, float* weights, int rows, nint run, float* bias, float* output,
        nint outputs, bool adds, bool activate)
    {
        if (TLanes.Count == Block)
        {
            Wide(input, row, step, weights, rows, run, bias, output, outputs, adds, activate);
            return;
        }

        for (int pixel = 0; pixel < Pixels; pixel += 4)
            for (int lane = 0; lane < Block; lane += 2 * TLanes.Count)
                Narrow(input + pixel * step, row, step, weights + lane, rows, run, bias + lane, output + pixel * outputs + lane, outputs,
                    adds, activate);
    }

    /// <summary>Eight pixels and one vector, for 32 registers. The values of a row of the kernel are contiguous, in the weights and in
    /// the input.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Wide(float* input, nint row, nint step, float* weights, int rows, nint run, float* bias, float* output,
        nint outputs, bool adds, bool activate)
    {
        nint step2 = 2 * step, step3 = 3 * step, step4 = 4 * step, step5 = 5 * step, step6 = 6 * step, step7 = 7 * step;
        TLanes s0 = TLanes.Load(bias), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0;
        for (int y = 0; y < rows; y++, input += row)
        {
            float* x = input;
            for (float* end = input + run; x < end; x++, weights += Block)
            {
                TLanes weight = TLanes.LoadAligned(weights);
                s0 = TLanes.MultiplyAdd(weight, TLanes.Create(x[0]), s0);
                s1 = TLanes.MultiplyAdd(weight, TLanes.Create(x[step]), s1);
                s2 = TLanes.MultiplyAdd(weight, TLanes.Create(x[step2]), s2);
                s3 = TLanes.MultiplyAdd(weight, TLanes.Create(x[step3]), s3);
                s4 = TLanes.MultiplyAdd(weight, TLanes.Create(x[step4]), s4);
                s5 = TLanes.MultiplyAdd(weight, TLanes.Create(x[step5]), s5);
                s6 = TLanes.MultiplyAdd(weight, TLanes.Create(x[step6]), s6);
                s7 = TLanes.MultiplyAdd(weight, TLanes.Create(x[step7]), s7);
            }
        }

        Store(output, s0, adds, activate);
        Store(output + outputs, s1, adds, activate);
        Store(output + 2 * outputs, s2, adds, activate);
        Store(output + 3 * outputs, s3, adds, activate);
        Store(output + 4 * outputs, s4, adds, activate);
        Store(output + 5 * outputs, s5, adds, activate);
        Store(output + 6 * outputs, s6, adds, activate);
        Store(output + 7 * outputs, s7, adds, activate);
    }

    /// <summary>Four pixels and two vectors, for 16 registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Narrow(float* input, nint row, nint step, float* weights, int rows, nint run, float* bias, float* output,
        nint outputs, bool adds, bool activate)
    {
        nint step2 = 2 * step, step3 = 3 * step;
        TLanes s0 = TLanes.Load(bias), s1 = s0, s2 = s0, s3 = s0, t0 = TLanes.Load(bias + TLanes.Count), t1 = t0, t2 = t0, t3 = t0;
        for (int y = 0; y < rows; y++, input += row)
        {
            float* x = input;
            for (float* end = input + run; x < end; x++, weights += Block)
            {
                TLanes lower = TLanes.LoadAligned(weights), upper = TLanes.LoadAligned(weights + TLanes.Count), value = TLanes.Create(x[0]);
                s0 = TLanes.MultiplyAdd(lower, value, s0);
                t0 = TLanes.MultiplyAdd(upper, value, t0);
                value = TLanes.Create(x[step]);
                s1 = TLanes.MultiplyAdd(lower, value, s1);
                t1 = TLanes.MultiplyAdd(upper, value, t1);
                value = TLanes.Create(x[step2]);
                s2 = TLanes.MultiplyAdd(lower, value, s2);
                t2 = TLanes.MultiplyAdd(upper, value, t2);
                value = TLanes.Create(x[step3]);
                s3 = TLanes.MultiplyAdd(lower, value, s3);
                t3 = TLanes.MultiplyAdd(upper, value, t3);
            }
        }

        Store(output, s0, adds, activate);
        Store(output + TLanes.Count, t0, adds, activate);
        Store(output + outputs, s1, adds, activate);
        Store(output + outputs + TLanes.Count, t1, adds, activate);
        Store(output + 2 * outputs, s2, adds, activate);
        Store(output + 2 * outputs + TLanes.Count, t2, adds, activate);
        Store(output + 3 * outputs, s3, adds, activate);
        Store(output + 3 * outputs + TLanes.Count, t3, adds, activate);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* output, TLanes sum, bool adds, bool activate)
    {
        if (adds)
            sum += TLanes.Load(output);
        if (activate)
            sum = TLanes.Max(default, sum);
        TLanes.Store(output, sum);
    }
}
