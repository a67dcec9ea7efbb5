using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Cifar10Ps.Tests;

/// <summary>The rules of zip archives, restated independently: what other programs rely on in the archives written here.</summary>
internal static class ZipRules
{
    /// <summary>
    /// Walks through an archive from its first byte to its last, as laid out in PKWARE's APPNOTE.TXT, and asserts that both headers of
    /// each entry, its values and their checksum agree, and that nothing lies between or after them.
    /// </summary>
    /// <returns>The entries in order: name, where the values begin, the method (0: stored, 8: deflate), and the values.</returns>
    public static IReadOnlyList<(string Name, int Start, int Method, byte[] Values)> Check(byte[] content)
    {
        // End of central directory, 4.3.16, without a comment: the last 22 bytes.
        int end = content.Length - 22;
        Assert.Equal(0x06054b50, Int(end));
        Assert.Equal((0, 0, 0), (Short(end + 4), Short(end + 6), Short(end + 20)));
        (int count, int directoryLength, int directory) = (Short(end + 10), Int(end + 12), Int(end + 16));
        Assert.Equal(count, Short(end + 8));
        Assert.Equal(end, directory + directoryLength);

        List<(string, int, int, byte[])> entries = [];
        int next = 0, central = directory;
        for (int i = 0; i < count; i++)
        {
            // Central header, 4.3.12.
            Assert.Equal(0x02014b50, Int(central));
            (int flags, int method, int crc, int packed, int unpacked, int nameLength) =
                (Short(central + 8), Short(central + 10), Int(central + 16), Int(central + 20), Int(central + 24), Short(central + 28));
            Assert.Equal((0, 0), (Short(central + 32), Short(central + 34)));
            int local = Int(central + 42);
            string name = Encoding.UTF8.GetString(content, central + 46, nameLength);
            central += 46 + nameLength + Short(central + 30);

            // Local header, 4.3.7: the same data, and no data descriptor after the values.
            Assert.Equal(next, local);
            Assert.Equal(0x04034b50, Int(local));
            Assert.Equal((flags, method, crc, packed, unpacked, nameLength),
                (Short(local + 6), Short(local + 8), Int(local + 14), Int(local + 18), Int(local + 22), Short(local + 26)));
            Assert.Equal(0, flags & ~0x806);
            Assert.Contains(method, (int[])[0, 8]);
            Assert.Equal(name, Encoding.UTF8.GetString(content, local + 30, nameLength));
            // Midnight on 1 January 1980, so that the same content gives the same bytes.
            Assert.Equal((0, 0x21), (Short(local + 10), Short(local + 12)));
            int start = local + 30 + nameLength + Short(local + 28);
            next = start + packed;

            byte[] values = content[start..next];
            if (method == 8)
            {
                using MemoryStream plain = new();
                using (DeflateStream deflate = new(new MemoryStream(values), CompressionMode.Decompress))
                    deflate.CopyTo(plain);
                values = plain.ToArray();
            }

            Assert.Equal(unpacked, values.Length);
            Assert.Equal((uint)crc, Crc(values));
            entries.Add((name, start, method, values));
        }

        Assert.Equal((directory, end), (next, central));
        return entries;

        int Short(int at) => BinaryPrimitives.ReadUInt16LittleEndian(content.AsSpan(at));
        int Int(int at) => BinaryPrimitives.ReadInt32LittleEndian(content.AsSpan(at));
    }

    /// <summary>CRC-32 by its definition, bit by bit.</summary>
    public static uint Crc(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in bytes)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
                crc = (crc >> 1) ^ ((crc & 1) * 0xEDB88320);
        }

        return ~crc;
    }
}
