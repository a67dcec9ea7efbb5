using System.Globalization;
using System.Xml.Linq;
using Cifar10Ps.Reporting;
using SkiaSharp;

namespace Cifar10Ps.Tests;

/// <summary>A line of text in an SVG file, and the box around it.</summary>
/// <param name="Text">What it says.</param>
/// <param name="Family">Name of its typeface.</param>
/// <param name="Bounds">A little less than what its letters cover.</param>
internal sealed record SvgText(string Text, string Family, SKRect Bounds)
{
    /// <summary>Draws a picture as SVG and reads its text.</summary>
    public static SvgText[] Of(Picture picture)
    {
        using TemporaryFolder folder = new();
        picture.Save(folder["picture.svg"]);
        XDocument document = XDocument.Load(folder["picture.svg"]);
        Assert.Equal((picture.Width, picture.Height), ((int)document.Root!.Attribute("width")!, (int)document.Root.Attribute("height")!));
        return [.. document.Descendants().Where(e => e.Name.LocalName == "text" && !string.IsNullOrWhiteSpace(e.Value)).Select(Read)];
    }

    /// <summary>Checks that no text leaves the picture, and that no two texts overlap.</summary>
    public static SvgText[] CheckLayout(Picture picture)
    {
        SvgText[] texts = Of(picture);
        Assert.NotEmpty(texts);
        Assert.All(texts, text => Assert.True(SKRect.Create(picture.Width, picture.Height).Contains(text.Bounds),
            $"'{text.Text}' at {text.Bounds} leaves {picture.Width} x {picture.Height}"));
        for (int i = 0; i < texts.Length; i++)
            for (int j = 0; j < i; j++)
                Assert.False(texts[i].Bounds.IntersectsWith(texts[j].Bounds),
                    $"'{texts[i].Text}' at {texts[i].Bounds} overlaps '{texts[j].Text}' at {texts[j].Bounds}");
        return texts;
    }

    private static SvgText Read(XElement element)
    {
        float size = (float)element.Attribute("font-size")!;
        float x = (float)element.Attribute("x")!, y = (float)element.Attribute("y")!;
        SKRect letters = new(x, y - 0.7f * size, x + (float)element.Attribute("textLength")! - 0.1f * size, y + 0.1f * size);
        string transform = (string?)element.Attribute("transform") ?? "";
        float[] values = transform is "" ? [] : Numbers(transform[(transform.IndexOf('(', StringComparison.Ordinal) + 1)..^1]);
        SKMatrix matrix = transform.Split('(')[0] switch
        {
            "" => SKMatrix.Identity,
            "translate" => SKMatrix.CreateTranslation(values[0], values[1]),
            "matrix" => new SKMatrix(values[0], values[2], values[4], values[1], values[3], values[5], 0, 0, 1),
            string other => throw new InvalidDataException(other),
        };
        return new SvgText(element.Value.Trim(), ((string)element.Attribute("font-family")!).Split(',')[0], matrix.MapRect(letters));
    }

    private static float[] Numbers(string list) =>
        [.. list.Split([',', ' '], StringSplitOptions.RemoveEmptyEntries)
            .Select(number => float.Parse(number, CultureInfo.InvariantCulture))];
}
