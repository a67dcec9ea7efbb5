using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Text.Json;
using Cifar10Ps.Runtime;

namespace Cifar10Ps.Formats;

/// <summary>
/// State dicts as <c>torch.save</c> writes them: a pickle that describes tensors, and the values of their storages, in a zip archive or,
/// before PyTorch 1.6, one after another. The pickle is read, never run.
/// </summary>
/// <remarks>Format: <c>https://github.com/pytorch/pytorch/blob/main/torch/serialization.py</c>.</remarks>
internal static partial class TorchFile
{
    private const string PickleName = "data.pkl", ByteOrderName = "byteorder", MetadataName = "extra/cifar10ps.json";

    private const long LegacyProtocol = 1001;

    // Limit for small files: four times a ResNet-110. With a stride of zero, a tensor has more values than the file.
    private const int SmallValueLimit = 1 << 23;

    // The smallest type of weights has two bytes.
    private const int SmallestValue = 2;

    private static readonly BigInteger Magic = BigInteger.Parse("119547037146038801333356", CultureInfo.InvariantCulture);

    private static readonly Dictionary<string, object> Globals = new(StringComparer.Ordinal)
    {
        ["collections.OrderedDict"] = (PickleMachine.Function)Dictionary,
        ["collections.Counter"] = (PickleMachine.Function)Dictionary,
        // Its first argument makes missing values.
        ["collections.defaultdict"] = (PickleMachine.Function)(arguments => Dictionary(arguments is [_, var content] ? [content] : [])),
        ["torch._utils._rebuild_tensor"] = (PickleMachine.Function)TorchTensor.Rebuild,
        ["torch._utils._rebuild_tensor_v2"] = (PickleMachine.Function)TorchTensor.Rebuild,
        ["torch._utils._rebuild_parameter"] = (PickleMachine.Function)First,
        ["torch._utils._rebuild_parameter_with_state"] = (PickleMachine.Function)First,
        // A tensor of a derived class: how it is rebuilt, the class, and what it is rebuilt from.
        ["torch._tensor._rebuild_from_type_v2"] = (PickleMachine.Function)Derived,
        ["torch.Size"] = (PickleMachine.Function)(arguments => arguments is [object?[] sizes] ? sizes : throw Misused("torch.Size")),
        ["torch.DoubleStorage"] = new TorchType("F64"),
        ["torch.FloatStorage"] = new TorchType("F32"),
        ["torch.HalfStorage"] = new TorchType("F16"),
        ["torch.BFloat16Storage"] = new TorchType("BF16"),
        ["torch.LongStorage"] = new TorchType("I64"),
        ["torch.IntStorage"] = new TorchType("I32"),
        ["torch.ShortStorage"] = new TorchType("I16"),
        ["torch.CharStorage"] = new TorchType("I8"),
        ["torch.ByteStorage"] = new TorchType("U8"),
        ["torch.BoolStorage"] = new TorchType("BOOL"),
        // No weights are made of these, but the old format needs their sizes.
        ["torch.ComplexFloatStorage"] = new TorchType("C64"),
        ["torch.ComplexDoubleStorage"] = new TorchType("C128"),
        ["torch.QInt8Storage"] = new TorchType("I8"),
        ["torch.QUInt8Storage"] = new TorchType("U8"),
        ["torch.QInt32Storage"] = new TorchType("I32"),
        ["torch.UntypedStorage"] = new TorchType("U8"),
        ["torch.storage.UntypedStorage"] = new TorchType("U8"),
    };

    /// <summary>Whether bytes are a zip archive with such a pickle. Names are not compressed in an archive,
    /// even in a damaged one.</summary>
    public static bool IsArchive(ReadOnlySpan<byte> content) => ZipContent.IsZip(content) && content.IndexOf("/data.pkl"u8) >= 0;

    /// <summary>Whether bytes begin like the pickles of the old format.</summary>
    public static bool IsLegacy(ReadOnlySpan<byte> content) => content is [0x80, >= 2 and <= 5, ..];

