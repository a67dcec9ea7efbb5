using System.Buffers.Binary;
using System.Text;
using Cifar10Ps.Runtime;

namespace Cifar10Ps.Formats;

/// <summary>
/// Writes a zip archive whose entries are not compressed and begin at multiples of 64 bytes, as PyTorch does so that they can be mapped
/// into memory. The same entries always give the same bytes.
/// </summary>
/// <remarks>Format: PKWARE's APPNOTE.TXT, sections 4.3 and 4.5.</remarks>
/// <param name="stream">The target, written from its beginning.</param>
internal sealed class StoredZip(Stream stream)
{
    private const int Alignment = 64, LocalLength = 30, FieldLength = 4;

    private readonly List<byte> _directory = [];
    private long _position;
    private ushort _count;

    /// <summary>Adds an entry.</summary>
    public void Add(string name, ReadOnlySpan<byte> content)
    {
        byte[] nameBytes = Encoding.UTF8.GetBytes(name);
        int padding = (int)(Alignment - (_position + LocalLength + nameBytes.Length + FieldLength) % Alignment) % Alignment;

        // The same in both headers: version, flags (names are UTF-8), method (stored), time, date (1 January 1980), checksum, sizes,
        // length of the name.
        byte[] facts = [.. Bytes(20, 0x800, 0, 0, 0x21), .. Bytes(Crc32.Of(content)), .. Bytes((uint)content.Length),
            .. Bytes((uint)content.Length), .. Bytes((ushort)nameBytes.Length)];
        byte[] local = [.. "PK\x03\x04"u8, .. facts, .. Bytes((ushort)(FieldLength + padding)), .. nameBytes, .. "FB"u8,
            .. Bytes((ushort)padding), .. new byte[padding]];
        byte[] entry = [.. "PK\x01\x02"u8, .. Bytes(20), .. facts, .. Bytes(0, 0, 0, 0), .. Bytes(0u),
            .. Bytes(checked((uint)_position)), .. nameBytes];
        stream.Write(local);
        stream.Write(content);
        _position += local.Length + content.Length;
        _directory.AddRange(entry);
        _count++;
    }

    /// <summary>Writes the directory.</summary>
    public void Finish()
    {
        stream.Write([.. _directory, .. "PK\x05\x06"u8, .. Bytes(0, 0, _count, _count), .. Bytes((uint)_directory.Count),
            .. Bytes(checked((uint)_position)), .. Bytes(0)]);
    }

    private static byte[] Bytes(params ReadOnlySpan<ushort> numbers)
    {
        byte[] bytes = new byte[2 * numbers.Length];
        for (int i = 0; i < numbers.Length; i++)
            BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(2 * i), numbers[i]);
        return bytes;
    }

    private static byte[] Bytes(uint number) => Bytes((ushort)number, (ushort)(number >> 16));
}
