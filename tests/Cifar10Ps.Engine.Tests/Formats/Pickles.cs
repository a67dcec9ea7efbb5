using System.IO.Compression;
using System.Numerics;
using System.Text;
using Cifar10Ps.Networks.Families;

namespace Cifar10Ps.Tests;

/// <summary>Makes pickles and PyTorch files for tests, including some that PyTorch would never write.</summary>
internal static class Pickles
{
    /// <summary>Hostile pickles: what each asks Python to do, or part of how, and its bytes.</summary>
    public static IReadOnlyList<(string Wants, byte[] Content)> Hostile { get; } =
    [
        ("os.system", Bytes("\x80\x02" + "cos\nsystem\nX\x02\0\0\0id\x85R.")),
        ("posix.system", Bytes("\x80\x02" + "cposix\nsystem\nX\x02\0\0\0id\x85R.")),
        ("os.system", Bytes("\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R.")),
        ("builtins.eval", Bytes("\x80\x04\x8c\x08" + "builtins\x8c\x04" + "eval\x93\x8c\x03" + "1+1\x85R.")),
        ("__builtin__.eval", Bytes("\x80\x02" + "c__builtin__\neval\nX\x01\0\0\0" + "1\x85R.")),
        ("builtins.getattr", Bytes("\x80\x02" + "cbuiltins\ngetattr\nctorch\nTensor\nX\x0b\0\0\0__globals__\x86R.")),
        ("builtins.object.subclasses", Bytes("\x80\x02" + "cbuiltins\ngetattr\ncbuiltins\nobject\nX\x0a\0\0\0subclasses\x86R.")),
        ("os.system", Bytes("\x80\x02" + "cbuiltins\ngetattr\ncos\nsystem\nX\x01\0\0\0x\x86R.")),
        ("torch.hub.load", Bytes("\x80\x02" + "cbuiltins\ngetattr\nctorch.hub\nload\nX\x01\0\0\0x\x86R.")),
        ("torch.Hub.load", Bytes("\x80\x02" + "cbuiltins\ngetattr\nctorch\nHub\nX\x04\0\0\0load\x86RX\x01\0\0\0a\x85R.")),
        ("subprocess.Popen", Bytes("\x80\x02" + "csubprocess\nPopen\n)\x81.")),
        ("torch.load", Bytes("\x80\x02" + "ctorch\nload\nX\x01\0\0\0a\x85R.")),
        ("torch.hub.load", Bytes("\x80\x02(" + "ctorch.hub\nload\nX\x01\0\0\0ao.")),
        ("torch._utils.os.system", Bytes("\x80\x04\x8c\x0ctorch._utils\x8c\x09os.system\x93.")),
        (@"os\u001b[2J.system", Bytes("\x80\x02" + "cos\u001b[2J\nsystem\n.")),
        ("os.system", Bytes("\x80\x02(X\x02\0\0\0idios\nsystem\n.")),
        ("not a function", Bytes("\x80\x02(No.")),
        ("not a function", Bytes("\x80\x02X\x09\0\0\0os.system)R.")),
        ("not text", Bytes("\x80\x04KaKb\x93.")),
    ];

    /// <summary>An object of a user's class with attributes, as an instruction sequence.</summary>
    public static byte[] Opaque { get; } =
        Bytes("cargparse\nNamespace\n)\x81}(X\x02\0\0\0lrG?\xb9\x99\x99\x99\x99\x99\x9aX\x01\0\0\0m" + "cmylib.modes\nMode\nK\x01\x85Rub");

