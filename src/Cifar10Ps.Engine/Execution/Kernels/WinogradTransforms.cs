using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using System.Runtime.Intrinsics;
using Vector = System.Runtime.Intrinsics.Vector512<float>;

namespace Cifar10Ps.Execution.Kernels;

/// <summary>The transforms of <see cref="Winograd{TElement}"/>; vectors go along the channels.</summary>
internal static unsafe class WinogradTransforms
{
    /// <summary>Places of a transformed tile: 6 × 6, row by row.</summary>
    public const int Places = 36;

    /// <summary>Channels of a vector.</summary>
    public const int Lanes = 16;

    /// <summary>Bᵀ down the columns of six rows of pixels.</summary>
    /// <param name="pixels">The rows.</param>
    /// <param name="length">Values of a row.</param>
    /// <param name="target">Takes six rows.</param>
    /// <param name="targetRow">Values from one of them to the next.</param>
    /// <typeparam name="TElement">How pixels are stored in memory.</typeparam>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void InputColumns<TElement>(byte** pixels, nint length, float* target, nint targetRow)
        where TElement : struct, IElement
    {
        byte* p0 = pixels[0], p1 = pixels[1], p2 = pixels[2], p3 = pixels[3], p4 = pixels[4], p5 = pixels[5];
        for (nint i = 0; i < length; i += Lanes)
        {
            Input(TElement.Load(p0, i), TElement.Load(p1, i), TElement.Load(p2, i), TElement.Load(p3, i), TElement.Load(p4, i),
                TElement.Load(p5, i), target + i, targetRow);
            Prefetch<TElement>(p4 + 2 * length * TElement.Size, i, length);
        }
    }

    /// <summary>B along the rows of a tile, which has been through <see cref="InputColumns{TElement}"/>.</summary>
    /// <param name="rows">Six rows of six pixels.</param>
    /// <param name="row">Values from one row to the next.</param>
    /// <param name="channels">Channels of a pixel.</param>
    /// <param name="places">Takes the tile: its channels, 36 times.</param>
    /// <param name="place">Values from one place to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void InputRows(float* rows, nint row, nint channels, float* places, nint place)
    {
        for (int y = 0; y < 6; y++, rows += row, places += 6 * place)
        {
            for (nint c = 0; c < channels; c += Lanes)
            {
                float* x = rows + c;
                Input(Vector512.LoadAligned(x), Vector512.LoadAligned(x + channels), Vector512.LoadAligned(x + 2 * channels),
                    Vector512.LoadAligned(x + 3 * channels),
                    Vector512.LoadAligned(x + 4 * channels), Vector512.LoadAligned(x + 5 * channels), places + c, place);
            }
        }
    }

    /// <summary>A down the columns of four rows of gradients.</summary>
    /// <param name="pixels">The first row; the others follow.</param>
    /// <param name="length">Values of a row.</param>
    /// <param name="target">Takes six rows.</param>
    /// <param name="targetRow">Values from one of them to the next.</param>
    /// <typeparam name="TElement">How gradients are stored in memory.</typeparam>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void GradientColumns<TElement>(byte* pixels, nint length, float* target, nint targetRow)
        where TElement : struct, IElement
    {
        for (nint i = 0; i < length; i += Lanes)
        {
            Gradient(TElement.Load(pixels, i), TElement.Load(pixels, i + length), TElement.Load(pixels, i + 2 * length),
                TElement.Load(pixels, i + 3 * length), target + i, targetRow);
            Prefetch<TElement>(pixels + 4 * length * TElement.Size, i, length);
        }
    }

    /// <summary>Aᵀ along the rows of a tile of gradients, which has been through <see cref="GradientColumns{TElement}"/>.</summary>
    /// <inheritdoc cref="InputRows"/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void GradientRows(float* rows, nint row, nint channels, float* places, nint place)
    {
        for (int y = 0; y < 6; y++, rows += row, places += 6 * place)
        {
            for (nint c = 0; c < channels; c += Lanes)
            {
                float* x = rows + c;
                Gradient(Vector512.LoadAligned(x), Vector512.LoadAligned(x + channels), Vector512.LoadAligned(x + 2 * channels),
                    Vector512.LoadAligned(x + 3 * channels), places + c, place);
            }
        }
    }

    /// <summary>A along the rows of a tile of products.</summary>
    /// <param name="places">The tile: its channels, 36 times.</param>
    /// <param name="place">Values from one place to the next.</param>
    /// <param name="channels">Channels of a pixel.</param>
    /// <param name="rows">Takes six rows of four pixels.</param>
    /// <param name="row">Values from one row to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void OutputRows(float* places, nint place, nint channels, float* rows, nint row)
    {
        for (int y = 0; y < 6; y++, rows += row, places += 6 * place)
        {
            for (nint c = 0; c < channels; c += Lanes)
            {
                (Vector a, Vector b, Vector e, Vector d) = Output(places + c, place);
                float* x = rows + c;
                a.StoreAligned(x);
                b.StoreAligned(x + channels);
                e.StoreAligned(x + 2 * channels);
                d.StoreAligned(x + 3 * channels);
            }
        }
    }

