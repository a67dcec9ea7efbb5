using System.Runtime.InteropServices;

namespace Cifar10Ps.Formats;

/// <summary>Reads ONNX files: messages of protobuf, nested a few levels deep. Nothing in such a file is ever run.</summary>
/// <remarks>The numbers of the messages' fields are those of <c>https://github.com/onnx/onnx/blob/main/onnx/onnx.proto</c>.</remarks>
internal sealed class OnnxReader
{
    // Limit of the parts that take more memory here than in the file. ResNet-152 has some 4,000.
    private const int MostParts = 200_000;

    private const int UInt8 = 2;

    private readonly Dictionary<string, string> _metadata = new(StringComparer.Ordinal);
    private readonly List<OnnxNode> _nodes = [];
    private readonly Dictionary<string, OnnxTensor> _constants = new(StringComparer.Ordinal);
    private readonly List<OnnxInput> _inputs = [];
    private readonly List<string> _outputs = [];
    private string _producer = "", _name = "";
    private long _operatorSet = 1;
    private int _parts;

    private OnnxReader()
    {
    }

    /// <summary>Whether bytes are a message with the fields of an ONNX model: a version first, and a graph (7) after it.</summary>
    public static bool IsOnnx(ReadOnlySpan<byte> content)
    {
        if (content is not [0x08, > 0 and < 32, ..])
            return false;
        for (int at = 0; at < content.Length;)
        {
            int field = content[at] >> 3, type = content[at] & 7;
            if (field is 0 or > 25 || type is not (0 or 2) || !TryReadNumber(content, ref at, 1, out ulong number))
                return false;
            if (field == 7)
                return type == 2;
            if (type != 2)
                continue;
            if (number > (ulong)(content.Length - at))
                return false;
            at += (int)number;
        }

        return false;
    }

    /// <summary>Parses the content of a file. The result refers to the bytes, which must not change.</summary>
    /// <exception cref="InvalidDataException">It is damaged, or not a model; the message says why.</exception>
    public static OnnxModel Parse(ReadOnlyMemory<byte> content)
    {
        OnnxReader reader = new();
        reader.ReadModel(content);
        // Other programs' names for a graph are meaningless: torch_jit, main_graph.
        string name = reader._producer == OnnxFile.Producer ? reader._name : "";
        return new OnnxModel(
            name, reader._operatorSet, reader._metadata, reader._nodes, reader._constants, reader._inputs, reader._outputs);
    }

