using System.Buffers;
using System.Runtime.InteropServices;
using Google.Protobuf;

namespace Cifar10Ps.Formats;

/// <summary>
/// A message in protobuf's wire format, field after field. Long bytes are not copied: a message of weights takes no more memory than the
/// weights.
/// </summary>
/// <remarks>Format: <c>https://protobuf.dev/programming-guides/encoding</c>.</remarks>
internal sealed class ProtobufMessage
{
    // Short fields, up to the next piece that is long.
    private readonly ArrayBufferWriter<byte> _recent = new();
    private readonly List<Piece> _pieces = [];
    private long _length;

    private delegate ReadOnlySpan<byte> Piece();

    /// <summary>Adds an integer, or a value of an enum.</summary>
    public ProtobufMessage Add(int field, long value) => Add(field, WireFormat.WireType.Varint, output => output.WriteInt64(value));

    /// <summary>Adds a number in single precision.</summary>
    public ProtobufMessage Add(int field, float value) => Add(field, WireFormat.WireType.Fixed32, output => output.WriteFloat(value));

    /// <summary>Adds a text.</summary>
    public ProtobufMessage Add(int field, string text) =>
        Add(field, WireFormat.WireType.LengthDelimited, output => output.WriteString(text));

    /// <summary>Adds numbers as raw bytes, which must not change until the message is written.</summary>
    public ProtobufMessage Add<T>(int field, T[] values)
        where T : unmanaged
    {
        Piece bytes = () => MemoryMarshal.AsBytes(values.AsSpan());
        int length = bytes().Length;
        Add(field, WireFormat.WireType.LengthDelimited, output => output.WriteLength(length));
        Append(bytes);
        return this;
    }

    /// <summary>Adds a message as it is now.</summary>
    public ProtobufMessage Add(int field, ProtobufMessage message)
    {
        int length = (int)Math.Min(message._length, int.MaxValue);
        Add(field, WireFormat.WireType.LengthDelimited, output => output.WriteLength(length));
        message.EndPiece();
        foreach (Piece piece in message._pieces)
            Append(piece);
        return this;
    }

    /// <summary>Writes the message.</summary>
    public void WriteTo(Stream stream)
    {
        EndPiece();
        foreach (Piece piece in _pieces)
            stream.Write(piece());
    }

    private ProtobufMessage Add(int field, WireFormat.WireType type, Action<CodedOutputStream> write)
    {
        using MemoryStream content = new();
        using (CodedOutputStream output = new(content, leaveOpen: true))
        {
            output.WriteTag(field, type);
            write(output);
        }

        _recent.Write(content.ToArray());
        _length += content.Length;
        return this;
    }

    private void Append(Piece piece)
    {
        const int Long = 4_096;
        ReadOnlySpan<byte> bytes = piece();
        _length += bytes.Length;
        if (bytes.Length < Long)
        {
            _recent.Write(bytes);
            return;
        }

        EndPiece();
        _pieces.Add(piece);
    }

    private void EndPiece()
    {
        if (_recent.WrittenCount == 0)
            return;
        byte[] recent = _recent.WrittenSpan.ToArray();
        _pieces.Add(() => recent);
        _recent.ResetWrittenCount();
    }
}