    /// <summary>Aᵀ down the columns of six rows.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="row">Values from one row to the next.</param>
    /// <param name="pixels">Takes four rows, one after the other.</param>
    /// <param name="length">Values of each.</param>
    /// <typeparam name="TElement">How pixels are stored in memory.</typeparam>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void OutputColumns<TElement>(float* rows, nint row, byte* pixels, nint length)
        where TElement : struct, IElement
    {
        for (nint i = 0; i < length; i += Lanes)
        {
            (Vector a, Vector b, Vector c, Vector d) = Output(rows + i, row);
            TElement.Store(pixels, i, a);
            TElement.Store(pixels, i + length, b);
            TElement.Store(pixels, i + 2 * length, c);
            TElement.Store(pixels, i + 3 * length, d);
        }
    }

    /// <summary>The same, plus a bias and a shortcut, and with ReLU.</summary>
    /// <param name="rows">Six rows.</param>
    /// <param name="row">Values from one row to the next.</param>
    /// <param name="bias">A number for each channel.</param>
    /// <param name="channels">Channels of a pixel.</param>
    /// <param name="shortcut">Four rows to add; may be null.</param>
    /// <param name="pixels">Takes four rows, one after the other.</param>
    /// <param name="length">Values of each.</param>
    /// <typeparam name="TElement">How pixels are stored in memory.</typeparam>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ActivatedColumns<TElement>(float* rows, nint row, float* bias, nint channels, byte* shortcut,
        byte* pixels, nint length)
        where TElement : struct, IElement
    {
        for (nint pixel = 0; pixel < length; pixel += channels)
        {
            for (nint c = 0; c < channels; c += Lanes)
            {
                nint i = pixel + c;
                Vector offset = Vector512.Load(bias + c);
                (Vector y0, Vector y1, Vector y2, Vector y3) = Output(rows + i, row);
                TElement.Store(pixels, i, Activated(y0 + offset, i));
                TElement.Store(pixels, i + length, Activated(y1 + offset, i + length));
                TElement.Store(pixels, i + 2 * length, Activated(y2 + offset, i + 2 * length));
                TElement.Store(pixels, i + 3 * length, Activated(y3 + offset, i + 3 * length));
            }
        }

        Vector Activated(Vector y, nint i) => Vector512.Max(shortcut == null ? y : y + TElement.Load(shortcut, i), default);
    }

    /// <summary>GgGᵀ of all weights.</summary>
    /// <param name="weight">[output channels, 3, 3, input channels] of the convolution.</param>
    /// <param name="inputs">Channels that are summed over.</param>
    /// <param name="outputs">Channels that come out.</param>
    /// <param name="isBackward">Whether it is for the backward pass, from the convolution's output channels to its input channels.</param>
    /// <param name="target">Takes [36, outputs / 16, inputs, 16].</param>
    /// <param name="place">Values from one of the 36 to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void TransformWeight(float* weight, int inputs, int outputs, bool isBackward, float* target, nint place)
    {
        float* taps = stackalloc float[9 * Lanes], rows = stackalloc float[18 * Lanes];
        for (int block = 0; block < outputs; block += Lanes)
        {
            for (int input = 0; input < inputs; input++, target += Lanes)
            {
                for (int lane = 0; lane < Lanes; lane++)
                {
                    int output = block + lane;
                    for (int tap = 0; tap < 9; tap++)
                        taps[tap * Lanes + lane] = isBackward
                            ? weight[(input * 9 + 8 - tap) * outputs + output] : weight[(output * 9 + tap) * inputs + input];
                }

                for (int x = 0; x < 3; x++)
                    Weight(taps + x * Lanes, 3 * Lanes, rows + x * Lanes, 3 * Lanes);
                for (int y = 0; y < 6; y++)
                    Weight(rows + 3 * y * Lanes, Lanes, target + 6 * y * place, place);
            }
        }
    }

    /// <summary>GᵀpG of the sums of all products.</summary>
    /// <param name="sums">[36, input channels, output channels].</param>
    /// <param name="place">Values from one place to the next.</param>
    /// <param name="inputs">Number of input channels.</param>
    /// <param name="outputs">Number of output channels.</param>
    /// <param name="target">Takes [output channels, 3, 3, input channels].</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void WeightGradient(float* sums, nint place, int inputs, int outputs, float* target)
    {
        float* rows = stackalloc float[18 * Lanes], taps = stackalloc float[9 * Lanes];
        for (int input = 0; input < inputs; input++)
        {
            for (int block = 0; block < outputs; block += Lanes, sums += Lanes)
            {
                for (int x = 0; x < 6; x++)
                    WeightAdjoint(sums + x * place, 6 * place, rows + x * Lanes, 6 * Lanes);
                for (int y = 0; y < 3; y++)
                    WeightAdjoint(rows + 6 * y * Lanes, Lanes, taps + 3 * y * Lanes, Lanes);
                for (int lane = 0; lane < Lanes; lane++)
                    for (int tap = 0; tap < 9; tap++)
                        target[((block + lane) * 9 + tap) * inputs + input] = taps[tap * Lanes + lane];
            }
        }
    }

    /// <summary>Fetches four rows of pixels: those of the next row of tiles, while this one is multiplied.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch<TElement>(byte* pixels, nint i, nint length)
        where TElement : struct, IElement
    {
        if (!Sse.IsSupported)
            return;
        Sse.Prefetch0(pixels + i * TElement.Size);
        Sse.Prefetch0(pixels + (i + length) * TElement.Size);
        Sse.Prefetch0(pixels + (i + 2 * length) * TElement.Size);
        Sse.Prefetch0(pixels + (i + 3 * length) * TElement.Size);
    }

    /// <summary>Bᵀ times a column of six.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Input(Vector d0, Vector d1, Vector d2, Vector d3, Vector d4, Vector d5, float* target, nint step)
    {
        Vector four = Vector512.Create(4f), five = Vector512.Create(-5f);
        Vector even = Vector512.FusedMultiplyAdd(-four, d2, d4), odd = Vector512.FusedMultiplyAdd(-four, d1, d3);
        Vector even2 = d4 - d2, difference = d3 - d1, odd2 = difference + difference;
        Vector512.FusedMultiplyAdd(four, d0, Vector512.FusedMultiplyAdd(five, d2, d4)).StoreAligned(target);
        (even + odd).StoreAligned(target + step);
        (even - odd).StoreAligned(target + 2 * step);
        (even2 + odd2).StoreAligned(target + 3 * step);
        (even2 - odd2).StoreAligned(target + 4 * step);
        Vector512.FusedMultiplyAdd(four, d1, Vector512.FusedMultiplyAdd(five, d3, d5)).StoreAligned(target + 5 * step);
    }

    /// <summary>A times a column of four.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Gradient(Vector y0, Vector y1, Vector y2, Vector y3, float* target, nint step)
    {
        Vector even = y0 + y2, odd = y1 + y3, even2 = Vector512.FusedMultiplyAdd(Vector512.Create(4f), y2, y0),
            odd2 = Vector512.FusedMultiplyAdd(Vector512.Create(8f), y3, y1 + y1);
        y0.StoreAligned(target);
        (even + odd).StoreAligned(target + step);
        (even - odd).StoreAligned(target + 2 * step);
        (even2 + odd2).StoreAligned(target + 3 * step);
        (even2 - odd2).StoreAligned(target + 4 * step);
        y3.StoreAligned(target + 5 * step);
    }

    /// <summary>Aᵀ times a column of six.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector Y0, Vector Y1, Vector Y2, Vector Y3) Output(float* m, nint step)
    {
        Vector m1 = Vector512.LoadAligned(m + step), m2 = Vector512.LoadAligned(m + 2 * step), m3 = Vector512.LoadAligned(m + 3 * step),
            m4 = Vector512.LoadAligned(m + 4 * step);
        Vector sum = m1 + m2, difference = m1 - m2, sum2 = m3 + m4, difference2 = m3 - m4;
        return (Vector512.LoadAligned(m) + sum + sum2, Vector512.FusedMultiplyAdd(Vector512.Create(2f), difference2, difference),
            Vector512.FusedMultiplyAdd(Vector512.Create(4f), sum2, sum),
            Vector512.FusedMultiplyAdd(Vector512.Create(8f), difference2, difference) + Vector512.LoadAligned(m + 5 * step));
    }

    /// <summary>G times a column of three.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Weight(float* g, nint step, float* target, nint targetStep)
    {
        Vector g0 = Vector512.Load(g), g1 = Vector512.Load(g + step), g2 = Vector512.Load(g + 2 * step);
        Vector outer = (g0 + g2) * (1f / 6), outer2 = g0 * (1f / 24) + g2 * (1f / 6), inner = g1 * (1f / 6), inner2 = g1 * (1f / 12);
        (g0 * 0.25f).Store(target);
        (-outer - inner).Store(target + targetStep);
        (inner - outer).Store(target + 2 * targetStep);
        (outer2 + inner2).Store(target + 3 * targetStep);
        (outer2 - inner2).Store(target + 4 * targetStep);
        g2.Store(target + 5 * targetStep);
    }

    /// <summary>Gᵀ times a column of six.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WeightAdjoint(float* p, nint step, float* target, nint targetStep)
    {
        Vector p1 = Vector512.Load(p + step), p2 = Vector512.Load(p + 2 * step), p3 = Vector512.Load(p + 3 * step),
            p4 = Vector512.Load(p + 4 * step);
        Vector sum = (p1 + p2) * (1f / 6), sum2 = p3 + p4;
        (Vector512.Load(p) * 0.25f - sum + sum2 * (1f / 24)).Store(target);
        ((p2 - p1) * (1f / 6) + (p3 - p4) * (1f / 12)).Store(target + targetStep);
        (sum2 * (1f / 6) - sum + Vector512.Load(p + 5 * step)).Store(target + 2 * targetStep);
    }
}
