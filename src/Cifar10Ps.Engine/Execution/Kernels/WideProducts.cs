using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Vector = System.Runtime.Intrinsics.Vector512<float>;

namespace Cifar10Ps.Execution.Kernels;

/// <summary><see cref="MatrixProducts{TLanes}"/> with 512-bit vectors: sixteen sums stay in registers, of which there are 32.</summary>
internal static unsafe class WideProducts
{
    /// <summary>Columns of a block, whatever the vectors.</summary>
    public const int Block = 16;

    /// <summary>Rows that are multiplied at a time.</summary>
    public const int Rows = 16;

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
        nint step2 = 2 * step, step3 = 3 * step, step4 = 4 * step, step5 = 5 * step, step6 = 6 * step, step7 = 7 * step;
        Vector s0 = default, s1 = default, s2 = default, s3 = default, s4 = default, s5 = default, s6 = default, s7 = default;
        Vector t0 = default, t1 = default, t2 = default, t3 = default, t4 = default, t5 = default, t6 = default, t7 = default;
        if (adds)
        {
            Load8(target, targetStep, out s0, out s1, out s2, out s3, out s4, out s5, out s6, out s7);
            Load8(target + 8 * targetStep, targetStep, out t0, out t1, out t2, out t3, out t4, out t5, out t6, out t7);
        }

        float* x = rows, y = rows + 8 * step;
        for (float* end = x + length; x < end; x++, y++, columns += Block)
        {
            Vector weight = Vector512.LoadAligned(columns);
            s0 = Vector512.FusedMultiplyAdd(weight, Vector512.Create(x[0]), s0);
            s1 = Vector512.FusedMultiplyAdd(weight, Vector512.Create(x[step]), s1);
            s2 = Vector512.FusedMultiplyAdd(weight, Vector512.Create(x[step2]), s2);
            s3 = Vector512.FusedMultiplyAdd(weight, Vector512.Create(x[step3]), s3);
            s4 = Vector512.FusedMultiplyAdd(weight, Vector512.Create(x[step4]), s4);
            s5 = Vector512.FusedMultiplyAdd(weight, Vector512.Create(x[step5]), s5);
            s6 = Vector512.FusedMultiplyAdd(weight, Vector512.Create(x[step6]), s6);
            s7 = Vector512.FusedMultiplyAdd(weight, Vector512.Create(x[step7]), s7);
            t0 = Vector512.FusedMultiplyAdd(weight, Vector512.Create(y[0]), t0);
            t1 = Vector512.FusedMultiplyAdd(weight, Vector512.Create(y[step]), t1);
            t2 = Vector512.FusedMultiplyAdd(weight, Vector512.Create(y[step2]), t2);
            t3 = Vector512.FusedMultiplyAdd(weight, Vector512.Create(y[step3]), t3);
            t4 = Vector512.FusedMultiplyAdd(weight, Vector512.Create(y[step4]), t4);
            t5 = Vector512.FusedMultiplyAdd(weight, Vector512.Create(y[step5]), t5);
            t6 = Vector512.FusedMultiplyAdd(weight, Vector512.Create(y[step6]), t6);
            t7 = Vector512.FusedMultiplyAdd(weight, Vector512.Create(y[step7]), t7);
        }

