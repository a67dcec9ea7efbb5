using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Cifar10Ps.Build;

/// <summary>Writes the help of all cmdlets as Markdown, one page each and an index: the help as read on GitHub.</summary>
internal static partial class MarkdownHelp
{
    /// <summary>Name of the index, which GitHub shows with its folder.</summary>
    public const string Index = "README.md";

    // Code is not wrapped, but Get-Help's limit keeps it shorter than this.
    private const int LongestLine = 140, LongestSyntax = 100;
    private const string Topics = "../../module/en-US/";

    /// <summary>The pages by file name, with <c>\n</c> at the end of each line.</summary>
    /// <param name="cmdlets">The help of all cmdlets.</param>
    public static SortedDictionary<string, string> Write(CmdletHelp[] cmdlets)
    {
        HashSet<string> names = [.. cmdlets.Select(help => help.Cmdlet.Name)];
        SortedDictionary<string, string> pages = new(StringComparer.Ordinal);
        foreach (CmdletHelp help in cmdlets)
            pages[$"{help.Cmdlet.Name}.md"] = ToPage(help, names);
        pages[Index] = ToIndex(cmdlets);
        return pages;
    }

    private static string ToIndex(CmdletHelp[] cmdlets)
    {
        StringBuilder page = new();
        Block(page, "# Help");
        Block(page, Wrap("The same text as `Get-Help` shows, generated from src/Cifar10Ps/Help and the compiled cmdlets."));
        Block(page, string.Join('\n', cmdlets.Select(help => $"| [{help.Cmdlet.Name}]({help.Cmdlet.Name}.md) | "
            + $"{Escape(help.Synopsis[0]).Replace("|", "\\|", StringComparison.Ordinal)} |")
            .Prepend("|---|---|").Prepend("| cmdlet | does |")));
        Block(page, "The topics (about\\_…) are [text files](" + Topics + ").");
        return page.ToString().TrimEnd('\n') + "\n";
    }

    private static string ToPage(CmdletHelp help, HashSet<string> cmdlets)
    {
        CompiledCmdlet cmdlet = help.Cmdlet;
        StringBuilder page = new();
        Block(page, $"# {cmdlet.Name}");
        Paragraphs(page, help.Synopsis);
        Block(page, "## Syntax");
        foreach (string set in cmdlet.Sets)
            Code(page, Syntax(cmdlet, set), "text");
        Block(page, "## Description");
        Paragraphs(page, help.Description);

        Block(page, "## Examples");
        foreach ((int index, XElement example) in help.Examples.Index())
        {
            Block(page, $"### Example {index + 1}: {Escape(CmdletHelp.Title(example))}");
            Code(page, CmdletHelp.Code(example), "powershell");
            Paragraphs(page, CmdletHelp.Paragraphs(example));
        }

        Block(page, "## Parameters");
        foreach (CompiledParameter parameter in MamlFile.InListOrder(cmdlet))
        {
            Block(page, $"### -{parameter.Name}");
            Paragraphs(page, help.DescriptionOf(parameter));
            Block(page, string.Join('\n', Facts(help, parameter).Select(fact => Wrap($"- {fact}", "  "))));
        }

        Types(page, "## Inputs", help.Types("input"), "You cannot pipe to this cmdlet.");
        Types(page, "## Outputs", help.Types("output"), "The cmdlet returns nothing.");
        if (help.Notes is not [])
            Block(page, "## Notes");
        Paragraphs(page, help.Notes);
        if (help.Links is not [])
        {
            Block(page, "## See also");
            Block(page, string.Join('\n', help.Links.Select(link => $"- {ToLink(link, cmdlets)}")));
        }

        return page.ToString().TrimEnd('\n') + "\n";
    }

    /// <summary>A parameter set as <c>Get-Command -Syntax</c> writes it, in lines.</summary>
    private static string Syntax(CompiledCmdlet cmdlet, string set)
    {
        IEnumerable<string> parts = (from parameter in cmdlet.Parameters
                                     let use = parameter.In(set)
                                     where use is not null
                                     orderby use.Position ?? int.MaxValue, !use.IsMandatory
                                     select Part(parameter, use)).Append("[<CommonParameters>]");
        StringBuilder text = new(cmdlet.Name);
        int length = text.Length;
        foreach (string part in parts)
        {
            bool fits = length + 1 + part.Length <= LongestSyntax;
            text.Append(fits ? " " : "\n    ").Append(part);
            length = (fits ? length + 1 : 4) + part.Length;
        }

        return text.ToString();

        static string Part(CompiledParameter parameter, ParameterUse use)
        {
            string name = use.Position is null ? $"-{parameter.Name}" : $"[-{parameter.Name}]";
            string whole = parameter.IsSwitch ? name : $"{name} <{parameter.Type.Name}>";
            return use.IsMandatory ? whole : $"[{whole}]";
        }
    }

