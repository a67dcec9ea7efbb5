using System.Globalization;
using System.Text.RegularExpressions;
using Cifar10Ps.Data;
using Cifar10Ps.Reporting;
using SkiaSharp;

namespace Cifar10Ps.Tests;

public sealed partial class TerminalRowTests : IDisposable
{
    private static readonly LabeledImage[] Images = [.. SyntheticImages.Create(4, 1).Train];
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(80, 24, 3)]
    [InlineData(76, 24, 3)]
    [InlineData(75, 24, 2)]
    [InlineData(10, 24, 1)]
    public void As_many_images_as_fit_are_in_a_row(int width, int columns, int count) =>
        Assert.Equal(count, TerminalRow.Fit(width, columns));

    [Fact]
    public void Half_blocks_are_the_pixels_in_two_colours_each()
    {
        string[] lines = Draw(32, TerminalProtocol.HalfBlocks, (Images[0], "disc"), (Images[1], "ring"));

        Assert.Equal(17, lines.Length);
        Assert.Equal("disc" + new string(' ', 30) + "ring", lines[16]);
        for (int row = 0; row < 16; row++)
        {
            Match[] cells = [.. HalfBlock().Matches(lines[row]).Cast<Match>()];
            Assert.Equal(64, cells.Length);
            for (int x = 0; x < 64; x++)
                for (int half = 0; half < 2; half++)
                    Assert.Equal(Pixel(Images[x / 32], x % 32, 2 * row + half),
                        Enumerable.Range(1 + 3 * half, 3)
                            .Select(group => int.Parse(cells[x].Groups[group].Value, CultureInfo.InvariantCulture)));
            Assert.Equal(new string('▀', 32) + "  " + new string('▀', 32), Escape().Replace(lines[row], ""));
        }
    }

    [Fact]
    public void Every_line_ends_with_the_colours_of_the_terminal() => Assert.All(
        Draw(7, TerminalProtocol.HalfBlocks, (Images[0], "a"), (Tall(), "b")).SkipLast(1),
        line => Assert.EndsWith("\u001b[0m", line, StringComparison.Ordinal));

    [Fact]
    public void Images_of_different_heights_stand_side_by_side()
    {
        string[] lines = [.. Draw(8, TerminalProtocol.HalfBlocks, (Images[0], "square"), (Tall(), "tall"))
            .Select(line => Escape().Replace(line, ""))];

        Assert.Equal([.. Enumerable.Repeat("▀▀▀▀▀▀▀▀  ▀▀▀▀▀▀▀▀", 4), .. Enumerable.Repeat("          ▀▀▀▀▀▀▀▀", 4), "square    tall"],
            lines);
    }

    [Theory]
    [InlineData(TerminalProtocol.HalfBlocks)]
    [InlineData(TerminalProtocol.Characters)]
    [InlineData(TerminalProtocol.Kitty)]
    [InlineData(TerminalProtocol.Sixel)]
    public void A_very_tall_image_takes_no_more_rows_than_columns(TerminalProtocol protocol)
    {
        LabeledImage mast = new(0, 0, "mast", 1, 1024, new byte[3 * 1024]), wide = new(0, 0, "sea", 1024, 1, new byte[3 * 1024]);

        Assert.Equal(16 + 1, Draw(16, protocol, (mast, "mast"), (wide, "sea")).Length);
    }

    [Theory]
    [InlineData(TerminalProtocol.Kitty)]
    [InlineData(TerminalProtocol.Sixel)]
    public void Pixels_and_their_text_leave_the_terminal_a_row(TerminalProtocol protocol)
    {
        LabeledImage square = new(0, 0, "square", 32, 32, RandomBytes(3 * 32 * 32));

        Assert.Equal(22 + 1, Draw(64, 24, protocol, (square, "square")).Length);
        Assert.Equal(10 / 2 + 1, Draw(10, 24, protocol, (square, "square")).Length);
        Assert.Equal(1 + 1, Draw(64, 2, protocol, (square, "square")).Length);
    }

    [Fact]
    public void Without_colours_light_is_many_points()
    {
        byte[] planes = [.. Enumerable.Range(0, 3).SelectMany(_ => Enumerable.Range(0, 64).Select(i => (byte)(i % 8 < 4 ? 0 : 255)))];
        string[] lines = Draw(8, TerminalProtocol.Characters, (new LabeledImage(0, 0, "x", 8, 8, planes), "x"));

        Assert.Equal([.. Enumerable.Repeat("    @@@@", 4), "x"], lines);
    }

    [Fact]
    public void Long_texts_are_cut_at_whole_characters()
    {
        string[] lines = Draw(8, TerminalProtocol.Characters, (Images[0], "a very long name"), (Images[0], "ééééééééééé"),
            (Images[0], "日本語の名前"));

        Assert.Equal("a very …  ééééééé…  日本語…", lines[^1]);
    }

    [Fact]
    public void Sixels_are_the_image_in_nearly_its_colours()
    {
        string text = string.Join('\n', Draw(4, TerminalProtocol.Sixel, (Images[0], "disc")));

        (int width, int height, (int R, int G, int B)[] pixels) = DecodeSixel(Picture().Match(text).Groups[1].Value);
        Assert.Equal((32, 32), (width, height));
        // Dithering changes pixels, not the mean of many.
        for (int block = 0; block < 16; block++)
        {
            (int x0, int y0) = (8 * (block % 4), 8 * (block / 4));
            double got = 0, wanted = 0;
            for (int i = 0; i < 64; i++)
            {
                got += pixels[(y0 + i / 8) * 32 + x0 + i % 8].G * 2.55 / 64;
                wanted += Pixel(Images[0], x0 + i % 8, y0 + i / 8)[1] / 64.0;
            }

            Assert.InRange(got, wanted - 12, wanted + 12);
        }
    }

    [Fact]
    public void Kitty_gets_a_png_in_portions_and_the_cells_to_fill()
    {
        LabeledImage noise = new(0, 0, "noise", 64, 64, RandomBytes(3 * 64 * 64));
        string text = string.Join('\n', Draw(20, TerminalProtocol.Kitty, (noise, "noise")));

        Match[] portions = [.. Portion().Matches(text).Cast<Match>()];
        Assert.True(portions.Length > 2);
        Assert.All(portions, portion => Assert.InRange(portion.Groups[2].Length, 1, 4096));
        Assert.Equal("a=T,f=100,q=2,C=1,c=20,r=10,m=1", portions[0].Groups[1].Value);
        Assert.Equal((IEnumerable<string>)[.. Enumerable.Repeat("m=1", portions.Length - 2), "m=0"],
            portions.Skip(1).Select(portion => portion.Groups[1].Value));
        using SKBitmap png = SKBitmap.Decode(Convert.FromBase64String(string.Concat(portions.Select(portion => portion.Groups[2].Value))));
        Assert.Equal(Pixel(noise, 5, 7), (int[])[png.GetPixel(5, 7).Red, png.GetPixel(5, 7).Green, png.GetPixel(5, 7).Blue]);
    }

    [Theory]
    [InlineData("cat", "cat")]
    [InlineData("", "unknown")]
    [InlineData("..", "__")]
    [InlineData("../../etc", "_._.._etc")]
    [InlineData("a/b\\c:d", "a_b_c_d")]
    [InlineData("dot. ", "dot__")]
    [InlineData(".hidden", "_hidden")]
    [InlineData("con", "_con")]
    [InlineData("NUL.txt", "_NUL.txt")]
    [InlineData("__MACOSX", "___MACOSX")]
    [InlineData("größe 日本", "größe 日本")]
    [InlineData("日本日本日本日本日本日本日本日本日本日本日本日本日本日本日本日本日本日本日本日本日本日本日本日本日本日本日本日本日本日本",
        "日本日本日本日本日本日本日本日本日本日本日本日本日本日本日本日本日本日本日本日本日本日")]
    public void Names_of_classes_become_names_of_folders(string name, string folder) =>
        Assert.Equal(Path.Combine("/x", folder, "00003.png"),
            new ClassFolders("/x").PathOf(new LabeledImage(3, 0, name, 8, 8, new byte[192])));

    [Fact]
    public void No_two_classes_and_no_two_images_share_a_place()
    {
        ClassFolders folders = new("/x");

        string[] paths = [.. new[] { "a/b", "a:b", "A_B", "a/b", "a/b" }.Select((name, i) =>
            folders.PathOf(new LabeledImage(i < 4 ? 0 : 1, 0, name, 8, 8, new byte[192])).Replace('\\', '/'))];

        Assert.Equal(["/x/a_b/00000.png", "/x/a_b (2)/00000.png", "/x/A_B (3)/00000.png", "/x/a_b/00000 (2).png", "/x/a_b/00001.png"],
            paths);
    }

    [Fact]
    public void Long_names_are_shortened_between_characters()
    {
        string name = string.Concat(Enumerable.Repeat("a😀", 50));

        string folder = Path.GetFileName(Path.GetDirectoryName(new ClassFolders("/x")
            .PathOf(new LabeledImage(0, 0, name, 8, 8, new byte[192]))))!;

        Assert.InRange(System.Text.Encoding.UTF8.GetByteCount(folder), 125, 130);
        Assert.DoesNotContain('\ufffd', folder);
        Assert.StartsWith(folder, name, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_has_the_pixels_of_its_image()
    {
        ClassFolders.Write(Images[2], _folder["a/b.png"]);

        Assert.Equal(Images[2].GetPixels(), ImageFile.Read(_folder["a/b.png"], 32, 32));
    }

    [Fact]
    public void A_picture_file_is_shown_whole_and_upright_but_not_enlarged()
    {
        using SKBitmap picture = new(400, 100);
        picture.Erase(SKColors.Red);
        using SKData encoded = picture.Encode(SKEncodedImageFormat.Png, 90);
        string path = _folder.Write("wide.png", encoded.AsSpan());

        Assert.Equal((200, 50), (ImageFile.LoadWhole(path, 200).Width, ImageFile.LoadWhole(path, 200).Height));
        Assert.Equal((400, 100), (ImageFile.LoadWhole(path, 1000).Width, ImageFile.LoadWhole(path, 1000).Height));
    }

    private static string[] Draw(int columns, TerminalProtocol protocol, params (LabeledImage, string)[] images) =>
        Draw(columns, 1000, protocol, images);

    private static string[] Draw(int columns, int height, TerminalProtocol protocol, params (LabeledImage, string)[] images)
    {
        string text = new TerminalRow(columns, height, protocol, text => text.Sum(c => c > '\u3000' ? 2 : 1)).Draw(images);
        Assert.EndsWith("\n", text, StringComparison.Ordinal);
        return text[..^1].Split('\n');
    }

    private static LabeledImage Tall() => new(0, 0, "tall", 8, 16, RandomBytes(3 * 8 * 16));

    private static byte[] RandomBytes(int count)
    {
        byte[] bytes = new byte[count];
        new Random(1).NextBytes(bytes);
        return bytes;
    }

    private static int[] Pixel(LabeledImage image, int x, int y) =>
        [.. Enumerable.Range(0, 3).Select(c => (int)image.Pixels.Span[(c * image.Height + y) * image.Width + x])];

    private static (int Width, int Height, (int R, int G, int B)[] Pixels) DecodeSixel(string text)
    {
        int[] size = [.. Raster().Match(text).Groups.Values.Skip(1).Select(Number)];
        Dictionary<int, (int, int, int)> palette = [];
        (int, int, int)[] pixels = new (int, int, int)[size[0] * size[1]];
        (int x, int y, int color) = (0, 0, 0);
        foreach (Match part in SixelPart().Matches(text[(text.IndexOf(Raster().Match(text).Value, StringComparison.Ordinal)
            + Raster().Match(text).Length)..]))
        {
            if (part.Groups[2].Success)
                palette[Number(part.Groups[1])] = (Number(part.Groups[2]), Number(part.Groups[3]), Number(part.Groups[4]));
            if (part.Groups[1].Success)
                color = Number(part.Groups[1]);
            else if (part.Value == "$")
                x = 0;
            else if (part.Value == "-")
                (x, y) = (0, y + 6);
            else if (part.Groups[6].Success)
                for (int count = part.Groups[5].Success ? Number(part.Groups[5]) : 1; count > 0; count--, x++)
                    for (int bit = 0; bit < 6; bit++)
                        if (((part.Groups[6].Value[0] - '?') >> bit & 1) != 0)
                            pixels[(y + bit) * size[0] + x] = palette[color];
        }

        return (size[0], size[1], pixels);

        static int Number(Group group) => int.Parse(group.Value, CultureInfo.InvariantCulture);
    }

    [GeneratedRegex(@"\x1b\[38;2;(\d+);(\d+);(\d+);48;2;(\d+);(\d+);(\d+)m▀")]
    private static partial Regex HalfBlock();

    [GeneratedRegex(@"\x1b\[[0-9;]*m")]
    private static partial Regex Escape();

    [GeneratedRegex(@"\x1b_G([^;]*);([^\x1b]*)\x1b\\")]
    private static partial Regex Portion();

    [GeneratedRegex(@"(\x1bP.*?)\x1b\\", RegexOptions.Singleline)]
    private static partial Regex Picture();

    [GeneratedRegex("\"1;1;(\\d+);(\\d+)")]
    private static partial Regex Raster();

    [GeneratedRegex(@"#(\d+)(?:;2;(\d+);(\d+);(\d+))?|\$|-|(?:!(\d+))?([?-~])")]
    private static partial Regex SixelPart();
}
