using System.Runtime.CompilerServices;

namespace Cifar10Ps.Execution.Kernels;

/// <summary>
/// Batch norm, the addition of a shortcut and ReLU, forward and backward, each in as few passes over the activations as possible.
/// Activations are channels-last, [pixels, channels].
/// </summary>
/// <remarks>
/// Kernels go through rows of values: all channels of a pixel, or of as many pixels as make <see cref="Period"/> values if there are fewer
/// channels, so that vectors are full; whatever belongs to a channel is repeated to the length of a row. There it lies in the order of
/// <see cref="IElement.Position"/>. A row is a multiple of the period, and lengths are multiples of a row.
/// S. Ioffe, C. Szegedy, "Batch normalization", ICML 2015.
/// </remarks>
/// <typeparam name="TElement">How activations are stored in memory.</typeparam>
/// <typeparam name="TLanes">The vectors.</typeparam>
internal static unsafe class NormKernels<TElement, TLanes>
    where TElement : struct, IElement
    where TLanes : struct, ILanes<TLanes>
{
    /// <summary>Values of the shortest row.</summary>
    public const int Period = 64;

    /// <summary>Number of rows summed in single precision before the sum continues in double precision.</summary>
    private const nint SumRows = 128;

    private static int Lanes => TLanes.Count;

    /// <summary>Values that a loop takes at a time: four vectors, so that constants and sums stay in registers.</summary>
    private static int Part => 4 * TLanes.Count;

    /// <summary>Sums of values and of their squares.</summary>
    /// <param name="y">The values.</param>
    /// <param name="length">Their number.</param>
    /// <param name="width">Values of a row.</param>
    /// <param name="sums">Takes a sum for each value of a row.</param>
    /// <param name="squares">Takes a sum of squares for each value of a row.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Moments(byte* y, nint length, nint width, double* sums, double* squares)
    {
        for (nint start = 0; start < length; start += SumRows * width)
        {
            nint end = Math.Min(start + SumRows * width, length);
            for (nint part = 0; part < width; part += Part)
            {
                TLanes s0 = default, s1 = default, s2 = default, s3 = default, q0 = default, q1 = default, q2 = default, q3 = default;
                for (nint i = start + part; i < end; i += width)
                {
                    TLanes y0 = TElement.LoadLower<TLanes>(y, i), y1 = TElement.LoadUpper<TLanes>(y, i),
                        y2 = TElement.LoadLower<TLanes>(y, i + 2 * Lanes), y3 = TElement.LoadUpper<TLanes>(y, i + 2 * Lanes);
                    s0 += y0;
                    s1 += y1;
                    s2 += y2;
                    s3 += y3;
                    q0 = TLanes.MultiplyAdd(y0, y0, q0);
                    q1 = TLanes.MultiplyAdd(y1, y1, q1);
                    q2 = TLanes.MultiplyAdd(y2, y2, q2);
                    q3 = TLanes.MultiplyAdd(y3, y3, q3);
                }

                AddTo(sums + part, s0, s1, s2, s3);
                AddTo(squares + part, q0, q1, q2, q3);
            }
        }
    }

    /// <summary>output = scale · y + offset, plus the shortcut if there is one, and with ReLU if it is activated.</summary>
    /// <param name="y">Output of a convolution.</param>
    /// <param name="shortcut">What to add; may be null.</param>
    /// <param name="output">Takes the result.</param>
    /// <param name="length">Number of values.</param>
    /// <param name="width">Values of a row.</param>
    /// <param name="scale">A factor for each value of a row.</param>
    /// <param name="offset">A term for each value of a row.</param>
    /// <param name="activate">Whether ReLU follows.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void Normalize(byte* y, byte* shortcut, byte* output, nint length, nint width, float* scale, float* offset, bool activate)
    {
        TLanes floor = activate ? default : TLanes.Create(float.NegativeInfinity);
        for (nint start = 0; start < length; start += SumRows * width)
        {
            nint end = Math.Min(start + SumRows * width, length);
            for (nint part = 0; part < width; part += Part)
            {
                TLanes a0 = TLanes.Load(scale + part), a1 = TLanes.Load(scale + part + Lanes), a2 = TLanes.Load(scale + part + 2 * Lanes),
                    a3 = TLanes.Load(scale + part + 3 * Lanes);
                TLanes b0 = TLanes.Load(offset + part), b1 = TLanes.Load(offset + part + Lanes),
                    b2 = TLanes.Load(offset + part + 2 * Lanes), b3 = TLanes.Load(offset + part + 3 * Lanes);
                for (nint i = start + part; i < end; i += width)
                {
                    TLanes x0 = TLanes.MultiplyAdd(a0, TElement.LoadLower<TLanes>(y, i), b0),
                        x1 = TLanes.MultiplyAdd(a1, TElement.LoadUpper<TLanes>(y, i), b1);
                    TLanes x2 = TLanes.MultiplyAdd(a2, TElement.LoadLower<TLanes>(y, i + 2 * Lanes), b2),
                        x3 = TLanes.MultiplyAdd(a3, TElement.LoadUpper<TLanes>(y, i + 2 * Lanes), b3);
                    if (shortcut != null)
                    {
                        x0 += TElement.LoadLower<TLanes>(shortcut, i);
                        x1 += TElement.LoadUpper<TLanes>(shortcut, i);
                        x2 += TElement.LoadLower<TLanes>(shortcut, i + 2 * Lanes);
                        x3 += TElement.LoadUpper<TLanes>(shortcut, i + 2 * Lanes);
                    }

                    // The processor's maximum returns its second operand if one is NaN: a NaN must reach the loss.
                    TElement.Store(output, i, TLanes.Max(floor, x0), TLanes.Max(floor, x1));
                    TElement.Store(output, i + 2 * Lanes, TLanes.Max(floor, x2), TLanes.Max(floor, x3));
                }
            }
        }
    }

    /// <summary>Backward pass through ReLU: the gradient where the output is above zero,
    /// and the sums that batch norm's gradients need.</summary>
    /// <param name="gradient">Gradient of the output; becomes the gradient before ReLU.</param>
    /// <param name="more">A second gradient of the output, to be added; may be null.</param>
    /// <param name="output">Output of ReLU; null: there was none.</param>
    /// <param name="y">Input of batch norm.</param>
    /// <param name="length">Number of values.</param>
    /// <param name="width">Values of a row.</param>
    /// <param name="sums">Takes a sum of the gradient for each value of a row.</param>
    /// <param name="products">Takes a sum of gradient times input for each value of a row.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void ActivateBackward(byte* gradient, byte* more, byte* output, byte* y, nint length, nint width, double* sums,
        double* products)
    {
        for (nint start = 0; start < length; start += SumRows * width)
        {
            nint end = Math.Min(start + SumRows * width, length);
            for (nint part = 0; part < width; part += Part)
            {
                TLanes s0 = default, s1 = default, s2 = default, s3 = default, p0 = default, p1 = default, p2 = default, p3 = default;
                for (nint i = start + part; i < end; i += width)
                {
                    TLanes g0 = TElement.LoadLower<TLanes>(gradient, i), g1 = TElement.LoadUpper<TLanes>(gradient, i);
                    TLanes g2 = TElement.LoadLower<TLanes>(gradient, i + 2 * Lanes),
                        g3 = TElement.LoadUpper<TLanes>(gradient, i + 2 * Lanes);
                    if (more != null)
                    {
                        g0 += TElement.LoadLower<TLanes>(more, i);
                        g1 += TElement.LoadUpper<TLanes>(more, i);
                        g2 += TElement.LoadLower<TLanes>(more, i + 2 * Lanes);
                        g3 += TElement.LoadUpper<TLanes>(more, i + 2 * Lanes);
                    }

                    if (output != null)
                    {
                        g0 = TLanes.WherePositive(TElement.LoadLower<TLanes>(output, i), g0);
                        g1 = TLanes.WherePositive(TElement.LoadUpper<TLanes>(output, i), g1);
                        g2 = TLanes.WherePositive(TElement.LoadLower<TLanes>(output, i + 2 * Lanes), g2);
                        g3 = TLanes.WherePositive(TElement.LoadUpper<TLanes>(output, i + 2 * Lanes), g3);
                    }

                    if (output != null || more != null)
                    {
                        TElement.Store(gradient, i, g0, g1);
                        TElement.Store(gradient, i + 2 * Lanes, g2, g3);
                    }

                    s0 += g0;
                    s1 += g1;
                    s2 += g2;
                    s3 += g3;
                    p0 = TLanes.MultiplyAdd(g0, TElement.LoadLower<TLanes>(y, i), p0);
                    p1 = TLanes.MultiplyAdd(g1, TElement.LoadUpper<TLanes>(y, i), p1);
                    p2 = TLanes.MultiplyAdd(g2, TElement.LoadLower<TLanes>(y, i + 2 * Lanes), p2);
                    p3 = TLanes.MultiplyAdd(g3, TElement.LoadUpper<TLanes>(y, i + 2 * Lanes), p3);
                }

                AddTo(sums + part, s0, s1, s2, s3);
                AddTo(products + part, p0, p1, p2, p3);
            }
        }
    }

    /// <summary>
    /// The sums that batch norm's gradients need, where ReLU follows batch norm at once: which outputs were above zero is computed
    /// again from the input, which is cheaper than to read them and to write the gradient before ReLU.
    /// </summary>
    /// <param name="gradient">Gradient of ReLU's output.</param>
    /// <param name="y">Input of batch norm.</param>
    /// <param name="length">Number of values.</param>
    /// <param name="width">Values of a row.</param>
    /// <param name="scale">A factor that <see cref="Normalize"/> took for each value of a row.</param>
    /// <param name="offset">A term that <see cref="Normalize"/> took for each value of a row.</param>
    /// <param name="sums">Takes a sum of the gradient before ReLU for each value of a row.</param>
    /// <param name="products">Takes a sum of this gradient times input for each value of a row.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void SumsThroughRelu(byte* gradient, byte* y, nint length, nint width, float* scale, float* offset, double* sums,
        double* products)
    {
        for (nint start = 0; start < length; start += SumRows * width)
        {
            nint end = Math.Min(start + SumRows * width, length);
            for (nint part = 0; part < width; part += Part)
            {
                TLanes a0 = TLanes.Load(scale + part), a1 = TLanes.Load(scale + part + Lanes), a2 = TLanes.Load(scale + part + 2 * Lanes),
                    a3 = TLanes.Load(scale + part + 3 * Lanes);
                TLanes b0 = TLanes.Load(offset + part), b1 = TLanes.Load(offset + part + Lanes),
                    b2 = TLanes.Load(offset + part + 2 * Lanes), b3 = TLanes.Load(offset + part + 3 * Lanes);
                TLanes s0 = default, s1 = default, s2 = default, s3 = default, p0 = default, p1 = default, p2 = default, p3 = default;
                for (nint i = start + part; i < end; i += width)
                {
                    TLanes y0 = TElement.LoadLower<TLanes>(y, i), y1 = TElement.LoadUpper<TLanes>(y, i),
                        y2 = TElement.LoadLower<TLanes>(y, i + 2 * Lanes), y3 = TElement.LoadUpper<TLanes>(y, i + 2 * Lanes);
                    TLanes g0 = TLanes.WherePositive(TLanes.MultiplyAdd(a0, y0, b0), TElement.LoadLower<TLanes>(gradient, i));
                    TLanes g1 = TLanes.WherePositive(TLanes.MultiplyAdd(a1, y1, b1), TElement.LoadUpper<TLanes>(gradient, i));
                    TLanes g2 = TLanes.WherePositive(TLanes.MultiplyAdd(a2, y2, b2), TElement.LoadLower<TLanes>(gradient, i + 2 * Lanes));
                    TLanes g3 = TLanes.WherePositive(TLanes.MultiplyAdd(a3, y3, b3), TElement.LoadUpper<TLanes>(gradient, i + 2 * Lanes));
                    s0 += g0;
                    s1 += g1;
                    s2 += g2;
                    s3 += g3;
                    p0 = TLanes.MultiplyAdd(g0, y0, p0);
                    p1 = TLanes.MultiplyAdd(g1, y1, p1);
                    p2 = TLanes.MultiplyAdd(g2, y2, p2);
                    p3 = TLanes.MultiplyAdd(g3, y3, p3);
                }

                AddTo(sums + part, s0, s1, s2, s3);
                AddTo(products + part, p0, p1, p2, p3);
            }
        }
    }

    /// <summary>result = p · gradient before ReLU + q · y + r: the backward pass through batch norm and the ReLU after it.</summary>
    /// <param name="gradient">Gradient of ReLU's output; becomes the gradient of batch norm's input.</param>
    /// <param name="y">Input of batch norm.</param>
    /// <param name="length">Number of values.</param>
    /// <param name="width">Values of a row.</param>
    /// <param name="scale">A factor that <see cref="Normalize"/> took for each value of a row.</param>
    /// <param name="offset">A term that <see cref="Normalize"/> took for each value of a row.</param>
    /// <param name="p">A factor of the gradient for each value of a row.</param>
    /// <param name="q">A factor of the input for each value of a row.</param>
    /// <param name="r">A term for each value of a row.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void NormalizeBackwardThroughRelu(byte* gradient, byte* y, nint length, nint width, float* scale, float* offset,
        float* p, float* q, float* r)
    {
        for (nint start = 0; start < length; start += SumRows * width)
        {
            nint end = Math.Min(start + SumRows * width, length);
            for (nint part = 0; part < width; part += Part)
            {
                TLanes a0 = TLanes.Load(scale + part), a1 = TLanes.Load(scale + part + Lanes), a2 = TLanes.Load(scale + part + 2 * Lanes),
                    a3 = TLanes.Load(scale + part + 3 * Lanes);
                TLanes b0 = TLanes.Load(offset + part), b1 = TLanes.Load(offset + part + Lanes),
                    b2 = TLanes.Load(offset + part + 2 * Lanes), b3 = TLanes.Load(offset + part + 3 * Lanes);
                TLanes p0 = TLanes.Load(p + part), p1 = TLanes.Load(p + part + Lanes), p2 = TLanes.Load(p + part + 2 * Lanes),
                    p3 = TLanes.Load(p + part + 3 * Lanes);
                TLanes q0 = TLanes.Load(q + part), q1 = TLanes.Load(q + part + Lanes), q2 = TLanes.Load(q + part + 2 * Lanes),
                    q3 = TLanes.Load(q + part + 3 * Lanes);
                TLanes r0 = TLanes.Load(r + part), r1 = TLanes.Load(r + part + Lanes), r2 = TLanes.Load(r + part + 2 * Lanes),
                    r3 = TLanes.Load(r + part + 3 * Lanes);
                for (nint i = start + part; i < end; i += width)
                {
                    TLanes y0 = TElement.LoadLower<TLanes>(y, i), y1 = TElement.LoadUpper<TLanes>(y, i),
                        y2 = TElement.LoadLower<TLanes>(y, i + 2 * Lanes), y3 = TElement.LoadUpper<TLanes>(y, i + 2 * Lanes);
                    TLanes g0 = TLanes.WherePositive(TLanes.MultiplyAdd(a0, y0, b0), TElement.LoadLower<TLanes>(gradient, i));
                    TLanes g1 = TLanes.WherePositive(TLanes.MultiplyAdd(a1, y1, b1), TElement.LoadUpper<TLanes>(gradient, i));
                    TElement.Store(gradient, i,
                        TLanes.MultiplyAdd(p0, g0, TLanes.MultiplyAdd(q0, y0, r0)),
                        TLanes.MultiplyAdd(p1, g1, TLanes.MultiplyAdd(q1, y1, r1)));
                    TLanes g2 = TLanes.WherePositive(TLanes.MultiplyAdd(a2, y2, b2), TElement.LoadLower<TLanes>(gradient, i + 2 * Lanes));
                    TLanes g3 = TLanes.WherePositive(TLanes.MultiplyAdd(a3, y3, b3), TElement.LoadUpper<TLanes>(gradient, i + 2 * Lanes));
                    TElement.Store(gradient, i + 2 * Lanes,
                        TLanes.MultiplyAdd(p2, g2, TLanes.MultiplyAdd(q2, y2, r2)),
                        TLanes.MultiplyAdd(p3, g3, TLanes.MultiplyAdd(q3, y3, r3)));
                }
            }
        }
    }

    /// <summary>result = p · gradient + q · y + r: the backward pass through batch norm, once the sums are known.</summary>
    /// <param name="gradient">Gradient of batch norm's output.</param>
    /// <param name="y">Input of batch norm.</param>
    /// <param name="result">Takes the gradient of the input; may be where the gradient is.</param>
    /// <param name="length">Number of values.</param>
    /// <param name="width">Values of a row.</param>
    /// <param name="p">A factor of the gradient for each value of a row.</param>
    /// <param name="q">A factor of the input for each value of a row.</param>
    /// <param name="r">A term for each value of a row.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void NormalizeBackward(byte* gradient, byte* y, byte* result, nint length, nint width, float* p, float* q, float* r)
    {
        for (nint start = 0; start < length; start += SumRows * width)
        {
            nint end = Math.Min(start + SumRows * width, length);
            for (nint part = 0; part < width; part += Part)
            {
                TLanes p0 = TLanes.Load(p + part), p1 = TLanes.Load(p + part + Lanes), p2 = TLanes.Load(p + part + 2 * Lanes),
                    p3 = TLanes.Load(p + part + 3 * Lanes);
                TLanes q0 = TLanes.Load(q + part), q1 = TLanes.Load(q + part + Lanes), q2 = TLanes.Load(q + part + 2 * Lanes),
                    q3 = TLanes.Load(q + part + 3 * Lanes);
                TLanes r0 = TLanes.Load(r + part), r1 = TLanes.Load(r + part + Lanes), r2 = TLanes.Load(r + part + 2 * Lanes),
                    r3 = TLanes.Load(r + part + 3 * Lanes);
                for (nint i = start + part; i < end; i += width)
                {
                    TElement.Store(result, i,
                        TLanes.MultiplyAdd(p0, TElement.LoadLower<TLanes>(gradient, i),
                            TLanes.MultiplyAdd(q0, TElement.LoadLower<TLanes>(y, i), r0)),
                        TLanes.MultiplyAdd(p1, TElement.LoadUpper<TLanes>(gradient, i),
                            TLanes.MultiplyAdd(q1, TElement.LoadUpper<TLanes>(y, i), r1)));
                    TElement.Store(result, i + 2 * Lanes,
                        TLanes.MultiplyAdd(p2, TElement.LoadLower<TLanes>(gradient, i + 2 * Lanes),
                            TLanes.MultiplyAdd(q2, TElement.LoadLower<TLanes>(y, i + 2 * Lanes), r2)),
                        TLanes.MultiplyAdd(p3, TElement.LoadUpper<TLanes>(gradient, i + 2 * Lanes),
                            TLanes.MultiplyAdd(q3, TElement.LoadUpper<TLanes>(y, i + 2 * Lanes), r3)));
                }
            }
        }
    }

    /// <summary>Backward pass through ReLU alone: the gradient where the output is above zero.</summary>
    /// <param name="gradient">Gradient of the output; becomes the gradient before ReLU.</param>
    /// <param name="more">A second gradient of the output, to be added; may be null.</param>
    /// <param name="output">Output of ReLU; null: there was none.</param>
    /// <param name="copy">Takes the result, too; may be null.</param>
    /// <param name="length">Number of values, a multiple of 16.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void ReluBackward(byte* gradient, byte* more, byte* output, byte* copy, nint length)
    {
        for (nint i = 0; i < length; i += Lanes)
        {
            TLanes g = TElement.Load<TLanes>(gradient, i);
            if (more != null)
                g += TElement.Load<TLanes>(more, i);
            if (output != null)
                g = TLanes.WherePositive(TElement.Load<TLanes>(output, i), g);
            TElement.Store(gradient, i, g);
            if (copy != null)
                TElement.Store(copy, i, g);
        }
    }

    private static void AddTo(double* sums, TLanes v0, TLanes v1, TLanes v2, TLanes v3)
    {
        float* values = stackalloc float[Period];
        TLanes.Store(values, v0);
        TLanes.Store(values + Lanes, v1);
        TLanes.Store(values + 2 * Lanes, v2);
        TLanes.Store(values + 3 * Lanes, v3);
        for (int i = 0; i < Part; i++)
            sums[i] += values[i];
    }
}
