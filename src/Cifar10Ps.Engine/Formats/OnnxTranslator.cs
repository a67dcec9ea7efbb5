using System.Globalization;
using System.Text.Json;
using Cifar10Ps.Networks;
using Cifar10Ps.Runtime;

namespace Cifar10Ps.Formats;

/// <summary>
/// Turns an ONNX graph into a network and its weights, operation by operation, each of which becomes a layer, a part of one, or nothing. An
/// operation that a network cannot represent is an error that names it.
/// </summary>
internal sealed partial class OnnxTranslator
{
    private static readonly Dictionary<string, Func<OnnxTranslator, OnnxNode, OnnxValue>> Operators = new(StringComparer.Ordinal)
    {
        ["Add"] = (translator, node) => translator.Sum(node),
        ["AveragePool"] = (translator, node) => translator.PoolAverage(node),
        ["BatchNormalization"] = (translator, node) => translator.Normalise(node),
        ["Cast"] = (translator, node) => translator.Cast(node),
        ["Clip"] = (translator, node) => translator.Clip(node),
        ["Concat"] = (translator, node) => translator.Concatenate(node),
        ["Constant"] = (_, node) => Literal(node),
        ["ConstantOfShape"] = (translator, node) => translator.Fill(node),
        ["Conv"] = (translator, node) => translator.Convolve(node),
        ["Div"] = (translator, node) => translator.Quotient(node),
        ["Dropout"] = (translator, node) => translator.Value(node, 0),
        ["Erf"] = (translator, node) => translator.ErrorFunction(node),
        ["Flatten"] = (translator, node) => translator.Flatten(node),
        ["Gather"] = (translator, node) => translator.Gather(node),
        ["Gelu"] = (translator, node) => translator.ErrorUnit(node),
        ["Gemm"] = (translator, node) => translator.Gemm(node),
        ["GlobalAveragePool"] = (translator, node) => translator.PoolAll(translator.Features(node, 0), node),
        ["Identity"] = (translator, node) => translator.Same(node),
        ["LogSoftmax"] = (translator, node) => translator.Softmax(node),
        ["MatMul"] = (translator, node) => translator.MatMul(node),
        ["MaxPool"] = (translator, node) => translator.PoolMaximum(node),
        ["Mul"] = (translator, node) => translator.Product(node),
        ["Pad"] = (translator, node) => translator.Pad(node),
        ["ReduceMean"] = (translator, node) => translator.Mean(node),
        ["Relu"] = (translator, node) => translator.Add(node, new ReLU(), translator.Features(node, 0)),
        ["Reshape"] = (translator, node) => translator.Reshape(node),
        ["Shape"] = (translator, node) => translator.ShapeOf(node),
        ["Slice"] = (translator, node) => translator.Slice(node),
        ["Softmax"] = (translator, node) => translator.Softmax(node),
        ["Squeeze"] = (translator, node) => translator.Squeeze(node),
        ["Sub"] = (translator, node) => translator.Difference(node),
        ["Transpose"] = (translator, node) => translator.Transpose(node),
        ["Unsqueeze"] = (translator, node) => translator.Unsqueeze(node),
    };

    // Image sizes to try for a graph that takes any size: the first one that all layers can take is used.
    private static readonly int[] Sides = [32, 224, 64, 96, 128, 160, 192, 227, 256, 299, 384];

    private readonly OnnxModel _model;
    private readonly OnnxImages _images;
    private readonly OnnxLayers _layers;
    private readonly Dictionary<string, OnnxValue> _values;
    private readonly Dictionary<string, int> _uses;

    private OnnxTranslator(
        OnnxModel model, OnnxImages images, Dictionary<string, OnnxValue> constants, Dictionary<string, int> uses, long valueLimit)
    {
        (_model, _images, _uses) = (model, images, uses);
        _layers = new OnnxLayers(images.Height, images.Width, valueLimit);
        OnnxFeatures input = new(0, [Input.Channels, images.Height, images.Width]);
        OnnxNode origin = new(-1, images.Name, "input", [], [], new Dictionary<string, OnnxAttribute>());
        _values = new(constants, StringComparer.Ordinal) { [images.Name] = images.AreRows ? new OnnxRows(origin, input) : input };
    }

