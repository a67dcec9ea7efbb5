using Cifar10Ps.Data;
using Cifar10Ps.Execution;
using Cifar10Ps.Models;
using Cifar10Ps.Networks.Families;
using Cifar10Ps.Networks;
using Cifar10Ps.Runtime;
using TorchSharp;
using static Cifar10Ps.Tests.TestSupport;
using static TorchSharp.torch;

namespace Cifar10Ps.Tests;

public class NetworkTests
{
    [Theory]
    [InlineData(Shortcut.Projection, 272_474)]
    [InlineData(Shortcut.ZeroPad, 269_722)]
    [InlineData(Shortcut.ProjectionOnly, 272_474)]
    public void A_ResNet20_for_ten_classes_has_the_published_number_of_parameters(Shortcut shortcut, int count) =>
        Assert.Equal(count, NewResNet20(Cifar10Reader.Classes, shortcut, seed: 0).ParameterCount);

    [Fact]
    public void Tensors_have_the_names_and_shapes_that_PyTorch_gives_them()
    {
        Dictionary<string, int[]> tensors = CifarResNet.Create(20, Shortcut.Projection, 10).Tensors.ToDictionary(t => t.Name, t => t.Shape);

        // 19 3x3 convolutions, 2 projections and their norms, the classifier.
        Assert.Equal(21 + 21 * 4 + 2, tensors.Count);
        Assert.Equal([16, 3, 3, 3], tensors["conv1.weight"]);
        Assert.Equal([16], tensors["bn1.running_mean"]);
        Assert.Equal([16, 16, 3, 3], tensors["layer1.2.conv2.weight"]);
        Assert.Equal([32, 16, 3, 3], tensors["layer2.0.conv1.weight"]);
        Assert.Equal([32, 16, 1, 1], tensors["layer2.0.downsample.0.weight"]);
        Assert.Equal([64], tensors["layer3.0.downsample.1.running_var"]);
        Assert.Equal([64, 64, 3, 3], tensors["layer3.2.conv2.weight"]);
        Assert.Equal([64], tensors["layer3.2.bn2.bias"]);
        Assert.Equal([10, 64], tensors["fc.weight"]);
        Assert.Equal([10], tensors["fc.bias"]);
        Assert.DoesNotContain(CifarResNet.Create(20, Shortcut.ZeroPad, 10).Tensors, t =>
            t.Name.Contains("downsample", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(Shortcut.Projection, false)]
    [InlineData(Shortcut.ZeroPad, false)]
    [InlineData(Shortcut.ProjectionOnly, false)]
    [InlineData(Shortcut.Projection, true)]
    [InlineData(Shortcut.ZeroPad, true)]
    public void The_forward_pass_is_that_of_the_definition(Shortcut shortcut, bool training)
    {
        UseTorch();
        ImageClassifier model = RandomModel(shortcut);
        using DisposeScope scope = NewDisposeScope();
        using NetworkWeights weights = new(model.Network);
        weights.CopyFrom(model.Weights);
        Tensor images = PlainResNet.Input(SyntheticImages.Create(8, 1).Train, model.Preprocessing);
        PlainResNet plain = new(model);

        using LibtorchExecutor executor = new(weights, Precision.Float32);
        executor.Weights.Statistics.copy_(weights.Statistics);
        Tensor logits = training
            ? executor.Forward(images.to(float32), new ImageKeys([.. Enumerable.Range(0, 8).Select(i => new ImageKey(0, 1, i))]),
                new SharedWork())
            : executor.Forward(images.to(float32));
        Tensor expected = plain.Forward(images, training);

        Assert.Equal([8, 10], logits.shape);
        Assert.InRange((logits - expected).abs().max().item<double>(), 0, 1e-4);
        // Training leaves the batch's statistics for the trainer to average; inference leaves the network unchanged.
        foreach (LayerTensor tensor in model.Network.Tensors.Where(t => !t.IsLearned))
        {
            Tensor statistic = training ? plain.BatchStatistics[tensor.Name] : plain[tensor.Name];
            Assert.InRange((executor.Weights[tensor.Name] - statistic).abs().max().item<double>(), 0, 1e-4);
        }
    }

    [Fact]
    public void The_original_network_without_identity_shortcuts_is_another()
    {
        ImageClassifier whole = RandomModel(Shortcut.Projection);
        ImageClassifier original = new(whole.Snapshot with { Network = CifarResNet.Create(20, Shortcut.ProjectionOnly, 10) });
        ImageSplit images = SyntheticImages.Create(2, 1).Train;
        using Predictor one = new(whole, threads: 1), other = new(original, threads: 1);

        Assert.NotEqual(one.Logits(images), other.Logits(images));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Convolutions_start_normal_with_the_deviation_of_their_rule(bool leCun)
    {
        Network network = CifarResNet.Create(20, Shortcut.Projection, 10);
        StateDict weights = (leCun ? Initialization.LeCunNormal : Initialization.HeNormal).Create(network, seed: 5);

        foreach (LayerTensor tensor in network.Tensors.Where(t => t.Shape.Length == 4))
        {
            (int output, int input, int kernel) = (tensor.Shape[0], tensor.Shape[1], tensor.Shape[2] * tensor.Shape[3]);
            double expected = leCun ? Math.Sqrt(1.0 / (input * kernel)) : Math.Sqrt(2.0 / (output * kernel));
            float[] values = weights[tensor.Name];
            // Five standard errors.
            double tolerance = 5 * expected / Math.Sqrt(values.Length);
            Assert.Equal(0, values.Average(), tolerance);
            Assert.Equal(expected, Math.Sqrt(values.Average(v => (double)v * v)), tolerance);
            Assert.InRange(values.Max(Math.Abs) / expected, 2, 6);
        }
    }

    [Fact]
    public void The_classifier_starts_as_in_PyTorch_or_as_in_Chainer()
    {
        Network network = CifarResNet.Create(20, Shortcut.ZeroPad, 1_000);
        StateDict pyTorch = Initialization.HeNormal.Create(network, 1), chainer = Initialization.LeCunNormal.Create(network, 1);

        // Uniform within 1/8 = 1/sqrt(64), whose deviation is 1/8/sqrt(3); normal with deviation 1/8, and no bias.
        Assert.InRange(pyTorch["fc.weight"].Concat(pyTorch["fc.bias"]).Max(Math.Abs), 0.12f, 0.125f);
        Assert.Equal(0.125 / Math.Sqrt(3), Math.Sqrt(pyTorch["fc.weight"].Average(v => v * v)), 1e-3);
        Assert.Equal(0.125 / Math.Sqrt(3), Math.Sqrt(pyTorch["fc.bias"].Average(v => v * v)), 5e-3);
        Assert.Equal(0.125, Math.Sqrt(chainer["fc.weight"].Average(v => v * v)), 2e-3);
        Assert.Equal([0], chainer["fc.bias"].Distinct());
    }

    [Fact]
    public void Batch_norm_starts_as_the_identity()
    {
        StateDict weights = NewResNet20(Cifar10Reader.Classes, Shortcut.Projection, 1).Weights;

        foreach (string norm in new[] { "bn1", "layer2.0.downsample.1", "layer3.2.bn2" })
        {
            Assert.Equal([1], weights[norm + ".weight"].Concat(weights[norm + ".running_var"]).Distinct());
            Assert.Equal([0], weights[norm + ".bias"].Concat(weights[norm + ".running_mean"]).Distinct());
        }
    }

    [Fact]
    public void The_seed_decides_the_initial_weights()
    {
        Assert.Equal(Fingerprint(New(1)), Fingerprint(New(1)));
        Assert.NotEqual(Fingerprint(New(1)), Fingerprint(New(2)));
        Assert.Distinct(New(1).Weights.Names.Where(name => name.Contains("conv", StringComparison.Ordinal))
            .Select(name => New(1).Weights[name][0]));

        static ImageClassifier New(int seed) => NewResNet20(Cifar10Reader.Classes, Shortcut.Projection, seed);
    }

    [Theory]
    [InlineData("only one")]
    [InlineData("twice", "twice")]
    [InlineData("named", " ")]
    [InlineData("named", null)]
    [InlineData]
    public void Class_names_that_cannot_be_told_apart_are_refused(params string?[] classes) =>
        AssertError("InvalidClasses", () => NewResNet20(classes!, Shortcut.Projection, 0));

    [Fact]
    public void Weights_survive_the_channels_last_layout()
    {
        ImageClassifier model = RandomModel();
        UseTorch();
        using NetworkWeights weights = new(model.Network);

        weights.CopyFrom(model.Weights);
        StateDict stored = weights.ToStateDict();

        Assert.All(model.Weights.Names, name => Assert.Equal(model.Weights[name], stored[name]));
        Assert.True(weights["layer1.0.conv1.weight"].permute(0, 2, 3, 1).is_contiguous());
    }
}
