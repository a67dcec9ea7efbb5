using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Cifar10Ps.Formats;

/// <summary>
/// A NumPy array as an <c>.npy</c> file holds it: a magic text, a version, the length of a header, the header, then the values. They are
/// not converted until they are requested.
/// </summary>
/// <remarks>Format: <c>https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html</c>.</remarks>
internal sealed class Npy
{
    private const int Alignment = 64;
    private readonly NpyHeader _header;
    private readonly ReadOnlyMemory<byte> _values;
    private readonly int _count, _size;

    /// <summary>An array around its bytes.</summary>
    /// <exception cref="InvalidDataException">The header does not fit the bytes, or its type is unknown.</exception>
    internal Npy(NpyHeader header, ReadOnlyMemory<byte> values)
    {
        _header = header;
        _values = values;
        // The bytes that are there bound every product below, so that nothing can overflow or be allocated needlessly.
        long count = header.Shape.Contains(0) ? 0 : 1, size = SizeOf(header.Type);
        foreach (int length in header.Shape)
        {
            if ((count *= length) > values.Length)
                throw new InvalidDataException($"its shape ({string.Join(", ", header.Shape)}) asks for more values than there are");
        }

        if (count * size != values.Length)
            throw new InvalidDataException($"it has {values.Length:N0} bytes of values, but its shape ({string.Join(", ", header.Shape)}) "
                + $"and type '{header.Type}' need {count * size:N0}");
        (_count, _size) = ((int)count, (int)size);
    }

    /// <summary>Sizes of the dimensions; none for a single value.</summary>
    public int[] Shape => _header.Shape;

    private bool IsBigEndian => _header.Type[0] == '>';

    private static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    private char Kind => _header.Type[1];

    /// <summary>An array of single precision.</summary>
    public static Npy Of(int[] shape, float[] values) =>
        new(new NpyHeader("<f4", IsFortran: false, shape), MemoryMarshal.AsBytes(values.AsSpan()).ToArray());

    /// <summary>A single integer.</summary>
    public static Npy Of(long value) => new(new NpyHeader("<i8", IsFortran: false, []), BitConverter.GetBytes(value));

    /// <summary>Parses the bytes of a file.</summary>
    /// <returns>Null for an array of Python objects: a pickle, which is never run.</returns>
    /// <exception cref="InvalidDataException">They are not an array; the message says why.</exception>
    public static Npy? Parse(ReadOnlyMemory<byte> content)
    {
        ReadOnlySpan<byte> bytes = content.Span;
        if (bytes.Length < 12 || !bytes.StartsWith(Magic))
            throw new InvalidDataException("it does not begin like a NumPy array");
        (int start, uint length) = (bytes[6], bytes[7]) switch
        {
            (1, 0) => (10, BinaryPrimitives.ReadUInt16LittleEndian(bytes[8..])),
            (2 or 3, 0) => (12, BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..])),
            _ => throw new InvalidDataException($"it is of version {bytes[6]}.{bytes[7]}, which is unknown"),
        };
        if (length > bytes.Length - start)
            throw new InvalidDataException($"it claims a header of {length:N0} bytes, more than there are");
        int end = start + (int)length;
        if (bytes[end - 1] != '\n')
            throw new InvalidDataException("its header does not end with a line break");
        NpyHeader header = NpyHeader.Parse((bytes[6] == 3 ? Encoding.UTF8 : Encoding.Latin1).GetString(bytes[start..end]));
        return header.Type == "|O" ? null : new Npy(header, content[end..]);
    }

    /// <summary>Writes the array as NumPy does: version 1, values aligned.</summary>
    public void WriteTo(Stream stream)
    {
        string header = _header.ToString();
        int length = (10 + header.Length + 1 + Alignment - 1) / Alignment * Alignment - 10;
        stream.Write([.. Magic, 1, 0, (byte)length, (byte)(length >> 8)]);
        stream.Write(Encoding.Latin1.GetBytes(header.PadRight(length - 1) + '\n'));
        stream.Write(_values.Span);
    }

    /// <summary>The values of an array of floating point, the last dimension fastest.</summary>
    /// <exception cref="InvalidDataException">It holds something else.</exception>
    public float[] ToSingles()
    {
        if (Kind != 'f')
            throw new InvalidDataException($"it is of type '{_header.Type}', not floating point");
        float[] values = new float[_count];
        for (int i = 0; i < values.Length; i++)
        {
            ulong bits = Bits(_header.IsFortran ? FortranPlace(i) : i);
            values[i] = _size switch
            {
                2 => (float)BitConverter.UInt16BitsToHalf((ushort)bits),
                4 => BitConverter.UInt32BitsToSingle((uint)bits),
                _ => (float)BitConverter.UInt64BitsToDouble(bits),
            };
        }

        return values;
    }

    /// <summary>The one integer, or truth value, of an array.</summary>
    /// <exception cref="InvalidDataException">It holds something else.</exception>
    public long ToInteger()
    {
        if (_count != 1 || Kind is not ('i' or 'u' or 'b'))
            throw new InvalidDataException($"it is not a single integer, but {_count:N0} of type '{_header.Type}'");
        ulong bits = Bits(0);
        int unused = 64 - 8 * _size;
        return Kind == 'i' ? (long)(bits << unused) >> unused
            : bits <= long.MaxValue ? (long)bits
            : throw new InvalidDataException($"its integer {bits} is too large");
    }

    /// <summary>The one text of an array.</summary>
    /// <exception cref="InvalidDataException">It holds something else.</exception>
    public string ToText()
    {
        if (_count != 1 || Kind is not ('U' or 'S'))
            throw new InvalidDataException($"it is not a single text, but {_count:N0} of type '{_header.Type}'");
        try
        {
            Encoding encoding = Kind == 'S'
                ? Encoding.Latin1 : new UTF32Encoding(IsBigEndian, byteOrderMark: false, throwOnInvalidCharacters: true);
            return encoding.GetString(_values.Span).TrimEnd('\0');
        }
        catch (DecoderFallbackException e)
        {
            throw new InvalidDataException("its text has invalid characters", e);
        }
    }

    /// <summary>Bytes of an element.</summary>
    private static long SizeOf(string type)
    {
        bool isWhole = type is ['<' or '>' or '|', _, _, ..]
            & int.TryParse(type.AsSpan(Math.Min(2, type.Length)), NumberStyles.None, CultureInfo.InvariantCulture, out int number);
        return (isWhole ? type[1] : ' ', number) switch
        {
            ('f', 2 or 4 or 8) or ('i' or 'u', 1 or 2 or 4 or 8) or ('b', 1) or ('S', _) => number,
            ('U', _) => 4L * number,
            _ => throw new InvalidDataException($"it is of type '{type}', which is unknown"),
        };
    }

    private ulong Bits(int place)
    {
        ulong bits = 0;
        ReadOnlySpan<byte> element = _values.Span.Slice(place * _size, _size);
        for (int i = 0; i < _size; i++)
            bits = bits << 8 | element[IsBigEndian ? i : _size - 1 - i];
        return bits;
    }

    /// <summary>The position of an element in an array whose first dimension is the fastest.</summary>
    /// <param name="place">Its position if the last one were the fastest.</param>
    private int FortranPlace(int place)
    {
        int found = 0, stride = _count;
        for (int dimension = Shape.Length - 1; dimension >= 0; dimension--)
        {
            stride /= Shape[dimension];
            found += place % Shape[dimension] * stride;
            place /= Shape[dimension];
        }

        return found;
    }
}
