using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Text.Json;

namespace Cifar10Ps;

/// <summary>
/// State dicts as <c>torch.save</c> writes them: a pickle that tells of tensors, and the values of their storages, in a zip
/// archive or, before PyTorch 1.6, one after another. The pickle is read, never run.
/// </summary>
/// <remarks>Format: <c>https://github.com/pytorch/pytorch/blob/main/torch/serialization.py</c>.</remarks>
internal static partial class TorchFile
{
    private const string PickleName = "data.pkl", ByteOrderName = "byteorder", MetadataName = "extra/cifar10ps.json";

    private const long LegacyProtocol = 1001;

    // Four times a ResNet-110. Where a stride is zero, a tensor has more values than the file.
    private const int ValueLimit = 1 << 23;

    private static readonly BigInteger Magic = BigInteger.Parse("119547037146038801333356", CultureInfo.InvariantCulture);

    // What checkpoints of training programs call the state dict in them.
    private static readonly string[] Wrappers = ["state_dict", "model_state_dict", "model", "net"];

    private static readonly Dictionary<string, object> Globals = new(StringComparer.Ordinal)
    {
        ["collections.OrderedDict"] = (PickleMachine.Function)(arguments => arguments is [] ? new PickleMap() : throw Misused("collections.OrderedDict")),
        ["torch._utils._rebuild_tensor"] = (PickleMachine.Function)TorchTensor.Rebuild,
        ["torch._utils._rebuild_tensor_v2"] = (PickleMachine.Function)TorchTensor.Rebuild,
        ["torch._utils._rebuild_parameter"] = (PickleMachine.Function)(arguments => arguments is [TorchTensor tensor, ..] ? tensor : throw Misused("torch._utils._rebuild_parameter")),
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
    };

    /// <summary>Whether bytes are a zip archive with such a pickle. Names lie unpacked in an archive, also in one that is damaged.</summary>
    public static bool IsArchive(ReadOnlySpan<byte> content) => ZipContent.IsZip(content) && content.IndexOf("/data.pkl"u8) >= 0;

    /// <summary>Whether bytes begin like the pickles of the old format.</summary>
    public static bool IsLegacy(ReadOnlySpan<byte> content) => content is [0x80, >= 2 and <= 5, ..];

    /// <summary>Parses the bytes of a file. Integers (a step counter, say) and all else that is no tensor are left out.</summary>
    /// <exception cref="InvalidDataException">They are no state dict, or one that wants more than tensors; the message says why.</exception>
    internal static TensorFile Parse(byte[] content) => ZipContent.IsZip(content) ? ParseArchive(content) : ParseLegacy(content);

    private static TensorFile ParseArchive(byte[] content)
    {
        Dictionary<string, byte[]> entries = ZipContent.Read(content);
        string pickle = entries.Keys.Where(name => name.EndsWith("/" + PickleName, StringComparison.Ordinal)).MinBy(name => name.Length)
            ?? throw new InvalidDataException($"it has no entry '{PickleName}'");
        string folder = pickle[..^PickleName.Length];
        bool isBigEndian = entries.TryGetValue(folder + ByteOrderName, out byte[]? order) && order.AsSpan().SequenceEqual("big"u8);

        PickleMachine machine = new(entries[pickle], Globals, ToStorage);
        TensorFile file = ToFile(machine.Read(), isBigEndian, key =>
            entries.TryGetValue($"{folder}data/{key}", out byte[]? values) ? values : throw new InvalidDataException($"it has no entry '{folder}data/{key}'"));
        if (entries.TryGetValue(folder + MetadataName, out byte[]? metadata))
            ReadMetadata(metadata, file);
        return file;
    }

