using TorchSharp;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public sealed class NetworkLayerTests
{
    [Theory]
    [InlineData(20, Shortcut.Projection, 272_474, 40_813_184)]
    [InlineData(20, Shortcut.ZeroPad, 269_722, 40_551_040)]
    [InlineData(20, Shortcut.ProjectionOnly, 272_474, 40_813_184)]
    [InlineData(110, Shortcut.ZeroPad, 1_727_962, 252_887_680)]
    public void The_totals_are_those_of_the_literature(int depth, Shortcut shortcut, int parameters, long multiplyAdds)
    {
        ImageClassifier model = ImageClassifier.NewResNet(depth, ImageClassifier.PlaceholderClasses(10), shortcut, 0);

        IReadOnlyList<LayerSummary> layers = LayerSummary.Of(model);

        Assert.Equal(new ModelSummary($"ResNet-{depth}", parameters, multiplyAdds, layers.Sum(layer => layer.ActivationMemory)), layers[0].Model);
        Assert.Equal(parameters, layers.Sum(layer => layer.Parameters));
        Assert.Equal(multiplyAdds, layers.Sum(layer => layer.MultiplyAdds));
        Assert.Equal(model.ParameterCount, parameters);
    }

    [Theory]
    [InlineData(Shortcut.Projection)]
    [InlineData(Shortcut.ZeroPad)]
    [InlineData(Shortcut.ProjectionOnly)]
    public void Every_tensor_of_the_network_is_in_one_layer(Shortcut shortcut)
    {
        ResNetArchitecture architecture = new(32, shortcut, 7);

        IReadOnlyList<NetworkLayer> layers = NetworkLayer.Of(architecture, 32, 32);

        Assert.Equal(architecture.Tensors().Select(t => t.Name).Order(), layers.SelectMany(layer => layer.Tensors).Select(t => t.Name).Order());
        Assert.All(layers, (layer, i) => Assert.All(layer.Inputs, input => Assert.Contains(input, layers.Take(i).Select(earlier => earlier.Name))));
    }

    /// <summary>The layers, computed one by one, do what the network does.</summary>
    [Theory]
    [InlineData(Shortcut.Projection, 32, 32)]
    [InlineData(Shortcut.ZeroPad, 28, 20)]
    [InlineData(Shortcut.ProjectionOnly, 16, 12)]
    public void The_layers_compute_the_logits_of_the_network_and_have_the_shapes_that_they_say(Shortcut shortcut, int height, int width)
    {
        UseTorch();
        ImageClassifier model = RandomModel(shortcut);
        using NetworkWeights weights = new(model.Architecture);
        weights.Load(model.Weights);
        using IDisposable noGradients = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        torch.Tensor images = torch.randn([2, 3, height, width], generator: new torch.Generator(1));
        Dictionary<string, torch.Tensor> outputs = [];

        foreach (NetworkLayer layer in NetworkLayer.Of(model.Architecture, height, width))
        {
            outputs[layer.Name] = Compute(layer);
            Assert.Equal([2, .. layer.OutputShape.Select(size => (long)size)], outputs[layer.Name].shape);
        }

        torch.Tensor expected = new ResNet(model.Architecture, weights, training: false).Forward(images);
        Assert.True(outputs["fc"].allclose(expected, 1e-4, 1e-4));

        torch.Tensor Compute(NetworkLayer layer)
        {
            torch.Tensor Weight(string name) => weights[$"{layer.Name}.{name}"];
            torch.Tensor[] x = [.. layer.Inputs.Select(input => outputs[input])];
            return layer.Kind switch
            {
                LayerKind.Input => images,
                LayerKind.Convolution => torch.nn.functional.conv2d(x[0], Weight("weight"), null, strides: [layer.Stride, layer.Stride], padding: [Weight("weight").shape[2] / 2, Weight("weight").shape[3] / 2]),
                LayerKind.BatchNorm => torch.nn.functional.batch_norm(x[0], Weight("running_mean"), Weight("running_var"), Weight("weight"), Weight("bias"), eps: model.Architecture.BatchNormEpsilon),
                LayerKind.ReLU => x[0].relu(),
                LayerKind.ZeroPad => ResNet.ZeroPad(x[0]),
                LayerKind.Add => x[0] + x[1],
                LayerKind.AveragePool => x[0].mean([2, 3]),
                _ => torch.nn.functional.linear(x[0], Weight("weight"), Weight("bias")),
            };
        }
    }
}
