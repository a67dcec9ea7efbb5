namespace Cifar10Ps.Data;

/// <summary>Identifies files by their first bytes where that helps in a message: pictures of an unsupported format,
/// or not pictures at all.</summary>
internal static class ImageFormat
{
    /// <summary>How many bytes of a file are looked at.</summary>
    public const int HeadLength = 64;

    /// <summary>Names of the formats that can be read.</summary>
    public const string Readable = "PNG, JPEG, BMP, WebP and GIF";

    /// <summary>Extensions of files that are taken for pictures; the content decides the format.</summary>
    private static readonly string[] Endings =
    [
        ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".webp", ".gif",
        ".tif", ".tiff", ".heic", ".heif", ".avif", ".jxl", ".jp2", ".psd", ".ico",
    ];

    /// <summary>Whether a file is a picture by its name.</summary>
    public static bool IsPicture(string name) => Endings.Contains(Path.GetExtension(name), StringComparer.OrdinalIgnoreCase);

    /// <summary>The unsupported picture format that a file's first bytes indicate; null: none.</summary>
    public static string? Unsupported(ReadOnlySpan<byte> head)
    {
        if (head.StartsWith("II*\0"u8) || head.StartsWith("MM\0*"u8) || head.StartsWith("II+\0"u8) || head.StartsWith("MM\0+"u8))
            return "TIFF";
        if (head.StartsWith((ReadOnlySpan<byte>)[0xff, 0x0a]) || head.StartsWith("\0\0\0\x0cJXL "u8))
            return "JPEG XL";
        if (head.StartsWith("\0\0\0\x0cjP  "u8) || head.StartsWith((ReadOnlySpan<byte>)[0xff, 0x4f, 0xff, 0x51]))
            return "JPEG 2000";
        if (head.StartsWith("8BPS"u8))
            return "Photoshop";
        if (head.StartsWith((ReadOnlySpan<byte>)[0, 0, 1, 0]))
            return "ICO";
        // ISO/IEC 14496-12: a box of type ftyp, whose content is a brand, a version and more brands.
        if (head.Length < 12 || !head[4..].StartsWith("ftyp"u8))
            return null;
        ReadOnlySpan<byte> brand = head[8..12];
        return head.IndexOf("avif"u8) >= 0 || brand.SequenceEqual("avis"u8) ? "AVIF"
            : brand.StartsWith("he"u8) || brand.SequenceEqual("mif1"u8) || brand.SequenceEqual("msf1"u8) ? "HEIC" : null;
    }

    /// <summary>What a file that is not a picture is: "empty", "an HTML page"; null: not known.</summary>
    public static string? Other(ReadOnlySpan<byte> head)
    {
        if (head.IsEmpty)
            return "empty";
        string text = System.Text.Encoding.Latin1.GetString(head).TrimStart('\u00ef', '\u00bb', '\u00bf', ' ', '\t', '\r', '\n');
        return text.StartsWith("<!doctype html", StringComparison.OrdinalIgnoreCase)
            || text.StartsWith("<html", StringComparison.OrdinalIgnoreCase) ? "an HTML page"
            : text.StartsWith("version https://git-lfs", StringComparison.Ordinal)
            ? "a Git LFS pointer, which stands for a file that was not downloaded" : null;
    }
}
