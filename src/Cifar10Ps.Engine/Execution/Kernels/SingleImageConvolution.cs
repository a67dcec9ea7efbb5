using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Cifar10Ps.Execution.Kernels;

/// <summary>Activations of one image: [height, width, channels] with a border of zeros, one pixel wide, in fp32.</summary>
internal sealed class FeatureMap(int height, int width, int channels)
{
    /// <summary>Height in pixels, without the border.</summary>
    public int Height { get; } = height;

    /// <summary>Width in pixels, without the border.</summary>
    public int Width { get; } = width;

    /// <summary>Number of channels.</summary>
    public int Channels { get; } = channels;

    /// <summary>Values from one row to the next.</summary>
    public int RowLength { get; } = (width + 2) * channels;

    /// <summary>All values, border included.</summary>
    public float[] Values { get; } = new float[(height + 2) * (width + 2) * channels];

    /// <summary>The values of a row, without the border.</summary>
    public Span<float> Row(int y) => Values.AsSpan((y + 1) * RowLength + Channels, Width * Channels);
}

/// <summary>
/// A convolution of one image, with its bias, the addition of a shortcut and ReLU: 8 neighbouring pixels and 16 output channels at a
/// time, which stay in registers while the kernel runs over the input.
/// </summary>
internal sealed unsafe class SingleImageConvolution
{
    private const int Pixels = 8, Lanes = 16;

    private readonly int _size, _inputs, _outputs;
    private readonly float[] _weights, _bias;

    /// <summary>Stores the weights in the order in which they are read: [output / 16, height, width, input, 16].</summary>
    /// <param name="weight">The weight, [output, input, size, size]: one or three pixels wide; 16 divides the output channels.</param>
    /// <param name="bias">A bias for each output channel.</param>
    /// <param name="inputs">Number of input channels.</param>
    /// <param name="size">Width of the kernel in pixels.</param>
    public SingleImageConvolution(float[] weight, float[] bias, int inputs, int size)
    {
        (_outputs, _inputs, _size) = (bias.Length, inputs, size);
        _bias = bias;
        _weights = new float[weight.Length];
        int area = _size * _size, i = 0;
        for (int block = 0; block < _outputs; block += Lanes)
            for (int place = 0; place < area; place++)
                for (int input = 0; input < _inputs; input++)
                    for (int output = block; output < block + Lanes; output++)
                        _weights[i++] = weight[(output * _inputs + input) * area + place];
    }

    /// <summary>Convolves.</summary>
    /// <param name="input">The input.</param>
    /// <param name="output">Takes the result; 8 divides its width, which determines the stride.</param>
    /// <param name="adds">Whether the result is added to what is there: the shortcut.</param>
    /// <param name="activate">Whether ReLU follows.</param>
    public void Apply(FeatureMap input, FeatureMap output, bool adds, bool activate)
    {
        int stride = input.Width / output.Width;
        int border = (1 - _size / 2) * (input.RowLength + _inputs), weightsOfBlock = _size * _size * _inputs * Lanes;
        fixed (float* from = input.Values, to = output.Values, weights = _weights, bias = _bias)
            for (int block = 0; block < _outputs / Lanes; block++)
                for (int y = 0; y < output.Height; y++)
                    for (int x = 0; x < output.Width; x += Pixels)
                        Tile(from + border + y * stride * input.RowLength + x * stride * _inputs, input.RowLength, stride * _inputs,
                            weights + block * weightsOfBlock, _size, _size * _inputs, bias + block * Lanes,
                            to + (y + 1) * output.RowLength + (x + 1) * _outputs + block * Lanes, _outputs, adds, activate);
    }

    /// <summary>The values of a row of the kernel are contiguous, in the weights and in the input.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile(float* input, nint row, nint step, float* weights, int rows, nint run, float* bias, float* output,
        nint outputs, bool adds, bool activate)
    {
        nint step2 = 2 * step, step3 = 3 * step, step4 = 4 * step, step5 = 5 * step, step6 = 6 * step, step7 = 7 * step;
        Vector512<float> s0 = Vector512.Load(bias), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0;
        for (int y = 0; y < rows; y++, input += row)
        {
            float* x = input;
            for (float* end = input + run; x < end; x++, weights += Lanes)
            {
                Vector512<float> weight = Vector512.Load(weights);
                s0 = Vector512.FusedMultiplyAdd(weight, Vector512.Create(x[0]), s0);
                s1 = Vector512.FusedMultiplyAdd(weight, Vector512.Create(x[step]), s1);
                s2 = Vector512.FusedMultiplyAdd(weight, Vector512.Create(x[step2]), s2);
                s3 = Vector512.FusedMultiplyAdd(weight, Vector512.Create(x[step3]), s3);
                s4 = Vector512.FusedMultiplyAdd(weight, Vector512.Create(x[step4]), s4);
                s5 = Vector512.FusedMultiplyAdd(weight, Vector512.Create(x[step5]), s5);
                s6 = Vector512.FusedMultiplyAdd(weight, Vector512.Create(x[step6]), s6);
                s7 = Vector512.FusedMultiplyAdd(weight, Vector512.Create(x[step7]), s7);
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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* output, Vector512<float> sum, bool adds, bool activate)
    {
        if (adds)
            sum += Vector512.Load(output);
        if (activate)
            sum = Vector512.Max(sum, Vector512<float>.Zero);
        sum.Store(output);
    }
}
