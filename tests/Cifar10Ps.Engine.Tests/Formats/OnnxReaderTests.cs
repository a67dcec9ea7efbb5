using System.Text.Json;
using Cifar10Ps.Formats;
using Cifar10Ps.Models;
using Cifar10Ps.Networks.Families;
using Cifar10Ps.Networks;
using Cifar10Ps.Runtime;

namespace Cifar10Ps.Tests;

/// <summary>ONNX graphs as models: our own, PyTorch's and CNTK's, and files that are not models.</summary>
public sealed class OnnxReaderTests : IDisposable
{
    private const double Tolerance = 1e-4;

    private static readonly ImportOptions Plain = new() { Mean = [0, 0, 0], StandardDeviation = [1, 1, 1] };

    private static readonly Dictionary<string, (Func<Network> Make, int Width, int Height)> Networks = new()
    {
        ["CIFAR, projection"] = (() => CifarResNet.Create(8, Shortcut.Projection, 10), 32, 32),
        ["CIFAR, zero-padded"] = (() => CifarResNet.Create(14, Shortcut.ZeroPad, 10), 32, 32),
        ["CIFAR, projection only"] = (() => CifarResNet.Create(8, Shortcut.ProjectionOnly, 3, 2e-5), 20, 13),
        ["ResNet-18"] = (() => ResNet.Create(18, 5), 64, 64),
        ["ResNet of bottlenecks"] = (() => ResNet.Create([1, 1, 1, 1], isBottleneck: true, 3), 64, 64),
        ["every kind of layer"] = (OnnxGraphs.Mixed, 24, 20),
        ["without a classifier"] = (OnnxGraphs.Headless, 32, 32),
    };

    private readonly string _folder = Directory.CreateTempSubdirectory("cifar10ps-onnx-").FullName;

    public static TheoryData<string> Names => [.. Networks.Keys];

    public static TheoryData<string> PyTorchNames =>
        ["resnet-folded", "resnet-norms", "zeropad", "zeropad-plain", "mobile", "mobile-old", "gelu", "vgg", "windows", "bare"];

