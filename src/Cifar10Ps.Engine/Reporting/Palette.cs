using SkiaSharp;

namespace Cifar10Ps.Reporting;

/// <summary>
/// Colours that people with any kind of colour vision can distinguish: Okabe and Ito, "Color Universal Design" (2008). Nothing is encoded
/// by colour alone: runs have markers, training is dashed, wrong guesses are crossed out.
/// </summary>
internal static class Palette
{
    /// <summary>Text and axes.</summary>
    public static SKColor Ink { get; } = new(0x22, 0x22, 0x22);

    /// <summary>Less important text.</summary>
    public static SKColor Faint { get; } = new(0x66, 0x66, 0x66);

    /// <summary>Lines of a grid or a frame.</summary>
    public static SKColor Line { get; } = new(0xdd, 0xdd, 0xdd);

    /// <summary>Right guesses.</summary>
    public static SKColor Right { get; } = new(0x00, 0x72, 0xb2);

    /// <summary>Wrong guesses.</summary>
    public static SKColor Wrong { get; } = new(0xd5, 0x5e, 0x00);

    /// <summary>Successive items of a series. Yellow, which is hard to see on white, is left out.</summary>
    public static SKColor[] Series { get; } =
    [
        Right, Wrong, new(0x00, 0x9e, 0x73), new(0xcc, 0x79, 0xa7), new(0xe6, 0x9f, 0x00), new(0x56, 0xb4, 0xe9), new(0x22, 0x22, 0x22),
    ];

    /// <summary>A share, from white to dark blue: lightness alone encodes it, so that it survives printing in grey.</summary>
    /// <param name="share">0 to 1.</param>
    public static SKColor Shade(double share)
    {
        // The square root shows small shares, which are the interesting ones.
        double strength = Math.Sqrt(Math.Clamp(share, 0, 1));
        return new SKColor(Mix(0x00), Mix(0x45), Mix(0x7a));

        byte Mix(int full) => (byte)Math.Round(255 + strength * (full - 255));
    }

    /// <summary>The colour of text on a shade.</summary>
    public static SKColor TextOn(SKColor background) =>
        background.Red * 0.3 + background.Green * 0.59 + background.Blue * 0.11 < 140 ? SKColors.White : Ink;
}