    private static TensorFile ParseLegacy(byte[] content)
    {
        Dictionary<string, TorchType> types = new(StringComparer.Ordinal);
        PickleMachine machine = new(content, Globals, id =>
        {
            TorchStorage storage = ToStorage(id);
            if (!types.TryAdd(storage.Key, storage.Type) && types[storage.Key] != storage.Type)
                throw new InvalidDataException($"its storage '{storage.Key}' has two types");
            return storage;
        });
        if (machine.Read() is not BigInteger magic || magic != Magic || machine.Read() is not LegacyProtocol)
            throw new InvalidDataException("it is a pickle, but none that PyTorch wrote");
        // About the machine that wrote it; the values are little-endian all the same.
        machine.Read();
        object? root = machine.Read();
        if (machine.Read() is not List<object?> keys)
            throw new InvalidDataException("it does not list its storages");

        Dictionary<string, ReadOnlyMemory<byte>> storages = new(StringComparer.Ordinal);
        ReadOnlyMemory<byte> rest = content.AsMemory(machine.Position);
        foreach (object? item in keys)
        {
            if (item is not string key || !types.TryGetValue(key, out TorchType? type))
                throw new InvalidDataException("it lists a storage that no tensor has");
            long count = rest.Length < 8 ? -1 : BinaryPrimitives.ReadInt64LittleEndian(rest.Span);
            if (count < 0 || count > (rest.Length - 8) / type.Size)
                throw new InvalidDataException($"its storage '{key}' is cut off");
            int length = (int)count * type.Size;
            storages[key] = rest.Slice(8, length);
            rest = rest[(8 + length)..];
        }

        return ToFile(root, isBigEndian: false, key =>
            storages.TryGetValue(key, out ReadOnlyMemory<byte> values) ? values : throw new InvalidDataException($"its storage '{key}' is missing"));
    }

    /// <summary>The storage that a persistent id means: <c>('storage', type, key, device, count)</c>, in the old format with a view or None at the end.</summary>
    private static TorchStorage ToStorage(object? id) => id switch
    {
        object?[] and ["storage", TorchType type, string key, _, long] => new TorchStorage(type, key, 0),
        object?[] and ["storage", TorchType type, string key, _, long, null] => new TorchStorage(type, key, 0),
        object?[] and ["storage", TorchType type, string key, _, long, object?[] and [_, long and >= 0 and long start, ..]] => new TorchStorage(type, key, start),
        _ => throw new InvalidDataException("the pickle wants a storage in a way that is unknown"),
    };

    private static TensorFile ToFile(object? root, bool isBigEndian, Func<string, ReadOnlyMemory<byte>> storage)
    {
        TensorFile file = new();
        long total = 0;
        foreach ((object? key, object? value) in StateDictOf(root, file).Items)
        {
            if (key is not string name)
                throw new InvalidDataException("its state dict has an entry whose name is no text");
            if (value is not TorchTensor tensor || !ElementType.IsFloat(tensor.Storage.Type.Name))
            {
                file.Skipped.Add(name);
                continue;
            }

            long count = tensor.Count(ValueLimit);
            if ((total += count) > ValueLimit)
                throw new InvalidDataException($"its tensor '{name}' and those before it claim more than {ValueLimit:N0} values, more than any model here");
            if (!file.Tensors.TryAdd(name, (tensor.Size, tensor.Gather(storage(tensor.Storage.Key).Span, (int)count, isBigEndian))))
                throw new InvalidDataException($"it has two tensors '{name}'");
        }

        return file;
    }

    /// <summary>The dictionary of tensors: all that there is, or one entry of a training program's checkpoint.</summary>
    private static PickleMap StateDictOf(object? root, TensorFile file)
    {
        if (root is not PickleMap map)
            throw new InvalidDataException("it holds no state dict");
        if (map.Items.Any(item => item.Value is TorchTensor))
            return map;
        foreach (string wrapper in Wrappers)
        {
            if (map.Items.FirstOrDefault(item => item.Key is string key && key == wrapper).Value is PickleMap inner)
            {
                file.Skipped.AddRange(map.Items.Where(item => item.Value != inner).Select(item => item.Key as string ?? "?"));
                return inner;
            }
        }

        throw new InvalidDataException($"it holds no state dict, at the top or as one of {string.Join(", ", Wrappers)}");
    }

    private static void ReadMetadata(byte[] json, TensorFile file)
    {
        try
        {
            foreach ((string key, string value) in JsonSerializer.Deserialize<Dictionary<string, string>>(json, Json.Options) ?? [])
                file.Metadata[key] = value ?? "";
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"its entry '{MetadataName}' cannot be understood ({e.Message.TrimEnd('.')})", e);
        }
    }

    private static InvalidDataException Misused(string name) => new($"the pickle calls '{name}' with arguments that no state dict has");
}
