using System.Runtime.CompilerServices;

namespace Cifar10Ps.Execution.Kernels;

/// <summary>The products of <see cref="Winograd{TElement, TLanes}"/> with vectors of 256 or 128 bits: as many sums as stay in sixteen
/// registers.</summary>
/// <typeparam name="TLanes">The vectors.</typeparam>
internal static unsafe class NarrowProducts<TLanes>
    where TLanes : struct, ILanes<TLanes>
{
    /// <summary>Tiles that are multiplied at a time.</summary>
    public const int Tiles = 6;

    private const int Block = WinogradProducts.Block;

    /// <summary>Products of six tiles with the weights of 16 output channels, at one place.</summary>
    /// <param name="tiles">[6, channels].</param>
    /// <param name="step">Values from one tile to the next.</param>
    /// <param name="weights">[channels, 16].</param>
    /// <param name="channels">Number of input channels.</param>
    /// <param name="target">Takes [6, 16].</param>
    /// <param name="targetStep">Values from one tile to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(float* tiles, nint step, float* weights, nint channels, float* target, nint targetStep)
    {
        nint step2 = 2 * step, step3 = 3 * step, step4 = 4 * step, step5 = 5 * step;
        for (int lane = 0; lane < Block; lane += 2 * TLanes.Count)
        {
            TLanes s0 = default, s1 = default, s2 = default, s3 = default, s4 = default, s5 = default;
            TLanes t0 = default, t1 = default, t2 = default, t3 = default, t4 = default, t5 = default;
            float* weight = weights + lane;
            for (float* x = tiles, end = x + channels; x < end; x++, weight += Block)
            {
                TLanes lower = TLanes.LoadAligned(weight), upper = TLanes.LoadAligned(weight + TLanes.Count);
                TLanes value = TLanes.Create(x[0]);
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
                value = TLanes.Create(x[step4]);
                s4 = TLanes.MultiplyAdd(lower, value, s4);
                t4 = TLanes.MultiplyAdd(upper, value, t4);
                value = TLanes.Create(x[step5]);
                s5 = TLanes.MultiplyAdd(lower, value, s5);
                t5 = TLanes.MultiplyAdd(upper, value, t5);
            }

            float* sums = target + lane;
            Store(sums, s0, t0);
            Store(sums + targetStep, s1, t1);
            Store(sums + 2 * targetStep, s2, t2);
            Store(sums + 3 * targetStep, s3, t3);
            Store(sums + 4 * targetStep, s4, t4);
            Store(sums + 5 * targetStep, s5, t5);
        }
    }

    /// <summary>Adds the products of 16 input and 16 output channels at one place, over tiles.</summary>
    /// <inheritdoc cref="WinogradProducts.AddProducts"/>
    public static void AddProducts(float* inputs, nint inputStep, float* outputs, nint outputStep, int tiles, float* sums, nint sumStep)
    {
        for (int input = 0; input < Block; input += 4)
            for (int lane = 0; lane < Block; lane += 2 * TLanes.Count)
                AddFour(inputs + input, inputStep, outputs + lane, outputStep, tiles, sums + input * sumStep + lane, sumStep);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddFour(float* inputs, nint inputStep, float* outputs, nint outputStep, int tiles, float* sums, nint sumStep)
    {
        float* sums1 = sums + sumStep, sums2 = sums + 2 * sumStep, sums3 = sums + 3 * sumStep;
        TLanes s0 = TLanes.LoadAligned(sums), s1 = TLanes.LoadAligned(sums1), s2 = TLanes.LoadAligned(sums2),
            s3 = TLanes.LoadAligned(sums3);
        TLanes t0 = TLanes.LoadAligned(sums + TLanes.Count), t1 = TLanes.LoadAligned(sums1 + TLanes.Count),
            t2 = TLanes.LoadAligned(sums2 + TLanes.Count), t3 = TLanes.LoadAligned(sums3 + TLanes.Count);
        for (int tile = 0; tile < tiles; tile++, inputs += inputStep, outputs += outputStep)
        {
            TLanes lower = TLanes.LoadAligned(outputs), upper = TLanes.LoadAligned(outputs + TLanes.Count);
            TLanes value = TLanes.Create(inputs[0]);
            s0 = TLanes.MultiplyAdd(lower, value, s0);
            t0 = TLanes.MultiplyAdd(upper, value, t0);
            value = TLanes.Create(inputs[1]);
            s1 = TLanes.MultiplyAdd(lower, value, s1);
            t1 = TLanes.MultiplyAdd(upper, value, t1);
            value = TLanes.Create(inputs[2]);
            s2 = TLanes.MultiplyAdd(lower, value, s2);
            t2 = TLanes.MultiplyAdd(upper, value, t2);
            value = TLanes.Create(inputs[3]);
            s3 = TLanes.MultiplyAdd(lower, value, s3);
            t3 = TLanes.MultiplyAdd(upper, value, t3);
        }

        Store(sums, s0, t0);
        Store(sums1, s1, t1);
        Store(sums2, s2, t2);
        Store(sums3, s3, t3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* target, TLanes lower, TLanes upper)
    {
        TLanes.StoreAligned(target, lower);
        TLanes.StoreAligned(target + TLanes.Count, upper);
    }
}
