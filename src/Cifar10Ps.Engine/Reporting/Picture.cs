using System.Xml.Linq;
using Cifar10Ps.Runtime;
using SkiaSharp;

namespace Cifar10Ps.Reporting;

/// <summary>The formats of picture files.</summary>
internal enum PictureFormat
{
    /// <summary>Pixels.</summary>
    Png,

    /// <summary>Shapes and text, sharp in any size.</summary>
    Svg,
}

/// <summary>A drawing of a certain size, to be written to a file.</summary>
/// <param name="Width">Width in the drawing's own units, which are the pixels of a browser.</param>
/// <param name="Height">Height, likewise.</param>
/// <param name="Draw">Draws it.</param>
internal sealed record Picture(int Width, int Height, Action<SKCanvas> Draw)
{
    /// <summary>Pixels of a PNG for each unit: sharp on high-resolution screens and on paper too.</summary>
    public const int Scale = 2;

    /// <summary>The format that the ending of a file's name stands for.</summary>
    /// <exception cref="EngineException"><c>UnknownPictureFormat</c>.</exception>
    public static PictureFormat FormatOf(string path) => Path.GetExtension(path).ToUpperInvariant() switch
    {
        ".PNG" => PictureFormat.Png,
        ".SVG" => PictureFormat.Svg,
        _ => throw new EngineException("UnknownPictureFormat", ErrorKind.InvalidArgument,
            $"The name of '{path}' ends in neither .png nor .svg, the formats for pictures. Use one of these extensions."),
    };

    /// <summary>Writes a file in the format that its name stands for.</summary>
    /// <exception cref="EngineException"><c>UnknownPictureFormat</c>, <c>NotARegularFile</c>, <c>FileNotWritable</c>.</exception>
    public void Save(string path)
    {
        Action<Stream> write = FormatOf(path) == PictureFormat.Svg ? WriteSvg : stream => stream.Write(ToPng(Scale));
        AtomicFile.Write(path, write);
    }

    /// <summary>The content of a PNG file.</summary>
    /// <param name="scale">Pixels for each unit.</param>
    public byte[] ToPng(int scale)
    {
        using SKSurface surface =
            SKSurface.Create(new SKImageInfo(Width * scale, Height * scale, SKColorType.Rgba8888, SKAlphaType.Opaque));
        surface.Canvas.Scale(scale);
        surface.Canvas.Clear(SKColors.White);
        Draw(surface.Canvas);
        using SKImage image = surface.Snapshot();
        using SKData data = image.Encode(SKEncodedImageFormat.Png, 100);
        return data.ToArray();
    }

    private void WriteSvg(Stream stream)
    {
        using MemoryStream content = new();
        // The document is complete once the canvas is disposed of.
        using (SKCanvas canvas = SKSvgCanvas.Create(SKRect.Create(Width, Height), content))
        {
            using SKPaint white = new() { Color = SKColors.White };
            canvas.DrawRect(SKRect.Create(Width, Height), white);
            Draw(canvas);
        }

        content.Position = 0;
        XDocument document = XDocument.Load(content, LoadOptions.PreserveWhitespace);
        SvgTextLength.Fix(document);
        document.Save(stream, SaveOptions.DisableFormatting);
    }
}
