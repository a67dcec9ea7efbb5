using System.Collections.Concurrent;
using Cifar10Ps.Data;
using Cifar10Ps.Execution.Kernels;
using Cifar10Ps.Execution;
using Cifar10Ps.Models;
using Cifar10Ps.Networks;
using Cifar10Ps.Runtime;
using Cifar10Ps.Training;
using TorchSharp;
using static Cifar10Ps.Tests.TestSupport;
using static TorchSharp.torch;

namespace Cifar10Ps.Tests;

/// <summary>
/// Every executor that this processor supports, against the oracle. Errors are fractions of the largest value. Measured: fp32 3e-6
/// for logits, 4e-6 for statistics, 8e-5 for gradients; bf16 2e-2 and 3e-2 for logits and statistics.
/// </summary>
public class ExecutorTests
{
    /// <summary>
    /// A negligible gradient, such as that of a bias before a norm, is compared with this fraction of the largest one.
    /// </summary>
    private const double SmallestScale = 1e-2;

    private static readonly ConcurrentDictionary<(string, Precision), double> ErrorsOfLibtorch = new();

    public static TheoryData<string> Networks => [.. TestNetwork.All.Keys];

    public static TheoryData<string, Precision> NetworksByPrecision => ByPrecision(TestNetwork.All.Keys);

    /// <summary>The others are computed alone as several images are.</summary>
    public static TheoryData<string> SingleImageNetworks =>
        [.. TestNetwork.All.Where(pair => pair.Key == "own input"
            || KernelSupport.HasSingleImage(pair.Value.Network, pair.Value.Network.Shapes(pair.Value.Height, pair.Value.Width)))
            .Select(pair => pair.Key)];

    public static TheoryData<string, Precision> HandmadeByPrecision => ByPrecision(TestNetwork.Handmade);

    [Theory]
    [MemberData(nameof(NetworksByPrecision))]
    public void Libtorch_gives_the_logits_gradients_and_statistics_of_the_oracle(string name, Precision precision) =>
        AssertLibtorchTrains(name, precision);

    [Theory]
    [MemberData(nameof(NetworksByPrecision))]
    public void Fused_training_gives_the_logits_gradients_and_statistics_of_the_oracle_with_vectors_of_any_width(string name,
        Precision precision)
    {
        // The families have the same kernels as the small networks: for them, the width that this processor chooses is enough.
        bool isSmall = TestNetwork.Handmade.Contains(name);
        (int Count, Func<NetworkWeights, Shape, Precision, ITrainingExecutor> Create)[] widths =
            [(16, Fused<Lanes16>), (8, Fused<Lanes8>), (4, Fused<Lanes4>)];
        double[] errors = [.. widths.Where(width => isSmall || width.Count == KernelSupport.Lanes)
            .Select(width => AssertTrains(name, precision, width.Create))];

        // Which ReLUs rounding to 8 bits flips is a matter of chance, so the error is compared with that of libtorch.
        if (precision == Precision.BFloat16)
            AssertBelow(1.5 * AssertLibtorchTrains(name, precision) + 1e-2, errors.Max(), "gradients beside those of libtorch");
    }

    /// <summary>What a shard of 64 large pictures holds decides how much memory training takes.</summary>
    [Theory]
    [InlineData("CIFAR ResNet-20, Projection")]
    [InlineData("ResNet of bottlenecks, 64 pixels")]
    [InlineData("frozen norms")]
    public void A_backward_pass_frees_activations_and_their_gradients_as_it_goes(string name)
    {
        UseTorch();
        using DisposeScope scope = NewDisposeScope();
        TestNetwork test = TestNetwork.All[name];
        using NetworkWeights master = new(test.Network);
        master.CopyFrom(test.Values);
        using ITrainingExecutor executor = Fused<Lanes8>(master, ImageShape(test), Precision.Float32);
        using Gradients gradients = new(master);
        Tensor images = Images(test);
        int before = scope.DisposablesCount;
        Tensor logits = executor.Forward(images, test.Keys, new SharedWork());
        int held = scope.DisposablesCount - before;

        executor.Backward(ones_like(logits), gradients, new SharedWork());

        int layers = test.Network.Layers.Count;
        Assert.InRange(held, layers / 3, int.MaxValue);
        Assert.InRange(scope.DisposablesCount - before, 0, layers / 4);
    }

