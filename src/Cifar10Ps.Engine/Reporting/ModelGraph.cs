using System.Globalization;
using System.Text;
using Cifar10Ps.Models;
using Cifar10Ps.Networks;
using Cifar10Ps.Reporting;
using Cifar10Ps.Runtime;

namespace Cifar10Ps;

/// <summary>The formats of a model's graph.</summary>
public enum GraphFormat
{
    /// <summary>Text in Graphviz's language: <c>.dot</c>, <c>.gv</c>.</summary>
    Dot,

    /// <summary>A drawing that Graphviz makes: <c>.svg</c>.</summary>
    Svg,

    /// <summary>A picture that Graphviz makes: <c>.png</c>.</summary>
    Png,
}

/// <summary>
/// The computation graph of a model's loss, as the original program's <c>dump_graph</c> drew it: a box for each layer with its
/// tensors, an edge for each output with its shape, a frame around each block.
/// </summary>
public static class ModelGraph
{
    /// <summary>The format that a file's extension stands for; null: none.</summary>
    public static GraphFormat? OfName(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return Path.GetExtension(path).ToUpperInvariant() switch
        {
            ".DOT" or ".GV" => GraphFormat.Dot,
            ".SVG" => GraphFormat.Svg,
            ".PNG" => GraphFormat.Png,
            _ => null,
        };
    }

    /// <summary>Writes the graph of a model to a file.</summary>
    /// <param name="model">The model.</param>
    /// <param name="path">The file.</param>
    /// <param name="format">Its format; all but <see cref="GraphFormat.Dot"/> need Graphviz.</param>
    /// <param name="cancellation">Ends the drawing.</param>
    /// <exception cref="EngineException"><c>GraphvizNotFound</c>, <c>GraphvizFailed</c>,
    /// <c>NotARegularFile</c>, <c>FileNotWritable</c>.</exception>
    public static void Export(ImageClassifier model, string path, GraphFormat format, CancellationToken cancellation = default)
    {
        byte[] content = Encoding.UTF8.GetBytes(ToDot(model.Snapshot));
        if (format != GraphFormat.Dot)
            content = Graphviz.Render(Graphviz.Find(), content, format, cancellation);
        AtomicFile.Write(path, stream => stream.Write(content));
    }

    /// <summary>The graph of a model in Graphviz's language. Shapes begin with N, the number of images.</summary>
    internal static string ToDot(ModelSnapshot model)
    {
        Network network = model.Network;
        network.Require(model.Preprocessing.Height, model.Preprocessing.Width);
        Shape[] shapes = network.Shapes(model.Preprocessing.Height, model.Preprocessing.Width);
        StringBuilder dot = new();
        Line($"digraph \"{Quoted(model.Name)}\" {{");
        string title = Quoted(network.ToString());
        Line($"  graph [label=\"{title}, {model.ParameterCount:N0} parameters\", labelloc=t, fontname=\"Helvetica\"];");
        Line($"  node [shape=box, style=filled, fillcolor=\"#d6e6f5\", fontname=\"Helvetica\"];");
        Line($"  edge [fontname=\"Helvetica\", fontsize=10];");
        foreach (IGrouping<string, Layer> block in network.Layers.GroupBy(BlockOf))
        {
            if (block.Key != "")
                Line($"  subgraph \"cluster_{Quoted(block.Key)}\" {{ label=\"{Quoted(block.Key)}\"; labeljust=l; color=gray;");
            foreach (Layer layer in block)
            {
                string label = string.Join("\\n", Lines(layer).Select(Quoted)),
                    shape = layer.Kind == LayerKind.Input ? ", shape=ellipse, fillcolor=\"#eeeeee\"" : "";
                Line($"  \"{Quoted(layer.Name)}\" [label=\"{label}\"{shape}];");
            }

            if (block.Key != "")
                Line($"  }}");
        }

        // A layer may have one of these names.
        string labels = Unused("labels"), loss = Unused("loss");
        Line($"  \"{labels}\" [label=labels, shape=ellipse, fillcolor=\"#eeeeee\"];");
        Line($"  \"{loss}\" [label=\"loss\\nSoftmaxCrossEntropy\"];");
        foreach (Layer layer in network.Layers)
            foreach (int input in layer.Inputs)
                Edge(network.Layers[input].Name, layer.Name, shapes[input].Sizes);
        Edge(network.Layers[^1].Name, loss, shapes[^1].Sizes);
        Edge(labels, loss, []);
        Line($"}}");
        return dot.ToString();

        string Unused(string name) => network.Layers.Any(layer => layer.Name == name) ? Unused(name + "_") : name;
        void Line(FormattableString text) => dot.Append(text.ToString(CultureInfo.InvariantCulture)).Append('\n');
        void Edge(string from, string to, int[] shape) =>
            Line($"  \"{Quoted(from)}\" -> \"{Quoted(to)}\" [label=\" ({string.Join(", ", ["N", .. shape])})\"];");
    }

    /// <summary>The block that a layer is part of: <c>layer1.0</c>; empty: none.</summary>
    private static string BlockOf(Layer layer) => layer.Name.Split('.') is [string stage, string block, _, ..] ? $"{stage}.{block}" : "";

    private static IEnumerable<string> Lines(Layer layer)
    {
        yield return layer.Name;
        if (layer.Kind == LayerKind.Input)
            yield break;
        yield return layer.Operation switch
        {
            Convolution { Window: var window } => $"Convolution {window}",
            MaxPool { Window: var window } => $"MaxPool {window}",
            AveragePool { Window: { } window } => $"AveragePool {window}",
            _ => $"{layer.Kind}",
        };
        foreach (LayerTensor tensor in layer.Tensors.Where(tensor => tensor.IsLearned))
            yield return $"{tensor.Name[(layer.Name.Length + 1)..]} ({string.Join(", ", tensor.Shape)})";
    }

    /// <summary>Text between quotation marks in Graphviz's language.</summary>
    private static string Quoted(string text) => text.Replace("\\", "\\\\").Replace("\"", "\\\"");
}
