using System.Text.RegularExpressions;
using System.Text;
using System.Xml.Linq;
using Cifar10Ps.Networks;
using Cifar10Ps.Reporting;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public sealed partial class ModelGraphTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(Shortcut.Projection, 9, 2, 0)]
    [InlineData(Shortcut.ZeroPad, 9, 0, 2)]
    [InlineData(Shortcut.ProjectionOnly, 2, 2, 0)]
    public void The_text_holds_the_layers_of_each_kind_of_network_and_the_shapes_between_them(Shortcut shortcut,
        int additions, int projections, int paddings)
    {
        string dot = ModelGraph.ToDot(RandomModel(shortcut, classes: 7).Snapshot);

        string[] nodes = [.. Nodes().Matches(dot).Select(match => match.Value)];
        Assert.Equal(additions, nodes.Count(node => node.EndsWith("\\nAdd\"];", StringComparison.Ordinal)));
        Assert.Equal(projections, nodes.Count(node => node.Contains("Convolution 1 x 1, stride 2", StringComparison.Ordinal)));
        Assert.Equal(paddings, nodes.Count(node => node.Contains("ZeroPad", StringComparison.Ordinal)));
        Assert.Equal(19, nodes.Count(node => node.Contains("Convolution 3 x 3", StringComparison.Ordinal)));
        Assert.Contains("  \"layer3.0.conv1\" [label=\"layer3.0.conv1\\nConvolution 3 x 3, stride 2\\nweight (64, 32, 3, 3)\"];", nodes);
        Assert.Contains("  \"fc\" [label=\"fc\\nLinear\\nweight (7, 64)\\nbias (7)\"];", nodes);

        string[] edges = [.. dot.Split('\n').Where(line => line.Contains("->", StringComparison.Ordinal))];
        Assert.Contains("  \"input\" -> \"conv1\" [label=\" (N, 3, 32, 32)\"];", edges);
        Assert.Contains("  \"layer1.2.relu2\" -> \"layer2.0.conv1\" [label=\" (N, 16, 32, 32)\"];", edges);
        Assert.Contains("  \"layer3.0.bn1\" -> \"layer3.0.relu1\" [label=\" (N, 64, 8, 8)\"];", edges);
        Assert.Contains("  \"fc\" -> \"loss\" [label=\" (N, 7)\"];", edges);
        Assert.Equal(shortcut != Shortcut.ProjectionOnly,
            edges.Contains("  \"layer3.1.relu2\" -> \"layer3.2.add\" [label=\" (N, 64, 8, 8)\"];"));
        // Every layer but the input takes one output, an addition two; so does the loss.
        Assert.Equal(nodes.Length - 2 + additions + 1, edges.Length);
    }

    [Fact]
    public void A_layer_may_be_called_like_the_loss()
    {
        NetworkBuilder network = new();
        network.Add("loss", new Linear(3, 2), network.Add("labels", new AveragePool(), NetworkBuilder.InputLayer));

        string dot = ModelGraph.ToDot(ImageClassifier.Create(network.Build("odd"), ["a", "b"], 0, 8).Snapshot);

        Assert.Contains("  \"loss\" -> \"loss_\" [", dot, StringComparison.Ordinal);
        Assert.Contains("  \"labels_\" -> \"loss_\" [", dot, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Shortcut.Projection)]
    [InlineData(Shortcut.ZeroPad)]
    [InlineData(Shortcut.ProjectionOnly)]
    public void Graphviz_draws_every_layer_and_every_edge(Shortcut shortcut)
    {
        RequireGraphviz();
        ImageClassifier model = RandomModel(shortcut);
        string dot = ModelGraph.ToDot(model.Snapshot), path = _folder["graph.svg"];

        ModelGraph.Export(model, path, GraphFormat.Svg);

        XElement[] groups = [.. XDocument.Load(path).Descendants().Where(element => element.Name.LocalName == "g")];
        Assert.Equal(Nodes().Count(dot), groups.Count(group => (string?)group.Attribute("class") == "node"));
        Assert.Equal(dot.Split("->").Length - 1, groups.Count(group => (string?)group.Attribute("class") == "edge"));
        Assert.Equal(9, groups.Count(group => (string?)group.Attribute("class") == "cluster"));
    }

    [Fact]
    public void Graphviz_makes_a_picture()
    {
        RequireGraphviz();
        string path = _folder["graph.png"];

        ModelGraph.Export(RandomModel(), path, GraphFormat.Png);

        Assert.Equal("PNG"u8, File.ReadAllBytes(path).AsSpan(1, 3));
    }

    [Fact]
    public void Without_Graphviz_the_error_says_what_to_do()
    {
        _folder.Write("dot.txt", []);

        EngineException error = AssertError("GraphvizNotFound", () => Graphviz.Find(_folder.Path));

        Assert.Contains(".dot", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Only_folders_with_a_full_path_are_searched()
    {
        string name = OperatingSystem.IsWindows() ? "dot.exe" : "dot";
        string folder = Path.GetRelativePath(Environment.CurrentDirectory, _folder.Path), program = _folder.Write(name, []);

        AssertError("GraphvizNotFound", () => Graphviz.Find(folder));
        Assert.Equal(program, Graphviz.Find(string.Join(Path.PathSeparator, "", folder, _folder["none"], _folder.Path)));
    }

    [Theory]
    [InlineData("echo broken >&2; exit 3", "code 3 and said: broken")]
    [InlineData("cat >/dev/null", "code 0")]
    [InlineData("exec <&-; exec sleep 60", "longer than")]
    [InlineData("cat; sleep 60", "longer than")]
    public void A_program_that_fails_or_hangs_is_ended_with_an_error(string script, string why)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs a shell script");
        string program = _folder.Write("dot", Encoding.UTF8.GetBytes($"#!/bin/sh\n{script}\n"));
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserExecute);

        EngineException error = AssertError("GraphvizFailed", () =>
            Graphviz.Render(program, new byte[1 << 20], GraphFormat.Svg, TimeSpan.FromSeconds(1), default));

        Assert.Contains(why, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_no_program_gives_an_error()
    {
        AssertError("GraphvizFailed", () => Graphviz.Render(_folder.Write("dot", [1, 2, 3]), [], GraphFormat.Svg, default));
        AssertError("GraphvizFailed", () => Graphviz.Render(_folder["none"], [], GraphFormat.Svg, default));
    }

    [Fact]
    public void A_drawing_can_be_cancelled()
    {
        RequireGraphviz();

        Assert.ThrowsAny<OperationCanceledException>(() =>
            ModelGraph.Export(RandomModel(), _folder["graph.svg"], GraphFormat.Svg, new CancellationToken(true)));

        Assert.Empty(Directory.GetFiles(_folder.Path));
    }

    private static void RequireGraphviz()
    {
        try
        {
            Graphviz.Find();
        }
        catch (EngineException e)
        {
            Assert.Skip(e.Message);
        }
    }

    [GeneratedRegex("""^  (?!graph|node|edge)"?[\w.]+"? \[.*\];$""", RegexOptions.Multiline)]
    private static partial Regex Nodes();
}
