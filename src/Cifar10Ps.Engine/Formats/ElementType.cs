using System.Runtime.InteropServices;

namespace Cifar10Ps.Formats;

/// <summary>How the values of a tensor lie in a file: <c>F32</c>, <c>BF16</c>, <c>I64</c> …, as safetensors calls them.</summary>
internal static class ElementType
{
    /// <summary>Bytes of a value; 0 for a type that is unknown.</summary>
    public static int SizeOf(string type) => type switch
    {
        "C128" => 16,
        "F64" or "I64" or "U64" or "C64" => 8,
        "F32" or "I32" or "U32" => 4,
        "F16" or "BF16" or "I16" or "U16" => 2,
        "I8" or "U8" or "BOOL" => 1,
        _ => 0,
    };

    /// <summary>Whether the values are floating point: weights are, step counters are not.</summary>
    public static bool IsFloat(string type) => type.Contains('F', StringComparison.Ordinal);

    /// <summary>Values of a floating-point type in single precision.</summary>
    public static float[] ToSingles(string type, ReadOnlySpan<byte> bytes) => type switch
    {
        "F64" => Convert<double>(bytes, v => (float)v),
        "F16" => Convert<Half>(bytes, v => (float)v),
        // The upper half of a float.
        "BF16" => Convert<ushort>(bytes, v => BitConverter.UInt32BitsToSingle((uint)v << 16)),
        _ => MemoryMarshal.Cast<byte, float>(bytes).ToArray(),
    };

    private static float[] Convert<T>(ReadOnlySpan<byte> bytes, Func<T, float> convert)
        where T : struct
    {
        ReadOnlySpan<T> values = MemoryMarshal.Cast<byte, T>(bytes);
        float[] singles = new float[values.Length];
        for (int i = 0; i < singles.Length; i++)
            singles[i] = convert(values[i]);
        return singles;
    }
}
