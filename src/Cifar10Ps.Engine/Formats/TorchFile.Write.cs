using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Cifar10Ps.Runtime;

namespace Cifar10Ps.Formats;

internal static partial class TorchFile
{
    private const string Folder = "archive/";

    /// <summary>
    /// Writes a state dict that <c>torch.load</c> opens, also with <c>weights_only=True</c>. The metadata go into a separate entry, which
    /// PyTorch ignores.
    /// </summary>
    /// <exception cref="EngineException"><c>NotARegularFile</c>, <c>FileNotWritable</c>.</exception>
    public static void Write(TensorFile file, string path) => AtomicFile.Write(path, stream =>
    {
        StoredZip zip = new(stream);
        zip.Add(Folder + PickleName, Pickle(file));
        zip.Add(Folder + ByteOrderName, "little"u8);
        int key = 0;
        foreach ((_, (_, float[] values)) in file.Tensors)
            zip.Add(string.Create(CultureInfo.InvariantCulture, $"{Folder}data/{key++}"), MemoryMarshal.AsBytes(values.AsSpan()));
        zip.Add(Folder + "version", "3\n"u8);
        if (file.Metadata.Count > 0)
            zip.Add(Folder + MetadataName, JsonSerializer.SerializeToUtf8Bytes(file.Metadata, Json.Options));
        zip.Finish();
    });

    private static byte[] Pickle(TensorFile file)
    {
        PickleWriter pickle = new();
        EmptyOrderedDict();
        pickle.Mark();
        int key = 0;
        foreach ((string name, (int[] shape, float[] values)) in file.Tensors)
        {
            pickle.Text(name);
            pickle.Global("torch._utils", "_rebuild_tensor_v2");
            pickle.Mark();
            pickle.Mark();
            pickle.Text("storage");
            pickle.Global("torch", "FloatStorage");
            pickle.Text(key++.ToString(CultureInfo.InvariantCulture));
            pickle.Text("cpu");
            pickle.Integer(values.Length);
            pickle.Tuple();
            pickle.PersistentId();
            pickle.Integer(0);
            Integers(shape);
            Integers(Strides(shape));
            pickle.False();
            EmptyOrderedDict();
            pickle.Tuple();
            pickle.Reduce();
        }

        pickle.SetItems();
        return pickle.ToArray();

        void EmptyOrderedDict()
        {
            pickle.Global("collections", "OrderedDict");
            pickle.Mark();
            pickle.Tuple();
            pickle.Reduce();
        }

        void Integers(int[] values)
        {
            pickle.Mark();
            foreach (int value in values)
                pickle.Integer(value);
            pickle.Tuple();
        }
    }

    private static int[] Strides(int[] shape)
    {
        int[] strides = new int[shape.Length];
        int stride = 1;
        for (int d = shape.Length - 1; d >= 0; d--)
        {
            strides[d] = stride;
            stride *= Math.Max(1, shape[d]);
        }

        return strides;
    }
}
