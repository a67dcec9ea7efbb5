using System.Runtime.CompilerServices;

namespace Cifar10Ps.Execution.Kernels;

/// <summary>The products of matrices that convolutions consist of, in as many registers as the vectors have.</summary>
/// <typeparam name="TLanes">The vectors.</typeparam>
internal static unsafe class MatrixProducts<TLanes>
    where TLanes : struct, ILanes<TLanes>
{
    /// <summary>Columns of a block, whatever the vectors.</summary>
    public const int Block = WideProducts.Block;

    /// <summary>Rows that are multiplied at a time.</summary>
    public static int Group => IsWide ? WideProducts.Rows : NarrowProducts<TLanes>.Rows;

    /// <summary>Length of parts of the columns that stay in the first cache, 16 KB.</summary>
    private const nint Part = 256;

    /// <summary>Whether there are 32 registers, of 512 bits.</summary>
    public static bool IsWide => TLanes.Count == Block;

    /// <summary>Products of rows with 16 columns.</summary>
    /// <param name="rows">[count, length], with whole groups of rows.</param>
    /// <param name="step">Values from one row to the next.</param>
    /// <param name="count">Number of rows.</param>
    /// <param name="columns">[length, 16].</param>
    /// <param name="length">Length of a row.</param>
    /// <param name="target">Takes [count, 16], with whole groups of rows.</param>
    /// <param name="targetStep">Values from one row to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(float* rows, nint step, nint count, float* columns, nint length, float* target, nint targetStep)
    {
        for (nint start = 0; start < length; start += Part, rows += Part, columns += Part * Block)
        {
            nint part = Math.Min(Part, length - start);
            for (nint row = 0; row < count; row += Group)
            {
                float* from = rows + row * step, to = target + row * targetStep;
                if (IsWide)
                    WideProducts.Multiply(from, step, columns, part, to, targetStep, adds: start > 0);
                else
                    NarrowProducts<TLanes>.Multiply(from, step, columns, part, to, targetStep, adds: start > 0);
            }
        }
    }

    /// <summary>Adds the products of 16 columns of one matrix with 16 columns of another.</summary>
    /// <param name="inputs">[count, 16].</param>
    /// <param name="inputStep">Values from one row to the next.</param>
    /// <param name="outputs">[count, 16].</param>
    /// <param name="outputStep">Values from one row to the next.</param>
    /// <param name="count">Number of rows.</param>
    /// <param name="sums">Takes [16, 16]: input, output.</param>
    /// <param name="sumStep">Values from one input to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void AddProducts(float* inputs, nint inputStep, float* outputs, nint outputStep, int count, float* sums, nint sumStep)
    {
        if (IsWide)
            WideProducts.AddProducts(inputs, inputStep, outputs, outputStep, count, sums, sumStep);
        else
            NarrowProducts<TLanes>.AddProducts(inputs, inputStep, outputs, outputStep, count, sums, sumStep);
    }
}
