using System.Text;

namespace Cifar10Ps.Formats;

/// <summary>
/// Reads a message in protobuf's wire format, field after field, without copying it. No length is trusted before it is checked.
/// </summary>
/// <remarks>Format: <c>https://protobuf.dev/programming-guides/encoding</c>.</remarks>
internal struct ProtobufReader(ReadOnlyMemory<byte> message)
{
    private const int LongestNumber = 10;

    // Wire types.
    private const int Varint = 0, Fixed64 = 1, Delimited = 2, Fixed32 = 5;

    private int _position, _type;
    private ulong _number;
    private ReadOnlyMemory<byte> _bytes;

    /// <summary>Number of the field that was read last.</summary>
    public int Field { get; private set; }

    /// <summary>Reads the next field.</summary>
    /// <returns>Whether there was one.</returns>
    /// <exception cref="InvalidDataException">The message is damaged or cut off.</exception>
    public bool Next()
    {
        if (_position == message.Length)
            return false;
        ulong tag = ReadNumber();
        Field = (int)Math.Min(tag >> 3, int.MaxValue);
        _type = (int)(tag & 7);
        _number = _type == Varint ? ReadNumber() : 0;
        _bytes = _type switch
        {
            Varint => default,
            Fixed64 => Take(sizeof(ulong)),
            Delimited => Take(ReadNumber()),
            Fixed32 => Take(sizeof(uint)),
            _ => throw Damaged(),
        };
        return Field > 0 ? true : throw Damaged();
    }

    /// <summary>The field as an integer.</summary>
    public readonly long Integer() => _type == Varint ? (long)_number : throw Damaged();

    /// <summary>The field as a number in single precision.</summary>
    public readonly float Single() => _type == Fixed32 ? BitConverter.ToSingle(_bytes.Span) : throw Damaged();

    /// <summary>The field as bytes, or as a message.</summary>
    public readonly ReadOnlyMemory<byte> Bytes() => _type == Delimited ? _bytes : throw Damaged();

    /// <summary>The field as a text; invalid bytes become question marks.</summary>
    public readonly string Text() => Encoding.UTF8.GetString(Bytes().Span);

    /// <summary>The field's integers: one, or several packed together.</summary>
    public readonly IEnumerable<long> Integers()
    {
        if (_type == Varint)
            return [(long)_number];
        return Packed(Bytes());

        static IEnumerable<long> Packed(ReadOnlyMemory<byte> bytes)
        {
            ProtobufReader reader = new(bytes);
            while (reader._position < bytes.Length)
                yield return (long)reader.ReadNumber();
        }
    }

    /// <summary>The bytes of the field's numbers of fixed size: one, or several packed together.</summary>
    /// <param name="size">Bytes of a number.</param>
    public readonly ReadOnlyMemory<byte> Fixed(int size) =>
        (_type == Delimited || _type == (size == sizeof(uint) ? Fixed32 : Fixed64)) && _bytes.Length % size == 0 ? _bytes : throw Damaged();

    private ulong ReadNumber()
    {
        ReadOnlySpan<byte> rest = message.Span[_position..];
        ulong number = 0;
        for (int i = 0; i < Math.Min(rest.Length, LongestNumber); i++)
        {
            number |= (ulong)(rest[i] & 0x7f) << (7 * i);
            if (rest[i] < 0x80)
            {
                _position += i + 1;
                return number;
            }
        }

        throw Damaged();
    }

    private ReadOnlyMemory<byte> Take(ulong length)
    {
        if (length > (ulong)(message.Length - _position))
            throw new InvalidDataException(
                $"it is damaged or cut off: a part of it claims {length:N0} bytes, and {message.Length - _position:N0} are left");
        ReadOnlyMemory<byte> taken = message.Slice(_position, (int)length);
        _position += (int)length;
        return taken;
    }

    private static InvalidDataException Damaged() => new("it is damaged: a part of it is of an unexpected kind");
}
