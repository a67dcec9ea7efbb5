namespace Cifar10Ps.Execution.Kernels;

/// <summary>A vector of fp32 values. Kernels are written once over its width.</summary>
/// <remarks>bf16 is the upper half of fp32, rounded to the nearest, ties to even, when it is stored.</remarks>
internal unsafe interface ILanes<TSelf>
    where TSelf : struct, ILanes<TSelf>
{
    /// <summary>Number of values.</summary>
    static abstract int Count { get; }

    /// <summary>Whether the processor has instructions for this width.</summary>
    static abstract bool IsAccelerated { get; }

    /// <summary>The same value in all lanes.</summary>
    static abstract TSelf Create(float value);

    /// <summary>Reads <see cref="Count"/> values.</summary>
    static abstract TSelf Load(float* values);

    /// <summary>Reads <see cref="Count"/> values, aligned to the size of the vector.</summary>
    static abstract TSelf LoadAligned(float* values);

    /// <summary>Writes <see cref="Count"/> values.</summary>
    static abstract void Store(float* target, TSelf values);

    /// <summary>Writes <see cref="Count"/> values, aligned to the size of the vector.</summary>
    static abstract void StoreAligned(float* target, TSelf values);

    /// <summary>Reads <see cref="Count"/> values of bf16.</summary>
    static abstract TSelf LoadBFloat16(ushort* values);

    /// <summary>Writes <see cref="Count"/> values as bf16.</summary>
    static abstract void StoreBFloat16(ushort* target, TSelf values);

    /// <summary>Reads the even ones of 2 · <see cref="Count"/> values of bf16.</summary>
    static abstract TSelf LoadEvenBFloat16(ushort* values);

    /// <summary>Reads the odd ones of 2 · <see cref="Count"/> values of bf16.</summary>
    static abstract TSelf LoadOddBFloat16(ushort* values);

    /// <summary>Writes 2 · <see cref="Count"/> values as bf16.</summary>
    static abstract void StoreBFloat16(ushort* target, TSelf even, TSelf odd);

    /// <summary>a · b + c; rounded once where the processor can.</summary>
    static abstract TSelf MultiplyAdd(TSelf a, TSelf b, TSelf c);

    /// <summary>The larger of each pair of values; NaN if the second is.</summary>
    static abstract TSelf Max(TSelf a, TSelf b);

    /// <summary>The values where the condition is above zero, otherwise zero.</summary>
    static abstract TSelf WherePositive(TSelf condition, TSelf values);

    static abstract TSelf operator +(TSelf a, TSelf b);

    static abstract TSelf operator -(TSelf a, TSelf b);

    static abstract TSelf operator *(TSelf a, float b);

    static abstract TSelf operator -(TSelf a);
}
