using System.Buffers.Binary;

namespace Cifar10Ps.Tests;

/// <summary>Picture files for the tests.</summary>
internal static class Pictures
{
    /// <summary>A PNG file of one red pixel.</summary>
    public static byte[] RedPng { get; } = Convert.FromBase64String(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC");

    /// <summary>A lossless BMP file of 32 x 32 pixels, from an image's red, green and blue planes.</summary>
    public static byte[] Bmp(byte[] planes)
    {
        const int Side = 32, Plane = Side * Side, Start = 54;
        byte[] file = new byte[Start + 3 * Plane];
        "BM"u8.CopyTo(file);
        (int At, int Value)[] header =
            [(2, file.Length), (10, Start), (14, 40), (18, Side), (22, Side), (26, 1 | (24 << 16)), (34, 3 * Plane)];
        foreach ((int at, int value) in header)
            BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(at), value);
        // The bottom row comes first; a pixel is blue, green, red.
        for (int i = 0; i < Plane; i++)
            for (int c = 0; c < 3; c++)
                file[Start + 3 * ((Side - 1 - i / Side) * Side + i % Side) + 2 - c] = planes[c * Plane + i];
        return file;
    }
}
