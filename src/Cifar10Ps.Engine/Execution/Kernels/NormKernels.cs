using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Cifar10Ps.Execution.Kernels;

/// <summary>
/// Batch norm, the addition of a shortcut and ReLU, forward and backward, each in as few passes over the activations as possible.
/// Activations are channels-last, [pixels, channels].
/// </summary>
/// <remarks>
/// The number of channels divides <see cref="Period"/>, so whatever belongs to a channel is repeated to that length, and the kernels need
/// not know the number of channels; there it lies in the order of <see cref="IElement.Position"/>. Lengths are multiples of the period. S.
/// Ioffe, C. Szegedy, "Batch normalization", ICML 2015.
/// </remarks>
/// <typeparam name="TElement">How activations are stored in memory.</typeparam>
internal static unsafe class NormKernels<TElement>
    where TElement : struct, IElement
{
    /// <summary>Values that a kernel takes at a time.</summary>
    public const int Period = 64;

    /// <summary>Number of values summed in single precision before the sum continues in double precision.</summary>
    private const nint SumBlock = 128 * Period;

    /// <summary>Sums of values and of their squares.</summary>
    /// <param name="y">The values.</param>
    /// <param name="length">Their number.</param>
    /// <param name="sums">Takes <see cref="Period"/> sums.</param>
    /// <param name="squares">Takes <see cref="Period"/> sums of squares.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Moments(byte* y, nint length, double* sums, double* squares)
    {
        for (nint start = 0; start < length; start += SumBlock)
        {
            nint end = Math.Min(start + SumBlock, length);
            Vector512<float> s0 = default, s1 = default, s2 = default, s3 = default, q0 = default, q1 = default, q2 = default, q3 = default;
            for (nint i = start; i < end; i += Period)
            {
                Vector512<float> y0 = TElement.LoadLower(y, i), y1 = TElement.LoadUpper(y, i), y2 = TElement.LoadLower(y, i + 32),
                    y3 = TElement.LoadUpper(y, i + 32);
                s0 += y0;
                s1 += y1;
                s2 += y2;
                s3 += y3;
                q0 = Vector512.FusedMultiplyAdd(y0, y0, q0);
                q1 = Vector512.FusedMultiplyAdd(y1, y1, q1);
                q2 = Vector512.FusedMultiplyAdd(y2, y2, q2);
                q3 = Vector512.FusedMultiplyAdd(y3, y3, q3);
            }

            AddTo(sums, s0, s1, s2, s3);
            AddTo(squares, q0, q1, q2, q3);
        }
    }

    /// <summary>output = scale · y + offset, plus the shortcut if there is one, and with ReLU if it is activated.</summary>
    /// <param name="y">Output of a convolution.</param>
    /// <param name="shortcut">What to add; may be null.</param>
    /// <param name="output">Takes the result.</param>
    /// <param name="length">Number of values.</param>
    /// <param name="scale"><see cref="Period"/> factors.</param>
    /// <param name="offset"><see cref="Period"/> terms.</param>
    /// <param name="activate">Whether ReLU follows.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Normalize(byte* y, byte* shortcut, byte* output, nint length, float* scale, float* offset, bool activate)
    {
        Vector512<float> floor = activate ? Vector512<float>.Zero : Vector512.Create(float.NegativeInfinity);
        Vector512<float> a0 = Vector512.Load(scale), a1 = Vector512.Load(scale + 16), a2 = Vector512.Load(scale + 32),
            a3 = Vector512.Load(scale + 48);
        Vector512<float> b0 = Vector512.Load(offset), b1 = Vector512.Load(offset + 16), b2 = Vector512.Load(offset + 32),
            b3 = Vector512.Load(offset + 48);
        for (nint i = 0; i < length; i += Period)
        {
            Vector512<float> x0 = Vector512.FusedMultiplyAdd(a0, TElement.LoadLower(y, i), b0),
                x1 = Vector512.FusedMultiplyAdd(a1, TElement.LoadUpper(y, i), b1);
            Vector512<float> x2 = Vector512.FusedMultiplyAdd(a2, TElement.LoadLower(y, i + 32), b2),
                x3 = Vector512.FusedMultiplyAdd(a3, TElement.LoadUpper(y, i + 32), b3);
            if (shortcut != null)
            {
                x0 += TElement.LoadLower(shortcut, i);
                x1 += TElement.LoadUpper(shortcut, i);
                x2 += TElement.LoadLower(shortcut, i + 32);
                x3 += TElement.LoadUpper(shortcut, i + 32);
            }

            // The processor's maximum returns its second operand if one is NaN: a NaN must reach the loss.
            TElement.Store(output, i, Vector512.MaxNative(floor, x0), Vector512.MaxNative(floor, x1));
            TElement.Store(output, i + 32, Vector512.MaxNative(floor, x2), Vector512.MaxNative(floor, x3));
        }
    }

    /// <summary>Backward pass through ReLU: the gradient where the output is above zero,
    /// and the sums that batch norm's gradients need.</summary>
    /// <param name="gradient">Gradient of the output; becomes the gradient before ReLU.</param>
    /// <param name="more">A second gradient of the output, to be added; may be null.</param>
    /// <param name="output">Output of ReLU; null: there was none.</param>
    /// <param name="y">Input of batch norm.</param>
    /// <param name="length">Number of values.</param>
    /// <param name="sums">Takes <see cref="Period"/> sums of the gradient.</param>
    /// <param name="products">Takes <see cref="Period"/> sums of gradient times input.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void ActivateBackward(byte* gradient, byte* more, byte* output, byte* y, nint length, double* sums, double* products)
    {
        for (nint start = 0; start < length; start += SumBlock)
        {
            nint end = Math.Min(start + SumBlock, length);
            Vector512<float> s0 = default, s1 = default, s2 = default, s3 = default, p0 = default, p1 = default, p2 = default, p3 = default;
            for (nint i = start; i < end; i += Period)
            {
                Vector512<float> g0 = TElement.LoadLower(gradient, i), g1 = TElement.LoadUpper(gradient, i);
                Vector512<float> g2 = TElement.LoadLower(gradient, i + 32), g3 = TElement.LoadUpper(gradient, i + 32);
                if (more != null)
                {
                    g0 += TElement.LoadLower(more, i);
                    g1 += TElement.LoadUpper(more, i);
                    g2 += TElement.LoadLower(more, i + 32);
                    g3 += TElement.LoadUpper(more, i + 32);
                }

                if (output != null)
                {
                    g0 = WherePositive(TElement.LoadLower(output, i), g0);
                    g1 = WherePositive(TElement.LoadUpper(output, i), g1);
                    g2 = WherePositive(TElement.LoadLower(output, i + 32), g2);
                    g3 = WherePositive(TElement.LoadUpper(output, i + 32), g3);
                    TElement.Store(gradient, i, g0, g1);
                    TElement.Store(gradient, i + 32, g2, g3);
                }

                s0 += g0;
                s1 += g1;
                s2 += g2;
                s3 += g3;
                p0 = Vector512.FusedMultiplyAdd(g0, TElement.LoadLower(y, i), p0);
                p1 = Vector512.FusedMultiplyAdd(g1, TElement.LoadUpper(y, i), p1);
                p2 = Vector512.FusedMultiplyAdd(g2, TElement.LoadLower(y, i + 32), p2);
                p3 = Vector512.FusedMultiplyAdd(g3, TElement.LoadUpper(y, i + 32), p3);
            }

            AddTo(sums, s0, s1, s2, s3);
            AddTo(products, p0, p1, p2, p3);
        }
    }

    /// <summary>
    /// The sums that batch norm's gradients need, where ReLU follows batch norm at once: which outputs were above zero is computed
    /// again from the input, which is cheaper than to read them and to write the gradient before ReLU.
    /// </summary>
    /// <param name="gradient">Gradient of ReLU's output.</param>
    /// <param name="y">Input of batch norm.</param>
    /// <param name="length">Number of values.</param>
    /// <param name="scale"><see cref="Period"/> factors that <see cref="Normalize"/> took.</param>
    /// <param name="offset"><see cref="Period"/> terms that <see cref="Normalize"/> took.</param>
    /// <param name="sums">Takes <see cref="Period"/> sums of the gradient before ReLU.</param>
    /// <param name="products">Takes <see cref="Period"/> sums of this gradient times input.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void SumsThroughRelu(byte* gradient, byte* y, nint length, float* scale, float* offset, double* sums, double* products)
    {
        Vector512<float> a0 = Vector512.Load(scale), a1 = Vector512.Load(scale + 16), a2 = Vector512.Load(scale + 32),
            a3 = Vector512.Load(scale + 48);
        Vector512<float> b0 = Vector512.Load(offset), b1 = Vector512.Load(offset + 16), b2 = Vector512.Load(offset + 32),
            b3 = Vector512.Load(offset + 48);
        for (nint start = 0; start < length; start += SumBlock)
        {
            nint end = Math.Min(start + SumBlock, length);
            Vector512<float> s0 = default, s1 = default, s2 = default, s3 = default, p0 = default, p1 = default, p2 = default, p3 = default;
            for (nint i = start; i < end; i += Period)
            {
                Vector512<float> y0 = TElement.LoadLower(y, i), y1 = TElement.LoadUpper(y, i), y2 = TElement.LoadLower(y, i + 32),
                    y3 = TElement.LoadUpper(y, i + 32);
                Vector512<float> g0 = WherePositive(Vector512.FusedMultiplyAdd(a0, y0, b0), TElement.LoadLower(gradient, i));
                Vector512<float> g1 = WherePositive(Vector512.FusedMultiplyAdd(a1, y1, b1), TElement.LoadUpper(gradient, i));
                Vector512<float> g2 = WherePositive(Vector512.FusedMultiplyAdd(a2, y2, b2), TElement.LoadLower(gradient, i + 32));
                Vector512<float> g3 = WherePositive(Vector512.FusedMultiplyAdd(a3, y3, b3), TElement.LoadUpper(gradient, i + 32));
                s0 += g0;
                s1 += g1;
                s2 += g2;
                s3 += g3;
                p0 = Vector512.FusedMultiplyAdd(g0, y0, p0);
                p1 = Vector512.FusedMultiplyAdd(g1, y1, p1);
                p2 = Vector512.FusedMultiplyAdd(g2, y2, p2);
                p3 = Vector512.FusedMultiplyAdd(g3, y3, p3);
            }

            AddTo(sums, s0, s1, s2, s3);
            AddTo(products, p0, p1, p2, p3);
        }
    }

    /// <summary>result = p · gradient before ReLU + q · y + r: the backward pass through batch norm and the ReLU that follows it.</summary>
    /// <param name="gradient">Gradient of ReLU's output; becomes the gradient of batch norm's input.</param>
    /// <param name="y">Input of batch norm.</param>
    /// <param name="length">Number of values.</param>
    /// <param name="scale"><see cref="Period"/> factors that <see cref="Normalize"/> took.</param>
    /// <param name="offset"><see cref="Period"/> terms that <see cref="Normalize"/> took.</param>
    /// <param name="p"><see cref="Period"/> factors of the gradient.</param>
    /// <param name="q"><see cref="Period"/> factors of the input.</param>
    /// <param name="r"><see cref="Period"/> terms.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void NormalizeBackwardThroughRelu(byte* gradient, byte* y, nint length, float* scale, float* offset,
        float* p, float* q, float* r)
    {
        Vector512<float> a0 = Vector512.Load(scale), a1 = Vector512.Load(scale + 16), a2 = Vector512.Load(scale + 32),
            a3 = Vector512.Load(scale + 48);
        Vector512<float> b0 = Vector512.Load(offset), b1 = Vector512.Load(offset + 16), b2 = Vector512.Load(offset + 32),
            b3 = Vector512.Load(offset + 48);
        Vector512<float> p0 = Vector512.Load(p), p1 = Vector512.Load(p + 16), p2 = Vector512.Load(p + 32), p3 = Vector512.Load(p + 48);
        Vector512<float> q0 = Vector512.Load(q), q1 = Vector512.Load(q + 16), q2 = Vector512.Load(q + 32), q3 = Vector512.Load(q + 48);
        Vector512<float> r0 = Vector512.Load(r), r1 = Vector512.Load(r + 16), r2 = Vector512.Load(r + 32), r3 = Vector512.Load(r + 48);
        for (nint i = 0; i < length; i += Period)
        {
            Vector512<float> y0 = TElement.LoadLower(y, i), y1 = TElement.LoadUpper(y, i), y2 = TElement.LoadLower(y, i + 32),
                y3 = TElement.LoadUpper(y, i + 32);
            Vector512<float> g0 = WherePositive(Vector512.FusedMultiplyAdd(a0, y0, b0), TElement.LoadLower(gradient, i));
            Vector512<float> g1 = WherePositive(Vector512.FusedMultiplyAdd(a1, y1, b1), TElement.LoadUpper(gradient, i));
            TElement.Store(gradient, i,
                Vector512.FusedMultiplyAdd(p0, g0, Vector512.FusedMultiplyAdd(q0, y0, r0)),
                Vector512.FusedMultiplyAdd(p1, g1, Vector512.FusedMultiplyAdd(q1, y1, r1)));
            Vector512<float> g2 = WherePositive(Vector512.FusedMultiplyAdd(a2, y2, b2), TElement.LoadLower(gradient, i + 32));
            Vector512<float> g3 = WherePositive(Vector512.FusedMultiplyAdd(a3, y3, b3), TElement.LoadUpper(gradient, i + 32));
            TElement.Store(gradient, i + 32,
                Vector512.FusedMultiplyAdd(p2, g2, Vector512.FusedMultiplyAdd(q2, y2, r2)),
                Vector512.FusedMultiplyAdd(p3, g3, Vector512.FusedMultiplyAdd(q3, y3, r3)));
        }
    }

    /// <summary>result = p · gradient + q · y + r: the backward pass through batch norm, once the sums are known.</summary>
    /// <param name="gradient">Gradient of batch norm's output.</param>
    /// <param name="y">Input of batch norm.</param>
    /// <param name="result">Takes the gradient of the input; may be where the gradient is.</param>
    /// <param name="length">Number of values.</param>
    /// <param name="p"><see cref="Period"/> factors of the gradient.</param>
    /// <param name="q"><see cref="Period"/> factors of the input.</param>
    /// <param name="r"><see cref="Period"/> terms.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void NormalizeBackward(byte* gradient, byte* y, byte* result, nint length, float* p, float* q, float* r)
    {
        Vector512<float> p0 = Vector512.Load(p), p1 = Vector512.Load(p + 16), p2 = Vector512.Load(p + 32), p3 = Vector512.Load(p + 48);
        Vector512<float> q0 = Vector512.Load(q), q1 = Vector512.Load(q + 16), q2 = Vector512.Load(q + 32), q3 = Vector512.Load(q + 48);
        Vector512<float> r0 = Vector512.Load(r), r1 = Vector512.Load(r + 16), r2 = Vector512.Load(r + 32), r3 = Vector512.Load(r + 48);
        for (nint i = 0; i < length; i += Period)
        {
            TElement.Store(result, i,
                Vector512.FusedMultiplyAdd(p0, TElement.LoadLower(gradient, i),
                    Vector512.FusedMultiplyAdd(q0, TElement.LoadLower(y, i), r0)),
                Vector512.FusedMultiplyAdd(p1, TElement.LoadUpper(gradient, i),
                    Vector512.FusedMultiplyAdd(q1, TElement.LoadUpper(y, i), r1)));
            TElement.Store(result, i + 32,
                Vector512.FusedMultiplyAdd(p2, TElement.LoadLower(gradient, i + 32),
                    Vector512.FusedMultiplyAdd(q2, TElement.LoadLower(y, i + 32), r2)),
                Vector512.FusedMultiplyAdd(p3, TElement.LoadUpper(gradient, i + 32),
                    Vector512.FusedMultiplyAdd(q3, TElement.LoadUpper(y, i + 32), r3)));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> WherePositive(Vector512<float> condition, Vector512<float> values) =>
        Vector512.ConditionalSelect(Vector512.GreaterThan(condition, Vector512<float>.Zero), values, Vector512<float>.Zero);

    private static void AddTo(double* sums, Vector512<float> v0, Vector512<float> v1, Vector512<float> v2, Vector512<float> v3)
    {
        for (int i = 0; i < 16; i++)
        {
            sums[i] += v0[i];
            sums[i + 16] += v1[i];
            sums[i + 32] += v2[i];
            sums[i + 48] += v3[i];
        }
    }
}
