using System.Diagnostics;
using Cifar10Ps.Execution.Kernels;
using Cifar10Ps.Execution;
using Cifar10Ps.Formats;
using Cifar10Ps.Models;
using Cifar10Ps.Networks.Families;
using Cifar10Ps.Networks;
using Cifar10Ps.Runtime;
using TorchSharp;
using static Cifar10Ps.Tests.TestSupport;
using static TorchSharp.torch;

namespace Cifar10Ps.Tests;

/// <summary>Logits and the gradients of a step beside those of PyTorch 1.13, from the same weights (tests/pytorch/compare.py).</summary>
public class PyTorchComparisonTests(ITestOutputHelper output)
{
    private const string Python = "/usr/bin/python3";

    private static readonly Lazy<bool> HasPyTorch = new(() =>
        File.Exists(Python) && Run("-c", "import torch; print(torch.__version__)") is (0, var version)
        && version.StartsWith("1.13", StringComparison.Ordinal));

    [Theory]
    [InlineData("ResNet-18", 224, 2)]
    [InlineData("ResNet-50", 224, 2)]
    [InlineData("VGG-11", 64, 2)]
    public void Logits_equal_those_of_PyTorch(string name, int imageSize, int count) =>
        AssertEqual(new TestNetwork(Create(name, imageSize), imageSize, imageSize, count), withGradients: false);

    /// <summary>
    /// Among millions of ReLUs, rounding alone flips some in either library, and each changes gradients by more than a thousandth.
    /// So here all of a channel are open, or closed, with room to spare; <see cref="ExecutorTests"/> covers the rest.
    /// </summary>
    [Theory]
    [InlineData("ResNet-18", 224, 2)]
    [InlineData("ResNet-50", 224, 2)]
    [InlineData("VGG-11", 64, 2)]
    [InlineData("Mixed", 64, 2)]
    public void Gradients_of_a_step_equal_those_of_PyTorch(string name, int imageSize, int count)
    {
        TestNetwork test = new(Create(name, imageSize), imageSize, imageSize, count);
        if (name != "Mixed")
            Steady(test.Network, test.Values);
        AssertEqual(test, withGradients: true);
    }

    /// <summary>The network as PyTorch writes it and this module reads it is trained like the one that was given.</summary>
    [Fact]
    public void A_network_that_comes_in_as_ONNX_equals_that_of_PyTorch()
    {
        Assert.SkipUnless(HasPyTorch.Value, "needs python3-torch 1.13");
        using TemporaryFolder folder = new();
        TestNetwork given = new(Mixed(), 64, 64, 2);
        Safetensors.Write(Describe(given), folder["given.safetensors"]);
        (int exitCode, string text) = Run(Script, "Mixed", folder["given.safetensors"], folder["mixed.onnx"]);
        Assert.True(exitCode == 0, text);

        ImportOptions plainPixels = new() { Mean = [0, 0, 0], StandardDeviation = [1, 1, 1] };
        ModelSnapshot model = ModelFile.Load(folder["mixed.onnx"], plainPixels).Snapshot;

        Assert.All(model.Network.Tensors, tensor => Assert.Equal(given.Values[tensor.Name], model.Weights[tensor.Name]));
        AssertEqual(new TestNetwork(model.Network, 64, 64, 2), withGradients: true, name: "Mixed");
    }

    private static string Script => Path.Combine(AppContext.BaseDirectory, "compare.py");

    /// <summary>Weights, images and labels.</summary>
    private static TensorFile Describe(TestNetwork test)
    {
        TensorFile file = new();
        foreach (LayerTensor tensor in test.Network.Tensors)
            file.Tensors["weights/" + tensor.Name] = (tensor.Shape, test.Values[tensor.Name]);
        file.Tensors["images"] = ([test.Count, 3, test.Height, test.Width], test.Images);
        file.Tensors["labels"] = ([test.Count], [.. test.Labels.Select(label => (float)label)]);
        return file;
    }

    private void AssertEqual(TestNetwork test, bool withGradients, string? name = null)
    {
        Assert.SkipUnless(HasPyTorch.Value, "needs python3-torch 1.13");
        UseTorch();
        using TemporaryFolder folder = new();
        TensorFile file = Describe(test);
        Compute(test, file, withGradients);
        Safetensors.Write(file, folder["comparison.safetensors"]);

        (int exitCode, string text) = Run(Script, name ?? test.Network.Name, folder["comparison.safetensors"]);

        output.WriteLine(text);
        Assert.True(exitCode == 0, text);
    }

    private static Network Create(string name, int imageSize) => name switch
    {
        "ResNet-18" => ResNet.Create(18, 1000),
        "ResNet-50" => ResNet.Create(50, 1000),
        "VGG-11" => WithoutDropout(Vgg.Create(11, hasNorms: false, imageSize, 1000)),
        _ => Mixed(),
    };

