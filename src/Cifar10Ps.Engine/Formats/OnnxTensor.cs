using System.Runtime.InteropServices;

namespace Cifar10Ps.Formats;

/// <summary>A constant of an ONNX graph. Its values are not converted until they are requested.</summary>
internal sealed class OnnxTensor
{
    // TensorProto.DataType.
    private const int Float = 1, Int32 = 6, Int64 = 7, Half = 10, Double = 11, BFloat16 = 16;

    // Fields of TensorProto.
    private const int DimensionField = 1, TypeField = 2, SegmentField = 3, FloatField = 4, Int32Field = 5, Int64Field = 7, NameField = 8,
        RawField = 9, DoubleField = 10, ExternalField = 13, LocationField = 14;

    private const int MostDimensions = 16;

    private readonly ReadOnlyMemory<byte> _message;
    private readonly int _type;

    /// <summary>Parses a <c>TensorProto</c>, except for its values.</summary>
    /// <exception cref="InvalidDataException">It claims more values than it has bytes, or they are not in the file.</exception>
    public OnnxTensor(ReadOnlyMemory<byte> message)
    {
        _message = message;
        List<long> shape = [];
        bool isElsewhere = false;
        ProtobufReader reader = new(message);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case DimensionField: shape.AddRange(reader.Integers().Take(MostDimensions + 1)); break;
                case TypeField: _type = (int)reader.Integer(); break;
                case NameField: Name = reader.Text(); break;
                case ExternalField or SegmentField: isElsewhere = true; break;
                case LocationField: isElsewhere |= reader.Integer() != 0; break;
            }

            if (shape.Count > MostDimensions)
                throw Invalid($"has more than {MostDimensions} dimensions");
        }

        if (isElsewhere)
            throw Invalid("stores its values in another file: save the model with its weights in one file");
        // A value has a byte at least, so that no product can overflow or cause a needless allocation.
        long count = 1;
        foreach (long size in shape)
            if (size < 0 || size > message.Length || (count *= size) > message.Length)
                throw Invalid("claims a shape that the file has no values for");
        (Shape, Count) = ([.. shape.Select(size => (int)size)], (int)count);
    }

    /// <summary>Its name; empty: none.</summary>
    public string Name { get; } = "";

    /// <summary>Sizes of its dimensions; none for a single value.</summary>
    public int[] Shape { get; }

    /// <summary>Number of values.</summary>
    public int Count { get; }

    /// <summary>Whether its values are integers, as those of shapes and axes are.</summary>
    public bool IsInteger => _type is Int32 or Int64;

    /// <summary>The values in single precision.</summary>
    /// <exception cref="InvalidDataException">The values have another type, or their number differs.</exception>
    public float[] ToSingles() => _type switch
    {
        Float => ElementType.ToSingles("F32", Bytes(FloatField, sizeof(float))),
        Double => ElementType.ToSingles("F64", Bytes(DoubleField, sizeof(double))),
        Half => ElementType.ToSingles("F16", Bytes(Int32Field, sizeof(ushort))),
        BFloat16 => ElementType.ToSingles("BF16", Bytes(Int32Field, sizeof(ushort))),
        Int32 or Int64 => [.. ToIntegers().Select(value => (float)value)],
        _ => throw Invalid($"has values of a type ({_type}) that weights do not have"),
    };

    /// <summary>The values as integers.</summary>
    /// <exception cref="InvalidDataException">The values have another type, or their number differs.</exception>
    public long[] ToIntegers() => _type switch
    {
        Int64 => MemoryMarshal.Cast<byte, long>(Bytes(Int64Field, sizeof(long))).ToArray(),
        Int32 => Array.ConvertAll(MemoryMarshal.Cast<byte, int>(Bytes(Int32Field, sizeof(int))).ToArray(), value => (long)value),
        _ => throw Invalid("has to hold integers"),
    };

    /// <summary>The bytes of its values, little-endian.</summary>
    /// <param name="field">The field that holds them if they are not raw.</param>
    /// <param name="size">Bytes of a value.</param>
    private ReadOnlySpan<byte> Bytes(int field, int size)
    {
        ReadOnlyMemory<byte>? raw = null;
        byte[]? values = null;
        int used = 0;
        ProtobufReader reader = new(_message);
        while (reader.Next())
        {
            if (reader.Field == RawField)
                raw = reader.Bytes();
            else if (reader.Field == field)
                Append(ref reader, values ??= new byte[(long)Count * size]);
        }

        ReadOnlySpan<byte> found = values is null ? (raw ?? default).Span : values.AsSpan(0, used);
        return found.Length == (long)Count * size && (values is null || raw is null) ? found
            : throw Invalid(
                $"has {found.Length:N0} bytes of values, but its shape [{string.Join(", ", Shape)}] needs {(long)Count * size:N0}");

        void Append(ref ProtobufReader reader, byte[] to)
        {
            if (field is FloatField or DoubleField)
            {
                ReadOnlySpan<byte> packed = reader.Fixed(size).Span;
                if (packed.Length > to.Length - used)
                    throw Invalid("has more values than its shape");
                packed.CopyTo(to.AsSpan(used));
                used += packed.Length;
                return;
            }

            foreach (long value in reader.Integers())
            {
                if (used == to.Length)
                    throw Invalid("has more values than its shape");
                BitConverter.GetBytes(value).AsSpan(0, size).CopyTo(to.AsSpan(used));
                used += size;
            }
        }
    }

    private InvalidDataException Invalid(string why) => new($"its tensor '{DisplayText.Name(Name)}' {why}");
}
