using System.Buffers.Binary;
using System.Text;

namespace Cifar10Ps.Formats;

/// <summary>Writes a pickle of protocol 2, instruction by instruction.</summary>
internal sealed class PickleWriter
{
    // The protocol comes first.
    private readonly List<byte> _content = [0x80, 2];

    /// <summary>Opens a tuple, or a list of entries.</summary>
    public void Mark() => _content.Add((byte)'(');

    /// <summary>A tuple of everything since the mark.</summary>
    public void Tuple() => _content.Add((byte)'t');

    /// <summary>Puts names and values since the mark into the dictionary before it.</summary>
    public void SetItems() => _content.Add((byte)'u');

    /// <summary>Calls a global with a tuple of arguments.</summary>
    public void Reduce() => _content.Add((byte)'R');

    /// <summary>A reference to something outside the pickle, by its id.</summary>
    public void PersistentId() => _content.Add((byte)'Q');

    /// <summary>False.</summary>
    public void False() => _content.Add(0x89);

    /// <summary>A number.</summary>
    public void Integer(int value) => WriteWithNumber('J', value);

    /// <summary>A text.</summary>
    public void Text(string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        WriteWithNumber('X', bytes.Length);
        _content.AddRange(bytes);
    }

    /// <summary>A class or function.</summary>
    public void Global(string module, string name) => _content.AddRange(Encoding.UTF8.GetBytes($"c{module}\n{name}\n"));

    /// <summary>Ends the pickle.</summary>
    public byte[] ToArray()
    {
        _content.Add((byte)'.');
        return [.. _content];
    }

    private void WriteWithNumber(char opcode, int number)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, number);
        _content.Add((byte)opcode);
        _content.AddRange(bytes);
    }
}
