using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Cifar10Ps;

/// <summary>How activations lie in memory; arithmetic on them is fp32.</summary>
internal unsafe interface IElement
{
    /// <summary>Bytes of a value.</summary>
    static abstract int Size { get; }

    /// <summary>Reads values <paramref name="i"/> to i + 15.</summary>
    static abstract Vector512<float> Load(byte* values, nint i);

    /// <summary>Writes values <paramref name="i"/> to i + 15.</summary>
    static abstract void Store(byte* values, nint i, Vector512<float> source);

    /// <summary>Writes values <paramref name="i"/> to i + 31.</summary>
    static abstract void Store(byte* values, nint i, Vector512<float> lower, Vector512<float> upper);
}

/// <summary>Single precision.</summary>
internal readonly unsafe struct Float32Element : IElement
{
    /// <inheritdoc/>
    public static int Size => sizeof(float);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(byte* values, nint i) => Vector512.Load((float*)values + i);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(byte* values, nint i, Vector512<float> source) => source.Store((float*)values + i);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(byte* values, nint i, Vector512<float> lower, Vector512<float> upper)
    {
        lower.Store((float*)values + i);
        upper.Store((float*)values + i + 16);
    }
}

/// <summary>bfloat16: the upper half of single precision, rounded to the nearest, ties to even.</summary>
internal readonly unsafe struct BFloat16Element : IElement
{
    /// <inheritdoc/>
    public static int Size => sizeof(ushort);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(byte* values, nint i) =>
        (Avx512F.ConvertToVector512UInt32(Vector256.Load((ushort*)values + i)) << 16).AsSingle();

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(byte* values, nint i, Vector512<float> source) =>
        Avx512F.ConvertToVector256UInt16(Rounded(source) >> 16).Store((ushort*)values + i);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(byte* values, nint i, Vector512<float> lower, Vector512<float> upper)
    {
        Vector512<ushort> upperHalves = Vector512.Create(
            (ushort)1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31, 33, 35, 37, 39, 41, 43, 45, 47, 49, 51, 53, 55, 57, 59, 61, 63);
        Avx512BW.PermuteVar32x16x2(Rounded(lower).AsUInt16(), upperHalves, Rounded(upper).AsUInt16()).Store((ushort*)values + i);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Rounded(Vector512<float> values)
    {
        Vector512<uint> bits = values.AsUInt32();
        return bits + Vector512.Create(0x7FFFu) + ((bits >> 16) & Vector512<uint>.One);
    }
}
