using System.Runtime.InteropServices;
using Cifar10Ps.Execution;
using Cifar10Ps.Formats;
using Cifar10Ps.Models;
using Cifar10Ps.Networks;
using Microsoft.ML.OnnxRuntime;
using TorchSharp;
using static TorchSharp.torch;

namespace Cifar10Ps.Tests;

/// <summary>Networks to export as ONNX graphs, handmade graphs, and their outputs from ONNX Runtime and from the engine.</summary>
internal static class OnnxGraphs
{
    /// <summary>The graphs made by PyTorch's exporter.</summary>
    public static string PyTorchFolder => Path.Combine(AppContext.BaseDirectory, "onnx");

    /// <summary>A file made by CNTK, from the package Microsoft.ML.DnnImageFeaturizer.ResNet18, where it has been restored.</summary>
    public static string CntkFile => Environment.GetEnvironmentVariable("CIFAR10PS_CNTK") ?? Path.Combine(
        Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages",
        "microsoft.ml.dnnimagefeaturizer.resnet18", "0.23.1", "tools", "DnnImageModels", "ResNet18Onnx", "ResNet18.onnx");

    // For images of 24 x 20 pixels.
    private const int MixedLength = 16 * 4 * 4;

    /// <summary>A network with every kind of layer for images of 24 x 20 pixels, with borders that differ from side to side.</summary>
    public static Network Mixed()
    {
        NetworkBuilder network = new();
        Window window = new(new(3, 5), new(2, 1), new(1, 0, 2, 3));
        int x = network.Add("stem", new Convolution(3, 8, window, HasBias: true), NetworkBuilder.InputLayer);
        // Names that the graph writer uses itself.
        x = network.Add("logits", new Gelu(), network.Norm("mean", x, 1e-3));
        int y = network.Add("grouped", new Convolution(8, 8, Window.Square(3, 1, 1), Groups: 4), x);
        y = network.Add("pixels", new ClippedReLU(0.7), y);
        x = network.Add("sum", new Add(), x, network.Norm("norm", y));
        x = network.Add("pool", new MaxPool(new Window(new(3, 2), new(2, 2), new(1, 1, 0, 0))), x);
        x = network.Add("shortcut", new ZeroPad(), x);
        x = network.Add("mean.pool", new AveragePool(new Window(new(2, 3), new(1, 2), new(0, 1, 1, 1)), CountsPadding: false), x);
        x = network.Add("counted", new AveragePool(Window.Square(2, 1, 1), CountsPadding: true), x);
        x = network.Add("flatten", new Flatten(), x);
        x = network.Add("hidden", new Linear(MixedLength, 9), network.Add("dropout", new Dropout(0.3), x));
        x = network.Add("probabilities", new Gelu(), x);
        network.Add("classifier", new Linear(9, 4, HasBias: false), x);
        return network.Build("Mixed", "every kind of layer");
    }

    /// <summary>A network that ends with features.</summary>
    public static Network Headless()
    {
        NetworkBuilder network = new();
        int x = network.Add("relu", new ReLU(), network.Norm("bn", network.Convolution("conv", NetworkBuilder.InputLayer, 12, 3, 2)));
        network.Add("avgpool", new AveragePool(), x);
        return network.Build("Headless");
    }

    /// <summary>A classifier in which every number matters.</summary>
    public static ImageClassifier Model(Network network, int width = 32, int height = 32)
    {
        Random random = new(7);
        StateDict weights = Initialization.HeNormal.Create(network, 7);
        foreach (LayerTensor tensor in network.Tensors.Where(tensor => !tensor.IsWeight))
            foreach (ref float value in weights[tensor.Name].AsSpan())
                value = (float)(tensor.Role is TensorRole.NormScale or TensorRole.NormVariance
                    ? 0.5 + random.NextDouble() : 0.4 * random.NextDouble() - 0.2);
        string[] classes = [.. Enumerable.Range(0, network.ClassCount).Select(i => $"thing {i}")];
        Preprocessing input = new([0.4914, 0.4822, 0.4465], [0.247, 0.2435, 0.2616], width, height);
        return new ImageClassifier(new ModelSnapshot(network, classes, input, weights) { TrainedEpochs = 3, TrainedSteps = 70, Seed = 5 });
    }

