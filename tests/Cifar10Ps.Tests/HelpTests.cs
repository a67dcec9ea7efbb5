using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;
using System.Text.RegularExpressions;
using Cifar10Ps.Build;

namespace Cifar10Ps.Tests;

/// <summary>The help, and what the build says about help files that do not match the cmdlets.</summary>
/// <remarks>The examples are run in tests/Pester/Help.Tests.ps1: many need more commands than the engine here has.</remarks>
public sealed partial class HelpTests
{
    private static readonly CompiledCmdlet[] Cmdlets = CompiledCmdlet.ReadAll(Path.Combine(TestEnvironment.Module, "Cifar10Ps.dll"),
        [.. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator),
            .. Directory.GetFiles(Path.Combine(TestEnvironment.Module, "dependencies"), "*.dll")]);

    [Fact]
    public void Every_cmdlet_and_every_parameter_has_help_with_examples()
    {
        using Session session = new();

        Assert.Empty(session.Run("""
            foreach ($command in Get-Command -Module Cifar10Ps) {
                $help = Get-Help $command.Name -Full
                if ($help.Synopsis.Contains('[<CommonParameters>]') -or !$help.description -or !$help.examples.example) { $command.Name }
                foreach ($parameter in $command.ParameterSets.Parameters) {
                    $name = $parameter.Name
                    if ($name -in [Management.Automation.PSCmdlet]::CommonParameters) { continue }
                    if ($name -in [Management.Automation.PSCmdlet]::OptionalCommonParameters) { continue }
                    if (!($help.parameters.parameter | Where-Object name -eq $name).description.Text) { "$($command.Name) -$name" }
                }
            }
            """));
        Assert.Contains("Cifar10Ps", session.Value<string>("Get-Help about_Cifar10Ps"), StringComparison.Ordinal);
    }

    [Fact]
    public void What_messages_advise_exists()
    {
        using Session session = new();
        HashSet<string> parameters = [.. session.Run("(Get-Command -Module Cifar10Ps).Parameters.Keys").Select(name => (string)name)];
        string[] texts = [.. UserStrings("Cifar10Ps.dll"), .. UserStrings(Path.Combine("dependencies", "Cifar10Ps.Engine.dll"))];
        Assert.Contains(texts, text => text.Contains("-ResumeFrom", StringComparison.Ordinal));

        Assert.Subset(parameters,
            texts.SelectMany(text => ParameterName().Matches(text)).Select(match => match.Groups[1].Value).ToHashSet());
    }

    [Fact]
    public void The_requirements_that_the_advice_names_are_a_section_of_the_topic()
    {
        Assert.Contains("See the requirements in about_Cifar10Ps.",
            File.ReadAllText(Path.Combine(TestEnvironment.Root, "src", "Cifar10Ps", "ErrorAdvice.cs")), StringComparison.Ordinal);
        Assert.Contains("\nREQUIREMENTS\n",
            File.ReadAllText(Path.Combine(TestEnvironment.Module, "en-US", "about_Cifar10Ps.help.txt")).ReplaceLineEndings("\n"),
            StringComparison.Ordinal);
    }

    [Fact]
    public void The_syntax_in_the_help_is_that_which_PowerShell_itself_finds()
    {
        using Session session = new();
        const string Lines = """
            $common = [Management.Automation.PSCmdlet]::CommonParameters
            foreach ($command in Get-Command -Module Cifar10Ps) {
                $items = @((Get-Help $command.Name -Full).syntax.syntaxItem)
                foreach ($set in $command.ParameterSets) {
                    $syntax = foreach ($p in $set.Parameters) {
                        if ($p.Name -in $common) { continue }
                        $sources = @(
                            if ($p.ValueFromPipeline) { 'ByValue' }
                            if ($p.ValueFromPipelineByPropertyName) { 'ByPropertyName' }
                        ) -join ', '
                        $pipeline = if ($sources) { "True ($sources)" } else { 'False' }
                        $position = if ($p.Position -ge 0) { $p.Position } else { 'named' }
                        $aliases = if ($p.Aliases.Count) { $p.Aliases -join ', ' } else { 'none' }
                        "$($p.Name) $("$($p.IsMandatory)".ToLowerInvariant()) $position $pipeline $aliases"
                    }
                    "$($command.Name): $([string]::Join('; ', [Linq.Enumerable]::Order([string[]] @($syntax))))"
                }
            }
            'help'
            foreach ($command in Get-Command -Module Cifar10Ps) {
                foreach ($item in (Get-Help $command.Name -Full).syntax.syntaxItem) {
                    $syntax = foreach ($p in $item.parameter) {
                        "$($p.name) $($p.required) $($p.position) $($p.pipelineInput) $($p.aliases)"
                    }
                    "$($command.Name): $([string]::Join('; ', [Linq.Enumerable]::Order([string[]] @($syntax))))"
                }
            }
            """;

        string[] lines = [.. session.Run(Lines).Select(line => (string)line)];

        int half = Array.IndexOf(lines, "help");
        Assert.True(half > 9);
        Assert.Equal(lines[..half].Order(StringComparer.Ordinal), lines[(half + 1)..].Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("name=\"Force\"", "name=\"Farce\"", "Save-Model: -Force has no description.")]
    [InlineData("name=\"Force\"", "name=\"Farce\"", "Save-Model: -Farce is described but is not a parameter.")]
    [InlineData("name=\"Path\"", "name=\"Force\"", "Save-Model: -Force is described more than once.")]
    [InlineData("input", "note", "Save-Model: it takes pipeline input, but has no <input>.")]
    [InlineData("type=\"Cifar10Ps.ImageClassifier\"", "type=\"Thing\"", "Save-Model: no <output> describes Cifar10Ps.ImageClassifier.")]
    [InlineData("example", "note", "Save-Model: it has fewer than 2 examples.")]
    [InlineData("<code>", "<code> </code><code>", "Save-Model: the example 'Save and read again' lacks its title, its code or its text.")]
    [InlineData("<code>", "<code># 3456789 123456789 123456789 123456789 123456789 123456789 123456789 1234567\n",
        "Save-Model: the example 'Save and read again' has a line of more than 76 characters.")]
    [InlineData("link>", "lnk>", "Save-Model: <lnk> is not one of ")]
    [InlineData("</synopsis>", "", "Save-Model: The 'synopsis' start tag")]
    [InlineData("cmdlet=\"Save-Model\"", "cmdlet=\"Load-Model\"", "Save-Model: the attribute 'cmdlet' does not have the name of the file.")]
    public void A_mistake_in_a_help_file_fails_the_build_with_the_name_of_the_cmdlet(string was, string becomes, string expected)
    {
        using TemporaryFolder folder = CopyHelp();
        string file = folder["Save-Model.xml"];
        File.WriteAllText(file, File.ReadAllText(file).Replace(was, becomes, StringComparison.Ordinal));

        var error = Assert.Throws<InvalidHelpException>(() => CmdletHelp.ReadAll(folder.Path, Cmdlets));

        // The form in which MSBuild recognises an error and its file.
        Assert.Contains(error.Message.Split(Environment.NewLine), line =>
            line.StartsWith(file, StringComparison.Ordinal) && line.Contains($": error: {expected}", StringComparison.Ordinal));
    }

    /// <summary>Where this fails: <c>dotnet build src/Cifar10Ps -t:HelpPages</c>.</summary>
    [Fact]
    public void The_pages_in_docs_help_are_what_the_build_writes()
    {
        string folder = Path.Combine(TestEnvironment.Root, "docs", "help");

        SortedDictionary<string, string> pages = MarkdownHelp.Write(
            CmdletHelp.ReadAll(Path.Combine(TestEnvironment.Root, "src", "Cifar10Ps", "Help"), Cmdlets));

        Assert.Equal(pages.Keys, Directory.GetFiles(folder).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal));
        Assert.All(pages, page => Assert.Equal(page.Value, File.ReadAllText(Path.Combine(folder, page.Key)).ReplaceLineEndings("\n")));
    }

    [Fact]
    public void A_cmdlet_without_a_help_file_and_a_help_file_without_a_cmdlet_fail_the_build()
    {
        using TemporaryFolder folder = CopyHelp();
        File.Move(folder["Save-Model.xml"], folder["Lose-Model.xml"]);

        var error = Assert.Throws<InvalidHelpException>(() => CmdletHelp.ReadAll(folder.Path, Cmdlets));

        Assert.Equal([$"{folder["Save-Model.xml"]}: error: Save-Model has no help file.",
            $"{folder["Lose-Model.xml"]}: error: Lose-Model has a help file but is not a cmdlet."],
            error.Message.Split(Environment.NewLine));
    }

    [Fact]
    public void Code_loses_the_margin_that_it_has_in_the_file_and_keeps_its_own()
    {
        var example = System.Xml.Linq.XElement.Parse(
            "<example title=\"T\" needs=\"the network\"><code>\n    foreach ($i in 1..2) {\n        $i\n\n    }\n  </code></example>");

        Assert.Equal("foreach ($i in 1..2) {\n    $i\n\n}", CmdletHelp.Code(example));
        Assert.Equal("T (needs the network)", CmdletHelp.Title(example));
    }

    /// <summary>With MPICH, an error of a rank that has not joined yet leaves the others waiting.</summary>
    [Fact]
    public void The_script_for_several_machines_joins_the_job_before_anything_can_fail()
    {
        string topic = Path.Combine(TestEnvironment.Module, "en-US", "about_Cifar10Ps_Distributed.help.txt");

        string[] script = [.. File.ReadLines(topic).SkipWhile(line => !line.Contains("Import-Module", StringComparison.Ordinal))];

        Assert.Contains("Get-TrainingCluster", script[1], StringComparison.Ordinal);
    }

    [Fact]
    public void Every_error_id_is_in_the_list_of_the_help_and_no_other()
    {
        string[] sources = [.. new[] { "Cifar10Ps", "Cifar10Ps.Engine" }.SelectMany(Sources)];
        string[] ids = [.. sources.SelectMany(source => ErrorId().Matches(source))
            .Select(match => match.Groups["id"].Value).Distinct().Order(StringComparer.Ordinal)];
        string topic = File.ReadAllText(Path.Combine(TestEnvironment.Module, "en-US", "about_Cifar10Ps.help.txt"));
        string list = topic[topic.IndexOf("\nERRORS", StringComparison.Ordinal)..topic.IndexOf("\nSEE ALSO", StringComparison.Ordinal)];

        string[] listed = [.. ListedId().Matches(list).Select(match => match.Groups["id"].Value).Distinct().Order(StringComparer.Ordinal)];

        Assert.True(ids.Length > 60);
        Assert.Equal(ids, listed);
    }

    /// <summary>The engine knows nothing of the module: for every error, the module adds what to do in terms of its cmdlets.</summary>
    [Fact]
    public void Every_error_of_the_engine_has_advice_and_no_text_of_the_engine_names_a_cmdlet_or_a_parameter()
    {
        string[] engine = [.. Sources("Cifar10Ps.Engine")];
        string advice = File.ReadAllText(Path.Combine(TestEnvironment.Root, "src", "Cifar10Ps", "ErrorAdvice.cs"));

        Assert.Empty(engine.SelectMany(source => ErrorId().Matches(source)).Select(match => match.Groups["id"].Value).Distinct()
            .Where(id => !advice.Contains($"[\"{id}\"] = ", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
        Assert.DoesNotContain(engine.SelectMany(source => source.Split('\n'))
            .Where(line => !line.TrimStart().StartsWith('/')).SelectMany(line => Literal().Matches(line)),
            text => OfTheModule().IsMatch(text.Value));
    }

    private static IEnumerable<string> Sources(string project) =>
        Directory.GetFiles(Path.Combine(TestEnvironment.Root, "src", project), "*.cs", SearchOption.AllDirectories)
            .Select(File.ReadAllText);

    [GeneratedRegex(@"""(\\.|[^""\\])*""")]
    private static partial Regex Literal();

    // A parameter, or the verb and noun of a cmdlet.
    [GeneratedRegex(@"(^|[\s(\[""'])-[A-Z][A-Za-z]+|\b(Export|Find|Get|Import|Invoke|Measure|New|Receive|Save|Start|Stop|Wait)-[A-Z][a-z]")]
    private static partial Regex OfTheModule();

    [GeneratedRegex("\"(?<id>[A-Z]\\w+)\",\\s*Error(Kind|Category)\\.|\"(?<id>Invalid[A-Z]\\w+)\"[,)]")]
    private static partial Regex ErrorId();

    [GeneratedRegex(@"^ {8}(?<id>[A-Z]\w+) {2,}\S", RegexOptions.Multiline)]
    private static partial Regex ListedId();

    private static TemporaryFolder CopyHelp()
    {
        TemporaryFolder folder = new();
        foreach (string file in Directory.GetFiles(Path.Combine(TestEnvironment.Root, "src", "Cifar10Ps", "Help")))
            File.Copy(file, folder[Path.GetFileName(file)]);
        return folder;
    }

    [GeneratedRegex(@"(?<![\w-])-([A-Z]\w+)")]
    private static partial Regex ParameterName();

    /// <summary>The literals in an assembly's code.</summary>
    private static List<string> UserStrings(string file)
    {
        using PEReader pe = new(File.OpenRead(Path.Combine(TestEnvironment.Module, file)));
        MetadataReader reader = pe.GetMetadataReader();
        List<string> texts = [];
        for (UserStringHandle handle = MetadataTokens.UserStringHandle(1); !handle.IsNil; handle = reader.GetNextHandle(handle))
            texts.Add(reader.GetUserString(handle));
        return texts;
    }
}