    /// <summary>Parses the bytes of a file: the tensors of one network in it, without a prefix that all of their names share.</summary>
    /// <param name="content">The bytes.</param>
    /// <param name="key">Which network, if there are several; null: the only one.</param>
    /// <exception cref="InvalidDataException">They are not a usable state dict; the message says why.</exception>
    /// <exception cref="EngineException"><c>SeveralNetworks</c>, <c>NetworkNotFound</c>, <c>InvalidModel</c>.</exception>
    internal static TensorFile Parse(byte[] content, string? key = null) =>
        ZipContent.IsZip(content) ? ParseArchive(content, key) : ParseLegacy(content, key);

    private static TensorFile ParseArchive(byte[] content, string? networkKey)
    {
        Dictionary<string, ReadOnlyMemory<byte>> entries = ZipContent.Read(content);
        string pickle = entries.Keys.Where(name => name.EndsWith("/" + PickleName, StringComparison.Ordinal)).MinBy(name => name.Length)
            ?? throw new InvalidDataException($"it has no entry '{PickleName}'");
        string folder = pickle[..^PickleName.Length];
        if (entries.ContainsKey(folder + "constants.pkl"))
            throw new InvalidDataException("it is a TorchScript archive, a program with its weights: "
                + "load it with torch.jit.load and save the model's state_dict()");
        bool isBigEndian = entries.TryGetValue(folder + ByteOrderName, out ReadOnlyMemory<byte> order) && order.Span.SequenceEqual("big"u8);

        Dictionary<string, string> metadata = ReadMetadata(entries.GetValueOrDefault(folder + MetadataName).Span);
        PickleMachine machine = new(entries[pickle].ToArray(), Globals, ToStorage);
        TensorFile file = ToFile(machine.Read(), networkKey, metadata.ContainsKey(ModelFile.NetworkKey), isBigEndian, content.Length, key =>
            entries.TryGetValue($"{folder}data/{key}", out ReadOnlyMemory<byte> values) ? values
                : throw new InvalidDataException($"it has no entry '{folder}data/{key}'"));
        foreach ((string key, string? value) in metadata)
            file.Metadata[key] = value ?? "";
        return file;
    }

    private static TensorFile ParseLegacy(byte[] content, string? networkKey)
    {
        Dictionary<string, TorchType> types = new(StringComparer.Ordinal);
        PickleMachine machine = new(content, Globals, id =>
        {
            object loaded = ToStorage(id);
            if (loaded is TorchStorage storage && !types.TryAdd(storage.Key, storage.Type) && types[storage.Key] != storage.Type)
                throw new InvalidDataException($"its storage '{storage.Key}' has two types");
            return loaded;
        });
        if (machine.Read() is not BigInteger magic || magic != Magic || machine.Read() is not LegacyProtocol)
            throw new InvalidDataException("it is a pickle, but not one that PyTorch wrote");
        // Describes the machine that wrote it; the values are little-endian in any case.
        machine.Read();
        object? root = machine.Read();
        if (machine.Read() is not List<object?> keys)
            throw new InvalidDataException("it does not list its storages");

        Dictionary<string, ReadOnlyMemory<byte>> storages = new(StringComparer.Ordinal);
        ReadOnlyMemory<byte> rest = content.AsMemory(machine.Position);
        foreach (object? item in keys)
        {
            if (item is not string key || !types.TryGetValue(key, out TorchType? type))
                throw new InvalidDataException("it lists a storage that no tensor has, or whose type is unknown");
            long count = rest.Length < 8 ? -1 : BinaryPrimitives.ReadInt64LittleEndian(rest.Span);
            if (count < 0 || count > (rest.Length - 8) / type.Size)
                throw new InvalidDataException($"its storage '{key}' is cut off");
            int length = (int)count * type.Size;
            storages[key] = rest.Slice(8, length);
            rest = rest[(8 + length)..];
        }

        return ToFile(root, networkKey, isDescribed: false, isBigEndian: false, content.Length, key =>
            storages.TryGetValue(key, out ReadOnlyMemory<byte> values)
            ? values : throw new InvalidDataException($"its storage '{key}' is missing"));
    }