    private string File => Path.Combine(_folder, "model.onnx");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [MemberData(nameof(Names))]
    public void Our_own_graph_is_read_with_the_same_bits(string name)
    {
        ImageClassifier model = Model(name);
        foreach (bool includePreprocessing in new[] { false, true })
        {
            ModelFile.Export(model, File, ModelFormat.Onnx, includePreprocessing);

            ImageClassifier read = ModelFile.Load(File);

            Assert.Equal(NetworkJson.ToJson(model.Network), NetworkJson.ToJson(read.Network));
            AssertSameWeights(model, read);
            Assert.Equal(model.Classes, read.Classes);
            Assert.Equal(model.Preprocessing.ToString(), read.Preprocessing.ToString());
            Assert.Equal((3, 70L, 5), (read.TrainedEpochs, read.TrainedSteps, read.Snapshot.Seed));
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Our_own_graph_without_its_metadata_is_read_as_the_graph_that_it_is(string name)
    {
        ImageClassifier model = Model(name);
        float[] images = OnnxGraphs.Images(2, model.Preprocessing.Height, model.Preprocessing.Width);
        foreach (bool includePreprocessing in new[] { false, true })
        {
            ModelFile.Export(model, File, ModelFormat.Onnx, includePreprocessing);
            System.IO.File.WriteAllBytes(File, OnnxGraphs.WithMetadata(System.IO.File.ReadAllBytes(File)));

            // What the graph does with bytes is its preprocessing.
            ImageClassifier read = ModelFile.Load(File, includePreprocessing ? null : Plain);

            Assert.Equal(
                model.Network.Layers.Select(layer => layer.Operation).Where(operation => operation is not Dropout),
                read.Network.Layers.Select(layer => layer.Operation));
            AssertSameWeights(model, read);
            Assert.Equal(0, OnnxGraphs.Difference(OnnxGraphs.ByEngine(model, images), OnnxGraphs.ByEngine(read, images)), 1e-6);
            if (includePreprocessing)
                Assert.Equal(model.Preprocessing.ToString(), read.Preprocessing.ToString());
            Assert.Equal((model.Preprocessing.Width, model.Preprocessing.Height), (read.Preprocessing.Width, read.Preprocessing.Height));
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_runtime_gives_the_engines_logits(string name)
    {
        ImageClassifier model = Model(name);
        float[] images = OnnxGraphs.Images(3, model.Preprocessing.Height, model.Preprocessing.Width);
        ModelFile.Export(model, File, ModelFormat.Onnx);

        float[] expected = OnnxGraphs.ByEngine(model, images);
        float[] found = OnnxGraphs.ByRuntime(File, images, model.Preprocessing.Height, model.Preprocessing.Width);

        Assert.InRange(OnnxGraphs.Difference(expected, found), 0, Tolerance);
        Assert.True(expected.Max() - expected.Min() > 1e-3);
    }

    [Theory]
    [MemberData(nameof(PyTorchNames))]
    public void A_graph_of_PyTorchs_exporter_gives_what_the_runtime_gives_and_is_trained_further(string name)
    {
        string path = PyTorch(name);
        ImageClassifier model = ModelFile.Load(path, Plain);
        (int height, int width) = (model.Preprocessing.Height, model.Preprocessing.Width);
        Assert.Equal(name.StartsWith("resnet", StringComparison.Ordinal) ? 64 : 32, height);
        float[] images = OnnxGraphs.Images(3, height, width), logits = OnnxGraphs.ByEngine(model, images);

        float[] expected = OnnxGraphs.ByRuntime(path, images, height, width);
        // This one ends with softmax, which a classifier leaves to the caller who wants probabilities.
        if (name == "bare")
            logits = [.. logits.Chunk(model.Classes.Length).SelectMany(Softmax)];

        Assert.InRange(OnnxGraphs.Difference(expected, logits), 0, Tolerance);
        Assert.True(expected.Max() - expected.Min() > 1e-3);
        AssertTrained(model);
    }

    [Theory]
    [InlineData("resnet-norms", "conv1", "bn1", "layer1.0.conv1", "layer2.0.downsample.0", "fc")]
    [InlineData("resnet-folded", "conv1", "layer1.0.conv1", "layer1.1.conv2", "layer2.0.downsample.0", "fc")]
    [InlineData("vgg", "features.0", "classifier.0", "classifier.3")]
    public void Layers_are_called_as_in_the_state_dict(string graph, params string[] names)
    {
        Network network = ModelFile.Load(PyTorch(graph), Plain).Network;

        Assert.Empty(names.Except(network.Layers.Select(layer => layer.Name)));
    }

    [Fact]
    public void A_model_that_was_a_graph_is_saved_and_read_like_any_other()
    {
        foreach (string name in PyTorchNames.Select(row => row.Data))
        {
            ImageClassifier model = ModelFile.Load(PyTorch(name), Plain);
            ModelFile.Save(model, Path.Combine(_folder, "saved.safetensors"));
            ModelFile.Export(model, Path.Combine(_folder, "saved.pth"), ModelFormat.PyTorch);
            foreach (string file in Directory.GetFiles(_folder))
                AssertSameWeights(model, ModelFile.Load(file));
        }
    }

    [Fact]
    public void A_graph_of_version_0_2_is_read_with_its_folded_norms_and_its_own_classes_and_preprocessing()
    {
        // As that version wrote it: each convolution and its norm as one convolution with a bias, and the network in the metadata.
        NetworkBuilder network = new();
        int x = network.Add("relu", new ReLU(), network.Convolution("conv1", NetworkBuilder.InputLayer, 16, 3, hasBias: true));
        network.Add("fc", new Linear(16, 2), network.Add("avgpool", new AveragePool(), x));
        ImageClassifier model = OnnxGraphs.Model(network.Build("ResNet-8"), 20, 24);
        foreach (bool includePreprocessing in new[] { false, true })
        {
            ModelFile.Export(model, File, ModelFormat.Onnx, includePreprocessing);
            System.IO.File.WriteAllBytes(File, OnnxGraphs.WithMetadata(System.IO.File.ReadAllBytes(File),
                ("architecture", """{"depth":8,"shortcut":"Projection","classCount":2,"batchNormEpsilon":1E-05}"""),
                ("classes", """["cat","dog"]"""), ("preprocessing", JsonSerializer.Serialize(model.Preprocessing, Json.Options)),
                ("trained_epochs", "4"), ("trained_steps", "9"), ("seed", "1")));

            ImageClassifier read = ModelFile.Load(File);

            Assert.Equal(["cat", "dog"], read.Classes);
            Assert.Equal((model.Preprocessing.ToString(), 4, 9L), (read.Preprocessing.ToString(), read.TrainedEpochs, read.TrainedSteps));
            AssertSameWeights(model, read);
        }
    }

    [Fact]
    public void A_graph_as_CNTK_writes_it_gives_its_features()
    {
        float[] Values(int count, float low = -0.5f) => [.. Enumerable.Range(0, count).Select(i => low + i * 7 % 11 / 11f)];
        Write((graph, image) =>
        {
            string x = graph.Operation("Conv", "Convolution249", [image, graph.Constant("Parameter91", Values(8 * 147), 8, 3, 7, 7)],
                Integers("kernel_shape", 7, 7), Integers("strides", 2, 2), Integers("pads", 3, 3, 2, 2), Integers("dilations", 1, 1),
                Text("auto_pad", "NOTSET"));
            string[] norm = ["Parameter96", "Parameter97", "Constant98", "Constant99"];
            norm = [.. norm.Select((name, i) => graph.Constant(name, Values(8, 0.2f + i), 8))];
            x = graph.Operation("BatchNormalization", "BatchNormalization251", [x, .. norm],
                OnnxGraph.Attribute("spatial", 1), OnnxGraph.Attribute("epsilon", 1e-5f));
            x = graph.Operation("MaxPool", "Pooling255", [graph.Operation("Relu", "ReLU253", [x])],
                Integers("kernel_shape", 3, 3), Integers("strides", 2, 2), Integers("pads", 1, 1, 0, 0));
            return graph.Operation("AveragePool", "Pooling395", [x],
                Integers("kernel_shape", 8, 8), Integers("strides", 1, 1), OnnxGraph.Attribute("count_include_pad", 0));
        }, operatorSet: 8);

        ImageClassifier model = ModelFile.Load(File, Plain);

        Assert.Equal(ImageClassifier.PlaceholderClasses(8), model.Classes);
        Assert.Equal(1e-5, ((BatchNorm)model.Network.Layers[2].Operation).Epsilon);
        Assert.Equal(new Linear(8, 2), model.ForClasses(["cat", "dog"], seed: 1).Network.Layers[^1].Operation);
        AssertLikeRuntime(model);
    }

    [Fact]
    public void The_file_of_CNTK_that_a_package_holds_gives_its_512_features()
    {
        string path = OnnxGraphs.CntkFile;
        Assert.SkipUnless(System.IO.File.Exists(path),
            "needs ResNet18.onnx of the package Microsoft.ML.DnnImageFeaturizer.ResNet18 0.23.1: set CIFAR10PS_CNTK");

        ImageClassifier model = ModelFile.Load(path, new() { Mean = [0, 0, 0], StandardDeviation = [1 / 255.0, 1 / 255.0, 1 / 255.0] });

        Assert.Equal((512, 224, 224), (model.Classes.Length, model.Preprocessing.Width, model.Preprocessing.Height));
        float[] images = [.. OnnxGraphs.Images(2, 224, 224).Select(value => 60 * value)];
        float[] expected = OnnxGraphs.ByRuntime(path, images, 224, 224);
        Assert.InRange(OnnxGraphs.Difference(expected, OnnxGraphs.ByEngine(model, images)), 0, Tolerance);
    }

    [Theory]
    [InlineData("SAME_UPPER", 3, 2)]
    [InlineData("SAME_LOWER", 4, 2)]
    [InlineData("SAME_UPPER", 2, 3)]
    [InlineData("VALID", 5, 3)]
    public void Padding_that_the_runtime_computes_is_computed(string padding, int size, int stride)
    {
        Write((graph, image) =>
        {
            string weight = graph.Constant("w", OnnxGraphs.Images(size * size, 1, 4), 4, 3, size, size);
            string x = graph.Operation("Conv", "c", [image, weight],
                Text("auto_pad", padding), Integers("strides", stride, stride));
            x = graph.Operation("MaxPool", "m", [x], Text("auto_pad", padding), Integers("kernel_shape", 3, 3), Integers("strides", 2, 2));
            return graph.Operation("Flatten", "f", [graph.Operation("GlobalAveragePool", "g", [x])]);
        });

        AssertLikeRuntime(ModelFile.Load(File, Plain));
    }

    [Theory]
    [InlineData("SAME_UPPER", 3, 3)]
    [InlineData("NOTSET", 3, 2)]
    public void A_border_before_a_mean_counts_where_sizes_are_computed(string padding, int size, int stride)
    {
        Write((graph, image) =>
        {
            string x = graph.Operation("Pad", "p", [image, graph.Constant("pads", 0L, 0, 1, 1, 0, 0, 0, 0)]);
            x = graph.Operation("AveragePool", "a", [x], Text("auto_pad", padding), Integers("kernel_shape", size, size),
                Integers("strides", stride, stride), OnnxGraph.Attribute("ceil_mode", padding == "NOTSET" ? 1 : 0));
            return graph.Operation("Flatten", "f", [graph.Operation("GlobalAveragePool", "g", [x])]);
        });

        AssertLikeRuntime(ModelFile.Load(File, Plain));
    }

    [Fact]
    public void A_border_around_the_mean_of_all_pixels_is_refused()
    {
        Write((graph, image) =>
        {
            string weight = graph.Constant("w", OnnxGraphs.Images(1, 2, 2), 4, 3, 1, 1);
            string x = graph.Operation("Conv", "c", [graph.Operation("GlobalAveragePool", "g", [image]), weight],
                Integers("pads", 1, 1, 1, 1));
            return graph.Operation("Flatten", "f", [graph.Operation("GlobalAveragePool", "h", [x])]);
        });

        Assert.Contains("border around the mean", Refused("InvalidOnnx").Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_weight_may_be_transposed_more_than_once(int count)
    {
        WriteTransposed(count);

        AssertLikeRuntime(ModelFile.Load(File, Plain));
    }

    [Fact]
    public void A_weight_that_is_transposed_endlessly_is_refused()
    {
        WriteTransposed(20_000);

        Assert.Contains("transposes", Refused("InvalidOnnx").Message, StringComparison.Ordinal);
    }

    /// <summary>As PyTorch's newer exporter writes <c>x.view(x.size(0), -1)</c>.</summary>
    [Theory]
    [InlineData(0L, 1L)]
    [InlineData(-4L, -3L)]
    public void A_part_of_a_shape_is_read(long start, long end)
    {
        Write((graph, image) =>
        {
            string x = graph.Operation("GlobalAveragePool", "g", [image]);
            string batch = graph.Operation("Shape", "s", [x], OnnxGraph.Attribute("start", start), OnnxGraph.Attribute("end", end));
            return graph.Operation("Reshape", "r", [x, graph.Operation("Concat", "c", [batch, graph.Constant("three", 3L)],
                OnnxGraph.Attribute("axis", 0L))]);
        });

        AssertLikeRuntime(ModelFile.Load(File, Plain));
    }

    [Fact]
    public void Copies_of_a_matrix_that_nothing_needs_are_not_computed()
    {
        Write((graph, image) =>
        {
            string matrix = graph.Constant("w", new float[512 * 512], 512, 512);
            string[] copies = [.. Enumerable.Range(0, 400).Select(i => graph.Operation("Cast", $"c{i}",
                [graph.Operation("Transpose", $"t{i}", [matrix])], OnnxGraph.Attribute("to", 1L)))];
            return graph.Operation("Reshape", "r", [graph.Operation("GlobalAveragePool", "g", [image]),
                graph.Operation("Concat", "all", copies, OnnxGraph.Attribute("axis", 0L))]);
        });

        AssertRefusedInLittleMemory();
    }

    [Fact]
    public void A_chain_of_factors_for_many_channels_is_refused()
    {
        Write((graph, image) =>
        {
            const int Channels = 16_384;
            string x = graph.Operation("Conv", "conv", [image, graph.Constant("w", new float[3 * Channels], Channels, 3, 1, 1)]);
            string factor = graph.Constant("f", new float[Channels], Channels, 1, 1);
            for (int i = 0; i < 2_000; i++)
                x = graph.Operation("Mul", $"m{i}", [x, factor]);
            return graph.Operation("Flatten", "f", [graph.Operation("GlobalAveragePool", "g", [x])]);
        });

        AssertRefusedInLittleMemory();
    }

    [Fact]
    public void Constants_that_are_filled_with_a_number_keep_it()
    {
        Write((graph, image) =>
        {
            ProtobufMessage one = new ProtobufMessage().Add(1, 1L).Add(2, 1L).Add(9, new[] { 1.5f });
            string scale = graph.Operation("ConstantOfShape", "scale", [graph.Constant("shape", 3L)],
                new ProtobufMessage().Add(1, "value").Add(5, one).Add(20, 4L));
            string x = graph.Operation("BatchNormalization", "n", [image, scale, graph.Constant("b", [1f, 2, 3], 3),
                graph.Constant("mean", [0.1f, 0.2f, 0.3f], 3), scale]);
            return graph.Operation("Flatten", "f", [graph.Operation("GlobalAveragePool", "g", [x])]);
        });

        AssertLikeRuntime(ModelFile.Load(File, Plain));
    }

    [Fact]
    public void Constants_that_are_added_and_multiplied_become_biases_and_weights()
    {
        Write((graph, image) =>
        {
            string x = graph.Operation("Sub", "s", [image, graph.Constant("mean", [0.1f, 0.2f, 0.3f], 3, 1, 1)]);
            x = graph.Operation("Div", "d", [x, graph.Constant("deviation", [0.5f])]);
            x = graph.Operation("Conv", "c", [x, graph.Constant("w", OnnxGraphs.Images(3, 2, 2), 4, 3, 1, 3)]);
            x = graph.Operation("Mul", "p", [graph.Constant("scale", [1, 2, 3, 4], 1, 4, 1, 1), x]);
            x = graph.Operation("Add", "a", [x, graph.Constant("shift", [4, 3, 2, 1], 4, 1, 1)]);
            x = graph.Operation("ReduceMean", "r", [x], Integers("axes", -2, -1), OnnxGraph.Attribute("keepdims", 0));
            x = graph.Operation("MatMul", "m", [x, graph.Constant("fc", OnnxGraphs.Images(1, 2, 2), 4, 3)]);
            x = graph.Operation("Add", "b", [graph.Constant("bias", [1, 2, 3], 3), x]);
            return graph.Operation("Softmax", "o", [x], OnnxGraph.Attribute("axis", -1));
        });
        ImageClassifier model = ModelFile.Load(File, Plain);

        Assert.Equal(
            [LayerKind.Input, LayerKind.Convolution, LayerKind.Convolution, LayerKind.AveragePool, LayerKind.Linear],
            model.Network.Layers.Select(layer => layer.Kind));
        AssertLikeRuntime(model, hasSoftmax: true);
    }

    [Theory]
    [InlineData("Softmax", 17, -1, "")]
    [InlineData("Softmax", 17, 1, "")]
    [InlineData("Softmax", 17, null, "")]
    [InlineData("Softmax", 11, null, "")]
    [InlineData("LogSoftmax", 17, -1, "")]
    [InlineData("LogSoftmax", 11, 1, "")]
    [InlineData("Softmax", 17, 1, "map")]
    [InlineData("Softmax", 17, -3, "map")]
    [InlineData("LogSoftmax", 17, 1, "map")]
    [InlineData("Softmax", 11, null, "map")]
    [InlineData("Softmax", 17, -1, "Flatten")]
    [InlineData("LogSoftmax", 17, 1, "Identity")]
    [InlineData("Softmax", 17, 1, "divided")]
    public void A_softmax_at_the_end_is_left_out(string type, int operatorSet, int? axis, string around)
    {
        bool isLog = type == "LogSoftmax";
        Write((graph, image) =>
        {
            string x = graph.Operation("Conv", "c", [image, graph.Constant("w", OnnxGraphs.Images(3, 2, 2), 4, 3, 1, 3)]);
            x = graph.Operation("GlobalAveragePool", "g", [x]);
            if (around != "map")
                x = graph.Operation("Flatten", "f", [x]);
            if (around == "divided")
                x = graph.Operation("Div", "d", [x, graph.Constant("t", [2.5f])]);
            x = graph.Operation(type, "s", [x], [.. axis is int a ? new[] { OnnxGraph.Attribute("axis", a) } : []]);
            return around is "map" or "Flatten" ? graph.Operation("Flatten", "o", [x])
                : around == "Identity" ? graph.Operation("Identity", "o", [x]) : x;
        }, operatorSet);
        List<string> told = [];

        ImageClassifier model = ModelFile.Load(File,
            new ImportOptions { Mean = Plain.Mean, StandardDeviation = Plain.StandardDeviation, Tell = told.Add });

        Assert.Equal(around == "divided" ? 2.5 : 1, model.Temperature);
        Assert.Contains($"It ends with the operator '{type}' (node 's'), which is left out", Assert.Single(told), StringComparison.Ordinal);
        float[] images = OnnxGraphs.Images(2, 32, 32);
        IEnumerable<float> expected = OnnxGraphs.ByEngine(model, images).Chunk(4)
            .SelectMany(logits => Softmax([.. logits.Select(logit => (float)(logit / model.Temperature))]))
            .Select(p => isLog ? MathF.Log(p) : p);
        Assert.InRange(OnnxGraphs.Difference(OnnxGraphs.ByRuntime(File, images, 32, 32), [.. expected]), 0, Tolerance);
    }

    [Theory]
    [InlineData(true, -1, "it runs over the axis -1, but only the classes are supported")]
    [InlineData(true, 2, "it runs over the axis 2, but only the classes are supported")]
    [InlineData(false, 1, "it takes the result of the operator 'Softmax' (node 's'), which is supported only at the end")]
    public void A_softmax_over_anything_else_or_before_the_end_is_refused(bool isLast, int axis, string because)
    {
        Write((graph, image) =>
        {
            string x = graph.Operation("Conv", "c", [image, graph.Constant("w", OnnxGraphs.Images(3, 2, 2), 4, 3, 1, 3)]);
            x = graph.Operation("Softmax", "s", [x], OnnxGraph.Attribute("axis", axis));
            return isLast ? x : graph.Operation("Flatten", "f", [graph.Operation("GlobalAveragePool", "g", [x])]);
        });

        Assert.Contains(because, Refused("InvalidOnnx").Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("LSTM", "rnn", "the operator 'LSTM' (node 'rnn') is not supported")]
    [InlineData("Conv\u001b[31m", "\n", @"the operator 'Conv\u001b[31m' (node '\u000a') is not supported")]
    [InlineData("Mul", "gate", "the operator 'Mul' (node 'gate') cannot be used: it multiplies two feature maps")]
    [InlineData("Erf", "erf", "the operator 'Erf' (node 'erf') cannot be used: it is supported only as a part of GELU")]
    [InlineData("ReduceMean", "mean", "its input 'image' has to be a constant shape")]
    [InlineData("Sub", "minus", "it subtracts something other than a constant")]
    [InlineData("Concat", "join", "it joins feature maps")]
    [InlineData("Transpose", "turn", "it changes the order of dimensions")]
    public void What_is_not_supported_is_named(string type, string node, string because)
    {
        Write((graph, image) =>
            graph.Operation("GlobalAveragePool", "pool", [graph.Operation(type, node, [image, image], OnnxGraph.Attribute("axis", 1))]));

        EngineException error = Refused("InvalidOnnx");

        Assert.Contains(because, error.Message, StringComparison.Ordinal);
        Assert.StartsWith($"'{File}' is not a usable ONNX graph: ", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("dilations", 2, "its dilations are 2 x 2, but only 1 is supported")]
    [InlineData("strides", 0, "its stride is 0 x 0")]
    [InlineData("kernel_shape", 5, "its window of 5 x 5 pixels is not that of its weight, 3 x 3")]
    [InlineData("pads", 1, "its padding has 2 numbers, not 4")]
    public void A_setting_that_a_convolution_cannot_have_is_named(string setting, int value, string because)
    {
        Write((graph, image) =>
        {
            string[] x = [image, graph.Constant("w", new float[54], 2, 3, 3, 3)];
            return graph.Operation("GlobalAveragePool", "pool", [graph.Operation("Conv", "c", x, Integers(setting, value, value))]);
        });

        string message = Refused("InvalidOnnx").Message;

        Assert.Contains($"the operator 'Conv' (node 'c') cannot be used: {because}", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_size_that_is_rounded_up_is_refused_where_it_makes_a_difference()
    {
        void WritePooled(int size) => Write((graph, image) =>
        {
            ProtobufMessage[] settings =
                [Integers("kernel_shape", size, size), Integers("strides", 2, 2), OnnxGraph.Attribute("ceil_mode", 1)];
            return graph.Operation("GlobalAveragePool", "pool", [graph.Operation("MaxPool", "m", [image], settings)]);
        });

        WritePooled(2);
        Assert.Equal(3, ModelFile.Load(File, Plain).Classes.Length);
        WritePooled(3);
        Assert.Contains("ceil_mode", Refused("InvalidOnnx").Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_graph_takes_and_gives_has_to_be_images_and_one_vector()
    {
        foreach ((object[] axes, string because) in new (object[], string)[]
        {
            ([1, 1, 32, 32], "[1, 1, 32, 32]; only images of three channels"),
            (["n", 3, 32], "[any, 3, 32]; only [batch, 3, height, width] is supported"),
            ([1, 3, 2_000, 32], "images of 8 to 1024 pixels"),
        })
        {
            Write((graph, image) => graph.Operation("GlobalAveragePool", "pool", [image]), 17, axes);
            Assert.Contains(because, Refused("InvalidOnnx").Message, StringComparison.Ordinal);
        }

        Write((graph, image) => graph.Operation("Relu", "relu", [image]));
        Assert.Contains("has to end with", Refused("InvalidOnnx").Message, StringComparison.Ordinal);
        Write((graph, image) =>
        {
            graph.Output(graph.Operation("Relu", "relu", [image]), "", ("n", ""));
            return graph.Operation("GlobalAveragePool", "pool", ["relu"]);
        });
        Assert.Contains("it has the outputs 'relu', 'pool'", Refused("InvalidOnnx").Message, StringComparison.Ordinal);
    }

    [Fact]
    public void How_pictures_become_input_has_to_be_known()
    {
        Write((graph, image) => graph.Operation("GlobalAveragePool", "pool", [image]), 17, "n", 3, 48, 64);

        Assert.Equal("PreprocessingUnknown", Assert.Throws<EngineException>(() => ModelFile.Load(File)).ErrorId);
        // In another program's file, the keys of this module may mean anything.
        byte[] foreign = OnnxGraphs.WithMetadata(System.IO.File.ReadAllBytes(File), ("network", "resnet"), ("classes", "red,green,blue"));
        System.IO.File.WriteAllBytes(File, foreign);
        Preprocessing given = ModelFile.Load(File, Plain).Preprocessing;
        Assert.Equal((64, 48), (given.Width, given.Height));
        EngineException error = Assert.Throws<EngineException>(() => ModelFile.Load(File, Plain with { Key = "student" }));
        Assert.Equal("NetworkNotFound", error.ErrorId);
    }

    [Fact]
    public void Weights_in_another_file_and_weights_that_are_not_there_are_refused()
    {
        ProtobufMessage Tensor(params long[] shape) =>
            shape.Aggregate(new ProtobufMessage(), (tensor, size) => tensor.Add(1, size)).Add(2, 1L).Add(8, "w");
        ProtobufMessage place = new ProtobufMessage().Add(1, "location").Add(2, "weights.bin");
        foreach ((ProtobufMessage tensor, string because) in new[]
        {
            (Tensor(4).Add(13, place).Add(14, 1L), "'w' stores its values in another file"),
            (Tensor(long.MaxValue, long.MaxValue), "'w' claims a shape that the file has no values for"),
            (Tensor(3, 1, 1).Add(9, [1f, 2f]), "'w' has 8 bytes of values, but its shape [3, 1, 1] needs 12"),
        })
        {
            Write((graph, image) =>
            {
                graph.Message.Add(5, tensor);
                return graph.Operation("GlobalAveragePool", "pool", [graph.Operation("Add", "a", [image, "w"])]);
            });
            Assert.Contains(because, Refused("InvalidOnnx").Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(1, "it has no graph")]
    [InlineData(2, "cut off")]
    public void A_file_that_is_cut_off_is_refused(int kind, string because)
    {
        byte[] whole = OnnxGraphs.File((graph, image) => graph.Operation("GlobalAveragePool", "pool", [image]));
        System.IO.File.WriteAllBytes(File, kind == 1 ? [0x08, 0x03, 0x3a, 0x00, 0x00] : whole[..20]);

        EngineException error = Assert.Throws<EngineException>(() => ModelFile.Load(File, Plain));

        Assert.Equal("InvalidOnnx", error.ErrorId);
        Assert.Contains(kind == 1 ? "damaged" : because, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_with_any_damage_is_read_or_refused()
    {
        string[] declared = ["InvalidOnnx", "InvalidModel", "PreprocessingUnknown", "InvalidPreprocessing", "InvalidClasses",
            "UnknownModelFormat", "InvalidSafetensors", "InvalidTorchFile", "InvalidNpz"];
        ModelFile.Export(Model("every kind of layer"), File, ModelFormat.Onnx, includePreprocessing: true);
        byte[] own = TestSupport.Unsealed(System.IO.File.ReadAllBytes(File));
        byte[][] files = [own, OnnxGraphs.WithMetadata(own), .. PyTorchNames.Select(row => System.IO.File.ReadAllBytes(PyTorch(row.Data)))];
        Random random = new(1);
        int refused = 0;
        const int Count = 1_000;

        for (int i = 0; i < Count; i++)
        {
            byte[] mutation = Mutate(files[i % files.Length], random);
            System.IO.File.WriteAllBytes(File, mutation);
            long before = GC.GetAllocatedBytesForCurrentThread();
            TimeSpan start = TestSupport.ProcessorTime();
            Exception? error = Record.Exception(() => ModelFile.Load(File, Plain));
            Assert.True(error is null or EngineException, $"mutation {i}: {error}");
            Assert.True(error is null || declared.Contains(((EngineException)error).ErrorId), $"mutation {i}: {error}");
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 100_000_000);
            Assert.InRange(TestSupport.ProcessorTime() - start, TimeSpan.Zero, TimeSpan.FromSeconds(5));
            refused += error is null ? 0 : 1;
        }

        Assert.InRange(refused, Count / 10, Count * 99 / 100);
    }

    private static byte[] Mutate(byte[] file, Random random)
    {
        List<byte> bytes = [.. file];
        for (int change = random.Next(1, 4); change > 0 && bytes.Count > 16; change--)
        {
            // Names, shapes and settings, but not weights.
            int at = Place();
            byte[] length = BitConverter.GetBytes((long)(ulong.MaxValue >> random.Next(64)));
            int rest = bytes.Count - at;
            switch (random.Next(7))
            {
                case 0: bytes[at] ^= (byte)(1 << random.Next(8)); break;
                case 1: bytes[at] = (byte)random.Next(256); break;
                case 2: bytes.RemoveRange(at, random.Next(4) == 0 ? rest : Math.Min(random.Next(1, 9), rest)); break;
                case 3: bytes.InsertRange(at, bytes.GetRange(at, Math.Min(random.Next(1, 300), rest))); break;
                case 4: bytes.InsertRange(at, length); break;
                case 5: bytes[at]++; break;
                default:
                    for (int j = 0; j < 8 && at + j < bytes.Count; j++)
                        bytes[at + j] = length[j];
                    break;
            }
        }

        return [.. bytes];

        int Place()
        {
            int at = random.Next(bytes.Count);
            // Two in three where there is text.
            for (int i = 0; random.Next(3) > 0 && i < 2_000 && at + 3 < bytes.Count; i++, at = random.Next(bytes.Count))
                if (bytes.GetRange(at, 3).All(b => char.IsAsciiLetterOrDigit((char)b)))
                    return Math.Max(0, at - random.Next(6));
            return at;
        }
    }

    private static string PyTorch(string name) => Path.Combine(OnnxGraphs.PyTorchFolder, name + ".onnx");

    private static ImageClassifier Model(string name)
    {
        (Func<Network> make, int width, int height) = Networks[name];
        return OnnxGraphs.Model(make(), width, height);
    }

    private void Write(Func<OnnxGraph, string, string> graph, int operatorSet = 17, params object[] axes) =>
        System.IO.File.WriteAllBytes(File, OnnxGraphs.File(graph, operatorSet, axes));

    private void WriteTransposed(int count) => Write((graph, image) =>
    {
        string weight = graph.Constant("w", OnnxGraphs.Images(1, 2, 2), count % 2 == 0 ? [3, 4] : [4, 3]);
        for (int i = 0; i < count; i++)
            weight = graph.Operation("Transpose", $"t{i}", [weight]);
        string x = graph.Operation("Flatten", "f", [graph.Operation("GlobalAveragePool", "g", [image])]);
        return graph.Operation("MatMul", "m", [x, weight]);
    });

    /// <summary>Asserts that a model gives the same output as ONNX Runtime for the file.</summary>
    private void AssertLikeRuntime(ImageClassifier model, bool hasSoftmax = false)
    {
        float[] images = OnnxGraphs.Images(2, 32, 32), outputs = OnnxGraphs.ByEngine(model, images);
        if (hasSoftmax)
            outputs = [.. outputs.Chunk(model.Classes.Length).SelectMany(Softmax)];
        Assert.InRange(OnnxGraphs.Difference(OnnxGraphs.ByRuntime(File, images, 32, 32), outputs), 0, Tolerance);
    }

    private void AssertRefusedInLittleMemory()
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        Refused("InvalidOnnx");
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 300_000_000);
    }

    private EngineException Refused(string id)
    {
        EngineException error = Assert.Throws<EngineException>(() => ModelFile.Load(File, Plain));
        Assert.Equal(id, error.ErrorId);
        return error;
    }

    private static void AssertSameWeights(ImageClassifier expected, ImageClassifier actual)
    {
        Assert.Equal(Names(expected), Names(actual));
        Assert.All(expected.Network.Tensors, tensor => Assert.Equal(expected.Weights[tensor.Name], actual.Weights[tensor.Name]));

        static IEnumerable<string> Names(ImageClassifier model) => model.Network.Tensors.Select(tensor => tensor.Name).Order();
    }

    /// <summary>Trains an imported model for one step and asserts that all of its values have changed.</summary>
    private static void AssertTrained(ImageClassifier model)
    {
        (int height, int width) = (model.Preprocessing.Height, model.Preprocessing.Width);
        Random random = new(3);
        LabeledImage[] images = [.. Enumerable.Range(0, 8).Select(i =>
        {
            byte[] pixels = new byte[3 * height * width];
            random.NextBytes(pixels);
            return new LabeledImage(i, i % model.Classes.Length, model.Classes[i % model.Classes.Length], width, height, pixels);
        })];
        ImageDataset data = new("noise", "noise", model.Classes, images, images);
        StateDict before = model.Weights;
        TrainingOptions options = Recipes.Options(Recipe.Fast, OptimizerKind.Sgd) with { Epochs = 1, BatchSize = 8, Seed = 3 };

        EpochReport report = Assert.Single(Trainer.Start(model, data, options, threads: 1).Run());

        Assert.True(double.IsFinite(report.Loss));
        Assert.All(model.Network.Tensors.Where(tensor => tensor.IsWeight), tensor =>
            Assert.NotEqual(before[tensor.Name], model.Weights[tensor.Name]));
    }

    private static IEnumerable<float> Softmax(float[] logits)
    {
        double[] powers = [.. logits.Select(v => Math.Exp(v - (double)logits.Max()))];
        return powers.Select(p => (float)(p / powers.Sum()));
    }

    private static ProtobufMessage Integers(string name, params long[] values) => OnnxGraph.Attribute(name, values);

    /// <summary>A text: s 4, of type 3.</summary>
    private static ProtobufMessage Text(string name, string value) => new ProtobufMessage().Add(1, name).Add(4, value).Add(20, 3L);
}
