using System.Text.Json;
using Cifar10Ps.Networks;
using Cifar10Ps.Runtime;
using Microsoft.ML.OnnxRuntime;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

/// <summary>Exported ONNX graphs, opened and run by ONNX Runtime.</summary>
public sealed class OnnxFileTests : IDisposable
{
    private const int ImageCount = 64;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(Shortcut.Projection, false)]
    [InlineData(Shortcut.Projection, true)]
    [InlineData(Shortcut.ZeroPad, false)]
    [InlineData(Shortcut.ZeroPad, true)]
    [InlineData(Shortcut.ProjectionOnly, false)]
    [InlineData(Shortcut.ProjectionOnly, true)]
    public void The_runtime_gives_this_modules_logits(Shortcut shortcut, bool includePreprocessing) =>
        AssertSameLogits(Normalised(RandomModel(shortcut)), SyntheticImages.Create(1, ImageCount).Test, includePreprocessing);

    [Theory]
    [InlineData("resnet20-projection.safetensors", false)]
    [InlineData("resnet20-projection.safetensors", true)]
    [InlineData("resnet20-zeropad.th", false)]
    [InlineData("resnet20-zeropad.th", true)]
    public void The_runtime_gives_this_modules_logits_for_published_weights_and_real_images(string name, bool includePreprocessing)
    {
        ImageClassifier model =
            ModelFile.Load(RealData.Weights(name), new() { Mean = [0.485, 0.456, 0.406], StandardDeviation = [0.229, 0.224, 0.225] });

        AssertSameLogits(model, Cifar10Reader.Read(RealData.Folder, trainCount: 1, testCount: ImageCount).Test, includePreprocessing);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_runtime_gives_this_modules_logits_for_the_original_programs_model(bool includePreprocessing) =>
        AssertSameLogits(ModelFile.Load(RealData.Chainer("resnet20.model")),
            Cifar10Reader.Read(RealData.Folder, trainCount: 1, testCount: ImageCount).Test, includePreprocessing);

    [Theory]
    [InlineData(14, Shortcut.ProjectionOnly)]
    [InlineData(32, Shortcut.ZeroPad)]
    [InlineData(44, Shortcut.Projection)]
    [InlineData(56, Shortcut.Projection)]
    [InlineData(110, Shortcut.ZeroPad)]
    public void Networks_of_any_depth_and_pictures_of_any_size_can_be_written(int depth, Shortcut shortcut)
    {
        ImageClassifier model = NewResNet(depth, ["a", "b", "c"], shortcut, seed: 2);
        model.Snapshot = model.Snapshot with
        {
            Preprocessing = new Preprocessing([0.4, 0.5, 0.6], [0.2, 0.25, 0.3], width: 20, height: 13),
        };
        // As in a trained network, no addition doubles the activations: in a new network of depth 110 they grow beyond measure.
        foreach (Layer norm in model.Network.Layers.Where(layer => layer.Name.EndsWith(".bn2", StringComparison.Ordinal)))
            model.Weights[norm.Name + ".weight"].AsSpan().Fill(shortcut == Shortcut.ProjectionOnly ? 1 : 0.1f);
        ImageSplit images = new("some", model.Classes, [.. Enumerable.Range(0, 4).Select(i =>
            new LabeledImage(i, 0, "a", 20, 13, FakeCifar10.Pixels(1, i).AsMemory(0, 3 * 20 * 13)))]);

        AssertSameLogits(model, images, includePreprocessing: true);
    }

    [Fact]
    public void The_graph_tells_what_it_takes_and_gives()
    {
        ImageClassifier model = Normalised(RandomModel(classes: 3));
        model.Snapshot = model.Snapshot with { Classes = ["Katze", "犬", "a \"quoted\" name"] };

        using InferenceSession plain = Open(model, includePreprocessing: false), whole = Open(model, includePreprocessing: true);

        Assert.Equal(("input", typeof(float)), (Assert.Single(plain.InputMetadata).Key, plain.InputMetadata["input"].ElementType));
        Assert.Equal([-1, 3, 32, 32], plain.InputMetadata["input"].Dimensions);
        Assert.Equal(["batch", "", "", ""], plain.InputMetadata["input"].SymbolicDimensions);
        Assert.Equal(["logits"], plain.OutputMetadata.Keys);
        Assert.Equal(("pixels", typeof(byte)), (Assert.Single(whole.InputMetadata).Key, whole.InputMetadata["pixels"].ElementType));
        Assert.Equal([-1, 32, 32, 3], whole.InputMetadata["pixels"].Dimensions);
        Assert.Equal(["logits", "probabilities"], whole.OutputMetadata.Keys.Order());
        Assert.All(whole.OutputMetadata.Values, output => Assert.Equal([-1, 3], output.Dimensions));
        Assert.All(whole.OutputMetadata.Values, output => Assert.Equal("batch", output.SymbolicDimensions[0]));
        foreach (InferenceSession session in new[] { plain, whole })
        {
            Dictionary<string, string> metadata = session.ModelMetadata.CustomMetadataMap;
            Assert.Equal(model.Classes, JsonSerializer.Deserialize<string[]>(metadata["classes"]));
            Assert.Equal(model.Preprocessing.Mean,
                JsonSerializer.Deserialize<Preprocessing>(metadata["preprocessing"], Json.Options)!.Mean);
            AssertSame(model.Network, NetworkJson.Parse(metadata["network"]));
            Assert.Contains(Assert.Single(session.InputMetadata).Key, metadata["input"], StringComparison.Ordinal);
            Assert.Equal("Cifar10Ps", session.ModelMetadata.ProducerName);
        }
    }

    [Fact]
    public void The_probabilities_of_a_calibrated_model_are_calibrated_and_its_logits_are_not()
    {
        ImageClassifier model = Normalised(RandomModel(classes: 4));
        LabeledImage image = SyntheticImages.Create(1, 1).Train[0];
        using InferenceSession before = Open(model, includePreprocessing: true);
        float[] logits = Assert.Single(Logits(before, model, [image], true));
        model.Snapshot = model.Snapshot with { Temperature = 2.5 };

        using InferenceSession session = Open(model, includePreprocessing: true);

        using OrtValue pixels = OrtValue.CreateTensorValueFromMemory(
            Enumerable.Range(0, 3 * 32 * 32).Select(i => image.Pixels.Span[i % 3 * 32 * 32 + i / 3]).ToArray(), [1, 32, 32, 3]);
        using RunOptions options = new();
        using IDisposableReadOnlyCollection<OrtValue> outputs =
            session.Run(options, session.InputNames, [pixels], ["logits", "probabilities"]);
        Assert.Equal(logits, outputs[0].GetTensorDataAsSpan<float>().ToArray());
        Assert.All(Softmax([.. logits.Select(logit => logit / 2.5f)]).Zip(outputs[1].GetTensorDataAsSpan<float>().ToArray()),
            pair => Assert.Equal(pair.First, pair.Second, 1e-5f));
        Assert.Equal(2.5, ModelFile.Load(_folder["model.onnx"]).Temperature);
    }

    [Fact]
    public void The_same_model_gives_the_same_bytes()
    {
        ImageClassifier model = RandomModel();
        ModelFile.Export(model, _folder["a"], ModelFormat.Onnx, includePreprocessing: true);
        ModelFile.Export(model, _folder["b"], ModelFormat.Onnx, includePreprocessing: true);

        byte[] content = File.ReadAllBytes(_folder["a"]);

        Assert.Equal(content, File.ReadAllBytes(_folder["b"]));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_flipped_bit_is_noticed_or_changes_nothing_that_is_read(bool includePreprocessing)
    {
        ModelFile.Export(RandomModel(), _folder["model.onnx"], ModelFormat.Onnx, includePreprocessing);
        ModelFile.Save(ModelFile.Load(_folder["model.onnx"]), _folder["whole"]);
        byte[] whole = File.ReadAllBytes(_folder["whole"]), content = File.ReadAllBytes(_folder["model.onnx"]);
        Random random = new(1);
        int damaged = 0;

        for (int i = 0; i < 200; i++)
        {
            // A third of them in the metadata, at the end.
            int at = i % 3 == 0 ? content.Length - 1 - random.Next(1_000) : random.Next(content.Length);
            byte bit = (byte)(1 << random.Next(8));
            content[at] ^= bit;
            File.WriteAllBytes(_folder["flipped"], content);
            content[at] ^= bit;
            if (Record.Exception(() => ModelFile.Save(ModelFile.Load(_folder["flipped"]), _folder["read"])) is { } error)
                damaged += Assert.IsType<EngineException>(error).ErrorId == "FileDamaged" ? 1 : 0;
            else
                Assert.True(whole.AsSpan().SequenceEqual(File.ReadAllBytes(_folder["read"])), $"bit {bit} of byte {at}");
        }

        Assert.InRange(damaged, 150, 200);
    }

    [Fact]
    public void Metadata_that_another_program_adds_are_no_damage()
    {
        ImageClassifier model = RandomModel();
        ModelFile.Export(model, _folder["model.onnx"], ModelFormat.Onnx);
        byte[] added = [.. "r\x09\n\x03who\x12\x02me"u8];

        File.WriteAllBytes(_folder["model.onnx"], [.. File.ReadAllBytes(_folder["model.onnx"]), .. added]);

        Assert.Equal(model.Classes, ModelFile.Load(_folder["model.onnx"]).Classes);
    }

    [Theory]
    [InlineData(ModelFormat.Safetensors)]
    [InlineData(ModelFormat.PyTorch)]
    [InlineData(ModelFormat.Chainer)]
    public void A_preprocessing_goes_into_a_graph_only(ModelFormat format)
    {
        AssertError("FormatCannotHold", () => ModelFile.Export(RandomModel(), _folder["model"], format, includePreprocessing: true));

        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.Path));
    }

    private static ImageClassifier Normalised(ImageClassifier model)
    {
        model.Snapshot = model.Snapshot with { Preprocessing = new Preprocessing([0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]) };
        return model;
    }

    private InferenceSession Open(ImageClassifier model, bool includePreprocessing)
    {
        ModelFile.Export(model, _folder["model.onnx"], ModelFormat.Onnx, includePreprocessing);
        using SessionOptions options =
            new() { IntraOpNumThreads = 1, InterOpNumThreads = 1, LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
        return new InferenceSession(_folder["model.onnx"], options);
    }

    /// <summary>Asserts that the runtime gives the same logits as this module in fp32, with batches of one and of 48,
    /// the last of which is smaller.</summary>
    private void AssertSameLogits(ImageClassifier model, ImageSplit images, bool includePreprocessing)
    {
        using Predictor predictor = new(model, threads: 1, Precision.Float32);
        float[][] expected = predictor.Logits(images);
        Assert.True(expected.Max(image => image[0]) - expected.Min(image => image[0]) > 1e-3, "the images make no difference");
        using InferenceSession session = Open(model, includePreprocessing);

        foreach (int batch in new[] { 1, 48 })
        {
            float[][] actual = [.. images.Chunk(batch).SelectMany(chunk => Logits(session, model, chunk, includePreprocessing))];

            Assert.Equal(expected.Length, actual.Length);
            Assert.All(actual, image => Assert.All(image, logit => Assert.True(float.IsFinite(logit))));
            float largest = expected.Zip(actual)
                .Max(image => image.First.Zip(image.Second).Max(logit => Math.Abs(logit.First - logit.Second)));
            Assert.True(largest < 1e-4f, $"batch {batch}: the logits differ by up to {largest}");
        }
    }

    private static float[][] Logits(InferenceSession session, ImageClassifier model, LabeledImage[] images, bool includePreprocessing)
    {
        (int height, int width, int classes) = (model.Preprocessing.Height, model.Preprocessing.Width, model.Classes.Length);
        int plane = height * width;
        using OrtValue input = includePreprocessing
            // Rows of red, green, blue, as other programs hold pictures.
            ? OrtValue.CreateTensorValueFromMemory(images.SelectMany(image => Enumerable.Range(0, 3 * plane)
                .Select(i => image.Pixels.Span[i % 3 * plane + i / 3])).ToArray(), [images.Length, height, width, 3])
            : OrtValue.CreateTensorValueFromMemory(images.SelectMany(image => Enumerable.Range(0, 3 * plane).Select(i =>
                Normalise(model.Preprocessing, i / plane, image.Pixels.Span[i]))).ToArray(), [images.Length, 3, height, width]);
        using RunOptions options = new();
        string[] names = includePreprocessing ? ["logits", "probabilities"] : ["logits"];
        using IDisposableReadOnlyCollection<OrtValue> outputs = session.Run(options, session.InputNames, [input], names);
        float[][] logits = [.. outputs[0].GetTensorDataAsSpan<float>().ToArray().Chunk(classes)];
        if (includePreprocessing)
            Assert.All(logits.Zip(outputs[1].GetTensorDataAsSpan<float>().ToArray().Chunk(classes)), pair =>
                Assert.All(Softmax(pair.First).Zip(pair.Second), value => Assert.Equal(value.First, value.Second, 1e-5f)));
        return logits;
    }

    private static float Normalise(Preprocessing preprocessing, int channel, byte value) =>
        (float)((value / 255.0 - preprocessing.Mean[channel]) / preprocessing.StandardDeviation[channel]);

    private static float[] Softmax(float[] logits)
    {
        double[] powers = [.. logits.Select(v => Math.Exp(v - (double)logits.Max()))];
        return [.. powers.Select(p => (float)(p / powers.Sum()))];
    }
}
