using System.Globalization;
using System.Text;

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
    /// <summary>The format that the ending of a file's name stands for; null: none.</summary>
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
    /// <exception cref="EngineException"><c>GraphvizNotFound</c>, <c>GraphvizFailed</c>, <c>NotARegularFile</c>, <c>FileNotWritable</c>.</exception>
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
        IReadOnlyList<NetworkLayer> layers = NetworkLayer.Of(model.Architecture, model.Preprocessing.Height, model.Preprocessing.Width);
        // Names and shapes are the architecture's own: nothing in them needs escaping.
        StringBuilder dot = new();
        Line($"digraph \"{model.Name}\" {{");
        Line($"  graph [label=\"{model.Name}, {model.Architecture.Shortcut} shortcuts, {model.ParameterCount:N0} parameters\", labelloc=t, fontname=\"Helvetica\"];");
        Line($"  node [shape=box, style=filled, fillcolor=\"#d6e6f5\", fontname=\"Helvetica\"];");
        Line($"  edge [fontname=\"Helvetica\", fontsize=10];");
        foreach (IGrouping<string, NetworkLayer> block in layers.GroupBy(BlockOf))
        {
            if (block.Key != "")
                Line($"  subgraph \"cluster_{block.Key}\" {{ label=\"{block.Key}\"; labeljust=l; color=gray;");
            foreach (NetworkLayer layer in block)
                Line($"  \"{layer.Name}\" [label=\"{string.Join("\\n", Lines(layer))}\"{(layer.Kind == LayerKind.Input ? ", shape=ellipse, fillcolor=\"#eeeeee\"" : "")}];");
            if (block.Key != "")
                Line($"  }}");
        }

        Line($"  labels [shape=ellipse, fillcolor=\"#eeeeee\"];");
        Line($"  loss [label=\"loss\\nSoftmaxCrossEntropy\"];");
        Dictionary<string, int[]> shapes = layers.ToDictionary(layer => layer.Name, layer => layer.OutputShape);
        foreach (NetworkLayer layer in layers)
            foreach (string input in layer.Inputs)
                Edge(input, layer.Name, shapes[input]);
        Edge(layers[^1].Name, "loss", layers[^1].OutputShape);
        Edge("labels", "loss", []);
        Line($"}}");
        return dot.ToString();

        void Line(FormattableString text) => dot.Append(text.ToString(CultureInfo.InvariantCulture)).Append('\n');
        void Edge(string from, string to, int[] shape) => Line($"  \"{from}\" -> \"{to}\" [label=\" ({string.Join(", ", ["N", .. shape])})\"];");
    }

    /// <summary>The block that a layer is part of: <c>layer1.0</c>; empty: none.</summary>
    private static string BlockOf(NetworkLayer layer) => layer.Name.Split('.') is [string stage, string block, ..] ? $"{stage}.{block}" : "";

    private static IEnumerable<string> Lines(NetworkLayer layer)
    {
        yield return layer.Name;
        if (layer.Kind == LayerKind.Input)
            yield break;
        yield return layer is { Kind: LayerKind.Convolution, Tensors: [{ Shape: [_, _, int height, int width] }] }
            ? $"Convolution {height} x {width}, stride {layer.Stride}" : $"{layer.Kind}";
        foreach (TensorShape tensor in layer.Tensors.Where(tensor => !tensor.IsStatistic))
            yield return $"{tensor.Name[(layer.Name.Length + 1)..]} ({string.Join(", ", tensor.Shape)})";
    }
}
