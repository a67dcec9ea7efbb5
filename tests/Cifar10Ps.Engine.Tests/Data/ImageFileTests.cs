using System.Buffers.Binary;
using Cifar10Ps.Data;
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
        using SKBitmap picture =
            Draw(32, 32, (_, _) => new SKColor((byte)random.Next(256), (byte)random.Next(256), (byte)random.Next(256)));

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
        // Eight columns become one; the two in the middle are white.
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

    /// <summary>
    /// Where the quadrants red, green, blue, yellow (as stored) end up, by the definition of the EXIF tag: the sides on which the
    /// first row and the first column are seen.
    /// </summary>
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
        byte[] exif = [0xff, 0xe1, 0, 34, .. "Exif\0\0"u8, .. Exif(orientation, isLittle: false)];

        AssertUpright(upright, _folder.Write("photo.jpg", [.. jpeg[..2], .. exif, .. jpeg[2..]]));
    }

    /// <summary>As above, in the chunks eXIf (PNG) and EXIF (WebP); older programs write a prefix that the specifications lack.</summary>
    [Theory]
    [InlineData(1, "RGBY")]
    [InlineData(2, "GRYB")]
    [InlineData(3, "YBGR")]
    [InlineData(4, "BYRG")]
    [InlineData(5, "RBGY")]
    [InlineData(6, "BRYG")]
    [InlineData(7, "YGBR")]
    [InlineData(8, "GYRB")]
    public void A_PNG_or_WebP_picture_is_turned_upright(byte orientation, string upright)
    {
        foreach (bool isLittle in new[] { true, false })
        {
            foreach (byte[] prefix in new byte[][] { [], [.. "Exif\0\0"u8] })
            {
                byte[] exif = [.. prefix, .. Exif(orientation, isLittle)];
                AssertUpright(upright, PngWith(exif));
                AssertUpright(upright, PngWith(exif, atEnd: true));
                AssertUpright(upright, WebpWith(exif));
            }
        }
    }

    [Theory]
    [InlineData(0, (byte)'X')] // no TIFF structure
    [InlineData(4, 0xff)] // the directory is beyond the end
    [InlineData(8, 0xff)] // 65,281 entries
    [InlineData(13, 4)] // a tag of another type
    [InlineData(19, 9)] // 9 is not an orientation
    public void Damaged_EXIF_data_turn_nothing(int at, byte value)
    {
        byte[] exif = Exif(6, isLittle: false);
        exif[at] = value;

        foreach (byte[] cut in new[] { exif, exif[..20], exif[..9], [] })
        {
            // An excessive number of entries does not hide the first one.
            string upright = at == 8 && cut == exif ? "BRYG" : "RGBY";
            AssertUpright(upright, PngWith(cut));
            AssertUpright(upright, WebpWith(cut));
        }
    }

    [Theory]
    [InlineData("II*\0", "TIFF")]
    [InlineData("MM\0*", "TIFF")]
    [InlineData("II+\0", "TIFF")]
    [InlineData("\0\0\0\u0018ftypheic\0\0\0\0mif1heic", "HEIC")]
    [InlineData("\0\0\0\u0018ftypmif1\0\0\0\0mif1heic", "HEIC")]
    [InlineData("\0\0\0\u0018ftypmif1\0\0\0\0mif1avif", "AVIF")]
    [InlineData("\0\0\0\u0018ftypavif\0\0\0\0avifmif1", "AVIF")]
    [InlineData("\u00ff\n", "JPEG XL")]
    [InlineData("\0\0\0\u000cjP  ", "JPEG 2000")]
    [InlineData("8BPS", "Photoshop")]
    [InlineData("\0\0\u0001\0", "ICO")]
    public void A_picture_of_another_format_is_not_called_damaged(string head, string format)
    {
        byte[] content = [.. System.Text.Encoding.Latin1.GetBytes(head), .. new byte[200]];

        EngineException error = AssertError("UnsupportedImageFormat", () => ImageFile.Read(_folder.Write("photo.jpg", content), 32, 32));

        Assert.Contains($"has the format {format}, which is not supported", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "is empty")]
    [InlineData("\u00ef\u00bb\u00bf<!DOCTYPE html><p>404", "is an HTML page")]
    [InlineData("version https://git-lfs.github.com/spec/v1", "is a Git LFS pointer")]
    [InlineData("\0\0\u0020\u0020\u00ff\u00ff\u00ff\u00ff", "is not a complete picture")] // Skia would take it for a WBMP picture
    public void What_is_no_picture_is_called_by_its_name(string content, string expected)
    {
        EngineException error = AssertError("InvalidImageFile", () =>
            ImageFile.Read(_folder.Write("photo.jpg", [.. System.Text.Encoding.Latin1.GetBytes(content)]), 32, 32));

        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    /// <summary>Grey noise of 16 x 16 pixels, baseline and progressive.</summary>
    [Theory]
    [InlineData("/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERXRTc4UG1RV19iZ2hnPk1xeXBkeFxlZ2P/"
        + "wAALCAAQABABAREA/8QAFgABAQEAAAAAAAAAAAAAAAAABAID/8QAJBAAAgICAAUFAQAAAAAAAAAAAQIDERIhAAQTMUEiIzJCYZH/2gAIAQEAAD8AiaBWPUeM"
        + "q8rFvl1CAMhpgQStWT+Gt1wvmAsEWMeBhDMLs9NyL9Xmm1lrtdeaJ5opZY4oHaB2KOzvGp0mRu9jYIXWjuq41iJ5blxMjvUUhUAe5mwJBUUD3FEf36iv/9k=")]
    [InlineData("/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERXRTc4UG1RV19iZ2hnPk1xeXBkeFxlZ2P/"
        + "wgALCAAQABABAREA/8QAFQABAQAAAAAAAAAAAAAAAAAAAgP/2gAIAQEAAAABNpr/xAAYEAEBAAMAAAAAAAAAAAAAAAABAgAhIv/aAAgBAQABBQJMrQihzP8A"
        + "/8QAHBAAAQQDAQAAAAAAAAAAAAAAAAERITFRcYGh/9oACAEBAAY/Ana+kV4IkcHwuz//xAAfEAEAAQMEAwAAAAAAAAAAAAABEQAxQSFRYXHB8PH/2gAIAQEA"
        + "AT8hN1QVN+WdqhFDW9ue80wVsKoxPyrCtjk7e+K//9oACAEBAAAAEJ//xAAbEAEBAQADAQEAAAAAAAAAAAABESEAMUFhkf/aAAgBAQABPxBSpb0ARgRYq/Gb"
        + "ODWQFrUv1MdOrPYruzsy1umiYx2TjSjsA6SiIPZE/fE//9k=")]
    public void A_JPEG_file_must_reach_its_end_marker_and_may_go_on_behind_it(string base64)
    {
        byte[] whole = Convert.FromBase64String(base64);

        byte[] pixels = ImageFile.Read(_folder.Write("whole.jpg", whole), 32, 32);
        Assert.Equal(pixels, ImageFile.Read(_folder.Write("trailing.jpg", [.. whole, .. "\r\n\0\0"u8]), 32, 32));
        foreach (int missing in new[] { 1, 2, 3, 50 })
            AssertError("InvalidImageFile", () =>
                ImageFile.Read(_folder.Write("cut.jpg", whole.AsSpan(0, whole.Length - missing)), 32, 32));
    }

    [Fact]
    public void A_truncated_picture_is_refused()
    {
        Random random = new(1);
        using SKBitmap picture =
            Draw(64, 64, (_, _) => new SKColor((byte)random.Next(256), (byte)random.Next(256), (byte)random.Next(256)));
        byte[] whole = File.ReadAllBytes(Save(picture, SKEncodedImageFormat.Png));

        foreach (int length in new[] { 0, 1, 8, 40, whole.Length / 2, whole.Length - 100 })
            AssertError("InvalidImageFile", () => ImageFile.Read(_folder.Write("cut.png", whole.AsSpan(0, length)), 32, 32));
    }

    [Theory]
    [InlineData("This is no picture.")]
    [InlineData("\u0089PNG\r\n\u001a\n and then nothing of the kind")]
    [InlineData("<svg xmlns=\"http://www.w3.org/2000/svg\"/>")]
    public void A_file_that_is_no_picture_is_refused(string content) =>
        AssertError("InvalidImageFile", () =>
            ImageFile.Read(_folder.Write("no.png", System.Text.Encoding.Latin1.GetBytes(content)), 32, 32));

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

    /// <summary>Skia copies a WebP file of any length, and ends the process if it cannot.</summary>
    [Fact]
    public void A_file_that_is_longer_than_any_picture_is_refused_unread()
    {
        string path = _folder.Write("long.webp", "RIFF\u00ff\u00ff\u00ff\u007fWEBPVP8 "u8);
        using (FileStream file = File.OpenWrite(path))
            file.SetLength((256 << 20) + 1);

        EngineException error = AssertError("ImageTooLarge", () => ImageFile.Read(path, 32, 32));

        Assert.EndsWith("has more than 256 MB. Make it smaller.", error.Message, StringComparison.Ordinal);
    }

    /// <summary>Skia takes hours for a gigabyte of them.</summary>
    [Fact]
    public void A_PNG_file_with_megabytes_before_its_pixels_is_refused()
    {
        using SKBitmap picture = Draw(8, 8, (_, _) => Red);
        byte[] png = File.ReadAllBytes(Save(picture, SKEncodedImageFormat.Png)), text = new byte[12 + (9 << 20)];
        BinaryPrimitives.WriteInt32BigEndian(text, 9 << 20);
        "tEXt"u8.CopyTo(text.AsSpan(4));
        BinaryPrimitives.WriteUInt32BigEndian(text.AsSpan(text.Length - 4), ZipRules.Crc(text.AsSpan(4, text.Length - 8)));

        AssertError("ImageTooLarge", () => ImageFile.Read(_folder.Write("text.png", [.. png[..33], .. text, .. png[33..]]), 8, 8));
        Assert.Equal(ImageFile.Read(_folder.Write("plain.png", png), 8, 8),
            ImageFile.Read(_folder.Write("after.png", [.. png[..^12], .. text, .. png[^12..]]), 8, 8));
    }

    [Fact]
    public async Task Memory_for_pictures_is_waited_for_and_whoever_needs_more_than_there_is_gets_all_of_it()
    {
        DecodingMemory memory = new(100);
        IDisposable most = memory.Take(70), little = memory.Take(30);
        Task<IDisposable> waiting = Task.Run(() => memory.Take(1000), TestContext.Current.CancellationToken);

        most.Dispose();
        await Task.WhenAny(waiting, Task.Delay(300, TestContext.Current.CancellationToken));
        Assert.False(waiting.IsCompleted);
        little.Dispose();

        (await waiting.WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken)).Dispose();
        memory.Take(100).Dispose();
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

    /// <summary>A TIFF structure with one tag, the orientation.</summary>
    private static byte[] Exif(byte orientation, bool isLittle) => isLittle
        ? [.. "II*\0"u8, 8, 0, 0, 0, 1, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0, 0, 0, 0, 0]
        : [.. "MM\0*"u8, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0];

    /// <summary>A PNG file with EXIF data, after the header or before the end.</summary>
    private string PngWith(byte[] exif, bool atEnd = false)
    {
        using SKBitmap picture = Quadrants(64);
        byte[] png = File.ReadAllBytes(Save(picture, SKEncodedImageFormat.Png));
        byte[] chunk = [0, 0, 0, (byte)exif.Length, .. "eXIf"u8, .. exif, 0, 0, 0, 0];
        BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(chunk.Length - 4), ZipRules.Crc(chunk.AsSpan(4, 4 + exif.Length)));
        int at = atEnd ? png.Length - 12 : 33;
        return _folder.Write("exif.png", [.. png[..at], .. chunk, .. png[at..]]);
    }

    /// <summary>A WebP file with EXIF data: a header of the extended format, the picture, the data, padded to an even length.</summary>
    private string WebpWith(byte[] exif)
    {
        using SKBitmap picture = Quadrants(64);
        byte[] webp = File.ReadAllBytes(Save(picture, SKEncodedImageFormat.Webp));
        byte[] chunks = [.. "VP8X"u8, 10, 0, 0, 0, 8, 0, 0, 0, 63, 0, 0, 63, 0, 0, .. webp[12..],
            .. "EXIF"u8, (byte)exif.Length, 0, 0, 0, .. exif, .. new byte[exif.Length % 2]];
        byte[] file = [.. "RIFF"u8, 0, 0, 0, 0, .. "WEBP"u8, .. chunks];
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(4), file.Length - 8);
        return _folder.Write("exif.webp", file);
    }

    private static void AssertUpright(string upright, string file) =>
        AssertQuadrants([.. upright.Select(c => c switch { 'R' => Red, 'G' => Green, 'B' => Blue, _ => Yellow })],
            ImageFile.Read(file, 32, 32), tolerance: 12);

    /// <summary>Asserts the colours at the centres of the four quadrants.</summary>
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
