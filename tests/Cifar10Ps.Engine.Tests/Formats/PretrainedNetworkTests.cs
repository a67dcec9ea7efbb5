using System.Reflection;
using Cifar10Ps.Formats;
using Cifar10Ps.Models;
using Cifar10Ps.Networks.Families;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Cifar10Ps.Tests;

/// <summary>The pretrained ResNet-18, compared with ONNX Runtime on the files that it is read from.</summary>
public sealed class PretrainedNetworkTests : IDisposable
{
    private const int Side = 224, FeatureCount = 512;
    private readonly TemporaryFolder _folder = new();

    private static string Module => typeof(PretrainedNetworkTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(metadata => metadata.Key == "Pretrained").Value!;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Its_features_are_those_of_ONNX_Runtime()
    {
        ImageClassifier model = FeaturesAsLogits();
        LabeledImage[] images = [.. Enumerable.Range(0, 3).Select(Picture)];
        float[][] expected = [.. images.Select(OfOnnxRuntime)];

        using Predictor predictor = new(model, threads: 1, Precision.Float32);
        float[][] together = predictor.Logits(images);

        for (int i = 0; i < images.Length; i++)
        {
            AssertClose(expected[i], together[i]);
            AssertClose(expected[i], predictor.Logits([images[i]])[0]);
        }
    }

    [Fact]
    public void It_has_the_names_of_a_ResNet_18_and_a_new_classifier()
    {
        ImageClassifier model = PretrainedNetwork.Load(Module, Template(3), ["a", "b", "c"], seed: 1);

        Assert.Equal("ResNet-18", model.Name);
        Assert.Contains("layer4.1.conv2.weight", model.Network.Tensors.Select(tensor => tensor.Name));
        Assert.Equal(3, model.Network.ClassCount);
        Assert.Equal((Side, Side), (model.Preprocessing.Width, model.Preprocessing.Height));
        Assert.True(model.Snapshot.IsTrained);
    }

    [Fact]
    public void It_survives_a_file_and_an_ONNX_graph()
    {
        ImageClassifier model = FeaturesAsLogits();
        ModelFile.Save(model, _folder["model.safetensors"]);
        ModelFile.Export(model, _folder["model.onnx"], ModelFormat.Onnx, includePreprocessing: true);
        LabeledImage[] images = [Picture(0)];
        using Predictor predictor = new(model, threads: 1, Precision.Float32);
        float[] expected = predictor.Logits(images)[0];

        foreach (string file in new[] { "model.safetensors", "model.onnx" })
        {
            using Predictor read = new(ModelFile.Load(_folder[file]), threads: 1, Precision.Float32);
            Assert.Equal(expected, read.Logits(images)[0]);
        }
    }

    [Theory]
    [InlineData(PretrainedNetwork.GraphFile)]
    [InlineData(PretrainedNetwork.PreprocessingFile)]
    public void A_missing_or_damaged_file_is_one_clear_error(string file)
    {
        foreach (string name in new[] { PretrainedNetwork.GraphFile, PretrainedNetwork.PreprocessingFile })
            File.Copy(Path.Combine(Module, name), _folder[name]);
        Network template = Template(2);
        foreach (Action<string> damage in new Action<string>[] { Truncate, path => File.WriteAllText(path, "no graph"), File.Delete })
        {
            damage(_folder[file]);
            EngineException error = Assert.Throws<EngineException>(
                () => PretrainedNetwork.Load(_folder.Path, template, ["a", "b"], seed: 0));
            Assert.Equal("PretrainedUnusable", error.ErrorId);
        }

        static void Truncate(string path)
        {
            using FileStream stream = File.OpenWrite(path);
            stream.SetLength(stream.Length / 2);
        }
    }

    [Fact]
    public void Another_network_is_refused()
    {
        EngineException error = Assert.Throws<EngineException>(
            () => PretrainedNetwork.Load(Module, ResNet.Create(34, 2), ["a", "b"], seed: 0));
        Assert.Contains("is not like", error.Message, StringComparison.Ordinal);
    }

    private static Network Template(int classes) => ResNet.Create(PretrainedNetwork.Blocks, isBottleneck: false, classes);

    /// <summary>The network with a classifier that changes nothing.</summary>
    private static ImageClassifier FeaturesAsLogits()
    {
        ModelSnapshot model = PretrainedNetwork.Load(
            Module, Template(FeatureCount), ImageClassifier.PlaceholderClasses(FeatureCount), seed: 0).Snapshot;
        StateDict weights = new();
        foreach (string name in model.Weights.Names)
            weights[name] = model.Weights[name];
        weights["fc.weight"] = [.. Enumerable.Range(0, FeatureCount * FeatureCount).Select(i => i % (FeatureCount + 1) == 0 ? 1f : 0)];
        weights["fc.bias"] = new float[FeatureCount];
        return new ImageClassifier(model with { Weights = weights });
    }

    /// <summary>A picture with structure at all scales.</summary>
    private static LabeledImage Picture(int index)
    {
        byte[] pixels = new byte[3 * Side * Side];
        Random random = new(index);
        for (int i = 0; i < pixels.Length; i++)
        {
            (int c, int y, int x) = (i / Side / Side, i / Side % Side, i % Side);
            double wave = Math.Sin((x + 2 * c) / (9.0 + index)) + Math.Cos(y / (23.0 - 3 * index)) + random.NextDouble();
            pixels[i] = (byte)Math.Clamp(110 + 50 * wave, 0, 255);
        }

        return new LabeledImage(index, 0, "a", Side, Side, pixels);
    }

    private static float[] OfOnnxRuntime(LabeledImage image)
    {
        using InferenceSession preprocessing = new(Path.Combine(Module, PretrainedNetwork.PreprocessingFile)),
            network = new(Path.Combine(Module, PretrainedNetwork.GraphFile));
        float[] values = [.. image.GetPixels().Select(value => (float)value)];
        DenseTensor<float> bytes = new(values, [1, 3, Side, Side]);
        using var prepared = preprocessing.Run([NamedOnnxValue.CreateFromTensor(preprocessing.InputNames[0], bytes)]);
        using var features = network.Run([NamedOnnxValue.CreateFromTensor(network.InputNames[0], prepared[0].AsTensor<float>())]);
        return [.. features[0].AsTensor<float>()];
    }

    private static void AssertClose(float[] expected, float[] actual) =>
        Assert.All(expected.Zip(actual), pair => Assert.InRange(Math.Abs(pair.First - pair.Second), 0, 1e-4f));
}