    /// <summary>The two libraries draw different masks.</summary>
    private static Network WithoutDropout(Network network) => new(network.Name, network.Description,
        [.. network.Layers.Select(layer => layer.Operation is Dropout ? layer.With(new Dropout(0)) : layer)]);

    /// <summary>Shifts the inputs of ReLUs by several times their deviation: up, but down in every fourth channel.</summary>
    private static void Steady(Network network, StateDict values)
    {
        foreach (LayerTensor tensor in network.Tensors)
        {
            bool isShift = tensor.Role is TensorRole.NormShift or TensorRole.ConvolutionBias or TensorRole.LinearBias;
            float factor = tensor.Role == TensorRole.NormScale || (tensor.IsWeight && network.NormedCount == 0) ? 0.15f : 1;
            Span<float> changed = values[tensor.Name];
            for (int i = 0; i < changed.Length; i++)
                changed[i] = isShift ? i % 4 == 3 ? -1 - changed[i] / 2 : 1 + changed[i] / 2 : factor * changed[i];
        }
    }

    private static Network Mixed()
    {
        NetworkBuilder network = new();
        int x = network.Norm("bn1", network.Convolution("conv1", NetworkBuilder.InputLayer, 32, 3, 2));
        x = network.Add("border", new MaxPool(Window.Square(3, 2, 1)), network.Add("clip1", new ClippedReLU(1.5), x));
        x = network.Norm("bn2", network.Add("conv2", new Convolution(32, 64, Window.Square(3, 1, 1), Groups: 4), x));
        x = network.Add("gelu1", new Gelu(), x);
        x = network.Norm("bn3", network.Add("conv3", new Convolution(64, 64, Window.Square(3, 1, 1), Groups: 64, HasBias: true), x));
        x = network.Add("pool", new MaxPool(Window.Square(2, 2, 0)), network.Add("clip2", new ClippedReLU(1.5), x));
        x = network.Add("conv4", new Convolution(64, 96, Window.Square(1, 1, 0), Groups: 2), x);
        x = network.Add("relu", new ReLU(), network.Norm("bn4", x));
        x = network.Add("fc1", new Linear(96 * 8 * 8, 128), network.Add("flatten", new Flatten(), x));
        network.Add("fc2", new Linear(128, 10), network.Add("gelu2", new Gelu(), x));
        return network.Build("Mixed");
    }

    private static void Compute(TestNetwork test, TensorFile file, bool withGradients)
    {
        using DisposeScope scope = NewDisposeScope();
        Shape image = new(3, test.Height, test.Width);
        int[] shape = [test.Count, test.Network.ClassCount];
        Tensor images = ActivationMemory.ChannelsLast(torch.tensor(test.Images, [test.Count, 3, test.Height, test.Width]));
        using (LibtorchExecutor executor = new(test.Network, test.Values, Precision.Float32))
            file.Tensors["Libtorch/evaluation"] = (shape, NetworkWeights.CopyOut(executor.Forward(images)));
        using (FoldedExecutor executor = new(test.Network, test.Values, image, Precision.Float32))
            file.Tensors["Folded/evaluation"] = (shape, NetworkWeights.CopyOut(executor.Forward(images)));
        using NetworkWeights master = new(test.Network);
        master.CopyFrom(test.Values);
        using (LibtorchExecutor executor = new(master, Precision.Float32))
            Step("Libtorch", executor);
        // The factory's choice, where it differs: some units in our kernels.
        using ITrainingExecutor chosen = Executors.ForTraining(master, image, Precision.Float32);
        if (chosen is not LibtorchExecutor)
            Step("Fused", chosen);

        void Step(string name, ITrainingExecutor executor)
        {
            using DisposeScope inner = NewDisposeScope();
            using Gradients gradients = new(master);
            Tensor logits = executor.Forward(images, test.Keys, new SharedWork()).detach().requires_grad_(true);
            file.Tensors[name + "/training"] = (shape, NetworkWeights.CopyOut(logits));
            if (!withGradients)
                return;
            Tensor loss = nn.functional.cross_entropy(logits, torch.tensor(test.Labels.Select(label => (long)label).ToArray()));
            executor.Backward(autograd.grad([loss], [logits])[0], gradients, new SharedWork());
            foreach (LayerTensor tensor in test.Network.LearnedTensors)
                file.Tensors[$"{name}/gradient/{tensor.Name}"] = (tensor.Shape, NetworkWeights.CopyOut(gradients[tensor.Name]));
        }
    }

    private static (int ExitCode, string Text) Run(params string[] arguments)
    {
        ProcessStartInfo start = new(Python, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string text = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, text + errors.Result);
    }
}
