using System.Buffers.Binary;
using SkiaSharp;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public sealed class ImageFileTests : IDisposable
{
    private static readonly SKColor Red = new(255, 0, 0), Green = new(0, 255, 0), Blue = new(0, 0, 255), Yellow = new(255, 255, 0);
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_picture_of_the_wanted_size_is_taken_byte_for_byte()
    {
        Random random = new(1);
        using SKBitmap picture = Draw(32, 32, (_, _) => new SKColor((byte)random.Next(256), (byte)random.Next(256), (byte)random.Next(256)));

        byte[] pixels = ImageFile.Read(Save(picture, SKEncodedImageFormat.Png), 32, 32);

        SKColor[] colours = picture.Pixels;
        Assert.Equal([.. colours.Select(c => c.Red), .. colours.Select(c => c.Green), .. colours.Select(c => c.Blue)], pixels);
    }

    [Theory]
    [InlineData(320)]
    [InlineData(100)]
    [InlineData(33)]
    [InlineData(8)]
    public void A_resized_picture_keeps_its_colours_and_its_layout(int side)
    {
        using SKBitmap picture = Quadrants(side);

        AssertQuadrants([Red, Green, Blue, Yellow], ImageFile.Read(Save(picture, SKEncodedImageFormat.Png), 32, 32), tolerance: 0);
    }

    [Fact]
    public void A_shrunken_picture_averages_its_pixels()
    {
        // Eight columns become one; the two in its middle are white.
        using SKBitmap picture = Draw(256, 256, (x, _) => x % 8 is 3 or 4 ? SKColors.White : SKColors.Black);

        byte[] pixels = ImageFile.Read(Save(picture, SKEncodedImageFormat.Png), 32, 32);

        Assert.InRange(pixels.Min(), 255 / 4 - 10, 255 / 4 + 10);
        Assert.InRange(pixels.Max(), 255 / 4 - 10, 255 / 4 + 10);
    }

    [Theory]
    [InlineData(96, 32)]
    [InlineData(32, 96)]
    [InlineData(300, 100)]
    public void The_middle_of_an_oblong_picture_is_taken(int width, int height)
    {
        int third = Math.Max(width, height) / 3;
        using SKBitmap picture = Draw(width, height, (x, y) => Math.Max(x, y) is int i && width > height ? Third(x) : Third(y));

        AssertQuadrants([Green, Green, Green, Green], ImageFile.Read(Save(picture, SKEncodedImageFormat.Png), 32, 32), tolerance: 0);

        SKColor Third(int at) => at < third ? Red : at < 2 * third ? Green : Blue;
    }

    [Fact]
    public void A_picture_fits_any_model_size()
    {
        using SKBitmap picture = Draw(64, 64, (x, y) => Red);

        byte[] pixels = ImageFile.Read(Save(picture, SKEncodedImageFormat.Png), width: 48, height: 20);

        Assert.Equal([.. Enumerable.Repeat((byte)255, 48 * 20), .. new byte[2 * 48 * 20]], pixels);
    }

    [Theory]
    [InlineData(SKEncodedImageFormat.Png)]
    [InlineData(SKEncodedImageFormat.Jpeg)]
    [InlineData(SKEncodedImageFormat.Webp)]
    public void Common_formats_are_read(SKEncodedImageFormat format)
    {
        using SKBitmap picture = Quadrants(64);

        AssertQuadrants([Red, Green, Blue, Yellow], ImageFile.Read(Save(picture, format), 32, 32), tolerance: 12);
    }

    [Fact]
    public void A_bitmap_file_is_read()
    {
        // 24 bits a pixel: blue, green, red; the bottom row first.
        byte[] file = new byte[54 + 3 * 32 * 32];
        "BM"u8.CopyTo(file);
        Put(2, file.Length);
        Put(10, 54);
        Put(14, 40);
        Put(18, 32);
        Put(22, 32);
        Put(26, 1 | (24 << 16));
        for (int y = 0; y < 32; y++)
            for (int x = 0; x < 32; x++)
            {
                SKColor colour = QuadrantColour(x, y, 32);
                ((ReadOnlySpan<byte>)[colour.Blue, colour.Green, colour.Red]).CopyTo(file.AsSpan(54 + 3 * (32 * (31 - y) + x)));
            }

        AssertQuadrants([Red, Green, Blue, Yellow], ImageFile.Read(_folder.Write("picture.bmp", file), 32, 32), tolerance: 0);

        void Put(int at, int value) => BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(at), value);
    }

    [Fact]
    public void A_grey_picture_has_three_equal_planes()
    {
        using SKBitmap picture = new(new SKImageInfo(32, 32, SKColorType.Gray8));
        picture.Erase(new SKColor(77, 77, 77));

        Assert.Equal([77], ImageFile.Read(Save(picture, SKEncodedImageFormat.Png), 32, 32).Distinct());
    }

    [Theory]
    [InlineData(32)]
    [InlineData(128)]
    public void Transparent_parts_become_white(int side)
    {
        using SKBitmap picture = Draw(side, side, (x, _) => x < side / 2 ? new SKColor(255, 0, 0, 0) : new SKColor(255, 0, 0, 128));

        byte[] pixels = ImageFile.Read(Save(picture, SKEncodedImageFormat.Png), 32, 32);

        SKColor pink = new(255, 127, 127);
        AssertQuadrants([SKColors.White, pink, SKColors.White, pink], pixels, tolerance: 1);
    }

    /// <summary>Where the quadrants red, green, blue, yellow (as stored) go, by the definition of the EXIF tag: which visual side the first row and the first column are.</summary>
    [Theory]
    [InlineData(1, "RGBY")]
    [InlineData(2, "GRYB")]
    [InlineData(3, "YBGR")]
    [InlineData(4, "BYRG")]
    [InlineData(5, "RBGY")]
    [InlineData(6, "BRYG")]
    [InlineData(7, "YGBR")]
    [InlineData(8, "GYRB")]
    public void A_photo_is_turned_upright(byte orientation, string upright)
    {
        using SKBitmap picture = Quadrants(64);
        byte[] jpeg = File.ReadAllBytes(Save(picture, SKEncodedImageFormat.Jpeg));
        byte[] exif =
        [
            0xff, 0xe1, 0, 34, .. "Exif\0\0"u8, // the segment
            .. "MM"u8, 0, 42, 0, 0, 0, 8, // a TIFF header
            0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0, // one tag
        ];

        byte[] pixels = ImageFile.Read(_folder.Write("photo.jpg", [.. jpeg[..2], .. exif, .. jpeg[2..]]), 32, 32);

        AssertQuadrants([.. upright.Select(c => c switch { 'R' => Red, 'G' => Green, 'B' => Blue, _ => Yellow })], pixels, tolerance: 12);
    }

    [Fact]
    public void A_truncated_picture_is_refused()
    {
        Random random = new(1);
        using SKBitmap picture = Draw(64, 64, (_, _) => new SKColor((byte)random.Next(256), (byte)random.Next(256), (byte)random.Next(256)));
        byte[] whole = File.ReadAllBytes(Save(picture, SKEncodedImageFormat.Png));

        foreach (int length in new[] { 0, 1, 8, 40, whole.Length / 2, whole.Length - 100 })
            AssertError("InvalidImageFile", () => ImageFile.Read(_folder.Write("cut.png", whole.AsSpan(0, length)), 32, 32));
    }

    [Theory]
    [InlineData("This is no picture.")]
    [InlineData("\u0089PNG\r\n\u001a\n and then nothing of the kind")]
    [InlineData("<svg xmlns=\"http://www.w3.org/2000/svg\"/>")]
    public void A_file_that_is_no_picture_is_refused(string content) =>
        AssertError("InvalidImageFile", () => ImageFile.Read(_folder.Write("no.png", System.Text.Encoding.Latin1.GetBytes(content)), 32, 32));

    [Fact]
    public void A_picture_that_would_fill_the_memory_is_refused()
    {
        // The size of a PNG is in its first chunk; the checksum covers type and content.
        using SKBitmap picture = Draw(32, 32, (_, _) => Red);
        byte[] png = File.ReadAllBytes(Save(picture, SKEncodedImageFormat.Png));
        BinaryPrimitives.WriteInt32BigEndian(png.AsSpan(16), 60_000);
        BinaryPrimitives.WriteInt32BigEndian(png.AsSpan(20), 60_000);
        BinaryPrimitives.WriteUInt32BigEndian(png.AsSpan(29), ZipRules.Crc(png.AsSpan(12, 17)));

        AssertError("ImageTooLarge", () => ImageFile.Read(_folder.Write("huge.png", png), 32, 32));
    }

    [Theory]
    [InlineData("nothing.png")]
    [InlineData("no-folder/nothing.png")]
    public void A_missing_file_is_reported(string name) =>
        AssertError("FileNotFound", () => ImageFile.Read(_folder[name], 32, 32));

    [Fact]
    public void A_folder_is_no_picture() =>
        AssertError("NotARegularFile", () => ImageFile.Read(_folder.Path, 32, 32));

    private static SKColor QuadrantColour(int x, int y, int side) =>
        y < side / 2.0 ? x < side / 2.0 ? Red : Green : x < side / 2.0 ? Blue : Yellow;

    /// <summary>Red and green above blue and yellow.</summary>
    private static SKBitmap Quadrants(int side) => Draw(side, side, (x, y) => QuadrantColour(x, y, side));

    private static SKBitmap Draw(int width, int height, Func<int, int, SKColor> colour)
    {
        SKBitmap bitmap = new(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul));
        bitmap.Pixels = [.. Enumerable.Range(0, width * height).Select(i => colour(i % width, i / width))];
        return bitmap;
    }

    private string Save(SKBitmap bitmap, SKEncodedImageFormat format)
    {
        using SKData data = bitmap.Encode(format, 95);
        return _folder.Write("picture." + format, data.AsSpan());
    }

    /// <summary>Asserts the colours of the middles of the four quadrants.</summary>
    private static void AssertQuadrants(SKColor[] expected, byte[] pixels, int tolerance)
    {
        Assert.Equal(3 * 32 * 32, pixels.Length);
        for (int quadrant = 0; quadrant < 4; quadrant++)
        {
            int at = (quadrant / 2 * 16 + 8) * 32 + quadrant % 2 * 16 + 8;
            SKColor colour = expected[quadrant];
            Assert.All([colour.Red - pixels[at], colour.Green - pixels[1024 + at], colour.Blue - pixels[2048 + at]],
                difference => Assert.InRange(difference, -tolerance, tolerance));
        }
    }
}
