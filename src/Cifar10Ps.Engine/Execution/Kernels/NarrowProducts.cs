using System.Runtime.CompilerServices;

namespace Cifar10Ps.Execution.Kernels;

/// <summary><see cref="MatrixProducts{TLanes}"/> with vectors of 256 or 128 bits: as many sums as stay in sixteen registers.</summary>
/// <typeparam name="TLanes">The vectors.</typeparam>
internal static unsafe class NarrowProducts<TLanes>
    where TLanes : struct, ILanes<TLanes>
{
    /// <summary>Rows that are multiplied at a time.</summary>
    public const int Rows = 6;

    private const int Block = WideProducts.Block;

    /// <summary>Products of a group of rows with 16 columns.</summary>
    /// <param name="rows">[<see cref="Rows"/>, length].</param>
    /// <param name="step">Values from one row to the next.</param>
    /// <param name="columns">[length, 16].</param>
    /// <param name="length">Length of a row.</param>
    /// <param name="target">Takes [<see cref="Rows"/>, 16].</param>
    /// <param name="targetStep">Values from one row to the next.</param>
    /// <param name="adds">Whether the products are added to what is there.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(float* rows, nint step, float* columns, nint length, float* target, nint targetStep, bool adds)
    {
        nint step2 = 2 * step, step3 = 3 * step, step4 = 4 * step, step5 = 5 * step;
        for (int lane = 0; lane < Block; lane += 2 * TLanes.Count)
        {
            TLanes s0 = default, s1 = default, s2 = default, s3 = default, s4 = default, s5 = default;
            TLanes t0 = default, t1 = default, t2 = default, t3 = default, t4 = default, t5 = default;
            float* weight = columns + lane, sums = target + lane;
            if (adds)
            {
                Load(sums, out s0, out t0);
                Load(sums + targetStep, out s1, out t1);
                Load(sums + 2 * targetStep, out s2, out t2);
                Load(sums + 3 * targetStep, out s3, out t3);
                Load(sums + 4 * targetStep, out s4, out t4);
                Load(sums + 5 * targetStep, out s5, out t5);
            }

            for (float* x = rows, end = x + length; x < end; x++, weight += Block)
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

            Store(sums, s0, t0);
            Store(sums + targetStep, s1, t1);
            Store(sums + 2 * targetStep, s2, t2);
            Store(sums + 3 * targetStep, s3, t3);
            Store(sums + 4 * targetStep, s4, t4);
            Store(sums + 5 * targetStep, s5, t5);
        }
    }

    /// <inheritdoc cref="WideProducts.AddProducts"/>
    public static void AddProducts(float* inputs, nint inputStep, float* outputs, nint outputStep, int count, float* sums, nint sumStep)
    {
        for (int input = 0; input < Block; input += 4)
            for (int lane = 0; lane < Block; lane += 2 * TLanes.Count)
                AddFour(inputs + input, inputStep, outputs + lane, outputStep, count, sums + input * sumStep + lane, sumStep);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddFour(float* inputs, nint inputStep, float* outputs, nint outputStep, int count, float* sums, nint sumStep)
    {
        float* sums1 = sums + sumStep, sums2 = sums + 2 * sumStep, sums3 = sums + 3 * sumStep;
        TLanes s0 = TLanes.LoadAligned(sums), s1 = TLanes.LoadAligned(sums1), s2 = TLanes.LoadAligned(sums2),
            s3 = TLanes.LoadAligned(sums3);
        TLanes t0 = TLanes.LoadAligned(sums + TLanes.Count), t1 = TLanes.LoadAligned(sums1 + TLanes.Count),
            t2 = TLanes.LoadAligned(sums2 + TLanes.Count), t3 = TLanes.LoadAligned(sums3 + TLanes.Count);
        for (int row = 0; row < count; row++, inputs += inputStep, outputs += outputStep)
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
    private static void Load(float* values, out TLanes lower, out TLanes upper) =>
        (lower, upper) = (TLanes.LoadAligned(values), TLanes.LoadAligned(values + TLanes.Count));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* target, TLanes lower, TLanes upper)
    {
        TLanes.StoreAligned(target, lower);
        TLanes.StoreAligned(target + TLanes.Count, upper);
    }
}
