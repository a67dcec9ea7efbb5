using System.Globalization;
using System.Text;
using Cifar10Ps.Data;
using SkiaSharp;

namespace Cifar10Ps.Reporting;

/// <summary>Some images side by side in a terminal, with a line of text below each.</summary>
/// <param name="columns">Columns of each image.</param>
/// <param name="height">Number of rows of the terminal.</param>
/// <param name="protocol">How they are shown.</param>
/// <param name="widthOf">How many columns a text takes.</param>
internal sealed class TerminalRow(int columns, int height, TerminalProtocol protocol, Func<string, int> widthOf)
{
    /// <summary>Columns between two images.</summary>
    public const int Gap = 2;

    // From dark to light.
    private const string Shades = " .:-=+*#%@";

    // A cell that is taken to be smaller than it is leaves room; one that is taken to be larger covers its neighbours.
    private const int CellWidth = 8, CellHeight = 16;

    /// <summary>How many images of so many columns fit.</summary>
    public static int Fit(int width, int columns) => Math.Max(1, (width + Gap) / (columns + Gap));

    /// <summary>The text that shows the images: lines that end in a line feed.</summary>
    /// <param name="images">The images, and what is written below them.</param>
    public string Draw(IReadOnlyList<(LabeledImage Image, string Label)> images)
    {
        StringBuilder text = new();
        if (protocol is TerminalProtocol.Sixel or TerminalProtocol.Kitty)
            DrawGraphics(text, images);
        else
            DrawCharacters(text, images);
        text.AppendJoin(new string(' ', Gap), images.Select(item => Fitted(item.Label)));
        while (text[^1] == ' ')
            text.Length--;
        return text.Append('\n').ToString();
    }

    /// <summary>Columns that an image takes, and rows of pixels that are as wide as a column: at most twice as many as the columns of each
    /// image. Pixels themselves, which do not scroll as characters do, also leave the terminal two rows, for the text and the
    /// prompt.</summary>
    private (int Width, int Height) SizeOf(LabeledImage image)
    {
        int rows = protocol is TerminalProtocol.Sixel or TerminalProtocol.Kitty ? Math.Clamp(height - 2, 1, columns) : columns;
        double scale = Math.Min((double)columns / image.Width, 2.0 * rows / image.Height);
        return (Side(image.Width), Side(image.Height));

        int Side(int pixels) => Math.Max(1, (int)Math.Round(scale * pixels));
    }

    /// <summary>Rows of characters that an image takes, each of two pixels.</summary>
    private int Rows(LabeledImage image) => (SizeOf(image).Height + 1) / 2;

    private void DrawCharacters(StringBuilder text, IReadOnlyList<(LabeledImage Image, string Label)> images)
    {
        (SKColor[] Pixels, int Width, int Height)[] scaled = [.. images.Select(item => SizeOf(item.Image) is var (width, height)
            ? (Scale(item.Image, width, height), width, height) : default)];
        for (int row = 0; row < images.Max(item => Rows(item.Image)); row++)
        {
            foreach ((SKColor[] pixels, int width, int height) in scaled)
            {
                if (pixels != scaled[0].Pixels)
                    text.Append(' ', Gap);
                for (int x = 0; x < columns; x++)
                {
                    SKColor? upper = At(2 * row, x), lower = At(2 * row + 1, x);
                    if (protocol == TerminalProtocol.Characters)
                        text.Append(Shade(upper, lower));
                    else
                        AppendHalves(text, upper, lower);
                }

                if (protocol == TerminalProtocol.HalfBlocks)
                    text.Append("\u001b[0m");

                SKColor? At(int y, int x) => x < width && y < height ? pixels[y * width + x] : null;
            }

            text.Append('\n');
        }
    }

    private static void AppendHalves(StringBuilder text, SKColor? upper, SKColor? lower)
    {
        if (upper is not { } top)
        {
            text.Append("\u001b[0m ");
            return;
        }

        text.Append(CultureInfo.InvariantCulture, $"\u001b[38;2;{top.Red};{top.Green};{top.Blue}");
        text.Append(lower is { } bottom
            ? string.Create(CultureInfo.InvariantCulture, $";48;2;{bottom.Red};{bottom.Green};{bottom.Blue}m▀") : ";49m▀");
    }

    private static char Shade(SKColor? upper, SKColor? lower)
    {
        if (upper is not { } top)
            return ' ';
        return Shades[(Luma(top) + Luma(lower ?? top)) * Shades.Length / (2 * 256)];

        // ITU-R BT.601.
        static int Luma(SKColor color) => (299 * color.Red + 587 * color.Green + 114 * color.Blue) / 1000;
    }

    /// <summary>Makes room for the images, and puts each into its columns, wherever the terminal leaves the cursor after one.</summary>
    private void DrawGraphics(StringBuilder text, IReadOnlyList<(LabeledImage Image, string Label)> images)
    {
        int rows = images.Max(item => Rows(item.Image));
        text.Append('\n', rows).Append(CultureInfo.InvariantCulture, $"\u001b[{rows}A");
        foreach ((int i, (LabeledImage image, _)) in images.Index())
        {
            text.Append(CultureInfo.InvariantCulture, $"\u001b7\u001b[{1 + i * (columns + Gap)}G");
            (int width, int height) = SizeOf(image);
            if (protocol == TerminalProtocol.Kitty)
                AppendKitty(text, image, width, Rows(image));
            else
                Sixel.Append(text, Scale(image, width * CellWidth, height * CellHeight / 2), width * CellWidth);
            text.Append("\u001b8");
        }

        text.Append(CultureInfo.InvariantCulture, $"\u001b[{rows}B");
    }

    /// <summary>Kitty's terminal graphics protocol: a PNG, in portions, that takes the given cells and leaves the cursor.</summary>
    private static void AppendKitty(StringBuilder text, LabeledImage image, int columns, int rows)
    {
        const int Portion = 4096;
        using SKImage picture = ImageTile.Of(image.Pixels.Span, image.Width, image.Height);
        using SKData png = picture.Encode(SKEncodedImageFormat.Png, 100);
        string data = Convert.ToBase64String(png.AsSpan());
        for (int start = 0; start < data.Length; start += Portion)
        {
            string first = start > 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"a=T,f=100,q=2,C=1,c={columns},r={rows},");
            text.Append(CultureInfo.InvariantCulture, $"\u001b_G{first}m={(start + Portion < data.Length ? 1 : 0)};");
            text.Append(data.AsSpan(start, Math.Min(Portion, data.Length - start))).Append("\u001b\\");
        }
    }

    private static SKColor[] Scale(LabeledImage image, int width, int height)
    {
        using SKImage picture = ImageTile.Of(image.Pixels.Span, image.Width, image.Height);
        using SKBitmap scaled = Bitmaps.New(width, height, SKAlphaType.Opaque);
        using SKPixmap pixels = scaled.PeekPixels();
        picture.ScalePixels(pixels, width > image.Width ? new SKSamplingOptions(SKCubicResampler.Mitchell)
            : new SKSamplingOptions(SKFilterMode.Linear, SKMipmapMode.Linear));
        return scaled.Pixels;
    }

    /// <summary>A text in exactly the columns of an image.</summary>
    private string Fitted(string text)
    {
        if (widthOf(text) > columns)
        {
            StringBuilder start = new();
            TextElementEnumerator characters = StringInfo.GetTextElementEnumerator(text);
            while (characters.MoveNext() && widthOf($"{start}{characters.Current}") < columns)
                start.Append(characters.Current);
            text = start.Append('…').ToString();
        }

        return text + new string(' ', Math.Max(0, columns - widthOf(text)));
    }
}
