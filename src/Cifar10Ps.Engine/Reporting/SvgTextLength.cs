using System.Globalization;
using System.Text;
using System.Xml.Linq;

namespace Cifar10Ps.Reporting;

/// <summary>
/// Makes the text of an SVG file as wide as it was measured, whatever typeface shows it. Skia places each letter individually, for a
/// typeface that the reader may not have: letters of a wider one would overlap.
/// </summary>
internal static class SvgTextLength
{
    /// <summary>Gives each text its length instead of the positions of its letters, and a font family that every reader has.</summary>
    public static void Fix(XDocument svg)
    {
        foreach (XElement text in svg.Descendants().Where(element => element.Name.LocalName == "text"))
        {
            float[] places = Numbers(text, "x");
            // Skia writes the text on a line of its own.
            text.Value = text.Value.Trim('\r', '\n', '\t');
            if (places is [] || text.Value is "")
                continue;
            bool bold = (string?)text.Attribute("font-weight") is not (null or "normal" or "400");
            float last = PictureText.Measure(LastLetter(text.Value), (float)text.Attribute("font-size")!, bold);
            text.SetAttributeValue("x", places[0]);
            text.SetAttributeValue("y", Numbers(text, "y").FirstOrDefault());
            text.SetAttributeValue("textLength", MathF.Round(places[^1] - places[0] + last, 1));
            text.SetAttributeValue("lengthAdjust", "spacingAndGlyphs");
            text.SetAttributeValue("font-family", $"{(string?)text.Attribute("font-family")}, sans-serif");
        }
    }

    private static string LastLetter(string text)
    {
        Rune.DecodeLastFromUtf16(text, out Rune last, out _);
        return last.ToString();
    }

    private static float[] Numbers(XElement element, string name) =>
        [.. ((string?)element.Attribute(name) ?? "")
            .Split([',', ' '], StringSplitOptions.RemoveEmptyEntries).Select(number => float.Parse(number, CultureInfo.InvariantCulture))];
}