    /// <summary>The storage that a persistent id means: <c>('storage', type, key, device, count)</c>,
    /// in the old format with a view or None at the end.</summary>
    private static object ToStorage(object? id) => id switch
    {
        object?[] and ["storage", TorchType type, string key, _, long] => new TorchStorage(type, key, 0),
        object?[] and ["storage", TorchType type, string key, _, long, null] => new TorchStorage(type, key, 0),
        object?[] and ["storage", TorchType type, string key, _, long, object?[] and [_, long and >= 0 and long start, ..]] =>
            new TorchStorage(type, key, start),
        object?[] and ["storage", PickleGlobal type, string, ..] => new PickleObject(type, []),
        // A class with its source, which PyTorch used to store with whole models.
        object?[] and ["module", PickleGlobal type, ..] => type,
        _ => throw new InvalidDataException("the pickle refers to a storage in an unknown way"),
    };

    private static TensorFile ToFile(
        object? root, string? key, bool isDescribed, bool isBigEndian, int length, Func<string, ReadOnlyMemory<byte>> storage)
    {
        int limit = Math.Max(SmallValueLimit, length / SmallestValue);
        PickleTree tree = new(root);
        // A file of this module holds one network, which it describes, and nothing else.
        NetworkChoice? choice = key is null && isDescribed && tree.Groups.FirstOrDefault() is { Key: "" } own
            ? new NetworkChoice(own, "", [.. own.Shapes.Keys]) : NetworkSearch.Choose(tree.Groups, key);
        if (choice is null || (tree.HoldsOther && !choice.Names.Any(NetworkSearch.IsOfLayer)))
            throw new InvalidDataException(tree.WhyNoStateDict());
        Dictionary<string, TorchTensor> tensors = tree.TensorsOf(choice.Group);
        TensorFile file = new() { Note = choice.Note };
        file.Skipped.AddRange(tree.Beside(choice.Group));
        file.Skipped.AddRange(choice.LeftOut);
        long total = 0;
        foreach (string name in choice.Names)
        {
            TorchTensor tensor = tensors[name];
            long count = tensor.Count(limit);
            if ((total += count) > limit)
                throw new InvalidDataException($"its tensor '{name}' and those before it claim more values than the file can hold");
            file.Tensors.Add(name[choice.Prefix.Length..],
                (tensor.Size, tensor.Gather(storage(tensor.Storage.Key).Span, (int)count, isBigEndian)));
        }

        return file;
    }

    private static Dictionary<string, string> ReadMetadata(ReadOnlySpan<byte> json)
    {
        try
        {
            return json.IsEmpty ? [] : JsonSerializer.Deserialize<Dictionary<string, string>>(json, Json.Options) ?? [];
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"its entry '{MetadataName}' cannot be understood ({e.Message.TrimEnd('.')})", e);
        }
    }

    /// <summary>A dictionary: empty, or made from a dictionary or pairs.</summary>
    private static PickleMap Dictionary(object?[] arguments)
    {
        PickleMap map = new();
        switch (arguments)
        {
            case []: break;
            case [PickleMap other]: map.Items.AddRange(other.Items); break;
            case [List<object?> pairs]: map.Items.AddRange(pairs.Select(Pair)); break;
            default: throw Misused("collections.OrderedDict");
        }

        return map;

        static (object?, object?) Pair(object? pair) => pair switch
        {
            List<object?> { Count: 2 } list => (list[0], list[1]),
            object?[] and [var key, var value] => (key, value),
            _ => throw Misused("collections.OrderedDict"),
        };
    }

    private static object? Derived(object?[] arguments) =>
        // Nested in itself, it could overflow the stack.
        arguments is [PickleMachine.Function rebuild, _, object?[] given, ..] && rebuild != Derived
            ? rebuild(given) : throw Misused("torch._tensor._rebuild_from_type_v2");

    private static object? First(object?[] arguments) =>
        arguments is [TorchTensor or PickleObject, ..] ? arguments[0] : throw Misused("torch._utils._rebuild_parameter");

    private static InvalidDataException Misused(string name) => new($"the pickle calls '{name}' with arguments that no state dict has");
}