    private static IEnumerable<string> Facts(CmdletHelp help, CompiledParameter parameter)
    {
        ParameterUse use = MamlFile.FirstUse(help.Cmdlet, parameter);
        string sources = string.Join(" and ",
            new[] { use.FromPipeline ? "by value" : "", use.FromPropertyName ? "by property name" : "" }.Where(source => source != ""));
        yield return $"Type: `{parameter.Type.FullName}`";
        if (parameter.Values is not [])
            yield return $"Values: {string.Join(", ", parameter.Values.Select(value => $"`{value}`"))}";
        if (parameter.Aliases is not [])
            yield return $"Aliases: {string.Join(", ", parameter.Aliases.Select(alias => $"`{alias}`"))}";
        yield return $"Required: {(use.IsMandatory ? "yes" : "no")}";
        yield return $"Position: {use.Position?.ToString(CultureInfo.InvariantCulture) ?? "named"}";
        yield return $"Default: {Escape(help.DefaultOf(parameter))}";
        yield return $"Pipeline input: {(sources == "" ? "no" : sources)}";
        yield return $"Wildcards: {(parameter.TakesWildcards ? "yes" : "no")}";
    }

    private static void Types(StringBuilder page, string heading, (string Type, string[] Text)[] types, string otherwise)
    {
        Block(page, heading);
        if (types is [])
            Block(page, otherwise);
        foreach ((string type, string[] text) in types)
        {
            Block(page, $"### {Escape(type)}");
            Paragraphs(page, text);
        }
    }

    private static string ToLink(string link, HashSet<string> cmdlets) =>
        cmdlets.Contains(link) ? $"[{link}]({link}.md)"
        : link.StartsWith("about_Cifar10Ps", StringComparison.Ordinal) ? $"[{link}]({Topics}{link}.help.txt)"
        : Address().Match(link) is { Success: true } found ? $"[{Escape(found.Groups["text"].Value)}]({found.Groups["address"].Value})"
        : Escape(link);

    private static void Paragraphs(StringBuilder page, IEnumerable<string> paragraphs)
    {
        foreach (string paragraph in paragraphs)
            Block(page, Wrap(Escape(paragraph)));
    }

    private static void Code(StringBuilder page, string code, string language) => Block(page, $"```{language}\n{code}\n```");

    private static void Block(StringBuilder page, string text) => page.Append(text).Append("\n\n");

    /// <summary>Text with Markdown's special characters escaped.</summary>
    private static string Escape(string text) => Special().Replace(text, @"\$0");

    /// <summary>Breaks a paragraph into lines, none of which begins like a list, a heading or a quotation.</summary>
    private static string Wrap(string text, string indent = "")
    {
        List<string> words = [];
        foreach (string word in text.Split(' '))
        {
            if (words.Count > 0 && BlockStart().IsMatch(word))
                words[^1] += " " + word;
            else
                words.Add(word);
        }

        StringBuilder wrapped = new();
        int length = 0;
        foreach (string word in words)
        {
            bool fits = length == 0 || length + 1 + word.Length <= LongestLine;
            if (length > 0)
                wrapped.Append(fits ? " " : "\n" + indent);
            wrapped.Append(word);
            length = (fits ? length + (length > 0 ? 1 : 0) : indent.Length) + word.Length;
        }

        return wrapped.ToString();
    }

    [GeneratedRegex(@"[\\`*<>\[\]]|(?<!\w)_|_(?!\w)")]
    private static partial Regex Special();

    [GeneratedRegex(@"^([-+*=]+|#+|\d+[.)]|>.*)$")]
    private static partial Regex BlockStart();

    [GeneratedRegex(@"^(?<text>.+): (?<address>https?://\S+)$")]
    private static partial Regex Address();
}