    /// <summary>A pickle with every instruction that is read, of text too: a dictionary of tensors and everything else.</summary>
    public static byte[] AllInstructions { get; } = Of(new Dictionary<object, object?>
    {
        ["a"] = Cut("Float", "0", 0, [2, 3], [3, 1]),
        ["text"] = Bytes("(lp100\nI1\naI01\naI00\naL12345678901234567890L\naF1.5\naS'it\\'s \\x41'\naVu\\u00e4\na(dp101\nS'k'\ng100\nsa"),
        ["numbers"] = Bytes("(J\xfe\xff\xff\xffK\x07M\xff\xff\x8a\x02\x00\x80\x8b\x02\0\0\0\x00\x80G\x3f\xe0\0\0\0\0\0\0N\x88\x89t"),
        ["strings"] = Bytes("(T\x01\0\0\0\xffU\x02okX\x01\0\0\0x\x8c\x01y\x8d\x01\0\0\0\0\0\0\0zB\x01\0\0\0bC\x01"
            + "c\x8e\x01\0\0\0\0\0\0\0d\x96\x01\0\0\0\0\0\0\0et"),
        ["sets"] = Bytes("\x8f(K\x01K\x02\x90\x94(K\x03\x91K\x04K\x05\x86\x86K\x06K\x07K\x08\x87\x86\x86"),
        ["stack"] = Bytes("K\x01" + "2\x86(K\x01K\x02" + "1K\x09" + "0q\xc8h\xc8r\xc9\0\0\0j\xc9\0\0\0\x87"),
        ["objects"] = Bytes("(" + "\x8c\x07" + "easydic\x8c\x08" + "EasyDict\x93)\x81X\x01\0\0\0kK\x01s"
            + "cmylib\nL\n)\x81(K\x01" + "e(i__main__\nOptions\n(c__main__\nFoo\nK\x01o"
            + "cmylib\nC\n)}\x92" + "ccopy_reg\n_reconstructor\n(c__main__\nFoo\nc__builtin__\nobject\nNtR}bt"),
        ["args"] = Opaque,
    });

    /// <summary>
    /// The tensors of a ResNet-8 for two classes, all cut from the start of storage 0, which holds <see cref="StateDictValues"/>.
    /// </summary>
    public static Dictionary<object, object?> StateDict(string prefix = "", Func<string, string>? rename = null) =>
        CifarResNet.Create(8, Shortcut.Projection, 2).Tensors
            .ToDictionary(tensor => (object)(prefix + (rename?.Invoke(tensor.Name) ?? tensor.Name)),
            tensor => (object?)Cut("Float", "0", 0, [.. tensor.Shape.Select(size => (long)size)], [.. Strides(tensor.Shape)]));

    /// <summary>Small positive numbers.</summary>
    public static byte[] StateDictValues { get; } =
        Singles([.. Enumerable.Range(0, 64 * 64 * 9).Select(i => 0.01f + (i * 37 % 101) / 1000f)]);

    private static IEnumerable<long> Strides(int[] shape) =>
        shape.Select((_, d) => shape[(d + 1)..].Aggregate(1L, (product, size) => product * size));

    /// <summary>A pickle from text, one byte for each character.</summary>
    public static byte[] Bytes(string pickle) => Encoding.Latin1.GetBytes(pickle);

    /// <summary>
    /// An object as a pickle: strings, integers, null, lists, tuples (arrays), dictionaries, <see cref="Tensor"/>,
    /// <see cref="Instance"/> and raw instructions (bytes).
    /// </summary>
    public static byte[] Of(object? value)
    {
        List<byte> pickle = [0x80, 2];
        Put(value, pickle);
        return [.. pickle, (byte)'.'];
    }

    /// <summary>A tensor cut from a storage.</summary>
    public static Tensor Cut(string type, string key, long offset, long[] size, long[] stride, object?[]? view = null) =>
        new(type, key, offset, size, stride, view);

    /// <summary>A file of the format since PyTorch 1.6.</summary>
    public static byte[] Archive(byte[] pickle, IEnumerable<(string Key, byte[] Values)> storages,
        string? order = null, CompressionLevel level = CompressionLevel.NoCompression)
    {
        using MemoryStream content = new();
        using (ZipArchive zip = new(content, ZipArchiveMode.Create, leaveOpen: true))
        {
            Add("data.pkl", pickle);
            foreach ((string key, byte[] values) in storages)
                Add("data/" + key, values);
            if (order is not null)
                Add("byteorder", Encoding.ASCII.GetBytes(order));

            void Add(string name, byte[] bytes)
            {
                using Stream entry = zip.CreateEntry("anything/" + name, level).Open();
                entry.Write(bytes);
            }
        }

        return content.ToArray();
    }