    private void ReadModel(ReadOnlyMemory<byte> message)
    {
        bool hasGraph = false;
        ProtobufReader reader = new(message);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 2: _producer = reader.Text(); break;
                case 7 when hasGraph: throw new InvalidDataException("it has two graphs");
                case 7:
                    hasGraph = true;
                    ReadGraph(reader.Bytes());
                    break;
                case 8:
                    (string domain, long version) = ReadOperatorSet(reader.Bytes());
                    if (domain is "" or "ai.onnx")
                        _operatorSet = version;
                    break;
                case 14:
                    Count();
                    (string key, string value) = ReadPair(reader.Bytes());
                    _metadata[key] = value;
                    break;
            }
        }

        if (!hasGraph)
            throw new InvalidDataException("it has no graph");
    }

    private void ReadGraph(ReadOnlyMemory<byte> message)
    {
        ProtobufReader reader = new(message);
        while (reader.Next())
        {
            if (reader.Field is 1 or 5 or 11 or 12)
                Count();
            switch (reader.Field)
            {
                case 1: _nodes.Add(ReadNode(reader.Bytes())); break;
                case 2: _name = reader.Text(); break;
                case 5:
                    OnnxTensor constant = new(reader.Bytes());
                    if (!_constants.TryAdd(constant.Name, constant))
                        throw new InvalidDataException($"it has two tensors '{DisplayText.Name(constant.Name)}'");
                    break;
                case 11: _inputs.Add(ReadValue(reader.Bytes())); break;
                case 12: _outputs.Add(ReadValue(reader.Bytes()).Name); break;
                case 15: throw new InvalidDataException("it has sparse weights, which are not supported");
            }
        }
    }

    private OnnxNode ReadNode(ReadOnlyMemory<byte> message)
    {
        List<string> inputs = [], outputs = [];
        string name = "", type = "", domain = "";
        Dictionary<string, OnnxAttribute> attributes = new(StringComparer.Ordinal);
        ProtobufReader reader = new(message);
        while (reader.Next())
        {
            if (reader.Field is 1 or 2 or 5)
                Count();
            switch (reader.Field)
            {
                case 1: inputs.Add(reader.Text()); break;
                case 2: outputs.Add(reader.Text()); break;
                case 3: name = reader.Text(); break;
                case 4: type = reader.Text(); break;
                case 5:
                    (string key, OnnxAttribute attribute) = ReadAttribute(reader.Bytes());
                    attributes[key] = attribute;
                    break;
                case 7: domain = reader.Text(); break;
            }
        }

        // Operators of other domains may mean anything, whatever they are called.
        return new OnnxNode(_nodes.Count, name, domain is "" or "ai.onnx" ? type : $"{domain}.{type}", inputs, outputs, attributes);
    }

    private (string Name, OnnxAttribute Attribute) ReadAttribute(ReadOnlyMemory<byte> message)
    {
        string name = "", text = "";
        float single = 0;
        long integer = 0;
        OnnxTensor? tensor = null;
        List<long> integers = [];
        List<float> singles = [];
        ProtobufReader reader = new(message);
        while (reader.Next())
        {
            switch (reader.Field)
            {
                case 1: name = reader.Text(); break;
                case 2: single = reader.Single(); break;
                case 3: integer = reader.Integer(); break;
                case 4: text = reader.Text(); break;
                case 5: tensor = new OnnxTensor(reader.Bytes()); break;
                case 7:
                    ReadOnlySpan<float> packed = MemoryMarshal.Cast<byte, float>(reader.Fixed(sizeof(float)).Span);
                    Count(packed.Length);
                    singles.AddRange(packed);
                    break;
                case 8:
                    foreach (long value in reader.Integers())
                    {
                        Count();
                        integers.Add(value);
                    }

                    break;
            }
        }

        OnnxAttribute attribute = new()
        {
            Single = single,
            Integer = integer,
            Text = text,
            Tensor = tensor,
            Integers = integers,
            Singles = singles,
        };
        return (name, attribute);
    }

    /// <summary>
    /// <c>ValueInfoProto</c>: name 1, type 2; <c>TypeProto</c>: tensor_type 1; in it elem_type 1, shape 2; <c>TensorShapeProto</c>: dim 1;
    /// in it dim_value 1 for a number.
    /// </summary>
    private OnnxInput ReadValue(ReadOnlyMemory<byte> message)
    {
        string name = "";
        long type = 0;
        List<long>? shape = null;
        ProtobufReader value = new(message);
        while (value.Next())
        {
            if (value.Field == 1)
                name = value.Text();
            if (value.Field != 2)
                continue;
            foreach (ReadOnlyMemory<byte> tensorType in Messages(value.Bytes(), 1))
            {
                ProtobufReader tensor = new(tensorType);
                while (tensor.Next())
                {
                    if (tensor.Field == 1)
                        type = tensor.Integer();
                    if (tensor.Field == 2)
                        shape = [.. Messages(tensor.Bytes(), 1).Select(Size)];
                }
            }
        }

        return new OnnxInput(name, type == UInt8, shape?.ToArray());

        long Size(ReadOnlyMemory<byte> dimension)
        {
            Count();
            ProtobufReader reader = new(dimension);
            while (reader.Next())
                if (reader.Field == 1)
                    return reader.Integer() is > 0 and var size ? size : -1;
            return -1;
        }
    }

    private static (string Domain, long Version) ReadOperatorSet(ReadOnlyMemory<byte> message)
    {
        (string domain, long version) = ("", 1);
        ProtobufReader reader = new(message);
        while (reader.Next())
        {
            if (reader.Field == 1)
                domain = reader.Text();
            if (reader.Field == 2)
                version = reader.Integer();
        }

        return (domain, version);
    }

    private static (string Key, string Value) ReadPair(ReadOnlyMemory<byte> message)
    {
        (string key, string value) = ("", "");
        ProtobufReader reader = new(message);
        while (reader.Next())
        {
            if (reader.Field == 1)
                key = reader.Text();
            if (reader.Field == 2)
                value = reader.Text();
        }

        return (key, value);
    }

    private static IEnumerable<ReadOnlyMemory<byte>> Messages(ReadOnlyMemory<byte> message, int field)
    {
        ProtobufReader reader = new(message);
        while (reader.Next())
            if (reader.Field == field)
                yield return reader.Bytes();
    }

    private void Count(int parts = 1)
    {
        if ((_parts += parts) > MostParts)
            throw new InvalidDataException($"it has more than {MostParts:N0} nodes, tensors and settings, more than any supported model");
    }

    private static bool TryReadNumber(ReadOnlySpan<byte> bytes, ref int at, int skip, out ulong number)
    {
        number = 0;
        at += skip;
        for (int shift = 0; shift < 63 && at < bytes.Length; shift += 7)
        {
            byte part = bytes[at++];
            number |= (ulong)(part & 0x7f) << shift;
            if (part < 0x80)
                return true;
        }

        return false;
    }
}
