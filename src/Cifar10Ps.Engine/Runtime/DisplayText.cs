using System.Globalization;
using System.Text;

namespace Cifar10Ps;

/// <summary>
/// Makes text from outside (names in a file, names of files) safe to show: a terminal interprets control characters, and some other
/// characters change the reading order or break the line.
/// </summary>
/// <remarks>
/// Class names are escaped when a model or a data set is made, tensor names when a file is read, and messages when an
/// <see cref="EngineException"/> is made, so that code that shows them need not.
/// </remarks>
public static class DisplayText
{
    /// <summary>How many names a message lists.</summary>
    internal const int ListedNames = 3;

    /// <summary>The text with every unsafe character written as <c>\u001b</c>; most texts are returned unchanged.</summary>
    /// <param name="text">Any text, also with unpaired surrogates.</param>
    public static string Escape(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        StringBuilder? escaped = null;
        for (int i = 0; i < text.Length; i++)
        {
            bool isPair = char.IsSurrogatePair(text, i);
            if (!isPair && IsUnsafe(text[i]))
                (escaped ??= new StringBuilder(text, 0, i, 2 * text.Length)).Append(CultureInfo.InvariantCulture, $"\\u{(int)text[i]:x4}");
            else
                escaped?.Append(text, i, isPair ? 2 : 1);
            if (isPair)
                i++;
        }

        return escaped?.ToString() ?? text;
    }

    /// <summary>A name for a message: escaped, and no longer than about a hundred characters.</summary>
    public static string Name(string name)
    {
        const int Limit = 100;
        ArgumentNullException.ThrowIfNull(name);
        return Escape(name.Length > Limit ? name[..Limit] + "…" : name);
    }

    /// <summary>Names for a message: <c>'a', 'b', 'c' and 12 more</c>.</summary>
    /// <param name="names">The names.</param>
    /// <param name="atMost">How many are listed.</param>
    public static string List(IReadOnlyList<string> names, int atMost = ListedNames)
    {
        ArgumentNullException.ThrowIfNull(names);
        string list = string.Join(", ", names.Take(atMost).Select(name => $"'{Name(name)}'"));
        return names.Count <= atMost ? list : $"{list} and {names.Count - atMost:N0} more";
    }

    /// <summary>A number of things in the current culture: <c>1 image</c>, <c>1,000 images</c>.</summary>
    /// <param name="number">How many.</param>
    /// <param name="noun">What one of them is called.</param>
    internal static string Count(long number, string noun) =>
        string.Create(CultureInfo.CurrentCulture, $"{number:N0} {noun}{(number == 1 ? "" : "s")}");

    /// <summary>Controls (C0, DEL, C1), line and paragraph separators, bidirectional controls, two values that are no characters, which XML
    /// and normalization refuse, and surrogates, of which only pairs are displayable.</summary>
    private static bool IsUnsafe(char c) =>
        char.IsControl(c) || char.IsSurrogate(c)
        || c is '\ufffe' or '\uffff' or '\u2028' or '\u2029'
            or '\u061c' or '\u200e' or '\u200f' or (>= '\u202a' and <= '\u202e') or (>= '\u2066' and <= '\u2069');
}