    /// <summary>Reads the bytes of a file.</summary>
    /// <param name="content">The bytes.</param>
    /// <param name="path">The file.</param>
    /// <param name="key">Which network is wanted; null: the only one.</param>
    /// <exception cref="InvalidDataException">They are not a graph that can be used; the message says why.</exception>
    /// <exception cref="EngineException"><c>FileDamaged</c>, <c>NetworkNotFound</c>, <c>InvalidPreprocessing</c>.</exception>
    public static TensorFile Read(byte[] content, string path, string? key)
    {
        // A graph is one network, and has nothing to choose from.
        if (key is not null)
            throw new EngineException("NetworkNotFound", ErrorKind.InvalidArgument,
                $"has no network '{DisplayText.Name(key)}'. An ONNX graph is one network.");
        return Translate(OnnxReader.Parse(content), path, content.Length);
    }

    /// <summary>The network of a graph with its weights; or, where the file describes a network and has its weights, that one.</summary>
    /// <param name="model">What the file holds.</param>
    /// <param name="path">The file.</param>
    /// <param name="length">Length of the file in bytes.</param>
    /// <exception cref="InvalidDataException">It is not a usable graph; the message says why.</exception>
    /// <exception cref="JsonException">The network that it describes is not valid.</exception>
    /// <exception cref="EngineException"><c>FileDamaged</c>, <c>InvalidPreprocessing</c>.</exception>
    private static TensorFile Translate(OnnxModel model, string path, long length)
    {
        // Other programs add their metadata after it.
        ContentHash.Require(model.Metadata, ContentHash.Key,
            () => ContentHash.Of(model.Metadata.TakeWhile(pair => pair.Key != ContentHash.Key)), path);
        // Other programs may mean anything by the same keys.
        bool isOwn = model.Metadata.ContainsKey(ModelFile.PreprocessingKey)
            && (model.Metadata.ContainsKey(ModelFile.NetworkKey) || model.Metadata.ContainsKey(ModelFile.OptionsKey));
        if (!isOwn)
            return Translated(model, length);
        TensorFile file = Described(model, path) ?? Translated(model, length);
        foreach ((string key, string value) in model.Metadata)
            // In files of version 0.2, the description is of the network before batch norm was folded into it.
            if (key != ModelFile.OptionsKey)
                file.Metadata[key] = key == ModelFile.NetworkKey ? file.Metadata[key] : value;
        return file;
    }

    /// <summary>The network that a file of this module describes; null: it does not, or another program has changed its weights.</summary>
    private static TensorFile? Described(OnnxModel model, string path)
    {
        if (!model.Metadata.TryGetValue(ModelFile.NetworkKey, out string? json))
            return null;
        Network network = NetworkJson.Parse(json);
        if (network.Tensors.Any(tensor => model.Constants.GetValueOrDefault(tensor.Name)?.Shape.SequenceEqual(tensor.Shape) != true))
            return null;
        TensorFile file = new();
        file.Metadata[ModelFile.NetworkKey] = json;
        foreach (LayerTensor tensor in network.Tensors)
            file.Tensors[tensor.Name] = (tensor.Shape, model.Constants[tensor.Name].ToSingles());
        ContentHash.Require(model.Metadata, ContentHash.WeightsKey,
            () => ContentHash.Of(network.Tensors.Select(tensor => file.Tensors[tensor.Name].Values)), path);
        return file;
    }

