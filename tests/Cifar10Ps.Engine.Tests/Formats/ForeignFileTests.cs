using System.IO.Compression;
using Cifar10Ps.Formats;
using Cifar10Ps.Networks;
using static Cifar10Ps.Tests.Pickles;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

/// <summary>Model files written, wrapped and damaged by other programs.</summary>
public sealed class ForeignFileTests : IDisposable
{
    private static readonly byte[] Scalar = Of(Cut("Float", "0", 0, [], []))[2..^1];

    private readonly TemporaryFolder _folder = new();
    private readonly List<string> _told = [], _warnings = [];

    public static TheoryData<string> Wrappers => [.. Wrapped.Keys];

    /// <summary>What programs wrap around a state dict, and the key under which it is then found.</summary>
    private static Dictionary<string, Func<object, (object? Root, string Key)>> Wrapped => new()
    {
        ["nothing"] = net => (net, ""),
        ["a name that nobody knows"] = net => (Map(("epoch", 3), ("my_weights", net)), "my_weights"),
        ["a tensor before"] = net => (Map(("best_acc1", Scalar), ("state_dict", net)), "state_dict"),
        ["a tensor behind"] = net => (Map(("state_dict", net), ("best_acc1", Scalar)), "state_dict"),
        ["an optimizer"] = net => (Map(("net", net), ("optimizer", Map(("state",
            Map((0, Map(("exp_avg", Cut("Float", "0", 0, [16, 3, 3, 3], [27, 9, 3, 1])), ("step", Scalar)))))))), "net"),
        ["moments by name"] = net => (Map(("net", net), ("momentum", Map(("conv1.weight", Scalar), ("fc.weight", Scalar)))), "net"),
        ["a scheduler with a function of its class"] = net => (Map(("scheduler", Map(("anneal_func",
            Bytes("c__builtin__\ngetattr\nctorch.optim.lr_scheduler\nOneCycleLR\nX\x0e\0\0\0_annealing_cos\x86R")))), ("net", net)), "net"),
        ["arguments"] = net => (Map(("args", Opaque), ("model", net)), "model"),
        ["levels"] = net => (Map(("a", new List<object?> { 1, Map(("b", net)) })), "a.1.b"),
        ["a tuple"] = net => (new object?[] { 7, net }, "1"),
        ["an object"] = net =>
            (Map(("ema", (object?[])[new Instance("utils.ema", "ModelEMA", Map(("decay", 1), ("shadow", net)))])), "ema.0.shadow"),
    };

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Wrappers))]
    public void The_network_is_found_wherever_it_is(string wrapper)
    {
        (object? root, string key) = Wrapped[wrapper](StateDict());

        ImageClassifier model = Load(Torch(root));

        Assert.Equal(Fingerprint(Load(Torch(StateDict()))), Fingerprint(model));
        Assert.Equal(Fingerprint(model), Fingerprint(Load(Torch(root), key)));
        Assert.Contains(key.Length == 0 ? "Everything was read." : $"'{key}'", _told[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Tensors_and_parameters_may_be_objects_as_before_PyTorch_0_4(bool areParameters)
    {
        Dictionary<object, object?> old = StateDict().ToDictionary(item => item.Key,
            item => (object?)(areParameters ? AsParameter((Tensor)item.Value!) : AsObject((Tensor)item.Value!)));

        Assert.Equal(Fingerprint(Load(Torch(StateDict()))), Fingerprint(Load(Torch(old))));

        static byte[] AsParameter(Tensor tensor) =>
            [.. Bytes("ctorch.nn.parameter\nParameter\n"), .. Of((object?[])[tensor])[2..^1], .. Bytes("R}b")];

        static byte[] AsObject(Tensor tensor)
        {
            byte[] storage = [.. Of((object?[])["storage", Bytes("ctorch\nFloatStorage\n"), tensor.Key, "cpu", 1])[2..^1], (byte)'Q'];
            object?[] state = [storage, tensor.Offset, Boxed(tensor.Size), Boxed(tensor.Stride)];
            return [.. Bytes("ctorch\nFloatTensor\n)\x81"), .. Of(state)[2..^1], (byte)'b'];
        }

        static object?[] Boxed(long[] sizes) => [.. sizes.Select(size => (object?)size)];
    }

    [Theory]
    [InlineData(1)]
    [InlineData(11_221)]
    public void A_number_of_classes_that_no_model_may_have_is_named(int classes)
    {
        TensorFile file = new();
        ModelFile.Put(NewResNet(8, ["a", "b"], Shortcut.Projection, seed: 1).Snapshot, file);
        file.Metadata.Clear();
        file.Tensors["fc.weight"] = ([classes, 64], new float[classes * 64]);
        file.Tensors["fc.bias"] = ([classes], new float[classes]);
        Safetensors.Write(file, _folder["file"]);

        string message = AssertError("InvalidModel", () => Load(_folder["file"])).Message;

        Assert.Contains($"2 to 10000 outputs, one for each class, but this has {classes}", message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_first_format_of_PyTorch_is_called_what_it_is()
    {
        using MemoryStream content = new();
        using (System.Formats.Tar.TarWriter tar = new(content, System.Formats.Tar.TarEntryFormat.Ustar, leaveOpen: true))
            foreach (string name in new[] { "sys_info", "pickle", "tensors", "storages" })
                tar.WriteEntry(new System.Formats.Tar.UstarTarEntry(System.Formats.Tar.TarEntryType.RegularFile, name));

        Assert.Contains("before version 0.1.10", AssertError("UnknownModelFormat", () =>
            Load(_folder.Write("file", content.ToArray()))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ModelFormat.Safetensors, 2.5)]
    [InlineData(ModelFormat.PyTorch, 2.5)]
    [InlineData(ModelFormat.Onnx, 2.5)]
    [InlineData(ModelFormat.Chainer, 1)]
    public void The_temperature_of_a_calibrated_model_is_in_every_format_but_Chainers(ModelFormat format, double temperature)
    {
        ImageClassifier model = NewResNet20(SyntheticImages.Classes, Shortcut.ProjectionOnly, seed: 1);
        model.Snapshot = model.Snapshot with { Temperature = 2.5 };
        ModelFile.Export(model, _folder["model"], format);

        Assert.Equal(temperature, ModelFile.Load(_folder["model"], PlainPixels).Temperature);
    }

    [Theory]
    [InlineData("module.")]
    [InlineData("module.module.")]
    [InlineData("_orig_mod.")]
    [InlineData("model.")]
    [InlineData("module._orig_mod.backbone.net.")]
    public void A_prefix_that_all_names_share_is_taken_off_and_said(string prefix)
    {
        string plain = Fingerprint(Load(Torch(StateDict()))), safetensors = Safe(("", prefix));

        foreach (string file in new[] { Torch(StateDict(prefix)), Torch(Map(("state_dict", StateDict(prefix)))) })
            Assert.Equal(plain, Fingerprint(Load(file)));
        Load(safetensors);

        Assert.All(_told.Skip(1), text => Assert.Contains($"prefix '{prefix}'", text, StringComparison.Ordinal));
    }

    [Fact]
    public void A_name_of_a_million_dots_is_refused_soon()
    {
        TensorFile file = new();
        file.Tensors[new string('.', 1_000_000)] = ([1], [1]);
        Safetensors.Write(file, _folder["dots"]);

        Assert.Equal("InvalidModel", Assert.Throws<EngineException>(() => Load(_folder["dots"])).ErrorId);
    }

    [Fact]
    public void What_wraps_a_part_of_the_network_is_passed_over()
    {
        object net = StateDict(rename: name => name.Replace("layer1.", "layer1.module.", StringComparison.Ordinal)
            .Replace("layer2.0.", "layer2.0._orig_mod.", StringComparison.Ordinal));

        Assert.Equal(Fingerprint(Load(Torch(StateDict()))), Fingerprint(Load(Torch(net))));
    }

    [Fact]
    public void Two_networks_are_an_error_that_names_both_and_a_key_chooses()
    {
        string wrapped = Torch(Map(("state_dict", StateDict("module.")), ("ema", Map(("state_dict", StateDict()))))),
            prefixed = Safe(("student.", ""), ("net.teacher.", ""));

        string both = AssertError("SeveralNetworks", () => Load(wrapped)).Message;
        Assert.Contains("'state_dict.module', 'ema.state_dict'", both, StringComparison.Ordinal);
        Assert.StartsWith($"'{wrapped}' holds 2 networks", both, StringComparison.Ordinal);
        Load(wrapped, "ema.state_dict");
        Load(wrapped, "state_dict");
        Assert.Contains("'net.teacher', 'student'", AssertError("SeveralNetworks", () => Load(prefixed)).Message, StringComparison.Ordinal);
        Assert.NotEqual(Fingerprint(Load(prefixed, "student")), Fingerprint(Load(prefixed, "net.teacher")));
        Assert.Contains("'student'", AssertError("NetworkNotFound", () => Load(prefixed, "pupil")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void One_state_dict_under_two_names_is_one_network()
    {
        byte[] net = Of(StateDict())[2..^1];

        Load(Torch(Map(("model", (byte[])[.. net, .. Bytes("q\x01")]), ("net", Bytes("h\x01")))));

        Assert.Contains("that of 'model'", _told[0], StringComparison.Ordinal);
    }

    [Fact]
    public void A_tensor_beside_the_network_in_its_dictionary_is_an_error_and_a_key_leaves_it_out()
    {
        Dictionary<object, object?> net = StateDict("model.");
        net["criterion.weight"] = Scalar;
        string file = Torch(Map(("state_dict", net)));

        Assert.Contains("'criterion.weight' beside the network 'state_dict.model'",
            AssertError("InvalidModel", () => Load(file)).Message, StringComparison.Ordinal);
        Load(file, "state_dict.model");
        Assert.Contains("criterion.weight", _told[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Counters_of_any_type_are_left_out()
    {
        Dictionary<object, object?> net = StateDict();
        foreach (string name in new[] { "bn1.num_batches_tracked", "total_ops", "layer1.0.conv1.total_params" })
            net[name] = Scalar;

        Assert.Equal(Fingerprint(Load(Torch(StateDict()))), Fingerprint(Load(Torch(net))));
    }

    [Fact]
    public void The_first_layer_may_be_called_conv_and_bn() =>
        Assert.Equal(Fingerprint(Load(Torch(StateDict()))), Fingerprint(Load(Torch(StateDict(rename: name =>
            name.StartsWith("conv1.", StringComparison.Ordinal) || name.StartsWith("bn1.", StringComparison.Ordinal)
                ? name.Replace("1.", ".", StringComparison.Ordinal) : name)))));

    [Theory]
    [InlineData("conv1", "bn1")]
    [InlineData("layer1.0.conv2", "layer1.0.bn2")]
    [InlineData("layer3.0.downsample.0", "layer3.0.downsample.1")]
    public void A_bias_of_a_convolution_is_taken_off_the_mean_of_its_norm(string convolution, string norm)
    {
        Dictionary<object, object?> net = StateDict();
        int channels = (int)((Tensor)net[norm + ".bias"]!).Size[0];
        // The statistics of StateDict begin with value 0, this bias with value 5.
        net[convolution + ".bias"] = Cut("Float", "0", 5, [channels], [1]);

        ImageClassifier plain = Load(Torch(StateDict())), biased = Load(Torch(net));

        float[] values = plain.Weights["layer3.0.conv2.weight"];
        Assert.Equal(values[..channels].Zip(values[5..], (mean, bias) => mean - bias), biased.Weights[norm + ".running_mean"]);
        Assert.All(plain.Weights.Names.Where(name => name != norm + ".running_mean"), name =>
            Assert.Equal(plain.Weights[name], biased.Weights[name]));
    }

    [Fact]
    public void Files_of_Python_2_are_read()
    {
        // There, strings are bytes, and an ordered dictionary is built from a list of pairs.
        IEnumerable<byte> pairs = StateDict().SelectMany(tensor =>
            (byte[])[.. Bytes($"](U{(char)((string)tensor.Key).Length}{tensor.Key}"), .. Of(tensor.Value)[2..^1], (byte)'e']);
        byte[] pickle = [.. Bytes("\x80\x02" + "ccollections\nOrderedDict\n]("), .. pairs, .. Bytes("e\x85R.")];

        ImageClassifier model = Load(_folder.Write("file", Legacy(pickle, [("0", StateDictValues.Length / 4, StateDictValues)])));

        Assert.Equal(Fingerprint(Load(Torch(StateDict()))), Fingerprint(model));
    }

    [Theory]
    [InlineData("conv1.weight", new long[] { 16, 1, 3, 3 }, "'conv1.weight' is [16, 1, 3, 3]")]
    [InlineData("layer2.0.downsample.0.weight", new long[] { 32, 16, 3, 3 }, "'layer2.0.downsample.0.weight' is [32, 16, 3, 3]")]
    [InlineData("layer1.0.alpha1.alpha", new long[] { 1 }, "has no 'layer1.0.alpha1.alpha'")]
    [InlineData("layer5.0.conv1.weight", new long[] { 1 }, "has no 'layer5.0.conv1.weight'")]
    [InlineData("conv1.bias", new long[] { 15 }, "'conv1.bias' is [15], not [16]")]
    [InlineData("layer1.1.conv1.weight", new long[] { 16, 16, 3, 3 }, "'layer1.1.bn1.weight' is missing")]
    public void A_network_that_looks_alike_is_refused_by_a_tensor(string name, long[] shape, string because)
    {
        Dictionary<object, object?> net = StateDict("module.");
        net["module." + name] =
            Cut("Float", "0", 0, shape, [.. shape.Select((_, d) => shape[(d + 1)..].Aggregate(1L, (product, size) => product * size))]);

        Assert.Contains(because, AssertError("InvalidModel", () => Load(Torch(Map(("state_dict", net))))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Names_of_another_network_are_told_and_not_its_depth()
    {
        string message = AssertError("InvalidModel", () =>
            Load(Torch(Map(("model", StateDict(rename: name => name.Replace("conv", "convolution", StringComparison.Ordinal))))))).Message;

        Assert.Contains("has no 'convolution1.weight', 'layer1.0.convolution1.weight', 'layer1.0.convolution2.weight' and 4 more",
            message, StringComparison.Ordinal);
    }

    [Fact]
    public void Names_of_a_network_with_more_values_than_any_model_here_are_told_too()
    {
        object net = Map(("net",
            Map(("layer1.0.conv1.weight", Scalar), ("layer5.0.conv1.weight", Cut("Float", "0", 0, [512, 512, 64], [0, 0, 0])))));

        Assert.Contains("has no 'layer5.0.conv1.weight'",
            AssertError("InvalidModel", () => Load(Torch(net))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(float.NaN, "fc.weight")]
    [InlineData(float.PositiveInfinity, "layer2.0.bn1.bias")]
    [InlineData(-0.5f, "bn1.running_var")]
    public void A_weight_with_which_there_is_no_answer_is_named_and_neither_read_nor_written(float value, string name)
    {
        ImageClassifier model = NewResNet(8, ["a", "b"], Shortcut.Projection, seed: 1);
        ModelFile.Save(model, _folder["whole"]);
        TensorFile file = Safetensors.Read(_folder["whole"]);
        file.Tensors[name].Values[1] = value;
        Safetensors.Write(file, _folder["file"]);

        Assert.Contains($"'{name}'", AssertError("InvalidModel", () => ModelFile.Load(_folder["file"])).Message, StringComparison.Ordinal);
        if (float.IsFinite(value))
            return;
        model.Weights[name][1] = value;
        foreach (ModelFormat format in Enum.GetValues<ModelFormat>().Where(format => format != ModelFormat.Chainer))
            AssertError("WeightsNotFinite", () => ModelFile.Export(model, _folder["written"], format));
        AssertError("WeightsNotFinite", () => ModelFile.Save(model, _folder["written"]));
        Assert.False(File.Exists(_folder["written"]));
    }

    [Fact]
    public void A_layer_whose_weights_are_all_zero_is_warned_of_by_name()
    {
        Dictionary<object, object?> net = StateDict();
        net["layer2.0.conv1.weight"] = Cut("Float", "1", 0, [32, 16, 3, 3], [0, 0, 0, 0]);

        Load(_folder.Write("file", Archive(Of(net), [("0", StateDictValues), ("1", Singles(0))])));

        Assert.Contains("'layer2.0.conv1'", Assert.Single(_warnings), StringComparison.Ordinal);
        Load(Torch(StateDict()));
        Assert.Single(_warnings);
    }

    [Fact]
    public void Quantised_tensors_whole_models_and_TorchScript_are_called_what_they_are()
    {
        byte[] quantised = Bytes("ctorch._utils\n_rebuild_qtensor\n)R");
        Instance model = new("models.resnet", "ResNet", Map(("training", 1), ("_modules", Map(("fc", StateDict())))));
        string script = _folder.Write("script", Zip(("net/data.pkl", Of(1)), ("net/constants.pkl", Of(1)), ("net/code/__torch__.py", [])));

        Assert.Contains("'fc.weight' is quantised",
            AssertError("InvalidTorchFile", () => Load(Torch(Map(("fc.weight", quantised))))).Message, StringComparison.Ordinal);
        foreach (object root in new object[] { model, Map(("model", model), ("optimizer", Map((0, Map(("exp_avg", Scalar)))))) })
            Assert.Contains("whole pickled model of the class 'models.resnet.ResNet'",
                AssertError("InvalidTorchFile", () => Load(Torch(root))).Message, StringComparison.Ordinal);
        Assert.Contains("TorchScript", AssertError("InvalidTorchFile", () => Load(script)).Message, StringComparison.Ordinal);
        Assert.Contains("no state dict, only 'loss', 'accuracy'", AssertError("InvalidTorchFile", () =>
            Load(Torch(Map(("loss", new List<object?>()), ("accuracy", 1))))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "Git LFS")]
    [InlineData("\n<!DOCTYPE html><html></html>", "a web page")]
    [InlineData("<HTML><body>", "a web page")]
    [InlineData("<?xml version='1.0'?><a/>", "an XML document")]
    [InlineData("{\"error\": \"not found\"}", "a JSON document")]
    [InlineData("Access \e[31mdenied", @"text that begins with 'Access \u001b[31mdenied'")]
    [InlineData("", "empty")]
    [InlineData("\x89HDF\r\n\x1a\n\0\0", "an HDF5 file")]
    [InlineData("\x93NUMPY\x01\0v\0", "a single NumPy array")]
    [InlineData("\x1f\x8b\x08\0", "packed with gzip")]
    [InlineData("\x1c\0\0\0TFL3\0\0\0\0", "TensorFlow Lite")]
    [InlineData("\x01\x02\x03\xfe", "begins with the bytes 01 02 03 fe")]
    public void What_is_no_model_file_is_called_what_it_is(string content, string what) =>
        Assert.Contains(what, AssertError("UnknownModelFormat", () => Load(_folder.Write("file", Bytes(content)))).Message,
            StringComparison.Ordinal);

    [Theory]
    [InlineData("saved_model.pb", "TensorFlow")]
    [InlineData("model.weights.h5", "Keras")]
    [InlineData("photos/cat.png", "a zip archive of 'photos/cat.png'")]
    public void Zip_archives_are_called_what_they_hold(string entry, string what) =>
        Assert.Contains(what, AssertError("UnknownModelFormat", () => Load(_folder.Write("file", Zip((entry, [1]))))).Message,
            StringComparison.Ordinal);

    [Fact]
    public void What_is_given_of_the_preprocessing_takes_the_place_of_the_files_and_the_rest_stays()
    {
        ImageClassifier model = NewResNet(8, ["a", "b"], Shortcut.Projection, seed: 1);
        model.Snapshot = model.Snapshot with { Preprocessing = new Preprocessing([0.1, 0.2, 0.3], [0.4, 0.5, 0.6], width: 64, height: 48) };
        ModelFile.Save(model, _folder["file"]);

        Preprocessing mean = ModelFile.Load(_folder["file"], new() { Mean = [0.7, 0.8, 0.9] }).Preprocessing,
            deviation = ModelFile.Load(_folder["file"], new() { StandardDeviation = [0.7, 0.8, 0.9] }).Preprocessing;

        Assert.Equal([0.7, 0.8, 0.9, 0.4, 0.5, 0.6], mean.Mean.Concat(mean.StandardDeviation));
        Assert.Equal([0.1, 0.2, 0.3, 0.7, 0.8, 0.9], deviation.Mean.Concat(deviation.StandardDeviation));
        Assert.Equal((64, 48, 64, 48), (mean.Width, mean.Height, deviation.Width, deviation.Height));
        AssertError("PreprocessingUnknown", () => ModelFile.Load(Torch(StateDict()), new() { Mean = [0, 0, 0] }));
    }

    [Fact]
    public void Metadata_of_a_file_with_pixels_from_0_to_255_are_refused_by_the_files_name()
    {
        TensorFile file = new();
        ModelFile.Put(NewResNet(8, ["a", "b"], Shortcut.Projection, seed: 1).Snapshot, file);
        file.Metadata.Clear();
        file.Metadata["preprocess"] = "input = (rgb/255 - [125.3,123,113.9]) / [63,62.1,66.7]";
        Safetensors.Write(file, _folder["file"]);

        string message = AssertError("InvalidPreprocessing", () => ModelFile.Load(_folder["file"])).Message;

        Assert.StartsWith($"'{_folder["file"]}'", message, StringComparison.Ordinal);
        Assert.Contains("0.4914, 0.4824, 0.4467", message, StringComparison.Ordinal);
    }

    private ImageClassifier Load(string path, string? key = null) =>
        ModelFile.Load(path, PlainPixels with { Key = key, Tell = _told.Add, Warn = _warnings.Add });

    private string Torch(object? root) => _folder.Write("torch", Archive(Of(root), [("0", StateDictValues)]));

    /// <summary>A safetensors file with a network under each pair of prefixes.</summary>
    private string Safe(params (string First, string Second)[] prefixes)
    {
        TensorFile file = new();
        foreach ((string first, string second) in prefixes)
        {
            ImageClassifier model = NewResNet(8, ["a", "b"], Shortcut.Projection, seed: first.Length);
            foreach (LayerTensor tensor in model.Network.Tensors)
                file.Tensors[first + second + tensor.Name] = (tensor.Shape, model.Weights[tensor.Name]);
        }

        Safetensors.Write(file, _folder["safetensors"]);
        return _folder["safetensors"];
    }

    private static Dictionary<object, object?> Map(params (object Key, object? Value)[] items) =>
        items.ToDictionary(item => item.Key, item => item.Value);

    private static byte[] Zip(params (string Name, byte[] Content)[] entries)
    {
        using MemoryStream content = new();
        using (ZipArchive zip = new(content, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach ((string name, byte[] bytes) in entries)
            {
                using Stream entry = zip.CreateEntry(name).Open();
                entry.Write(bytes);
            }
        }

        return content.ToArray();
    }
}
