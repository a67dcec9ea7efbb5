using Cifar10Ps.Networks;

namespace Cifar10Ps.Formats;

/// <summary>The layers and weights that an ONNX graph becomes, under construction.</summary>
/// <param name="height">Height of the images in pixels.</param>
/// <param name="width">Width of the images in pixels.</param>
/// <param name="valueLimit">Largest number of values in all weights: no more than the file can hold.</param>
internal sealed class OnnxLayers(int height, int width, long valueLimit)
{
    private const int MaximumNameLength = 200, MostRewrites = 16;

    // The prefix of an optimizer's tensors in a checkpoint, which a layer's must not have.
    private const string ReservedPrefix = ModelFile.MomentPrefix;

    private readonly List<Layer> _layers = [new Layer("input", new Input(), [])];
    private readonly List<Dictionary<TensorRole, float[]>> _values = [[]];
    private readonly List<Shape> _shapes = [new Shape(Input.Channels, height, width)];
    private readonly HashSet<string> _names = new(StringComparer.Ordinal) { "input" };
    private long _count, _written;

    /// <summary>Position of the last layer.</summary>
    public int Last => _layers.Count - 1;

    /// <summary>What a layer computes.</summary>
    public Operation this[int layer] => _layers[layer].Operation;

    /// <summary>Size of a layer's output.</summary>
    public Shape ShapeOf(int layer) => _shapes[layer];

    /// <summary>The values of a tensor of a layer.</summary>
    public float[] ValuesOf(int layer, TensorRole role) => _values[layer][role];

    /// <summary>Adds a layer.</summary>
    /// <param name="name">Its preferred name; it is changed if it is taken or not valid.</param>
    /// <param name="operation">What it computes.</param>
    /// <param name="inputs">Positions of the layers whose outputs it takes.</param>
    /// <param name="tensors">The values of its tensors.</param>
    /// <returns>Its position.</returns>
    /// <exception cref="InvalidDataException">It cannot be computed.</exception>
    public int Add(string name, Operation operation, int[] inputs, params (TensorRole Role, float[] Values)[] tensors)
    {
        if (_layers.Count >= Network.MaximumLayers)
            throw new InvalidDataException($"with it the network has more than {Network.MaximumLayers:N0} layers");
        if (operation.Problem() is { } problem)
            throw new InvalidDataException(problem);
        _shapes.Add(operation.OutputOf([.. inputs.Select(input => _shapes[input])]));
        _layers.Add(new Layer(NewName(name), operation, inputs));
        _values.Add([]);
        foreach ((TensorRole role, float[] values) in tensors)
            Set(Last, role, values);
        return Last;
    }

    /// <summary>Gives a layer other values, and a bias if it has none.</summary>
    public void Change(int layer, Operation operation, params (TensorRole Role, float[] Values)[] tensors)
    {
        _layers[layer] = new Layer(_layers[layer].Name, operation, _layers[layer].Inputs);
        foreach ((TensorRole role, float[] values) in tensors)
            Set(layer, role, values);
    }

    /// <summary>The network and its weights.</summary>
    /// <exception cref="InvalidDataException">The layers are not a network.</exception>
    public TensorFile ToFile(string name)
    {
        Network network = new(name, "", _layers);
        TensorFile file = new() { ImageSize = new Extent(height, width) };
        file.Metadata[ModelFile.NetworkKey] = NetworkJson.ToJson(network);
        for (int i = 0; i < _layers.Count; i++)
            foreach (LayerTensor tensor in _layers[i].Tensors)
                file.Tensors[tensor.Name] = (tensor.Shape, _values[i][tensor.Role]);
        return file;
    }

    private void Set(int layer, TensorRole role, float[] values)
    {
        LayerTensor tensor = _layers[layer].Tensor(role)!;
        if (values.Length != tensor.Length)
            throw new InvalidDataException($"it needs [{string.Join(", ", tensor.Shape)}] values, but gets {values.Length:N0}");
        // Folding replaces values; endless folding would take time.
        _count += values.Length - (_values[layer].TryGetValue(role, out float[]? replaced) ? replaced.Length : 0);
        if (_count > valueLimit || (_written += values.Length) > MostRewrites * valueLimit)
            throw new InvalidDataException("with it the network has more weights than the file");
        _values[layer][role] = values;
    }

    private string NewName(string wanted)
    {
        string name = wanted[..Math.Min(wanted.Length, MaximumNameLength)].Trim();
        // As names of its tensors, which end with another part.
        name = TensorNames.WithoutWrappers(DisplayText.Escape(name) + ".").TrimEnd('.');
        while (name.StartsWith(ReservedPrefix, StringComparison.Ordinal))
            name = name[ReservedPrefix.Length..];
        // Leaves room for a number that makes the name unique; half a character at the end would be escaped to six.
        name = DisplayText.Escape(name[..Math.Min(name.Length, MaximumNameLength - 20)]);
        if (name.Length == 0)
            name = "layer";
        string unique = name;
        for (int i = 2; !_names.Add(unique); i++)
            unique = $"{name}_{i}";
        return unique;
    }
}
