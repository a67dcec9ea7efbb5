namespace Cifar10Ps;

/// <summary>Writes a classifier as an ONNX graph for evaluation, with batch norm folded into the convolutions.</summary>
/// <remarks>
/// <para>Plain, the graph takes <c>input</c>, normalised planes [batch, 3, height, width], and gives <c>logits</c> [batch, classes].</para>
/// <para>With its preprocessing it takes <c>pixels</c>, bytes as decoders of pictures give them, [batch, height, width, 3], and gives
/// <c>probabilities</c> and <c>logits</c>.</para>
/// </remarks>
internal static class OnnxFile
{
    // Of 2021: every runtime since takes them, and they have all that a ResNet needs.
    private const int IrVersion = 8, OperatorSet = 17;

    private const string Batch = "batch", BatchAxis = "DATA_BATCH", ChannelAxis = "DATA_CHANNEL", PlaceAxis = "DATA_FEATURE", ClassAxis = "CLASS";

    /// <summary>Writes a graph.</summary>
    /// <param name="model">The classifier.</param>
    /// <param name="path">The file.</param>
    /// <param name="includePreprocessing">Whether the graph begins with the preprocessing and ends with softmax.</param>
    /// <exception cref="EngineException"><c>NotARegularFile</c>, <c>FileNotWritable</c>.</exception>
    public static void Write(ModelSnapshot model, string path, bool includePreprocessing)
    {
        string inputText = includePreprocessing
            ? "pixels: uint8 [batch, height, width, 3], rows of red, green, blue, 0 to 255; the preprocessing is in the graph"
            : "input: float32 [batch, 3, height, width], planes of red, green, blue, each (value / 255 - mean) / standardDeviation";
        // ModelProto: ir_version 1, producer_name 2, producer_version 3, doc_string 6, graph 7, opset_import 8, metadata_props 14.
        ProtobufMessage file = new ProtobufMessage()
            .Add(1, IrVersion)
            .Add(2, "Cifar10Ps")
            .Add(3, typeof(OnnxFile).Assembly.GetName().Version!.ToString(3))
            .Add(6, $"{model}, shortcuts {model.Architecture.Shortcut}")
            .Add(7, GraphOf(model, inputText, includePreprocessing).Message)
            .Add(8, new ProtobufMessage().Add(1, "").Add(2, OperatorSet));
        foreach ((string key, string value) in ModelFile.Describe(model).Append(("input", inputText)))
            file.Add(14, new ProtobufMessage().Add(1, key).Add(2, value));
        AtomicFile.Write(path, file.WriteTo);
    }

    private static OnnxGraph GraphOf(ModelSnapshot model, string inputText, bool includePreprocessing)
    {
        (ResNetArchitecture architecture, Preprocessing input, StateDict weights) = (model.Architecture, model.Preprocessing, model.Weights);
        OnnxGraph graph = new(architecture.Name);
        Dictionary<string, FoldedConvolution> convolutions = FoldedConvolution.Of(architecture, weights).ToDictionary(convolution => convolution.Name);
        // Where in the graph the output of each layer is.
        Dictionary<string, string> outputs = new(StringComparer.Ordinal);
        foreach (NetworkLayer layer in NetworkLayer.Of(architecture, input.Height, input.Width))
            outputs[layer.Name] = Translate(layer, [.. layer.Inputs.Select(name => outputs[name])]);

        if (includePreprocessing)
            graph.Output(graph.Operation("Softmax", "probabilities", ["logits"], OnnxGraph.Attribute("axis", 1)), "a probability for each class", (Batch, BatchAxis), (architecture.ClassCount, ClassAxis));
        graph.Output("logits", "a logit for each class", (Batch, BatchAxis), (architecture.ClassCount, ClassAxis));
        return graph;

        string Translate(NetworkLayer layer, string[] x) => layer.Kind switch
        {
            LayerKind.Input when includePreprocessing =>
                Normalise(graph.Input("pixels", OnnxGraph.UInt8, inputText, (Batch, BatchAxis), (input.Height, PlaceAxis), (input.Width, PlaceAxis), (3, ChannelAxis))),
            LayerKind.Input => graph.Input("input", OnnxGraph.Float, inputText, (Batch, BatchAxis), (3, ChannelAxis), (input.Height, PlaceAxis), (input.Width, PlaceAxis)),
            LayerKind.Convolution => Convolve(layer, x[0]),
            // Folded into the convolution before it.
            LayerKind.BatchNorm => x[0],
            LayerKind.ReLU => graph.Operation("Relu", layer.Name, x),
            LayerKind.ZeroPad => ZeroPad(layer, x[0]),
            LayerKind.Add => graph.Operation("Add", layer.Name, x),
            LayerKind.AveragePool => graph.Operation("Flatten", "features", [graph.Operation("GlobalAveragePool", layer.Name, x)]),
            LayerKind.Linear => graph.Operation("Gemm", "logits", [x[0], .. layer.Tensors.Select(tensor => graph.Constant(tensor.Name, weights[tensor.Name], tensor.Shape))], OnnxGraph.Attribute("transB", 1)),
            _ => throw new NotSupportedException($"There is no operation for {layer.Kind}."),
        };

        string Convolve(NetworkLayer layer, string x)
        {
            FoldedConvolution convolution = convolutions[layer.Name];
            int kernel = convolution.Shape[2], padding = kernel / 2;
            string weight = graph.Constant(layer.Name + ".weight", convolution.Weight, convolution.Shape);
            string bias = graph.Constant(layer.Name + ".bias", convolution.Bias, convolution.Bias.Length);
            return graph.Operation("Conv", layer.Name, [x, weight, bias], OnnxGraph.Attribute("kernel_shape", [kernel, kernel]),
                OnnxGraph.Attribute("pads", [padding, padding, padding, padding]), OnnxGraph.Attribute("strides", [layer.Stride, layer.Stride]));
        }

        string ZeroPad(NetworkLayer layer, string x)
        {
            // Half of the new channels come before the old ones, half after them.
            int padding = layer.OutputShape[0] / 4;
            string[] slice = [x, graph.Constant(layer.Name + ".starts", 0, 0), graph.Constant(layer.Name + ".ends", long.MaxValue, long.MaxValue),
                graph.Constant(layer.Name + ".axes", 2, 3), graph.Constant(layer.Name + ".steps", layer.Stride, layer.Stride)];
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
