using System.Text.Json;
using System.Text;
using Cifar10Ps.Formats;
using static Cifar10Ps.Tests.Pickles;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public sealed class TorchFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(20, Shortcut.Projection)]
    [InlineData(20, Shortcut.ProjectionOnly)]
    [InlineData(32, Shortcut.ZeroPad)]
    public void A_model_comes_back_to_the_last_bit(int depth, Shortcut shortcut)
    {
        ImageClassifier model = NewResNet(depth, ["Katze", "犬", "cow"], shortcut, seed: 7);
        model.Snapshot = model.Snapshot with
        {
            Preprocessing = new Preprocessing([0.1, 1 / 3.0, 0.485], [0.2, 0.25, 1 / 7.0], width: 40, height: 24),
            TrainedEpochs = 3,
        };

        ModelFile.Export(model, _folder["model.pth"], ModelFormat.PyTorch);
        ImageClassifier loaded = ModelFile.Load(_folder["model.pth"]);
        ModelFile.Export(loaded, _folder["again"], ModelFormat.PyTorch);

        Assert.Equal(Fingerprint(model), Fingerprint(loaded));
        AssertSame(model.Network, loaded.Network);
        Assert.Equal(model.Classes, loaded.Classes);
        Assert.Equal(model.Preprocessing.Mean, loaded.Preprocessing.Mean);
        Assert.Equal(model.Preprocessing.StandardDeviation, loaded.Preprocessing.StandardDeviation);
        Assert.Equal((40, 24), (loaded.Preprocessing.Width, loaded.Preprocessing.Height));
        Assert.Equal((3, 7), (loaded.TrainedEpochs, loaded.Snapshot.Seed));
        Assert.Equal(File.ReadAllBytes(_folder["model.pth"]), File.ReadAllBytes(_folder["again"]));
    }

    [Fact]
    public void A_written_file_has_the_layout_of_PyTorch()
    {
        TensorFile file = new() { Tensors = { ["scalar"] = ([], [3]), ["a.weight"] = ([2, 3], [1, 2, 3, 4, 5, 6]) } };
        TorchFile.Write(file, _folder["file"]);
        byte[] content = File.ReadAllBytes(_folder["file"]);

        IReadOnlyList<(string Name, int Start, int Method, byte[] Values)> entries = ZipRules.Check(content);
        Assert.Equal(["archive/data.pkl", "archive/byteorder", "archive/data/0", "archive/data/1", "archive/version"],
            entries.Select(entry => entry.Name));
        // Stored, at multiples of 64: PyTorch maps them into memory.
        Assert.All(entries, entry => Assert.Equal((0, 0), (entry.Method, entry.Start % 64)));
        Assert.Equal("little", Encoding.ASCII.GetString(entries[1].Values));
        Assert.Equal(Singles(3), entries[2].Values);
        Assert.Equal(Singles(1, 2, 3, 4, 5, 6), entries[3].Values);
        Assert.Equal("3\n", Encoding.ASCII.GetString(entries[4].Values));

        // An OrderedDict, then for each tensor its name and _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks).
        const string Tensor = "ctorch._utils\n_rebuild_tensor_v2\n(", Storage = "(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0",
            Cpu = "X\x03\0\0\0cpu", Hooks = "\x89" + "ccollections\nOrderedDict\n(tR";
        Assert.Equal(Bytes("\x80\x02" + "ccollections\nOrderedDict\n(tR("
            + "X\x06\0\0\0scalar" + Tensor + Storage + "0" + Cpu + "J\x01\0\0\0tQJ\0\0\0\0(t(t" + Hooks + "tR"
            + "X\x08\0\0\0a.weight" + Tensor + Storage + "1" + Cpu
            + "J\x06\0\0\0tQJ\0\0\0\0(J\x02\0\0\0J\x03\0\0\0t(J\x03\0\0\0J\x01\0\0\0t" + Hooks + "tR"
            + "u."), entries[0].Values);
    }

    [Theory]
    [InlineData("Float", new byte[] { 0, 0, 0x80, 0x3f, 0, 0, 0x20, 0xc1 }, new[] { 1f, -10 })]
    [InlineData("Double", new byte[] { 0x9a, 0x99, 0x99, 0x99, 0x99, 0x99, 0xb9, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0x80 }, new[] { 0.1f, -0f })]
    [InlineData("Half", new byte[] { 0x00, 0x3c, 0x00, 0xc0 }, new[] { 1f, -2 })]
    [InlineData("BFloat16", new byte[] { 0x80, 0x3f, 0x49, 0xc0 }, new[] { 1f, -3.140625f })]
    public void Values_of_any_type_and_byte_order_become_single_precision(string type, byte[] values, float[] expected)
    {
        byte[] pickle = Of(new Dictionary<object, object?> { ["t"] = Cut(type, "7", 0, [2], [1]) });
        byte[] swapped = [.. values.Chunk(values.Length / 2).SelectMany(value => value.Reverse())];

        foreach (byte[] file in new[] { Archive(pickle, [("7", values)]), Archive(pickle, [("7", values)], "little"),
            Archive(pickle, [("7", swapped)], "big"), Legacy(pickle, [("7", 2, values)]) })
            Assert.Equal(expected, TorchFile.Parse(file).Tensors["t"].Values);
    }

    [Fact]
    public void Tensors_may_be_strided_shifted_repeated_and_share_a_storage()
    {
        byte[] pickle = Of(new Dictionary<object, object?>
        {
            ["whole"] = Cut("Float", "0", 0, [2, 3], [3, 1]),
            ["transposed"] = Cut("Float", "0", 0, [3, 2], [1, 3]),
            ["shifted"] = Cut("Float", "0", 4, [2], [1]),
            ["repeated"] = Cut("Float", "0", 1, [2, 2], [0, 2]),
            ["scalar"] = Cut("Float", "0", 5, [], []),
            ["empty"] = Cut("Float", "0", 0, [0, 3], [3, 1]),
        });
        byte[] values = Singles(1, 2, 3, 4, 5, 6);

        foreach (byte[] content in new[] { Archive(pickle, [("0", values)]), Legacy(pickle, [("0", 6, values)]) })
        {
            TensorFile file = TorchFile.Parse(content);
            Assert.Equal([1, 2, 3, 4, 5, 6], file.Tensors["whole"].Values);
            Assert.Equal([1, 4, 2, 5, 3, 6], file.Tensors["transposed"].Values);
            Assert.Equal([3, 2], file.Tensors["transposed"].Shape);
            Assert.Equal([5, 6], file.Tensors["shifted"].Values);
            Assert.Equal([2, 4, 2, 4], file.Tensors["repeated"].Values);
            Assert.Equal([6], file.Tensors["scalar"].Values);
            Assert.Empty(file.Tensors["empty"].Values);
        }
    }

    [Fact]
    public void A_view_of_the_old_format_starts_within_its_storage()
    {
        byte[] pickle = Of(new Dictionary<object, object?> { ["t"] = Cut("Float", "0", 1, [2], [1], view: ["v", 1, 3]),
            ["u"] = Cut("Float", "1", 0, [1], [1], view: null) });

        Assert.Equal([3, 4], TorchFile.Parse(Legacy(pickle, [("0", 4, Singles(1, 2, 3, 4)), ("1", 1, Singles(9))])).Tensors["t"].Values);
    }

    [Theory]
    [InlineData(0, new long[] { 5 }, new long[] { 1 }, "outside")]
    [InlineData(4, new long[] { 1 }, new long[] { 1 }, "outside")]
    [InlineData(0, new long[] { 2, 2 }, new long[] { 3, 1 }, "outside")]
    [InlineData(long.MaxValue, new long[] { 2 }, new long[] { long.MaxValue }, "outside")]
    [InlineData(0, new long[] { 3 }, new long[] { 0x4000_0000_0000_0000 }, "outside")]
    [InlineData(0, new long[] { 2_000_000_000 }, new long[] { 0 }, "more values than")]
    [InlineData(0, new long[] { 2_000_000_000, 2_000_000_000, 2_000_000_000 }, new long[] { 0, 0, 0 }, "more values than")]
    [InlineData(0, new long[] { 2_147_483_648 }, new long[] { 0 }, "something that is not one")]
    [InlineData(-1, new long[] { 1 }, new long[] { 1 }, "something that is not one")]
    [InlineData(0, new long[] { -1 }, new long[] { 1 }, "something that is not one")]
    [InlineData(1, new long[] { 2 }, new long[] { -1 }, "something that is not one")]
    [InlineData(0, new long[] { 1, 1 }, new long[] { 1 }, "something that is not one")]
    public void A_tensor_that_claims_values_which_are_not_there_is_refused(long offset, long[] size, long[] stride, string because)
    {
        byte[] pickle = Of(new Dictionary<object, object?> { ["t"] = Cut("Float", "0", offset, size, stride) });

        foreach (byte[] file in new[] { Archive(pickle, [("0", Singles(1, 2, 3, 4))]), Legacy(pickle, [("0", 4, Singles(1, 2, 3, 4))]) })
            Assert.Contains(because, Assert.Throws<InvalidDataException>(() => TorchFile.Parse(file)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("state_dict")]
    [InlineData("model_state_dict")]
    [InlineData("model")]
    [InlineData("net")]
    public void The_state_dict_in_a_checkpoint_is_found_and_the_rest_left_out(string wrapper)
    {
        byte[] pickle = Of(new Dictionary<object, object?>
        {
            ["epoch"] = 12,
            [wrapper] = new Dictionary<object, object?> { ["t"] = Cut("Float", "0", 0, [1], [1]),
                ["num_batches_tracked"] = Cut("Long", "1", 0, [], []) },
        });

        TensorFile file = TorchFile.Parse(Archive(pickle, [("0", Singles(5)), ("1", new byte[8])]));

        Assert.Equal(["t"], file.Tensors.Keys);
        Assert.Equal(["epoch", "num_batches_tracked"], file.Skipped);
    }

    [Fact]
    public void What_holds_no_state_dict_is_refused()
    {
        foreach (object? root in new object?[] { null, 5, "text", new List<object?>(),
            new Dictionary<object, object?>(), new Dictionary<object, object?> { ["model"] = 5 } })
            Assert.Contains("state dict",
                Assert.Throws<InvalidDataException>(() => TorchFile.Parse(Archive(Of(root), []))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("resnet20-projection", "resnet20-projection.pth")]
    [InlineData("resnet20-projection", "resnet20-projection.safetensors")]
    [InlineData("resnet20-zeropad", "resnet20-zeropad.th")]
    public void Published_weights_of_any_format_give_the_logits_of_an_independent_implementation(string network, string name)
    {
        using JsonDocument all = JsonDocument.Parse(File.ReadAllText(RealData.Weights("reference-logits.json")));
        float[][] expected = all.RootElement.GetProperty(network).GetProperty("logits").Deserialize<float[][]>()!;
        ImageSplit test = Cifar10Reader.Read(RealData.Folder, trainCount: 1, testCount: 16).Test;
        ImageClassifier model =
            ModelFile.Load(RealData.Weights(name), new() { Mean = [0.485, 0.456, 0.406], StandardDeviation = [0.229, 0.224, 0.225] });
        using Predictor predictor = new(model, precision: Precision.Float32);

        float[][] logits = predictor.Logits(test);

        Assert.All(expected.Zip(logits), image =>
            Assert.All(image.First.Zip(image.Second), logit => Assert.Equal(logit.First, logit.Second, 1e-3f)));
    }

    [Fact]
    public void Formats_are_told_by_content_and_errors_name_the_file()
    {
        ImageClassifier model = RandomModel();
        ModelFile.Export(model, _folder["a.safetensors"], ModelFormat.PyTorch);
        ModelFile.Export(model, _folder["b.pth"], ModelFormat.Safetensors);
        byte[] pth = File.ReadAllBytes(_folder["a.safetensors"]);

        Assert.Equal(Fingerprint(model), Fingerprint(ModelFile.Load(_folder["a.safetensors"])));
        Assert.Equal(Fingerprint(model), Fingerprint(ModelFile.Load(_folder["b.pth"])));
        foreach (string text in new[] { "", "PK", "no model at all", "cos\nsystem\n." })
            AssertError("UnknownModelFormat", () => ModelFile.Load(_folder.Write("text", Encoding.ASCII.GetBytes(text))));
        Assert.Contains("os.system", AssertError("InvalidTorchFile", () =>
            ModelFile.Load(_folder.Write("evil", Hostile[0].Content))).Message, StringComparison.Ordinal);
        string cut = AssertError("InvalidTorchFile", () =>
            ModelFile.Load(_folder.Write("cut", pth.AsSpan(0, pth.Length / 2)))).Message;
        Assert.Contains(_folder["cut"], cut, StringComparison.Ordinal);
        Assert.DoesNotContain("..", cut, StringComparison.Ordinal);
    }

    [Fact]
    public void A_network_from_elsewhere_is_recognised_whatever_its_tensors_are_called()
    {
        ImageClassifier model = NewResNet(32, ["a", "b"], Shortcut.Projection, 1);
        TensorFile file = new();
        ModelFile.Put(model.Snapshot, file);
        TensorFile foreign = new();
        foreach ((string name, var tensor) in file.Tensors)
            foreign.Tensors["module." + name.Replace("conv", "conv_").Replace("layer", "stage_")
                .Replace("bn", "bn_").Replace("fc.", "linear.").Replace("downsample", "shortcut")] = tensor;
        Safetensors.Write(foreign, _folder["model"]);
        string? told = null;

        ImageClassifier loaded = ModelFile.Load(_folder["model"], PlainPixels with { Tell = text => told = text });

        AssertSame(model.Network, loaded.Network);
        Assert.Equal(Fingerprint(model), Fingerprint(loaded));
        Assert.Contains("ResNet-32", told, StringComparison.Ordinal);
    }

    [Fact]
    public void A_tensor_of_a_derived_class_is_rebuilt_once()
    {
        byte[] nested = [.. Bytes("\x80\x02" + "ctorch._tensor\n_rebuild_from_type_v2\nq\0"),
            .. Enumerable.Repeat(Bytes("(h\0N"), 100_000).SelectMany(level => level), .. Bytes(")"),
            .. Enumerable.Repeat((byte)'t', 100_000), .. Bytes("R.")];

        Assert.Contains("_rebuild_from_type_v2", Assert.Throws<InvalidDataException>(() => TorchFile.Parse(Archive(nested, []))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Two_names_for_one_tensor_are_refused()
    {
        TensorFile file = new();
        ModelFile.Put(RandomModel().Snapshot, file);
        file.Metadata.Remove(ModelFile.NetworkKey);
        file.Tensors["linear.bias"] = ([10], new float[10]);
        Safetensors.Write(file, _folder["model"]);

        Assert.Contains("'fc.bias' and 'linear.bias'",
            AssertError("InvalidModel", () => ModelFile.Load(_folder["model"])).Message, StringComparison.Ordinal);
    }
}