    /// <summary>A file of the format before PyTorch 1.6.</summary>
    public static byte[] Legacy(byte[] pickle, IEnumerable<(string Key, int Count, byte[] Values)> storages)
    {
        List<byte> content = [.. Bytes("\x80\x02\x8a\x0a"), .. BigInteger.Parse("119547037146038801333356", null).ToByteArray(), (byte)'.'];
        content.AddRange(Of(1001));
        content.AddRange(Of(new Dictionary<object, object?> { ["protocol_version"] = 1001, ["little_endian"] = Bytes("\x88") }));
        content.AddRange(pickle);
        content.AddRange(Of(storages.Select(s => (object?)s.Key).ToList()));
        foreach ((_, int count, byte[] values) in storages)
        {
            content.AddRange(BitConverter.GetBytes((long)count));
            content.AddRange(values);
        }

        return [.. content];
    }

    /// <summary>The bytes of single-precision numbers.</summary>
    public static byte[] Singles(params float[] values) => [.. values.SelectMany(BitConverter.GetBytes)];

    private static void Put(object? value, List<byte> pickle)
    {
        switch (value)
        {
            case null: pickle.Add((byte)'N'); break;
            case byte[] raw: pickle.AddRange(raw); break;
            case string text:
                byte[] bytes = Encoding.UTF8.GetBytes(text);
                pickle.Add((byte)'X');
                pickle.AddRange(BitConverter.GetBytes(bytes.Length));
                pickle.AddRange(bytes);
                break;
            case int or long:
                pickle.AddRange([0x8a, 8]);
                pickle.AddRange(BitConverter.GetBytes(Convert.ToInt64(value, null)));
                break;
            case object?[] tuple: PutAll('(', tuple, 't'); break;
            case List<object?> list:
                pickle.Add((byte)']');
                PutAll('(', list, 'e');
                break;
            case Dictionary<object, object?> map:
                pickle.Add((byte)'}');
                PutAll('(', map.SelectMany(pair => new[] { pair.Key, pair.Value }), 'u');
                break;
            case Instance instance:
                pickle.AddRange(Bytes($"c{instance.Module}\n{instance.Name}\n)\x81"));
                Put(instance.State, pickle);
                pickle.Add((byte)'b');
                break;
            case Tensor tensor:
                object?[] id = ["storage", Bytes($"ctorch\n{tensor.Type}Storage\n"), tensor.Key, "cpu", 1];
                pickle.AddRange(Bytes("ctorch._utils\n_rebuild_tensor_v2\n("));
                Put(tensor.View is null ? id : [.. id, tensor.View], pickle);
                pickle.Add((byte)'Q');
                Put(tensor.Offset, pickle);
                Put(tensor.Size.Select(s => (object?)s).ToArray(), pickle);
                Put(tensor.Stride.Select(s => (object?)s).ToArray(), pickle);
                pickle.AddRange(Bytes("\x89" + "ccollections\nOrderedDict\n)RtR"));
                break;
            default: throw new ArgumentException($"{value}", nameof(value));
        }

        void PutAll(char before, IEnumerable<object?> items, char after)
        {
            pickle.Add((byte)before);
            foreach (object? item in items)
                Put(item, pickle);
            pickle.Add((byte)after);
        }
    }

    /// <summary>An object of a class, with attributes.</summary>
    public sealed record Instance(string Module, string Name, Dictionary<object, object?> State);

    public sealed record Tensor(string Type, string Key, long Offset, long[] Size, long[] Stride, object?[]? View);
}
