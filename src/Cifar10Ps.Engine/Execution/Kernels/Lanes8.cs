using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Cifar10Ps.Execution.Kernels;

/// <summary>256 bits: AVX2.</summary>
internal readonly unsafe struct Lanes8(Vector256<float> value) : ILanes<Lanes8>
{
    private readonly Vector256<float> _value = value;

    /// <inheritdoc/>
    public static int Count => 8;

    /// <inheritdoc/>
    public static bool IsAccelerated => Vector256.IsHardwareAccelerated;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes8 Create(float value) => new(Vector256.Create(value));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes8 Load(float* values) => new(Vector256.Load(values));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes8 LoadAligned(float* values) => new(Vector256.LoadAligned(values));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* target, Lanes8 values) => values._value.Store(target);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreAligned(float* target, Lanes8 values) => values._value.StoreAligned(target);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes8 LoadBFloat16(ushort* values) => new((Widened(Vector128.Load(values)) << 16).AsSingle());

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBFloat16(ushort* target, Lanes8 values) => Narrowed(Rounded(values._value) >> 16).Store(target);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes8 LoadEvenBFloat16(ushort* values) => new((Vector256.Load((uint*)values) << 16).AsSingle());

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes8 LoadOddBFloat16(ushort* values) =>
        new((Vector256.Load((uint*)values) & Vector256.Create(0xFFFF_0000u)).AsSingle());

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBFloat16(ushort* target, Lanes8 even, Lanes8 odd) =>
        ((Rounded(even._value) >> 16) | (Rounded(odd._value) & Vector256.Create(0xFFFF_0000u))).Store((uint*)target);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes8 MultiplyAdd(Lanes8 a, Lanes8 b, Lanes8 c) =>
        new(Vector256.FusedMultiplyAdd(a._value, b._value, c._value));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes8 Max(Lanes8 a, Lanes8 b) => new(Vector256.MaxNative(a._value, b._value));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes8 WherePositive(Lanes8 condition, Lanes8 values) =>
        new(Vector256.ConditionalSelect(
            Vector256.GreaterThan(condition._value, Vector256<float>.Zero), values._value, Vector256<float>.Zero));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes8 operator +(Lanes8 a, Lanes8 b) => new(a._value + b._value);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes8 operator -(Lanes8 a, Lanes8 b) => new(a._value - b._value);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes8 operator *(Lanes8 a, float b) => new(a._value * b);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes8 operator -(Lanes8 a) => new(-a._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Widened(Vector128<ushort> values) =>
        Vector256.Create(Vector128.WidenLower(values), Vector128.WidenUpper(values));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<ushort> Narrowed(Vector256<uint> values) => Vector128.Narrow(values.GetLower(), values.GetUpper());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Rounded(Vector256<float> values)
    {
        Vector256<uint> bits = values.AsUInt32();
        return bits + Vector256.Create(0x7FFFu) + ((bits >> 16) & Vector256<uint>.One);
    }
}