        Store8(target, targetStep, s0, s1, s2, s3, s4, s5, s6, s7);
        Store8(target + 8 * targetStep, targetStep, t0, t1, t2, t3, t4, t5, t6, t7);
    }

    /// <summary>Adds the products of 16 columns of one matrix with 16 columns of another.</summary>
    /// <param name="inputs">[count, 16].</param>
    /// <param name="inputStep">Values from one row to the next.</param>
    /// <param name="outputs">[count, 16].</param>
    /// <param name="outputStep">Values from one row to the next.</param>
    /// <param name="count">Number of rows.</param>
    /// <param name="sums">Takes [16, 16]: input, output.</param>
    /// <param name="sumStep">Values from one input to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddProducts(float* inputs, nint inputStep, float* outputs, nint outputStep, int count, float* sums, nint sumStep)
    {
        float* more = sums + 8 * sumStep;
        Vector s0 = Vector512.LoadAligned(sums), s1 = Vector512.LoadAligned(sums + sumStep), s2 = Vector512.LoadAligned(sums + 2 * sumStep),
            s3 = Vector512.LoadAligned(sums + 3 * sumStep);
        Vector s4 = Vector512.LoadAligned(sums + 4 * sumStep), s5 = Vector512.LoadAligned(sums + 5 * sumStep),
            s6 = Vector512.LoadAligned(sums + 6 * sumStep), s7 = Vector512.LoadAligned(sums + 7 * sumStep);
        Vector t0 = Vector512.LoadAligned(more), t1 = Vector512.LoadAligned(more + sumStep), t2 = Vector512.LoadAligned(more + 2 * sumStep),
            t3 = Vector512.LoadAligned(more + 3 * sumStep);
        Vector t4 = Vector512.LoadAligned(more + 4 * sumStep), t5 = Vector512.LoadAligned(more + 5 * sumStep),
            t6 = Vector512.LoadAligned(more + 6 * sumStep), t7 = Vector512.LoadAligned(more + 7 * sumStep);
        for (int row = 0; row < count; row++, inputs += inputStep, outputs += outputStep)
        {
            Vector output = Vector512.LoadAligned(outputs);
            s0 = Vector512.FusedMultiplyAdd(output, Vector512.Create(inputs[0]), s0);
            s1 = Vector512.FusedMultiplyAdd(output, Vector512.Create(inputs[1]), s1);
            s2 = Vector512.FusedMultiplyAdd(output, Vector512.Create(inputs[2]), s2);
            s3 = Vector512.FusedMultiplyAdd(output, Vector512.Create(inputs[3]), s3);
            s4 = Vector512.FusedMultiplyAdd(output, Vector512.Create(inputs[4]), s4);
            s5 = Vector512.FusedMultiplyAdd(output, Vector512.Create(inputs[5]), s5);
            s6 = Vector512.FusedMultiplyAdd(output, Vector512.Create(inputs[6]), s6);
            s7 = Vector512.FusedMultiplyAdd(output, Vector512.Create(inputs[7]), s7);
            t0 = Vector512.FusedMultiplyAdd(output, Vector512.Create(inputs[8]), t0);
            t1 = Vector512.FusedMultiplyAdd(output, Vector512.Create(inputs[9]), t1);
            t2 = Vector512.FusedMultiplyAdd(output, Vector512.Create(inputs[10]), t2);
            t3 = Vector512.FusedMultiplyAdd(output, Vector512.Create(inputs[11]), t3);
            t4 = Vector512.FusedMultiplyAdd(output, Vector512.Create(inputs[12]), t4);
            t5 = Vector512.FusedMultiplyAdd(output, Vector512.Create(inputs[13]), t5);
            t6 = Vector512.FusedMultiplyAdd(output, Vector512.Create(inputs[14]), t6);
            t7 = Vector512.FusedMultiplyAdd(output, Vector512.Create(inputs[15]), t7);
        }

        Store8(sums, sumStep, s0, s1, s2, s3, s4, s5, s6, s7);
        Store8(more, sumStep, t0, t1, t2, t3, t4, t5, t6, t7);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Load8(float* values, nint step, out Vector a, out Vector b, out Vector c, out Vector d, out Vector e, out Vector f,
        out Vector g, out Vector h)
    {
        a = Vector512.LoadAligned(values);
        b = Vector512.LoadAligned(values + step);
        c = Vector512.LoadAligned(values + 2 * step);
        d = Vector512.LoadAligned(values + 3 * step);
        e = Vector512.LoadAligned(values + 4 * step);
        f = Vector512.LoadAligned(values + 5 * step);
        g = Vector512.LoadAligned(values + 6 * step);
        h = Vector512.LoadAligned(values + 7 * step);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store8(float* target, nint step, Vector a, Vector b, Vector c, Vector d, Vector e, Vector f, Vector g, Vector h)
    {
        a.StoreAligned(target);
        b.StoreAligned(target + step);
        c.StoreAligned(target + 2 * step);
        d.StoreAligned(target + 3 * step);
        e.StoreAligned(target + 4 * step);
        f.StoreAligned(target + 5 * step);
        g.StoreAligned(target + 6 * step);
        h.StoreAligned(target + 7 * step);
    }
}
