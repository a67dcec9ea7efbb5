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

    // The rows of more columns are so far apart that they compete for the same cache lines.
    private const nint FewColumns = 64;

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

    /// <summary>Adds the products of the columns of one matrix with those of another.</summary>
    /// <param name="inputs">[count, inputColumns].</param>
    /// <param name="inputColumns">Number of columns, a multiple of 16, and values from one row to the next.</param>
    /// <param name="outputs">[count, outputColumns].</param>
    /// <param name="outputColumns">Number of columns, a multiple of 16, and values from one row to the next.</param>
    /// <param name="count">Number of rows.</param>
    /// <param name="sums">Takes [inputColumns, outputColumns].</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddProducts(float* inputs, nint inputColumns, float* outputs, nint outputColumns, int count, float* sums)
    {
        Scratch columns = new(Scratch.Use.Columns, (outputColumns + Block) * count);
        bool packsInputs = inputColumns > FewColumns, packsOutputs = outputColumns > FewColumns;
        for (nint i = 0; packsOutputs && i < outputColumns; i += Block)
            Pack(outputs + i, outputColumns, count, columns.At(i * count));
        for (nint j = 0; j < inputColumns; j += Block)
        {
            float* input = inputs + j;
            if (packsInputs)
                Pack(input, inputColumns, count, input = columns.At(outputColumns * count));
            for (nint i = 0; i < outputColumns; i += Block)
                AddBlock(input, packsInputs ? Block : inputColumns, packsOutputs ? columns.At(i * count) : outputs + i,
                    packsOutputs ? Block : outputColumns, count, sums + j * outputColumns + i, outputColumns);
        }
    }

    /// <summary>Copies 16 columns so that they follow each other in memory.</summary>
    private static void Pack(float* from, nint step, int count, float* to)
    {
        for (int row = 0; row < count; row++, from += step, to += Block)
            for (int i = 0; i < Block; i += TLanes.Count)
                TLanes.StoreAligned(to + i, TLanes.LoadAligned(from + i));
    }

    /// <inheritdoc cref="WideProducts.AddProducts"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddBlock(float* inputs, nint inputStep, float* outputs, nint outputStep, int count, float* sums, nint sumStep)
    {
        if (IsWide)
            WideProducts.AddProducts(inputs, inputStep, outputs, outputStep, count, sums, sumStep);
        else
            NarrowProducts<TLanes>.AddProducts(inputs, inputStep, outputs, outputStep, count, sums, sumStep);
    }
}
