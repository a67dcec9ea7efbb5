
namespace Cifar10Ps.Formats;

/// <summary>An ONNX graph under construction. An operation has one output with the same, unique name.</summary>
/// <remarks>The numbers of the messages' fields are those of <c>https://github.com/onnx/onnx/blob/main/onnx/onnx.proto</c>.</remarks>
internal sealed class OnnxGraph
{
    // TensorProto.DataType.
    public const int Float = 1, UInt8 = 2, Int64 = 7;

    // AttributeProto.AttributeType.
    private const int FloatAttribute = 1, IntegerAttribute = 2, IntegersAttribute = 7;

    private readonly HashSet<string> _names;

    /// <summary>Begins a graph.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="kept">Names that only <see cref="Input"/>, <see cref="Kept"/> and <see cref="Tensor"/> give.</param>
    public OnnxGraph(string name, IEnumerable<string> kept)
    {
        _names = new(kept, StringComparer.Ordinal);
        Message.Add(2, name);
    }

    /// <summary>The graph as a <c>GraphProto</c>: node 1, name 2, initializer 5, input 11, output 12.</summary>
    public ProtobufMessage Message { get; } = new();

    /// <summary>An attribute that is an integer. <c>AttributeProto</c>: name 1, i 3, ints 8, type 20.</summary>
    public static ProtobufMessage Attribute(string name, long value) =>
        new ProtobufMessage().Add(1, name).Add(3, value).Add(20, IntegerAttribute);

    /// <summary>An attribute that is a number: f 2.</summary>
    public static ProtobufMessage Attribute(string name, float value) =>
        new ProtobufMessage().Add(1, name).Add(2, value).Add(20, FloatAttribute);

    /// <summary>An attribute that is a list of integers.</summary>
    public static ProtobufMessage Attribute(string name, long[] values)
    {
        ProtobufMessage attribute = new ProtobufMessage().Add(1, name);
        foreach (long value in values)
            attribute.Add(8, value);
        return attribute.Add(20, IntegersAttribute);
    }

    /// <summary>Adds an operation. <c>NodeProto</c>: input 1, output 2, name 3, op_type 4, attribute 5.</summary>
    /// <returns>Its name, which differs from the given one if that is taken.</returns>
    public string Operation(string type, string name, string[] inputs, params ProtobufMessage[] attributes) =>
        Kept(type, Unique(name), inputs, attributes);

    /// <summary>Adds an operation of exactly this name.</summary>
    /// <returns>The name.</returns>
    public string Kept(string type, string name, string[] inputs, params ProtobufMessage[] attributes)
    {
        ProtobufMessage node = new();
        foreach (string input in inputs)
            node.Add(1, input);
        node.Add(2, name).Add(3, name).Add(4, type);
        foreach (ProtobufMessage attribute in attributes)
            node.Add(5, attribute);
        Message.Add(1, node);
        return name;
    }

    /// <summary>Adds a constant of exactly this name, in single precision.</summary>
    /// <returns>The name.</returns>
    public string Tensor(string name, float[] values, int[] shape) => Constant(name, Float, values, shape);

    /// <summary>Adds a constant in single precision.</summary>
    /// <returns>Its name, which differs from the given one if that is taken.</returns>
    public string Constant(string name, float[] values, params int[] shape) => Constant(Unique(name), Float, values, shape);

    /// <summary>Adds a list of integers.</summary>
    /// <returns>Its name, which differs from the given one if that is taken.</returns>
    public string Constant(string name, params long[] values) => Constant(Unique(name), Int64, values, [values.Length]);

    /// <summary>Adds an input.</summary>
    /// <returns>Its name.</returns>
    public string Input(string name, int type, string description, params (object Size, string Meaning)[] axes)
    {
        Message.Add(11, Value(name, type, description, axes));
        return name;
    }

    /// <summary>Makes an operation's output one of the graph.</summary>
    public void Output(string name, string description, params (object Size, string Meaning)[] axes) =>
        Message.Add(12, Value(name, Float, description, axes));

    /// <summary><c>TensorProto</c>: dims 1, data_type 2, name 8, raw_data 9.</summary>
    private string Constant<T>(string name, int type, T[] values, int[] shape)
        where T : unmanaged
    {
        ProtobufMessage tensor = new();
        foreach (int size in shape)
            tensor.Add(1, size);
        Message.Add(5, tensor.Add(2, type).Add(8, name).Add(9, values));
        return name;
    }

    private string Unique(string name)
    {
        string unique = name;
        for (int i = 2; !_names.Add(unique); i++)
            unique = $"{name}_{i}";
        return unique;
    }

    /// <summary>
    /// <c>ValueInfoProto</c>: name 1, type 2, doc_string 3; <c>TypeProto</c>: tensor_type 1; in it elem_type 1, shape 2;
    /// <c>TensorShapeProto</c>: dim 1; in it dim_value 1 for a number, dim_param 2 for a name, denotation 3.
    /// </summary>
    private static ProtobufMessage Value(string name, int type, string description, (object Size, string Meaning)[] axes)
    {
        ProtobufMessage shape = new();
        foreach ((object size, string meaning) in axes)
        {
            ProtobufMessage axis = size is string free ? new ProtobufMessage().Add(2, free) : new ProtobufMessage().Add(1, (int)size);
            shape.Add(1, axis.Add(3, meaning));
        }

        ProtobufMessage tensor = new ProtobufMessage().Add(1, type).Add(2, shape);
        return new ProtobufMessage().Add(1, name).Add(2, new ProtobufMessage().Add(1, tensor)).Add(3, description);
    }
}
