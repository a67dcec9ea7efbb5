using Cifar10Ps.Execution;
using Cifar10Ps.Networks;
using Cifar10Ps.Runtime;
using TorchSharp;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public sealed class LayerSummaryTests
{
    [Theory]
    [InlineData(20, Shortcut.Projection, 272_474, 40_813_184)]
    [InlineData(20, Shortcut.ZeroPad, 269_722, 40_551_040)]
    [InlineData(20, Shortcut.ProjectionOnly, 272_474, 40_813_184)]
    [InlineData(110, Shortcut.ZeroPad, 1_727_962, 252_887_680)]
    public void The_totals_are_those_of_the_literature(int depth, Shortcut shortcut, int parameters, long multiplyAdds)
    {
        ImageClassifier model = NewResNet(depth, ImageClassifier.PlaceholderClasses(10), shortcut, 0);

        IReadOnlyList<LayerSummary> layers = LayerSummary.Of(model);

        Assert.Equal(new ModelSummary($"ResNet-{depth}", parameters, multiplyAdds, layers.Sum(layer => layer.ActivationMemory)),
            layers[0].Model);
        Assert.Equal(parameters, layers.Sum(layer => layer.Parameters));
        Assert.Equal(multiplyAdds, layers.Sum(layer => layer.MultiplyAdds));
        Assert.Equal(model.ParameterCount, parameters);
    }

    /// <summary>The layers, computed one by one, give the output of the network.</summary>
    [Theory]
    [InlineData(Shortcut.Projection, 32, 32)]
    [InlineData(Shortcut.ZeroPad, 28, 20)]
    [InlineData(Shortcut.ProjectionOnly, 16, 12)]
    public void The_layers_compute_the_logits_of_the_network_and_have_the_shapes_that_they_say(Shortcut shortcut, int height, int width)
    {
        UseTorch();
        ImageClassifier model = RandomModel(shortcut);
        using NetworkWeights weights = new(model.Network);
        weights.CopyFrom(model.Weights);
        using LibtorchExecutor executor = new(model.Network, model.Weights, Precision.Float32);
        using IDisposable noGradients = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        torch.Tensor images = torch.randn([2, 3, height, width], generator: new torch.Generator(1));
        Dictionary<int, torch.Tensor> outputs = [];

        Shape[] shapes = model.Network.Shapes(height, width);
        for (int i = 0; i < shapes.Length; i++)
        {
            outputs[i] = Compute(model.Network.Layers[i]);
            Assert.Equal([2, .. shapes[i].Sizes.Select(size => (long)size)], outputs[i].shape);
        }

        torch.Tensor expected = executor.Forward(images);
        Assert.True(outputs[shapes.Length - 1].allclose(expected, 1e-4, 1e-4));

        torch.Tensor Compute(Layer layer)
        {
            torch.Tensor Weight(string name) => weights[$"{layer.Name}.{name}"];
            torch.Tensor[] x = [.. layer.Inputs.Select(input => outputs[input])];
            return layer.Kind switch
            {
                LayerKind.Input => images,
                LayerKind.Convolution => torch.nn.functional.conv2d(x[0], Weight("weight"), null,
                    strides: [StrideOf(layer), StrideOf(layer)], padding: [Weight("weight").shape[2] / 2, Weight("weight").shape[3] / 2]),
                LayerKind.BatchNorm => torch.nn.functional.batch_norm(x[0], Weight("running_mean"),
                    Weight("running_var"), Weight("weight"), Weight("bias"), eps: 1e-5),
                LayerKind.ReLU => x[0].relu(),
                LayerKind.ZeroPad => torch.nn.functional.pad(x[0].slice(2, 0, x[0].shape[2], 2).slice(3, 0, x[0].shape[3], 2),
                    [0, 0, 0, 0, x[0].shape[1] / 2, x[0].shape[1] / 2]),
                LayerKind.Add => x[0].PlusTensor(x[1]),
                LayerKind.AveragePool => x[0].mean([2, 3]),
                _ => torch.nn.functional.linear(x[0], Weight("weight"), Weight("bias")),
            };
        }
    }

    private static int StrideOf(Layer layer) => ((Convolution)layer.Operation).Window.Stride.Height;
}
