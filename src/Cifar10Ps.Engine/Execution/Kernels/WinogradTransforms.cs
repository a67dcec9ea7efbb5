using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Cifar10Ps.Execution.Kernels;

/// <summary>The transforms of <see cref="Winograd{TElement, TLanes}"/>; vectors go along the channels.</summary>
/// <typeparam name="TLanes">The vectors.</typeparam>
internal static unsafe class WinogradTransforms<TLanes>
    where TLanes : struct, ILanes<TLanes>
{
    private const int Block = MatrixProducts<TLanes>.Block;

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
        for (nint i = 0; i < length; i += TLanes.Count)
        {
            Input(TElement.Load<TLanes>(p0, i), TElement.Load<TLanes>(p1, i), TElement.Load<TLanes>(p2, i),
                TElement.Load<TLanes>(p3, i), TElement.Load<TLanes>(p4, i), TElement.Load<TLanes>(p5, i), target + i, targetRow);
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
            for (nint c = 0; c < channels; c += TLanes.Count)
            {
                float* x = rows + c;
                Input(TLanes.LoadAligned(x), TLanes.LoadAligned(x + channels), TLanes.LoadAligned(x + 2 * channels),
                    TLanes.LoadAligned(x + 3 * channels),
                    TLanes.LoadAligned(x + 4 * channels), TLanes.LoadAligned(x + 5 * channels), places + c, place);
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
        for (nint i = 0; i < length; i += TLanes.Count)
        {
            Gradient(TElement.Load<TLanes>(pixels, i), TElement.Load<TLanes>(pixels, i + length),
                TElement.Load<TLanes>(pixels, i + 2 * length), TElement.Load<TLanes>(pixels, i + 3 * length), target + i, targetRow);
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
            for (nint c = 0; c < channels; c += TLanes.Count)
            {
                float* x = rows + c;
                Gradient(TLanes.LoadAligned(x), TLanes.LoadAligned(x + channels), TLanes.LoadAligned(x + 2 * channels),
                    TLanes.LoadAligned(x + 3 * channels), places + c, place);
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
            for (nint c = 0; c < channels; c += TLanes.Count)
            {
                (TLanes a, TLanes b, TLanes e, TLanes d) = Output(places + c, place);
                float* x = rows + c;
                TLanes.StoreAligned(x, a);
                TLanes.StoreAligned(x + channels, b);
                TLanes.StoreAligned(x + 2 * channels, e);
                TLanes.StoreAligned(x + 3 * channels, d);
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
        for (nint i = 0; i < length; i += TLanes.Count)
        {
            (TLanes a, TLanes b, TLanes c, TLanes d) = Output(rows + i, row);
            TElement.Store(pixels, i, a);
            TElement.Store(pixels, i + length, b);
            TElement.Store(pixels, i + 2 * length, c);
            TElement.Store(pixels, i + 3 * length, d);
        }
    }

    /// <summary>The same, plus a bias and a shortcut; ReLU may follow.</summary>
    /// <param name="rows">Six rows.</param>
    /// <param name="row">Values from one row to the next.</param>
    /// <param name="bias">A number for each channel.</param>
    /// <param name="channels">Channels of a pixel.</param>
    /// <param name="shortcut">Four rows to add, laid out like the pixels, or the pixels themselves; may be null.</param>
    /// <param name="pixels">Takes four rows.</param>
    /// <param name="length">Values of each.</param>
    /// <param name="step">Values from one of them to the next.</param>
    /// <param name="pixelStep">Values from one pixel to the next.</param>
    /// <param name="activate">Whether ReLU follows.</param>
    /// <typeparam name="TElement">How pixels are stored in memory.</typeparam>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void BiasedColumns<TElement>(float* rows, nint row, float* bias, nint channels, byte* shortcut,
        byte* pixels, nint length, nint step, nint pixelStep, bool activate)
        where TElement : struct, IElement
    {
        TLanes floor = activate ? default : TLanes.Create(float.NegativeInfinity);
        for (nint pixel = 0, target = 0; pixel < length; pixel += channels, target += pixelStep)
        {
            for (nint c = 0; c < channels; c += TLanes.Count)
            {
                nint i = target + c;
                TLanes offset = TLanes.Load(bias + c);
                (TLanes y0, TLanes y1, TLanes y2, TLanes y3) = Output(rows + pixel + c, row);
                Store(i, y0 + offset);
                Store(i + step, y1 + offset);
                Store(i + 2 * step, y2 + offset);
                Store(i + 3 * step, y3 + offset);
            }
        }

        void Store(nint i, TLanes y) =>
            TElement.Store(pixels, i, TLanes.Max(floor, shortcut == null ? y : y + TElement.Load<TLanes>(shortcut, i)));
    }

    /// <summary>GgGᵀ of the weights of a block of output channels.</summary>
    /// <param name="weight">[output channels, 3, 3, input channels] of the convolution.</param>
    /// <param name="inputs">Channels that are summed over.</param>
    /// <param name="outputs">Channels that come out.</param>
    /// <param name="isBackward">Whether it is for the backward pass, from the convolution's output channels to its input channels.</param>
    /// <param name="block">Number of the block.</param>
    /// <param name="target">Takes [36, outputs / 16, inputs, 16].</param>
    /// <param name="place">Values from one of the 36 to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void TransformWeight(float* weight, int inputs, int outputs, bool isBackward, int block, float* target, nint place)
    {
        int lanes = TLanes.Count, first = block * Block;
        float* taps = stackalloc float[9 * Block], rows = stackalloc float[18 * Block];
        target += first * inputs;
        for (int input = 0; input < inputs; input++)
        {
            for (int output = first; output < first + Block; output += lanes, target += lanes)
            {
                for (int lane = 0; lane < lanes; lane++)
                    for (int tap = 0; tap < 9; tap++)
                        taps[tap * lanes + lane] = isBackward
                            ? weight[(input * 9 + 8 - tap) * outputs + output + lane]
                            : weight[((output + lane) * 9 + tap) * inputs + input];

                for (int x = 0; x < 3; x++)
                    Weight(taps + x * lanes, 3 * lanes, rows + x * lanes, 3 * lanes);
                for (int y = 0; y < 6; y++)
                    Weight(rows + 3 * y * lanes, lanes, target + 6 * y * place, place);
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
        int lanes = TLanes.Count;
        float* rows = stackalloc float[18 * Block], taps = stackalloc float[9 * Block];
        for (int input = 0; input < inputs; input++)
        {
            for (int block = 0; block < outputs; block += lanes, sums += lanes)
            {
                for (int x = 0; x < 6; x++)
                    WeightAdjoint(sums + x * place, 6 * place, rows + x * lanes, 6 * lanes);
                for (int y = 0; y < 3; y++)
                    WeightAdjoint(rows + 6 * y * lanes, lanes, taps + 3 * y * lanes, lanes);
                for (int lane = 0; lane < lanes; lane++)
                    for (int tap = 0; tap < 9; tap++)
                        target[((block + lane) * 9 + tap) * inputs + input] = taps[tap * lanes + lane];
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
    private static void Input(TLanes d0, TLanes d1, TLanes d2, TLanes d3, TLanes d4, TLanes d5, float* target, nint step)
    {
        TLanes four = TLanes.Create(4f), five = TLanes.Create(-5f);
        TLanes even = TLanes.MultiplyAdd(-four, d2, d4), odd = TLanes.MultiplyAdd(-four, d1, d3);
        TLanes even2 = d4 - d2, difference = d3 - d1, odd2 = difference + difference;
        TLanes.StoreAligned(target, TLanes.MultiplyAdd(four, d0, TLanes.MultiplyAdd(five, d2, d4)));
        TLanes.StoreAligned(target + step, even + odd);
        TLanes.StoreAligned(target + 2 * step, even - odd);
        TLanes.StoreAligned(target + 3 * step, even2 + odd2);
        TLanes.StoreAligned(target + 4 * step, even2 - odd2);
        TLanes.StoreAligned(target + 5 * step, TLanes.MultiplyAdd(four, d1, TLanes.MultiplyAdd(five, d3, d5)));
    }

    /// <summary>A times a column of four.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Gradient(TLanes y0, TLanes y1, TLanes y2, TLanes y3, float* target, nint step)
    {
        TLanes even = y0 + y2, odd = y1 + y3, even2 = TLanes.MultiplyAdd(TLanes.Create(4f), y2, y0),
            odd2 = TLanes.MultiplyAdd(TLanes.Create(8f), y3, y1 + y1);
        TLanes.StoreAligned(target, y0);
        TLanes.StoreAligned(target + step, even + odd);
        TLanes.StoreAligned(target + 2 * step, even - odd);
        TLanes.StoreAligned(target + 3 * step, even2 + odd2);
        TLanes.StoreAligned(target + 4 * step, even2 - odd2);
        TLanes.StoreAligned(target + 5 * step, y3);
    }

    /// <summary>Aᵀ times a column of six.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (TLanes Y0, TLanes Y1, TLanes Y2, TLanes Y3) Output(float* m, nint step)
    {
        TLanes m1 = TLanes.LoadAligned(m + step), m2 = TLanes.LoadAligned(m + 2 * step), m3 = TLanes.LoadAligned(m + 3 * step),
            m4 = TLanes.LoadAligned(m + 4 * step);
        TLanes sum = m1 + m2, difference = m1 - m2, sum2 = m3 + m4, difference2 = m3 - m4;
        return (TLanes.LoadAligned(m) + sum + sum2, TLanes.MultiplyAdd(TLanes.Create(2f), difference2, difference),
            TLanes.MultiplyAdd(TLanes.Create(4f), sum2, sum),
            TLanes.MultiplyAdd(TLanes.Create(8f), difference2, difference) + TLanes.LoadAligned(m + 5 * step));
    }

    /// <summary>G times a column of three.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Weight(float* g, nint step, float* target, nint targetStep)
    {
        TLanes g0 = TLanes.Load(g), g1 = TLanes.Load(g + step), g2 = TLanes.Load(g + 2 * step);
        TLanes outer = (g0 + g2) * (1f / 6), outer2 = g0 * (1f / 24) + g2 * (1f / 6), inner = g1 * (1f / 6), inner2 = g1 * (1f / 12);
        TLanes.Store(target, g0 * 0.25f);
        TLanes.Store(target + targetStep, -outer - inner);
        TLanes.Store(target + 2 * targetStep, inner - outer);
        TLanes.Store(target + 3 * targetStep, outer2 + inner2);
        TLanes.Store(target + 4 * targetStep, outer2 - inner2);
        TLanes.Store(target + 5 * targetStep, g2);
    }

    /// <summary>Gᵀ times a column of six.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WeightAdjoint(float* p, nint step, float* target, nint targetStep)
    {
        TLanes p1 = TLanes.Load(p + step), p2 = TLanes.Load(p + 2 * step), p3 = TLanes.Load(p + 3 * step),
            p4 = TLanes.Load(p + 4 * step);
        TLanes sum = (p1 + p2) * (1f / 6), sum2 = p3 + p4;
        TLanes.Store(target, TLanes.Load(p) * 0.25f - sum + sum2 * (1f / 24));
        TLanes.Store(target + targetStep, (p2 - p1) * (1f / 6) + (p3 - p4) * (1f / 12));
        TLanes.Store(target + 2 * targetStep, sum2 * (1f / 6) - sum + TLanes.Load(p + 5 * step));
    }
}