    [Theory]
    [MemberData(nameof(NetworksByPrecision))]
    public void Libtorch_gives_the_logits_of_the_oracle_in_evaluation(string name, Precision precision) =>
        AssertEvaluates(name, precision, test => new LibtorchExecutor(test.Network, test.Values, precision));

    [Theory]
    [MemberData(nameof(NetworksByPrecision))]
    public void Folded_inference_gives_the_logits_of_the_oracle(string name, Precision precision) =>
        AssertEvaluates(name, precision, test => new FoldedExecutor(test.Network, test.Values, ImageShape(test), precision));

    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 1)]
    [InlineData(3, 0)]
    public void A_convolution_of_libtorch_leaves_its_output_channels_last_and_nothing_else(int size, int padding)
    {
        UseTorch();
        foreach (ScalarType type in new[] { ScalarType.Float32, ScalarType.BFloat16 })
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor x = ActivationMemory.ChannelsLast(ones(2, 8, 4, 4)).to(type), weight = ones(16, 8, size, size);
            long before = scope.DisposablesCount;

            Tensor y = LibtorchOperations.Convolve(new Convolution(8, 16, Window.Square(size, 1, padding)), x, weight, bias: null);

            Assert.Equal((before + 1, type), (scope.DisposablesCount, y.dtype));
            Assert.True(y.permute(0, 2, 3, 1).is_contiguous());
        }
    }

    [Theory]
    [MemberData(nameof(NetworksByPrecision))]
    public void Features_are_what_the_classifier_makes_the_logits_of(string name, Precision precision)
    {
        UseTorch();
        using DisposeScope scope = NewDisposeScope();
        TestNetwork test = TestNetwork.All[name];
        int last = test.Network.Layers.Count - 1, feature = test.Network.FeatureLayer;
        using FoldedExecutor executor = new(test.Network, test.Values, ImageShape(test), precision);

        Tensor[] outputs = executor.Forward(Images(test), last, feature);
        (double[] logits, double[] features) = (Doubles(outputs[0]), Doubles(outputs[1]));

        Assert.Equal(Doubles(executor.Forward(Images(test))), logits);
        Assert.Equal(Doubles(executor.Forward(Images(test), feature)[0]), features);
        if (test.Network.Classifier is { Operation: Linear linear } classifier)
        {
            float[] weight = test.Values[classifier.Name + ".weight"];
            logits = [.. features.Chunk(linear.Inputs).SelectMany(image => weight.Chunk(linear.Inputs)
                .Select((row, c) => row.Zip(image, (a, b) => a * b)
                    .Sum() + (linear.HasBias ? test.Values[classifier.Name + ".bias"][c] : 0)))];
            AssertBelow(1e-5, Error(logits, Doubles(outputs[0])), "logits");
        }
        else
        {
            Assert.Equal(logits, features);
        }
    }

    [Theory]
    [MemberData(nameof(SingleImageNetworks))]
    public void An_image_alone_has_the_logits_of_the_oracle(string name)
    {
        Assert.SkipUnless(KernelSupport.HasVectors, "needs a processor with vectors");
        AssertEvaluates(name, Precision.Float32, test => new SingleImageExecutor(test.Network, test.Values, ImageShape(test)));
    }

    [Theory]
    [MemberData(nameof(Networks))]
    public void Units_hold_each_layer_once_and_come_after_what_they_read(string name)
    {
        Network network = TestNetwork.All[name].Network;
        HashSet<int> computed = [NetworkBuilder.InputLayer], seen = [];

        foreach (Unit unit in Unit.Of(network))
        {
            Assert.All(unit.Layers, layer => Assert.True(seen.Add(layer), $"{network.Layers[layer].Name} is in two units"));
            HashSet<int> inside = [];
            foreach (int layer in unit.Layers)
            {
                Assert.All(network.Layers[layer].Inputs, input => Assert.True(computed.Contains(input) || inside.Contains(input),
                    $"{network.Layers[layer].Name} reads {network.Layers[input].Name}, which is not there"));
                inside.Add(layer);
            }

            IEnumerable<int> within = inside.Where(layer => layer != unit.Output);
            Assert.All(within.SelectMany(network.ConsumersOf), reader => Assert.Contains(reader, inside));
            computed.Add(unit.Output);
        }

        Assert.Equal(network.Layers.Count - 1, seen.Count);
        Assert.Contains(network.Layers.Count - 1, computed);
    }

    [Theory]
    [MemberData(nameof(HandmadeByPrecision))]
    public void Any_number_of_workers_gives_the_same_bits(string name, Precision precision)
    {
        UseTorch();
        (float[] Gradients, float[] Statistics, double Loss) one = Computed(1), three = Computed(3);

        Assert.True(one.Gradients.SequenceEqual(three.Gradients), "the gradients are different");
        Assert.True(one.Statistics.SequenceEqual(three.Statistics), "the statistics are different");
        Assert.Equal(one.Loss, three.Loss);

        (float[] Gradients, float[] Statistics, double Loss) Computed(int workers)
        {
            using DisposeScope scope = NewDisposeScope();
            TestNetwork test = TestNetwork.All[name];
            Random random = new(5);
            // Three shards, one of them larger.
            LabeledImage[] images = [.. Enumerable.Range(0, 2 * ShardedBatch.ShardSize + 2).Select(i =>
            {
                byte[] pixels = new byte[3 * test.Height * test.Width];
                random.NextBytes(pixels);
                int label = i % test.Network.ClassCount;
                return new LabeledImage(i, label, $"class {label}", test.Width, test.Height, pixels);
            })];
            ModelSnapshot model = new(test.Network, ImageClassifier.PlaceholderClasses(test.Network.ClassCount),
                new Preprocessing([0.5, 0.5, 0.5], [0.3, 0.3, 0.3], test.Width, test.Height), test.Values);
            using WorkerPool pool = new(workers);
            using NetworkWeights weights = new(test.Network);
            weights.CopyFrom(test.Values);
            using ShardedBatch batch = new(pool, model, weights,
                Recipes.Options(Recipe.Original) with { BatchSize = images.Length, Precision = precision });
            (Tensor gradients, double loss, _) = batch.Compute([.. images.Select(image => new TrainingImage(image, Pass: 2))]);
            return (NetworkWeights.CopyOut(gradients), NetworkWeights.CopyOut(weights.Statistics), loss);
        }
    }

    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.BFloat16)]
    public void What_dropout_sets_to_zero_depends_on_seed_epoch_and_image_alone(Precision precision)
    {
        UseTorch();
        using DisposeScope scope = NewDisposeScope();
        NetworkBuilder builder = new();
        int x = builder.Add("map", new Dropout(0.4), builder.Convolution("convolution", NetworkBuilder.InputLayer, 8, 3));
        builder.Add("fc", new Linear(8, 5), builder.Add("vector", new Dropout(0.4), builder.Add("pool", new AveragePool(), x)));
        TestNetwork test = new(builder.Build("dropout without norm"), 8, 8, 4);
        using NetworkWeights master = new(test.Network);
        master.CopyFrom(test.Values);
        using LibtorchExecutor executor = new(master, precision);
        Tensor images = Images(test);

        double[][] all = Rows(executor.Forward(images, Keys(1, 1, 10, 11, 12, 13), new SharedWork()));
        double[][] backward = Rows(executor.Forward(images.flip(0), Keys(1, 1, 13, 12, 11, 10), new SharedWork()));
        double[][] part = Rows(executor.Forward(ActivationMemory.ChannelsLast(images.slice(0, 2, 4, 1)), Keys(1, 1, 12, 13),
            new SharedWork()));

        Assert.Equal(all, backward.Reverse());
        Assert.Equal(all.Skip(2), part);
        ImageKeys[] others = [Keys(2, 1, 10, 11, 12, 13), Keys(1, 2, 10, 11, 12, 13), Keys(1, 1, 20, 21, 22, 23)];
        foreach (ImageKeys other in others)
            Assert.All(Rows(executor.Forward(images, other, new SharedWork())).Zip(all), pair => Assert.NotEqual(pair.First, pair.Second));

        static ImageKeys Keys(int seed, int pass, params int[] indices) => new([.. indices.Select(i => new ImageKey(seed, pass, i))]);

        static double[][] Rows(Tensor logits) => [.. Doubles(logits).Chunk(5)];
    }

    /// <summary>Compares one step of libtorch, once for each network and precision.</summary>
    private static double AssertLibtorchTrains(string name, Precision precision) =>
        ErrorsOfLibtorch.GetOrAdd((name, precision), _ => AssertTrains(name, precision, Libtorch));

    /// <summary>Compares one step, and returns the error of all gradients as a fraction of their length.</summary>
    private static double AssertTrains(string name, Precision precision, Func<NetworkWeights, Shape, Precision, ITrainingExecutor> create)
    {
        UseTorch();
        using DisposeScope scope = NewDisposeScope();
        TestNetwork test = TestNetwork.All[name];
        (_, Oracle oracle, Dictionary<string, (double[] Values, double Doubt)> exact) = TestNetwork.Truth(name);
        using NetworkWeights master = new(test.Network);
        master.CopyFrom(test.Values);
        using ITrainingExecutor executor = create(master, ImageShape(test), precision);
        using Gradients gradients = new(master);

        double[] logits = Doubles(executor.Forward(Images(test), test.Keys, new SharedWork())),
            ofLogits = Oracle.GradientOfLogits(logits, test.Labels);
        Tensor gradient = torch.tensor([.. ofLogits.Select(value => (float)value)], [test.Count, test.Network.ClassCount]);
        executor.Backward(gradient, gradients, new SharedWork());

        bool isExact = precision == Precision.Float32;
        AssertBelow((isExact ? 1e-5 : 3e-2) * test.Growth, Error(oracle.Logits, logits), "logits");
        foreach ((string tensor, double[] values) in oracle.Statistics)
            AssertBelow((isExact ? 2e-5 : 3e-2) * test.Growth, Error(values, Doubles(executor.Weights[tensor])), tensor);
        if (!test.HasSteadyGradients)
            return 0;

        double largest = exact.Values.Max(gradient => Largest(gradient.Values)), squares = 0, all = 0;
        foreach ((string tensor, (double[] values, double doubt)) in exact)
        {
            double[] found = Doubles(gradients[tensor]);
            double scale = Math.Max(Largest(values), SmallestScale * largest);
            if (isExact)
                AssertBelow(2e-4 + 2 * doubt / scale, Error(values, found, scale), $"gradient of {tensor}");
            for (int i = 0; i < values.Length; i++)
            {
                squares += (values[i] - found[i]) * (values[i] - found[i]);
                all += values[i] * values[i];
            }
        }

        if (!isExact)
            AssertBelow(0.25 * test.Growth, Math.Sqrt(squares / all), "gradients");
        return Math.Sqrt(squares / all);
    }

    private static void AssertEvaluates(string name, Precision precision, Func<TestNetwork, IExecutor> create)
    {
        UseTorch();
        using DisposeScope scope = NewDisposeScope();
        TestNetwork test = TestNetwork.All[name];
        using IExecutor executor = create(test);

        double[] logits = Doubles(executor.Forward(Images(test)));

        AssertBelow(precision == Precision.Float32 ? 1e-5 : 3e-2, Error(TestNetwork.Truth(name).Evaluation.Logits, logits), "logits");
    }

    private static LibtorchExecutor Libtorch(NetworkWeights master, Shape image, Precision precision) => new(master, precision);

    private static ITrainingExecutor Fused<TLanes>(NetworkWeights master, Shape image, Precision precision)
        where TLanes : struct, ILanes<TLanes> => precision == Precision.BFloat16
            ? new FusedExecutor<BFloat16Element, TLanes>(master, image, precision)
            : new FusedExecutor<Float32Element, TLanes>(master, image, precision);

    private static Shape ImageShape(TestNetwork test) => new(3, test.Height, test.Width);

    private static Tensor Images(TestNetwork test) =>
        ActivationMemory.ChannelsLast(torch.tensor(test.Images, [test.Count, 3, test.Height, test.Width]));

    private static double[] Doubles(Tensor values) => Array.ConvertAll(NetworkWeights.CopyOut(values), value => (double)value);

    private static double Error(double[] expected, double[] actual, double? scale = null)
    {
        Assert.Equal(expected.Length, actual.Length);
        double error = 0;
        for (int i = 0; i < expected.Length; i++)
            error = Math.Max(error, Math.Abs(expected[i] - actual[i]));
        return error / (scale ?? Math.Max(Largest(expected), 1e-30));
    }

    private static double Largest(double[] values)
    {
        double largest = 0;
        foreach (double value in values)
            largest = Math.Max(largest, Math.Abs(value));
        return largest;
    }

    private static void AssertBelow(double limit, double error, string what) =>
        Assert.True(error <= limit, $"{what}: off by {error:E1} of the largest value; the limit is {limit:E1}");

    private static TheoryData<string, Precision> ByPrecision(IEnumerable<string> names)
    {
        TheoryData<string, Precision> data = [];
        foreach (string name in names)
        {
            data.Add(name, Precision.Float32);
            data.Add(name, Precision.BFloat16);
        }

        return data;
    }
}
