

using Cifar10Ps.Models;
using Cifar10Ps.Networks;
using Cifar10Ps.Runtime;

namespace Cifar10Ps.Formats;

/// <summary>Writes a classifier as an ONNX graph for evaluation, layer by layer, so that the same weights can be read back.</summary>
/// <remarks>
/// <para>Plain, the graph takes <c>input</c>, normalised planes [batch, 3, height, width], and gives <c>logits</c> [batch, classes].</para>
/// <para>With its preprocessing it takes <c>pixels</c>, bytes as decoders of pictures give them, [batch, height, width, 3], and gives
/// <c>probabilities</c> and <c>logits</c>.</para>
/// </remarks>
internal static class OnnxFile
{
    /// <summary>Who wrote the file, as it says.</summary>
    public const string Producer = "Cifar10Ps";

    // From 2021: every runtime since then supports them, and they have all that a ResNet needs.
    private const int IrVersion = 8, OperatorSet = 17;

    private const string InputName = "input", PixelsName = "pixels", LogitsName = "logits", ProbabilitiesName = "probabilities";

    private const string Batch = "batch", BatchAxis = "DATA_BATCH", ChannelAxis = "DATA_CHANNEL", PlaceAxis = "DATA_FEATURE",
        ClassAxis = "CLASS";

    /// <summary>Writes a graph.</summary>
    /// <param name="model">The classifier.</param>
    /// <param name="path">The file.</param>
    /// <param name="includePreprocessing">Whether the graph begins with the preprocessing and ends with softmax, of logits that are divided
    /// by the model's temperature; the output <c>logits</c> is not.</param>
    /// <exception cref="EngineException"><c>NotARegularFile</c>, <c>FileNotWritable</c>.</exception>
    public static void Write(ModelSnapshot model, string path, bool includePreprocessing)
    {
        string inputText = includePreprocessing
            ? "pixels: uint8 [batch, height, width, 3], rows of red, green, blue, 0 to 255; the preprocessing is in the graph"
            : "input: float32 [batch, 3, height, width], planes of red, green, blue, each (value / 255 - mean) / standardDeviation";
        // ModelProto: ir_version 1, producer_name 2, producer_version 3, doc_string 6, graph 7, opset_import 8, metadata_props 14.
        ProtobufMessage file = new ProtobufMessage()
            .Add(1, IrVersion)
            .Add(2, Producer)
            .Add(3, typeof(OnnxFile).Assembly.GetName().Version!.ToString(3))
            .Add(6, $"{model.Network} ({model.Classes.Length} classes)")
            .Add(7, GraphOf(model, inputText, includePreprocessing).Message)
            .Add(8, new ProtobufMessage().Add(1, "").Add(2, OperatorSet));
        List<KeyValuePair<string, string>> texts =
        [
            .. ModelFile.Describe(model).Select(pair => KeyValuePair.Create(pair.Key, pair.Value)),
            new("input", inputText),
            new(ContentHash.WeightsKey, ContentHash.Of(model.Network.Tensors.Select(tensor => model.Weights[tensor.Name]))),
        ];
        foreach ((string key, string value) in texts.Append(new(ContentHash.Key, ContentHash.Of(texts))))
            file.Add(14, new ProtobufMessage().Add(1, key).Add(2, value));
        AtomicFile.Write(path, file.WriteTo);
    }

