using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Vector = System.Runtime.Intrinsics.Vector512<float>;

namespace Cifar10Ps.Execution.Kernels;

/// <summary>The products of <see cref="Winograd{TElement, TLanes}"/> with 512-bit vectors: sixteen sums that stay in registers, of
/// which there are 32.</summary>
internal static unsafe class WinogradProducts
{
    /// <summary>Channels of a block of transformed weights, whatever the vectors.</summary>
    public const int Block = 16;

    /// <summary>Tiles that are multiplied at a time.</summary>
    public const int Tiles = 16;

    /// <summary>Products of 16 tiles with the weights of 16 output channels, at one place.</summary>
    /// <param name="tiles">[16, channels].</param>
    /// <param name="step">Values from one tile to the next.</param>
    /// <param name="weights">[channels, 16].</param>
    /// <param name="channels">Number of input channels.</param>
    /// <param name="target">Takes [16, 16].</param>
    /// <param name="targetStep">Values from one tile to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(float* tiles, nint step, float* weights, nint channels, float* target, nint targetStep)
    {
        nint step2 = 2 * step, step3 = 3 * step, step4 = 4 * step, step5 = 5 * step, step6 = 6 * step, step7 = 7 * step;
        Vector s0 = default, s1 = default, s2 = default, s3 = default, s4 = default, s5 = default, s6 = default, s7 = default;
        Vector t0 = default, t1 = default, t2 = default, t3 = default, t4 = default, t5 = default, t6 = default, t7 = default;
        float* x = tiles, y = tiles + 8 * step;
        for (float* end = x + channels; x < end; x++, y++, weights += Block)
        {
            Vector weight = Vector512.LoadAligned(weights);
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

    /// <summary>Adds the products of 16 input and 16 output channels at one place, over tiles.</summary>
    /// <param name="inputs">[tiles, 16].</param>
    /// <param name="inputStep">Values from one tile to the next.</param>
    /// <param name="outputs">[tiles, 16].</param>
    /// <param name="outputStep">Values from one tile to the next.</param>
    /// <param name="tiles">Number of tiles.</param>
    /// <param name="sums">Takes [16, 16]: input, output channel.</param>
    /// <param name="sumStep">Values from one input channel to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddProducts(float* inputs, nint inputStep, float* outputs, nint outputStep, int tiles, float* sums, nint sumStep)
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
        for (int tile = 0; tile < tiles; tile++, inputs += inputStep, outputs += outputStep)
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
