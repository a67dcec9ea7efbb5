using System.Globalization;
using System.Xml;
using System.Xml.Linq;

namespace Cifar10Ps.Build;

/// <summary>Writes the help of all cmdlets in the form that Get-Help reads: MAML, as the schemas of PowerShell have it.</summary>
internal static class MamlFile
{
    private static readonly XNamespace Help = "http://msh",
        Maml = "http://schemas.microsoft.com/maml/2004/10",
        Command = "http://schemas.microsoft.com/maml/dev/command/2004/10",
        Dev = "http://schemas.microsoft.com/maml/dev/2004/10";

    /// <summary>The file's content, UTF-8.</summary>
    public static byte[] Write(IEnumerable<CmdletHelp> cmdlets)
    {
        XElement root = new(Help + "helpItems", new XAttribute("schema", "maml"), cmdlets.Select(ToCommand));
        using MemoryStream stream = new();
        using (XmlWriter writer = XmlWriter.Create(stream, new() { Indent = true }))
            root.Save(writer);
        return stream.ToArray();
    }

    private static XElement ToCommand(CmdletHelp help)
    {
        CompiledCmdlet cmdlet = help.Cmdlet;
        return new(Command + "command",
            new XAttribute(XNamespace.Xmlns + "maml", Maml), new XAttribute(XNamespace.Xmlns + "command", Command),
            new XAttribute(XNamespace.Xmlns + "dev", Dev),
            new XElement(Command + "details",
                new XElement(Command + "name", cmdlet.Name),
                new XElement(Command + "verb", cmdlet.Verb),
                new XElement(Command + "noun", cmdlet.Noun),
                Described(help.Synopsis)),
            Described(help.Description),
            new XElement(Command + "syntax", cmdlet.Sets.Select(set => ToSyntax(cmdlet, set))),
            new XElement(Command + "parameters", InListOrder(cmdlet).Select(p => ToParameter(help, p))),
            new XElement(Command + "inputTypes", ToTypes(Command + "inputType", help.Types("input"), "You cannot pipe to this cmdlet.")),
            new XElement(Command + "returnValues", ToTypes(Command + "returnValue", help.Types("output"), "The cmdlet returns nothing.")),
            help.Notes is [] ? null : new XElement(Maml + "alertSet", new XElement(Maml + "alert", Paragraphs(help.Notes))),
            new XElement(Command + "examples", help.Examples.Select(ToExample)),
            new XElement(Command + "relatedLinks", help.Links.Select(link =>
                new XElement(Maml + "navigationLink", new XElement(Maml + "linkText", link), new XElement(Maml + "uri")))));
    }

    private static XElement ToSyntax(CompiledCmdlet cmdlet, string set) => new(Command + "syntaxItem",
        new XElement(Maml + "name", cmdlet.Name),
        from parameter in cmdlet.Parameters
        let use = parameter.In(set)
        where use is not null
        orderby use.Position ?? int.MaxValue, !use.IsMandatory
        select ToParameter(parameter, use,
            parameter.Values is [] ? parameter.IsSwitch ? null : Value(parameter)
            : new XElement(Command + "parameterValueGroup",
                parameter.Values.Select(value => Value(value, isRequired: false, isList: false)))));

    /// <summary>Those with a position first; then by name, with the two that all cmdlets share at the end.</summary>
    public static IEnumerable<CompiledParameter> InListOrder(CompiledCmdlet cmdlet) => cmdlet.Parameters
        .OrderBy(p => FirstUse(cmdlet, p).Position ?? int.MaxValue)
        .ThenBy(p => p.Aliases switch { ["wi"] => 1, ["cf"] => 2, _ => 0 })
        .ThenBy(p => p.Name, StringComparer.Ordinal);

    /// <summary>The place of a parameter in the first parameter set that has it.</summary>
    public static ParameterUse FirstUse(CompiledCmdlet cmdlet, CompiledParameter parameter) =>
        cmdlet.Sets.Select(parameter.In).First(use => use is not null)!;

    private static XElement ToParameter(CmdletHelp help, CompiledParameter parameter) =>
        ToParameter(parameter, FirstUse(help.Cmdlet, parameter),
        Described(help.DescriptionOf(parameter)),
        Value(parameter),
        new XElement(Dev + "type", new XElement(Maml + "name", parameter.Type.FullName)),
        new XElement(Dev + "defaultValue", help.DefaultOf(parameter)));

    private static XElement ToParameter(CompiledParameter parameter, ParameterUse use, params XElement?[] content)
    {
        string[] sources =
            [.. new[] { use.FromPipeline ? "ByValue" : "", use.FromPropertyName ? "ByPropertyName" : "" }.Where(s => s != "")];
        return new(Command + "parameter",
            new XAttribute("required", use.IsMandatory),
            new XAttribute("variableLength", parameter.Type.IsArray),
            new XAttribute("globbing", parameter.TakesWildcards),
            new XAttribute("pipelineInput", sources is [] ? "False" : $"True ({string.Join(", ", sources)})"),
            new XAttribute("position", use.Position?.ToString(CultureInfo.InvariantCulture) ?? "named"),
            new XAttribute("aliases", parameter.Aliases is [] ? "none" : string.Join(", ", parameter.Aliases)),
            new XElement(Maml + "name", parameter.Name),
            content);
    }

    private static XElement Value(CompiledParameter parameter) => Value(parameter.Type.Name, !parameter.IsSwitch, parameter.Type.IsArray);

    private static XElement Value(string text, bool isRequired, bool isList) =>
        new(Command + "parameterValue", new XAttribute("required", isRequired), new XAttribute("variableLength", isList), text);

    private static IEnumerable<XElement> ToTypes(XName name, (string Type, string[] Text)[] types, string otherwise) =>
        (types is [] ? [("None", [otherwise])] : types).Select(t =>
            new XElement(name, new XElement(Dev + "type", new XElement(Maml + "name", t.Type)), Described(t.Text)));

    private static XElement ToExample(XElement example, int index) => new(Command + "example",
        new XElement(Maml + "title", $"--- Example {index + 1}: {CmdletHelp.Title(example)} ---"),
        new XElement(Dev + "code", CmdletHelp.Code(example)),
        // The empty paragraph keeps a line between this example and the next.
        new XElement(Dev + "remarks", Paragraphs(CmdletHelp.Paragraphs(example)), new XElement(Maml + "para")));

    private static XElement Described(IEnumerable<string> paragraphs) => new(Maml + "description", Paragraphs(paragraphs));

    private static IEnumerable<XElement> Paragraphs(IEnumerable<string> paragraphs) =>
        paragraphs.Select(text => new XElement(Maml + "para", text));
}
