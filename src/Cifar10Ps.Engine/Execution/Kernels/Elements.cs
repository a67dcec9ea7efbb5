using System.Runtime.CompilerServices;

namespace Cifar10Ps.Execution.Kernels;

/// <summary>How activations are stored in memory; arithmetic on them is fp32.</summary>
/// <remarks>
/// Kernels take two vectors at a time, in the order that is cheapest to read and to write: <see cref="Position"/> says where a value is.
/// </remarks>
internal unsafe interface IElement
{
    /// <summary>Bytes of a value.</summary>
    static abstract int Size { get; }

    /// <summary>Where value <paramref name="i"/> is among pairs of vectors of <paramref name="lanes"/> values.</summary>
    static abstract int Position(int i, int lanes);

    /// <summary>Reads the lower of the two vectors that begin at value <paramref name="i"/>.</summary>
    static abstract TLanes LoadLower<TLanes>(byte* values, nint i)
        where TLanes : struct, ILanes<TLanes>;

    /// <summary>Reads the upper of the two vectors that begin at value <paramref name="i"/>.</summary>
    static abstract TLanes LoadUpper<TLanes>(byte* values, nint i)
        where TLanes : struct, ILanes<TLanes>;

    /// <summary>Writes two vectors from value <paramref name="i"/> on.</summary>
    static abstract void Store<TLanes>(byte* target, nint i, TLanes lower, TLanes upper)
        where TLanes : struct, ILanes<TLanes>;

    /// <summary>Reads a vector from value <paramref name="i"/> on, in its own order.</summary>
    static abstract TLanes Load<TLanes>(byte* values, nint i)
        where TLanes : struct, ILanes<TLanes>;

    /// <summary>Writes a vector from value <paramref name="i"/> on, in its own order.</summary>
    static abstract void Store<TLanes>(byte* target, nint i, TLanes values)
        where TLanes : struct, ILanes<TLanes>;
}

/// <summary>Single precision.</summary>
internal readonly unsafe struct Float32Element : IElement
{
    /// <inheritdoc/>
    public static int Size => 4;

    /// <inheritdoc/>
    public static int Position(int i, int lanes) => i;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes LoadLower<TLanes>(byte* values, nint i)
        where TLanes : struct, ILanes<TLanes> => TLanes.Load((float*)values + i);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes LoadUpper<TLanes>(byte* values, nint i)
        where TLanes : struct, ILanes<TLanes> => TLanes.Load((float*)values + i + TLanes.Count);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<TLanes>(byte* target, nint i, TLanes lower, TLanes upper)
        where TLanes : struct, ILanes<TLanes>
    {
        TLanes.Store((float*)target + i, lower);
        TLanes.Store((float*)target + i + TLanes.Count, upper);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Load<TLanes>(byte* values, nint i)
        where TLanes : struct, ILanes<TLanes> => TLanes.Load((float*)values + i);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<TLanes>(byte* target, nint i, TLanes values)
        where TLanes : struct, ILanes<TLanes> => TLanes.Store((float*)target + i, values);
}

/// <summary>bfloat16: the upper half of single precision, rounded to the nearest, ties to even.</summary>
/// <remarks>Two neighbours are 32 bits: the even values, shifted, are one vector, the odd values, where they are, the other.</remarks>
internal readonly unsafe struct BFloat16Element : IElement
{
    /// <inheritdoc/>
    public static int Size => 2;

    /// <inheritdoc/>
    public static int Position(int i, int lanes) => i / (2 * lanes) * (2 * lanes) + i % 2 * lanes + i % (2 * lanes) / 2;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes LoadLower<TLanes>(byte* values, nint i)
        where TLanes : struct, ILanes<TLanes> => TLanes.LoadEvenBFloat16((ushort*)values + i);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes LoadUpper<TLanes>(byte* values, nint i)
        where TLanes : struct, ILanes<TLanes> => TLanes.LoadOddBFloat16((ushort*)values + i);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<TLanes>(byte* target, nint i, TLanes lower, TLanes upper)
        where TLanes : struct, ILanes<TLanes> => TLanes.StoreBFloat16((ushort*)target + i, lower, upper);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Load<TLanes>(byte* values, nint i)
        where TLanes : struct, ILanes<TLanes> => TLanes.LoadBFloat16((ushort*)values + i);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store<TLanes>(byte* target, nint i, TLanes values)
        where TLanes : struct, ILanes<TLanes> => TLanes.StoreBFloat16((ushort*)target + i, values);
}