    /// <summary>Normalised images.</summary>
    public static float[] Images(int count, int height, int width)
    {
        Random random = new(11);
        return [.. Enumerable.Range(0, count * 3 * height * width).Select(_ => (float)(4 * random.NextDouble() - 2))];
    }

    /// <summary>The output of the engine's plain executor.</summary>
    public static float[] ByEngine(ImageClassifier model, float[] images)
    {
        NativeBackend.Load();
        using DisposeScope scope = NewDisposeScope();
        (int height, int width) = (model.Preprocessing.Height, model.Preprocessing.Width);
        using LibtorchExecutor executor = new(model.Network, model.Weights, Precision.Float32);
        Tensor x = torch.tensor(images, [images.Length / (3 * height * width), 3, height, width]);
        return MemoryMarshal.Cast<byte, float>(executor.Forward(x).contiguous().bytes).ToArray();
    }

    /// <summary>The output of ONNX Runtime, one image at a time.</summary>
    public static float[] ByRuntime(string path, float[] images, int height, int width)
    {
        using SessionOptions settings = new() { IntraOpNumThreads = 1, InterOpNumThreads = 1 };
        settings.LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR;
        using InferenceSession session = new(path, settings);
        using RunOptions options = new();
        List<float> all = [];
        foreach (float[] image in images.Chunk(3 * height * width))
        {
            using OrtValue input = OrtValue.CreateTensorValueFromMemory(image, [1, 3, height, width]);
            using IDisposableReadOnlyCollection<OrtValue> outputs = session.Run(options, session.InputNames, [input], session.OutputNames);
            all.AddRange(outputs[0].GetTensorDataAsSpan<float>());
        }

        return [.. all];
    }

    /// <summary>The largest difference, as a fraction of the largest value.</summary>
    public static double Difference(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.All(actual, value => Assert.True(float.IsFinite(value)));
        return expected.Zip(actual, (a, b) => Math.Abs(a - b)).Max() / Math.Max(1e-3, expected.Max(Math.Abs));
    }

    /// <summary>A file around a graph.</summary>
    /// <param name="graph">Adds the operations to the input <c>image</c> and gives the output's name.</param>
    /// <param name="operatorSet">Version of the operators.</param>
    /// <param name="axes">Sizes of the input.</param>
    public static byte[] File(Func<OnnxGraph, string, string> graph, int operatorSet = 17, params object[] axes)
    {
        OnnxGraph made = new("graph", ["image"]);
        string input = made.Input("image", OnnxGraph.Float, "", [.. (axes.Length == 0 ? [1, 3, 32, 32] : axes).Select(size => (size, ""))]);
        made.Output(graph(made, input), "", ("n", ""), ("m", ""));
        using MemoryStream content = new();
        new ProtobufMessage().Add(1, 3).Add(7, made.Message).Add(8, new ProtobufMessage().Add(1, "").Add(2, operatorSet)).WriteTo(content);
        return content.ToArray();
    }

    /// <summary>A file with other metadata.</summary>
    public static byte[] WithMetadata(byte[] file, params (string Key, string Value)[] metadata)
    {
        using MemoryStream content = new();
        int at = 0;
        while (at < file.Length)
        {
            int start = at, field = file[at] >> 3, type = file[at] & 7;
            at++;
            ulong number = 0;
            for (int shift = 0; ; shift += 7)
            {
                byte part = file[at++];
                number |= (ulong)(part & 0x7f) << shift;
                if (part < 0x80)
                    break;
            }

            if (type == 2)
                at += (int)number;
            if (field != 14)
                content.Write(file, start, at - start);
        }

        ProtobufMessage added = new();
        foreach ((string key, string value) in metadata)
            added.Add(14, new ProtobufMessage().Add(1, key).Add(2, value));
        added.WriteTo(content);
        return content.ToArray();
    }
}
