using System.Text.Json;
using Cifar10Ps.Formats;
using Cifar10Ps.Models;
using Cifar10Ps.Networks.Families;
using Cifar10Ps.Networks;
using Cifar10Ps.Runtime;

namespace Cifar10Ps.Tests;

/// <summary>ONNX graphs as models: our own, PyTorch's and CNTK's.</summary>
public sealed class OnnxReaderTests : OnnxTestBase
{
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

    public static TheoryData<string> Names => [.. Networks.Keys];

    public static TheoryData<string> PyTorchNames =>
        ["resnet-folded", "resnet-norms", "zeropad", "zeropad-plain", "mobile", "mobile-old", "gelu", "vgg", "windows", "bare"];

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
}