    private static OnnxGraph GraphOf(ModelSnapshot model, string inputText, bool includePreprocessing)
    {
        (Network network, Preprocessing input, StateDict weights) = (model.Network, model.Preprocessing, model.Weights);
        // Programs that use the graph rely on these names, and this module on those of the tensors.
        string[] kept = [InputName, PixelsName, LogitsName, ProbabilitiesName, .. network.Tensors.Select(tensor => tensor.Name)];
        OnnxGraph graph = new(network.Name, kept);
        Shape[] shapes = network.Shapes(input.Height, input.Width);
        // Where in the graph the output of each layer is.
        string[] outputs = new string[network.Layers.Count];
        for (int i = 0; i < outputs.Length; i++)
            outputs[i] = Translate(i, [.. network.Layers[i].Inputs.Select(position => outputs[position])]);
        if (outputs[^1] != LogitsName)
            graph.Kept("Identity", LogitsName, [outputs[^1]]);

        if (includePreprocessing)
            graph.Output(graph.Kept("Softmax", ProbabilitiesName, [Calibrated()], OnnxGraph.Attribute("axis", 1)),
                "a probability for each class", (Batch, BatchAxis), (network.ClassCount, ClassAxis));
        graph.Output(LogitsName, "a logit for each class", (Batch, BatchAxis), (network.ClassCount, ClassAxis));
        return graph;

        string Calibrated() => model.Temperature == 1 ? LogitsName
            : graph.Operation("Div", "calibrated", [LogitsName, graph.Constant("temperature", [(float)model.Temperature])]);

        string Translate(int i, string[] x)
        {
            Layer layer = network.Layers[i];
            return layer.Operation switch
            {
                Input when includePreprocessing => Normalise(graph.Input(PixelsName, OnnxGraph.UInt8, inputText,
                    (Batch, BatchAxis), (input.Height, PlaceAxis), (input.Width, PlaceAxis), (3, ChannelAxis))),
                Input => graph.Input(InputName, OnnxGraph.Float, inputText,
                    (Batch, BatchAxis), (3, ChannelAxis), (input.Height, PlaceAxis), (input.Width, PlaceAxis)),
                Convolution convolution => graph.Operation("Conv", layer.Name, [x[0], .. Constants(layer)],
                    [.. Attributes(convolution.Window), OnnxGraph.Attribute("group", convolution.Groups)]),
                BatchNorm norm => graph.Operation("BatchNormalization", layer.Name, [x[0], .. Constants(layer)],
                    OnnxGraph.Attribute("epsilon", (float)norm.Epsilon)),
                MeanImage => graph.Operation("Sub", layer.Name, [x[0], .. Constants(layer)]),
                ReLU => graph.Operation("Relu", layer.Name, x),
                ClippedReLU clipped => graph.Operation("Clip", layer.Name,
                    [x[0], graph.Constant(layer.Name + ".min", [0f]), graph.Constant(layer.Name + ".max", [(float)clipped.Maximum])]),
                Gelu => ErrorUnit(layer, x[0]),
                Scale scale => graph.Operation("Mul", layer.Name, [x[0], graph.Constant(layer.Name + ".factor", [(float)scale.Factor])]),
                ZeroPad => Widen(layer, x[0], shapes[i]),
                Add => graph.Operation("Add", layer.Name, x),
                MaxPool pool => graph.Operation("MaxPool", layer.Name, x, [.. Attributes(pool.Window)]),
                AveragePool { Window: null } => graph.Operation("Flatten", layer.Name,
                    [graph.Operation("GlobalAveragePool", layer.Name + ".pool", x)]),
                AveragePool pool => graph.Operation("AveragePool", layer.Name, x,
                    [.. Attributes(pool.Window!), OnnxGraph.Attribute("count_include_pad", pool.CountsPadding ? 1 : 0)]),
                Flatten => graph.Operation("Flatten", layer.Name, x),
                Dropout => x[0],
                Linear when i == network.Layers.Count - 1 =>
                    graph.Kept("Gemm", LogitsName, [x[0], .. Constants(layer)], OnnxGraph.Attribute("transB", 1)),
                Linear => graph.Operation("Gemm", layer.Name, [x[0], .. Constants(layer)], OnnxGraph.Attribute("transB", 1)),
                _ => throw new NotSupportedException($"There is no operation for {layer.Kind}."),
            };
        }

        IEnumerable<string> Constants(Layer layer) =>
            layer.Tensors.Select(tensor => graph.Tensor(tensor.Name, weights[tensor.Name], tensor.Shape));

        static IEnumerable<ProtobufMessage> Attributes(Window window) =>
        [
            OnnxGraph.Attribute("kernel_shape", [window.Size.Height, window.Size.Width]),
            OnnxGraph.Attribute("pads", [window.Padding.Top, window.Padding.Left, window.Padding.Bottom, window.Padding.Right]),
            OnnxGraph.Attribute("strides", [window.Stride.Height, window.Stride.Width]),
        ];

        // x (1 + erf(x / √2)) / 2: the operator set has no other.
        string ErrorUnit(Layer layer, string x)
        {
            string scaled = graph.Operation("Div", layer.Name + ".scaled", [x, graph.Constant(layer.Name + ".root", [float.Sqrt(2)])]);
            string error = graph.Operation("Erf", layer.Name + ".erf", [scaled]);
            string sum = graph.Operation("Add", layer.Name + ".sum", [error, graph.Constant(layer.Name + ".one", [1f])]);
            string product = graph.Operation("Mul", layer.Name + ".product", [x, sum]);
            return graph.Operation("Mul", layer.Name, [product, graph.Constant(layer.Name + ".half", [0.5f])]);
        }

        string Widen(Layer layer, string x, Shape output)
        {
            // Half of the new channels come before the old ones, half after them.
            int padding = output.Channels / 4;
            string[] slice = [x,
                graph.Constant(layer.Name + ".starts", 0, 0), graph.Constant(layer.Name + ".ends", long.MaxValue, long.MaxValue),
                graph.Constant(layer.Name + ".axes", 2, 3), graph.Constant(layer.Name + ".steps", ZeroPad.Stride, ZeroPad.Stride)];
            string pads = graph.Constant(layer.Name + ".pads", 0, padding, 0, 0, 0, padding, 0, 0);
            return graph.Operation("Pad", layer.Name, [graph.Operation("Slice", layer.Name + ".slice", slice), pads]);
        }

        string Normalise(string pixels)
        {
            string planes = graph.Operation("Transpose", "planes", [pixels], OnnxGraph.Attribute("perm", [0, 3, 1, 2]));
            string values = graph.Operation("Cast", "values", [planes], OnnxGraph.Attribute("to", OnnxGraph.Float));
            string mean = graph.Constant("mean", [.. input.Mean.Select(v => (float)(v * 255))], 1, 3, 1, 1);
            string deviation = graph.Constant("deviation", [.. input.StandardDeviation.Select(v => (float)(v * 255))], 1, 3, 1, 1);
            return graph.Operation("Div", "normalised", [graph.Operation("Sub", "centred", [values, mean]), deviation]);
        }
    }
}
