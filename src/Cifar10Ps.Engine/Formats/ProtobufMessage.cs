using System.Buffers;
using Google.Protobuf;

namespace Cifar10Ps.Formats;

/// <summary>A message in protobuf's wire format, field after field.</summary>
/// <remarks>Format: <c>https://protobuf.dev/programming-guides/encoding</c>.</remarks>
internal sealed class ProtobufMessage
{
    private readonly ArrayBufferWriter<byte> _content = new();

    /// <summary>Adds an integer, or a value of an enum.</summary>
    public ProtobufMessage Add(int field, long value) => Add(field, WireFormat.WireType.Varint, output => output.WriteInt64(value));

    /// <summary>Adds a number in single precision.</summary>
    public ProtobufMessage Add(int field, float value) => Add(field, WireFormat.WireType.Fixed32, output => output.WriteFloat(value));

    /// <summary>Adds a text.</summary>
    public ProtobufMessage Add(int field, string text) => Add(field, WireFormat.WireType.LengthDelimited, output => output.WriteString(text));

    /// <summary>Adds bytes.</summary>
    public ProtobufMessage Add(int field, byte[] bytes) =>
        Add(field, WireFormat.WireType.LengthDelimited, output => output.WriteBytes(UnsafeByteOperations.UnsafeWrap(bytes)));

    /// <summary>Adds a message as it is now.</summary>
    public ProtobufMessage Add(int field, ProtobufMessage message) => Add(field, message._content.WrittenSpan.ToArray());

    /// <summary>Writes the message.</summary>
    public void WriteTo(Stream stream) => stream.Write(_content.WrittenSpan);

    private ProtobufMessage Add(int field, WireFormat.WireType type, Action<CodedOutputStream> write)
    {
        using MemoryStream content = new();
        using (CodedOutputStream output = new(content, leaveOpen: true))
        {
            output.WriteTag(field, type);
            write(output);
        }

        _content.Write(content.ToArray());
        return this;
    }
}
