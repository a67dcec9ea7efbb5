using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Cifar10Ps.Execution.Kernels;

/// <summary>How activations are stored in memory; arithmetic on them is fp32.</summary>
/// <remarks>
/// Kernels take 32 values as two vectors, in the order that is cheapest to read and to write: <see cref="Position"/> says where a value is.
/// </remarks>
internal unsafe interface IElement
{
    /// <summary>Bytes of a value.</summary>
    static abstract int Size { get; }

    /// <summary>Where value <paramref name="i"/> is among the vectors: 16 to a vector, 32 to a pair.</summary>
    static abstract int Position(int i);

    /// <summary>Reads the lower vector of the values <paramref name="i"/> to i + 31.</summary>
    static abstract Vector512<float> LoadLower(byte* values, nint i);

    /// <summary>Reads the upper vector of the values <paramref name="i"/> to i + 31.</summary>
    static abstract Vector512<float> LoadUpper(byte* values, nint i);

    /// <summary>Writes values <paramref name="i"/> to i + 31.</summary>
    static abstract void Store(byte* values, nint i, Vector512<float> lower, Vector512<float> upper);

    /// <summary>Reads values <paramref name="i"/> to i + 15 in their own order.</summary>
    static abstract Vector512<float> Load(byte* values, nint i);

    /// <summary>Writes values <paramref name="i"/> to i + 15 in their own order.</summary>
    static abstract void Store(byte* values, nint i, Vector512<float> source);
}

/// <summary>Single precision.</summary>
internal readonly unsafe struct Float32Element : IElement
{
    /// <inheritdoc/>
    public static int Size => 4;

    /// <inheritdoc/>
    public static int Position(int i) => i;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadLower(byte* values, nint i) => Vector512.Load((float*)values + i);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadUpper(byte* values, nint i) => Vector512.Load((float*)values + i + 16);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(byte* values, nint i, Vector512<float> lower, Vector512<float> upper)
    {
        lower.Store((float*)values + i);
        upper.Store((float*)values + i + 16);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(byte* values, nint i) => Vector512.Load((float*)values + i);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(byte* values, nint i, Vector512<float> source) => source.Store((float*)values + i);
}

/// <summary>bfloat16: the upper half of single precision, rounded to the nearest, ties to even.</summary>
/// <remarks>Two neighbours are 32 bits: the even values, shifted, are one vector, the odd values, where they are, the other.</remarks>
internal readonly unsafe struct BFloat16Element : IElement
{
    /// <inheritdoc/>
    public static int Size => 2;

    private static Vector512<uint> UpperHalves
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector512.Create(0xFFFF_0000u);
    }

    /// <inheritdoc/>
    public static int Position(int i) => i / 32 * 32 + i % 2 * 16 + i % 32 / 2;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadLower(byte* values, nint i) => (Pairs(values, i) << 16).AsSingle();

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadUpper(byte* values, nint i) => (Pairs(values, i) & UpperHalves).AsSingle();

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(byte* values, nint i, Vector512<float> lower, Vector512<float> upper) =>
        ((Rounded(lower) >> 16) | (Rounded(upper) & UpperHalves)).Store((uint*)((ushort*)values + i));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(byte* values, nint i) =>
        (Avx512F.ConvertToVector512UInt32(Vector256.Load((ushort*)values + i)) << 16).AsSingle();

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(byte* values, nint i, Vector512<float> source) =>
        Avx512F.ConvertToVector256UInt16(Rounded(source) >> 16).Store((ushort*)values + i);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Pairs(byte* values, nint i) => Vector512.Load((uint*)((ushort*)values + i));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Rounded(Vector512<float> values)
    {
        Vector512<uint> bits = values.AsUInt32();
        return bits + Vector512.Create(0x7FFFu) + ((bits >> 16) & Vector512<uint>.One);
    }
}