    private static TensorFile Translated(OnnxModel model, long length)
    {
        (OnnxNode[] nodes, Dictionary<string, int> uses) = Needed(model);
        Dictionary<string, OnnxValue> constants = model.Constants
            .ToDictionary(pair => pair.Key, pair => ToValue(pair.Value, pair.Key), StringComparer.Ordinal);
        OnnxImages images = OnnxImages.Of(model, uses.ContainsKey);
        if (images.HasSize)
            return Walk(images);
        InvalidDataException? first = null;
        foreach (int side in Sides)
        {
            try
            {
                return Walk(images with { Height = side, Width = side });
            }
            catch (InvalidDataException e)
            {
                first ??= e;
            }
        }

        throw first!;

        TensorFile Walk(OnnxImages images) => new OnnxTranslator(model, images, constants, uses, length).Walk(nodes);
    }

    /// <summary>The operations that an output needs, and how many take each value.</summary>
    private static (OnnxNode[] Nodes, Dictionary<string, int> Uses) Needed(OnnxModel model)
    {
        if (model.Outputs.Count == 0)
            throw new InvalidDataException("it has no output");
        HashSet<string> wanted = [.. model.Outputs];
        Dictionary<string, int> uses = model.Outputs.Distinct().ToDictionary(name => name, _ => 1, StringComparer.Ordinal);
        List<OnnxNode> needed = [];
        // What an operation takes comes before it.
        foreach (OnnxNode node in model.Nodes.Reverse().Where(node => node.Outputs.Any(wanted.Contains)))
        {
            needed.Add(node);
            foreach (string input in node.Inputs.Where(input => input.Length > 0))
            {
                wanted.Add(input);
                // An operation that only needs the shape does not use the values.
                uses[input] = uses.GetValueOrDefault(input) + (node.Type == "Shape" ? 0 : 1);
            }
        }

        needed.Reverse();
        return ([.. needed], uses);
    }

    private TensorFile Walk(OnnxNode[] nodes)
    {
        foreach (OnnxNode node in nodes)
        {
            if (!Operators.TryGetValue(node.Type, out Func<OnnxTranslator, OnnxNode, OnnxValue>? operate))
                throw new InvalidDataException($"{node} is not supported");
            if (node.Outputs.Skip(1).FirstOrDefault(_uses.ContainsKey) is { } second)
                throw new InvalidDataException(
                    $"{node} gives '{DisplayText.Name(second)}' in addition to its first output, which is not supported");
            try
            {
                OnnxValue value = operate(this, node);
                // A value that several operations take is computed once.
                if (value is OnnxAffine && _uses.GetValueOrDefault(node.Outputs[0]) > 1)
                    value = ToFeatures(value);
                if (!_values.TryAdd(node.Outputs[0], value))
                    throw new InvalidDataException($"it gives '{DisplayText.Name(node.Outputs[0])}', which already exists");
            }
            catch (Exception e) when (e is InvalidDataException or OverflowException)
            {
                throw new InvalidDataException($"{node} cannot be used: {e.Message.TrimEnd('.')}", e);
            }
        }

        return ToFile();
    }

    private TensorFile ToFile()
    {
        OnnxFeatures[] outputs = [.. _model.Outputs.Select(Output)];
        if (outputs.Select(output => output.Layer).Distinct().Count() > 1 || outputs[0].Layer != _layers.Last)
            throw new InvalidDataException($"it has the outputs {DisplayText.List([.. _model.Outputs])}, but only one is supported");
        TensorFile file = _layers.ToFile(_model.Name.Length > 0 ? _model.Name : "network from ONNX");
        if (_images.AreBytes)
        {
            Preprocessing preprocessing = _images.ToPreprocessing(_inputScale, _inputShift);
            file.Metadata[ModelFile.PreprocessingKey] = JsonSerializer.Serialize(preprocessing, Json.Options);
        }

        if (_model.Outputs.Select(name => _values[name]).OfType<OnnxProbabilities>().FirstOrDefault() is { } probabilities)
        {
            file.Note = $"It ends with {probabilities.Node}, which is left out: a model gives the logits before it.";
            if (probabilities.Temperature != 1)
                file.Metadata[ModelFile.TemperatureKey] = probabilities.Temperature.ToString(CultureInfo.InvariantCulture);
        }

        return file;

        OnnxFeatures Output(string name)
        {
            if (!_values.TryGetValue(name, out OnnxValue? value))
                throw new InvalidDataException($"nothing produces its output '{DisplayText.Name(name)}'");
            return value is OnnxProbabilities { Source: var logits } ? logits : ToFeatures(value);
        }
    }

