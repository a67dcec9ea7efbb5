namespace Cifar10Ps.Runtime;

/// <summary>The checksum of zip archives: CRC-32 with the polynomial 0xedb88320.</summary>
internal static class Crc32
{
    private static readonly uint[] Table = [.. Enumerable.Range(0, 256).Select(OfByte)];

    /// <summary>The checksum of some bytes.</summary>
    public static uint Of(ReadOnlySpan<byte> content)
    {
        uint crc = uint.MaxValue;
        foreach (byte b in content)
            crc = Table[(byte)(crc ^ b)] ^ crc >> 8;
        return ~crc;
    }

    private static uint OfByte(int value)
    {
        uint crc = (uint)value;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc & 1) == 0 ? crc >> 1 : 0xedb88320 ^ crc >> 1;
        return crc;
    }
}
