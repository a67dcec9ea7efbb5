using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Cifar10Ps.Execution.Kernels;

/// <summary>128 bits: SSE and Arm.</summary>
internal readonly unsafe struct Lanes4(Vector128<float> value) : ILanes<Lanes4>
{
    private readonly Vector128<float> _value = value;

    /// <inheritdoc/>
    public static int Count => 4;

    /// <inheritdoc/>
    public static bool IsAccelerated => Vector128.IsHardwareAccelerated;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes4 Create(float value) => new(Vector128.Create(value));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes4 Load(float* values) => new(Vector128.Load(values));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes4 LoadAligned(float* values) => new(Vector128.LoadAligned(values));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(float* target, Lanes4 values) => values._value.Store(target);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreAligned(float* target, Lanes4 values) => values._value.StoreAligned(target);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes4 LoadBFloat16(ushort* values) => new((Widened(Vector64.Load(values)) << 16).AsSingle());

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBFloat16(ushort* target, Lanes4 values) => Narrowed(Rounded(values._value) >> 16).Store(target);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes4 LoadEvenBFloat16(ushort* values) => new((Vector128.Load((uint*)values) << 16).AsSingle());

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes4 LoadOddBFloat16(ushort* values) =>
        new((Vector128.Load((uint*)values) & Vector128.Create(0xFFFF_0000u)).AsSingle());

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBFloat16(ushort* target, Lanes4 even, Lanes4 odd) =>
        ((Rounded(even._value) >> 16) | (Rounded(odd._value) & Vector128.Create(0xFFFF_0000u))).Store((uint*)target);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes4 MultiplyAdd(Lanes4 a, Lanes4 b, Lanes4 c) =>
        new(Vector128.MultiplyAddEstimate(a._value, b._value, c._value));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes4 Max(Lanes4 a, Lanes4 b) => new(Vector128.MaxNative(a._value, b._value));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes4 WherePositive(Lanes4 condition, Lanes4 values) =>
        new(Vector128.ConditionalSelect(
            Vector128.GreaterThan(condition._value, Vector128<float>.Zero), values._value, Vector128<float>.Zero));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes4 operator +(Lanes4 a, Lanes4 b) => new(a._value + b._value);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes4 operator -(Lanes4 a, Lanes4 b) => new(a._value - b._value);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes4 operator *(Lanes4 a, float b) => new(a._value * b);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes4 operator -(Lanes4 a) => new(-a._value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<uint> Widened(Vector64<ushort> values) =>
        Vector128.WidenLower(Vector128.Create(values, values));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector64<ushort> Narrowed(Vector128<uint> values) => Vector128.Narrow(values, values).GetLower();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<uint> Rounded(Vector128<float> values)
    {
        Vector128<uint> bits = values.AsUInt32();
        return bits + Vector128.Create(0x7FFFu) + ((bits >> 16) & Vector128<uint>.One);
    }
}