    /// <summary>What an operation takes.</summary>
    private OnnxValue Value(OnnxNode node, int input)
    {
        string name = input < node.Inputs.Count ? node.Inputs[input] : "";
        if (name.Length == 0)
            throw new InvalidDataException($"its input {input} is missing");
        if (!_values.TryGetValue(name, out OnnxValue? value))
            throw new InvalidDataException($"it takes '{DisplayText.Name(name)}', which nothing before it produces");
        return value is OnnxFeatures { IsShared: false } features && _uses.GetValueOrDefault(name) > 1
            ? features with { IsShared = true } : value;
    }

    /// <summary>Whether an operation has an input that may be left out.</summary>
    private static bool Has(OnnxNode node, int input) => input < node.Inputs.Count && node.Inputs[input].Length > 0;

    /// <summary>What an operation takes, as the output of a layer.</summary>
    private OnnxFeatures Features(OnnxNode node, int input) => ToFeatures(Value(node, input));

    private OnnxFeatures ToFeatures(OnnxValue value) => value switch
    {
        OnnxFeatures features => features,
        OnnxAffine affine => Scale(affine),
        OnnxSubsampled part => Add(part.Node, new MaxPool(new Window(new(1, 1), part.Stride, default)), part.Source),
        OnnxPart part => throw new InvalidDataException($"it takes the result of {part.Node}, which is supported only " + part switch
        {
            OnnxErrorFunction => "as a part of GELU",
            OnnxBordered => "directly before a convolution or pooling, or in the shortcut that doubles the channels",
            OnnxProbabilities => "at the end",
            _ => "before a transposition to planes of red, green and blue",
        }),
        _ => throw new InvalidDataException("it takes a constant where a feature map is expected"),
    };

    /// <summary>What an operation takes, as a constant.</summary>
    private OnnxConstant Constant(OnnxNode node, int input) => Value(node, input) switch
    {
        OnnxConstant constant => constant,
        OnnxIntegers integers when !integers.Values.Contains(OnnxIntegers.Batch) =>
            new OnnxConstant("", integers.Shape, new(() => [.. integers.Values.Select(value => (float)value)])),
        _ => throw new InvalidDataException(
            $"its input '{DisplayText.Name(node.Inputs[input])}' is computed, but only a constant is supported"),
    };

    /// <summary>The unchanged input of an operation. Exporters write equal weights this way: the other name identifies them.</summary>
    private OnnxValue Same(OnnxNode node)
    {
        OnnxValue value = Value(node, 0);
        return value is OnnxConstant constant ? constant with { Name = node.Outputs[0] } : value;
    }

    /// <summary>The values of a constant of one dimension.</summary>
    private float[] Vector(OnnxNode node, int input, int length)
    {
        OnnxConstant constant = Constant(node, input);
        return constant.Values.Length == length ? constant.Values : throw new InvalidDataException(
            $"its constant '{DisplayText.Name(constant.Name)}' has {constant.Values.Length:N0} values, not {length:N0}");
    }

    /// <summary>Adds a layer without tensors whose output has the same dimensions as its input, or those of a map.</summary>
    private OnnxFeatures Add(OnnxNode node, Operation operation, params OnnxFeatures[] x)
    {
        int layer = _layers.Add(OnnxNames.Of(node), operation, [.. x.Select(input => input.Layer)]);
        Shape shape = _layers.ShapeOf(layer);
        return new OnnxFeatures(layer, shape.IsVector ? x[0].Sizes : shape.Sizes);
    }

    private static OnnxValue ToValue(OnnxTensor tensor, string name) => tensor is { IsInteger: true, Count: <= MostIntegers }
        ? new OnnxIntegers(tensor.Shape, tensor.ToIntegers())
        : new OnnxConstant(name, tensor.Shape, new(tensor.ToSingles));
}
