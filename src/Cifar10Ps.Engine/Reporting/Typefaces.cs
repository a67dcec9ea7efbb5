using System.Collections.Concurrent;
using ScottPlot;
using SkiaSharp;

namespace Cifar10Ps.Reporting;

/// <summary>
/// The typeface of all pictures: Inter, which ships with the module, because Skia cannot draw text on a machine without fonts. Characters
/// that it lacks come from the system's fonts.
/// </summary>
internal static class Typefaces
{
    private const string Family = "Inter";
    private static readonly ConcurrentDictionary<int, SKTypeface?> Substitutes = [];

    static Typefaces()
    {
        Fonts.FontResolvers.Insert(0, new Resolver());
        Fonts.Default = Family;
    }

    /// <summary>For most text.</summary>
    public static SKTypeface Regular { get; } = Load("Inter-Regular.ttf");

    /// <summary>For titles and emphasis.</summary>
    public static SKTypeface Bold { get; } = Load("Inter-SemiBold.ttf");

    /// <summary>Makes the typeface available to ScottPlot; call it before drawing.</summary>
    public static void Register()
    {
        // Done by the static constructor.
    }

    /// <summary>The typeface for a character; Inter, which shows a box, if none has it.</summary>
    public static SKTypeface For(int character, bool bold)
    {
        SKTypeface inter = bold ? Bold : Regular;
        return inter.ContainsGlyph(character) ? inter : Substitutes.GetOrAdd(character, Substitute) ?? inter;
    }

    private static SKTypeface? Substitute(int character)
    {
        SKFontManager fonts = SKFontManager.Default;
        // The second way is for builds of Skia that cannot search, but know the font families.
        return fonts.MatchCharacter(character)
            ?? fonts.FontFamilies.Select(fonts.MatchFamily).FirstOrDefault(typeface => typeface?.ContainsGlyph(character) == true);
    }

    private static SKTypeface Load(string resource)
    {
        using Stream stream = typeof(Typefaces).Assembly.GetManifestResourceStream(resource)!;
        using SKData data = SKData.Create(stream);
        return SKTypeface.FromData(data);
    }

    private sealed class Resolver : IFontResolver
    {
        public SKTypeface? CreateTypeface(string fontName, FontWeight weight, FontSlant slant, FontSpacing spacing) =>
            CreateTypeface(fontName, weight >= FontWeight.SemiBold, slant != FontSlant.Upright);

        public SKTypeface? CreateTypeface(string fontName, bool bold, bool italic) =>
            fontName == Family ? bold ? Bold : Regular : null;
    }
}
