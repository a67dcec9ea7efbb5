using System.Xml;
using System.Xml.Linq;

namespace Cifar10Ps.Build;

/// <summary>The help of one cmdlet: the text from its file in src/Cifar10Ps/Help, the facts from the compiled cmdlet.</summary>
internal sealed class CmdletHelp
{
    // Get-Help indents code by four columns of 80.
    private const int LeastExamples = 2, LongestLine = 76;
    private static readonly string[] Elements = ["synopsis", "description", "parameter", "input", "output", "note", "example", "link"];
    // Described once here: most cmdlets have nothing to add.
    private static readonly Dictionary<string, string> Usual = new()
    {
        ["WhatIf"] = "Says what the cmdlet would do, and does nothing.",
        ["Confirm"] = "Asks before the cmdlet does anything.",
    };

    private readonly XElement _root;

    private CmdletHelp(CompiledCmdlet cmdlet, XElement root) => (Cmdlet, _root) = (cmdlet, root);

    public CompiledCmdlet Cmdlet { get; }

    public string[] Synopsis => Paragraphs(_root.Element("synopsis"));

    public string[] Description => Paragraphs(_root.Element("description"));

    public string[] Notes => [.. Texts("note").SelectMany(Paragraphs)];

    public string[] Links => [.. Texts("link").Select(link => link.Value.Trim())];

    public IEnumerable<XElement> Examples => Texts("example");

    /// <summary>Reads the help files of cmdlets, and throws if any has mistakes: one MSBuild error per line.</summary>
    /// <param name="folder">The folder with a file for each cmdlet.</param>
    /// <param name="cmdlets">The cmdlets.</param>
    public static CmdletHelp[] ReadAll(string folder, CompiledCmdlet[] cmdlets)
    {
        List<CmdletHelp> all = [];
        List<string> problems = [];
        foreach (CompiledCmdlet cmdlet in cmdlets)
        {
            string file = Path.Combine(folder, $"{cmdlet.Name}.xml");
            try
            {
                CmdletHelp help = new(cmdlet, XElement.Load(file, LoadOptions.PreserveWhitespace));
                problems.AddRange(help.Problems().Select(problem => $"{file}: error: {cmdlet.Name}: {problem}"));
                all.Add(help);
            }
            catch (FileNotFoundException)
            {
                problems.Add($"{file}: error: {cmdlet.Name} has no help file.");
            }
            catch (XmlException e)
            {
                problems.Add($"{file}({e.LineNumber},{e.LinePosition}): error: {cmdlet.Name}: {e.Message}");
            }
        }

        foreach (string file in Directory.EnumerateFiles(folder, "*.xml")
            .Where(file => cmdlets.All(c => c.Name != Path.GetFileNameWithoutExtension(file))))
            problems.Add($"{file}: error: {Path.GetFileNameWithoutExtension(file)} has a help file but is not a cmdlet.");
        return problems is [] ? [.. all] : throw new InvalidHelpException(problems);
    }

    public string[] DescriptionOf(CompiledParameter parameter) =>
        Paragraphs(Find(parameter)) is [_, ..] own ? own : Usual.TryGetValue(parameter.Name, out string? usual) ? [usual] : [];

    public string DefaultOf(CompiledParameter parameter) =>
        Find(parameter)?.Attribute("default")?.Value ?? (parameter.IsSwitch ? "False" : "None");

    /// <summary>What goes in or comes out: types, and paragraphs about each.</summary>
    /// <param name="direction"><c>input</c> or <c>output</c>.</param>
    public (string Type, string[] Text)[] Types(string direction) =>
        [.. Texts(direction).Select(e => (e.Attribute("type")?.Value ?? "", Paragraphs(e)))];

    /// <summary>The paragraphs in an element: its own text, or its para elements.</summary>
    public static string[] Paragraphs(XElement? element) =>
        element is null ? [] : [.. (element.Elements("para") is var several && several.Any() ? several : [element])
            .Select(e => Line(e.Value)).Where(text => text != "")];

    /// <summary>Code without the margin that it has in the file.</summary>
    public static string Code(XElement example)
    {
        string[] lines = (example.Element("code")?.Value ?? "").Trim('\r', '\n').TrimEnd().Split('\n');
        int margin = lines.Where(line => line.Trim() != "").Select(line => line.Length - line.TrimStart().Length).DefaultIfEmpty().Min();
        return string.Join('\n', lines.Select(line => line.TrimEnd()).Select(line => line.Length > margin ? line[margin..] : ""));
    }

    /// <summary>The title of an example, with any prerequisites.</summary>
    public static string Title(XElement example) =>
        (string?)example.Attribute("needs") is string needs
        ? $"{example.Attribute("title")?.Value} (needs {needs})" : example.Attribute("title")?.Value ?? "";

    private static string Line(string text) => string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));

    private IEnumerable<XElement> Texts(string name) => _root.Elements(name);

    private XElement? Find(CompiledParameter parameter) =>
        Texts("parameter").FirstOrDefault(e => e.Attribute("name")?.Value == parameter.Name);

    private IEnumerable<string> Problems()
    {
        if (_root.Attribute("cmdlet")?.Value != Cmdlet.Name)
            yield return "the attribute 'cmdlet' does not have the name of the file.";
        foreach (string unknown in _root.Elements().Select(e => e.Name.ToString()).Where(name => !Elements.Contains(name)).Distinct())
            yield return $"<{unknown}> is not one of {string.Join(", ", Elements)}.";
        if (Synopsis is not [_])
            yield return "it needs a synopsis of one paragraph.";
        if (Description is [])
            yield return "it has no description.";

        foreach (CompiledParameter parameter in Cmdlet.Parameters.Where(p => DescriptionOf(p) is []))
            yield return $"-{parameter.Name} has no description.";
        foreach (IGrouping<string?, XElement> described in Texts("parameter").GroupBy(e => e.Attribute("name")?.Value))
        {
            if (Cmdlet.Parameters.All(p => p.Name != described.Key))
                yield return $"-{described.Key} is described but is not a parameter.";
            if (described.Count() > 1)
                yield return $"-{described.Key} is described more than once.";
        }

        if (Types("input").Length == 0 && Cmdlet.Parameters.Any(p => p.Uses.Any(u => u.FromPipeline || u.FromPropertyName)))
            yield return "it takes pipeline input, but has no <input>.";
        foreach (string output in Cmdlet.Outputs.Except(Types("output").Select(t => t.Type)))
            yield return $"no <output> describes {output}.";
        if (Types("input").Concat(Types("output")).Any(t => t.Type == "" || t.Text is []))
            yield return "an <input> or <output> lacks its type or its text.";

        if (Examples.Count() < LeastExamples)
            yield return $"it has fewer than {LeastExamples} examples.";
        foreach (XElement example in Examples.Where(e => e.Attribute("title") is null
            || Code(e) == "" || e.Element("para") is null || Paragraphs(e) is []))
            yield return $"the example '{Title(example)}' lacks its title, its code or its text.";
        foreach (XElement example in Examples.Where(e => Code(e).Split('\n').Any(line => line.Length > LongestLine)))
            yield return $"the example '{Title(example)}' has a line of more than {LongestLine} characters.";
    }
}

/// <summary>Help files have mistakes; the message lists all of them as MSBuild errors.</summary>
internal sealed class InvalidHelpException(IEnumerable<string> problems) : Exception(string.Join(Environment.NewLine, problems));
