using Cifar10Ps.Data;
using Cifar10Ps.Models;
using Cifar10Ps.Networks;
using Cifar10Ps.Networks.Families;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public sealed class SpeedNetTests : IDisposable
{
    private static readonly ImageDataset Data = SmallImages(96, 40, side: 16);

    /// <summary>One that has learned to tell its classes apart.</summary>
    private static readonly Lazy<ModelSnapshot> Trained = new(() =>
    {
        ImageClassifier model = NewSpeedNet();
        Trainer.Start(model, Data, Options(epochs: 10), threads: 2).RunToEnd();
        return model.Snapshot;
    });

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>The count of the published network, with the scales of batch norm and the whitening, which it does not learn, left out.
    /// </summary>
    [Fact]
    public void It_has_the_published_number_of_parameters() =>
        Assert.Equal(1_972_792 - 288 - 1_152, SpeedNet.Create(32, 10).ParameterCount);

    [Theory]
    [InlineData(9)]
    [InlineData(32)]
    [InlineData(47)]
    [InlineData(128)]
    public void It_takes_images_of_many_sizes(int side) =>
        Assert.Equal(Shape.Vector(3), SpeedNet.Create(side, 3).Shapes(side, side)[^1]);

    [Fact]
    public void Whitening_gives_channels_that_are_uncorrelated_and_of_variance_one_and_their_negatives()
    {
        Convolution convolution = (Convolution)SpeedNet.Create(16, 10).Whitening!.Operation;
        Preprocessing preprocessing = Preprocessing.Measure(Data.Train);

        float[] weight = Whitening.Measure(convolution, Data.Train, preprocessing);

        double[][] outputs = [.. Data.Train.SelectMany(image => Patches(image, preprocessing))
            .Select(patch => weight.Chunk(12).Take(12).Select(filter => filter.Zip(patch, (w, x) => (double)w * x).Sum()).ToArray())];
        for (int i = 0; i < 12; i++)
        {
            for (int j = 0; j < i; j++)
                Assert.Equal(0, outputs.Average(output => output[i] * output[j]), 1e-3);
            // Less where patches hardly vary: what keeps those directions small.
            Assert.InRange(outputs.Average(output => output[i] * output[i]), 0.2, 1.001);
        }

        Assert.Equal(weight[..144].Select(value => -value), weight[144..]);
    }

    [Fact]
    public void Training_changes_neither_the_whitening_nor_the_scales_of_norms()
    {
        ImageClassifier model = NewSpeedNet();
        Trainer trainer = Trainer.Start(model, Data, Options(epochs: 2), threads: 2);
        trainer.RunToEnd();
        Convolution convolution = (Convolution)model.Network.Whitening!.Operation;

        Assert.Equal(Whitening.Measure(convolution, Data.Train, Preprocessing.Measure(Data.Train)), model.Weights["whiten.weight"]);
        Assert.All(model.Network.Tensors.Where(tensor => tensor.Role == TensorRole.NormScale),
            tensor => Assert.All(model.Weights[tensor.Name], value => Assert.Equal(1, value)));
        Assert.All(model.Network.LearnedTensors, tensor => Assert.Contains(model.Weights[tensor.Name], value => value is not (0 or 1)));
    }

    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.BFloat16)]
    public void A_run_resumed_with_other_workers_ends_with_the_same_bits(Precision precision)
    {
        TrainingOptions options = Options(epochs: 2) with { Precision = precision };
        Trainer whole = Trainer.Start(NewSpeedNet(), Data, options, threads: 3);
        whole.RunToEnd();
        Trainer first = Trainer.Start(NewSpeedNet(), Data, options, new OutputDirectory(_folder["run"], 1, replace: false), threads: 1);
        foreach (EpochReport _ in first.Run())
            break;

        Trainer resumed = Trainer.Resume(_folder["run"], null, Data, o => o, threads: 2);
        resumed.RunToEnd();

        Assert.Equal(Fingerprint(whole.Model), Fingerprint(resumed.Model));
    }

    [Fact]
    public void Its_recipe_is_the_default_of_an_untrained_one_only()
    {
        ImageClassifier model = NewSpeedNet();

        Assert.Equal(Recipe.SpeedNet, new RequestedOptions().Resolve(model).Recipe);
        Trainer.Start(model, Data, Options(epochs: 1), threads: 2).RunToEnd();
        Assert.Equal(Recipe.FineTune, new RequestedOptions().Resolve(model).Recipe);
        Assert.Equal(Recipe.Fast, new RequestedOptions().Resolve(NewModel()).Recipe);
    }

    /// <summary>Scaled features have gradients that are smaller by the square of the factor.</summary>
    [Theory]
    [InlineData(Freeze.None, null)]
    [InlineData(Freeze.Backbone, null)]
    [InlineData(Freeze.Backbone, OptimizerKind.AdamW)]
    public void Fine_tuning_teaches_a_trained_one_other_classes(Freeze freeze, OptimizerKind? optimizer)
    {
        string[] classes = [.. SyntheticImages.Classes.Select(name => "other " + name)];
        ImageClassifier other = new ImageClassifier(Trained.Value).ForClasses(classes, seed: 2);

        TrainingOptions options = new RequestedOptions { Epochs = 10, Freeze = freeze, Optimizer = optimizer }.Resolve(other);
        EpochReport[] reports = Trainer.Start(other, Data.WithClasses(classes), options, threads: 2).RunToEnd();

        Assert.Equal(Recipe.FineTune, options.Recipe);
        Assert.InRange(reports[^1].Accuracy, 0.9, 1);
    }

    [Fact]
    public void Only_one_layer_whitens()
    {
        NetworkBuilder network = new();
        Convolution whiten = new(3, 24, Window.Square(2, 1, 0), HasBias: true, IsWhitening: true);
        int both = network.Add("both", new Add(), network.Add("a", whiten, NetworkBuilder.InputLayer),
            network.Add("b", whiten, NetworkBuilder.InputLayer));
        network.Add("fc", new Linear(24, 2), network.Add("pool", new AveragePool(), both));

        Assert.Contains("it whitens, as another layer does", Assert.Throws<InvalidDataException>(() => network.Build("twice")).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Each_group_of_a_convolution_begins_by_passing_its_inputs_on()
    {
        NetworkBuilder network = new();
        int x = network.Add("depthwise", new Convolution(3, 6, Window.Square(3, 1, 1), Groups: 3), NetworkBuilder.InputLayer);
        network.Add("fc", new Linear(6, 2), network.Add("pool", new AveragePool(), x));

        float[][] outputs = [.. Initialization.Dirac.Create(network.Build("groups"), 0)["depthwise.weight"].Chunk(9)];

        Assert.Equal([true, false, true, false, true, false], outputs.Select(output => output[4] == 1 && output.Count(v => v == 0) == 8));
    }

    [Fact]
    public void Convolutions_begin_by_passing_their_inputs_on()
    {
        Network network = SpeedNet.Create(32, 10);
        float[] weight = Initialization.Of(InitializationKind.Dirac).Create(network, seed: 1)["layer2.conv1.weight"];
        float[][] outputs = [.. weight.Chunk(64 * 9)];

        for (int i = 0; i < outputs.Length; i++)
            if (i < 64)
                Assert.Equal([(i * 9 + 4, 1f)], outputs[i].Index().Where(item => item.Item != 0).Select(item => (item.Index, item.Item)));
            else
                Assert.InRange(outputs[i].Average(value => value * value) * 3 * 64 * 9, 0.8, 1.2);
    }

    [Fact]
    public void Every_format_keeps_what_it_computes()
    {
        ImageClassifier model = NewSpeedNet(32);
        ImageDataset data = SyntheticImages.Create(64, 20);
        Trainer.Start(model, data, Options(epochs: 1), threads: 2).RunToEnd();
        using Predictor before = new(model, precision: Precision.Float32);
        float[][] logits = before.Logits(data.Test);
        ModelFile.Save(model, _folder["m.safetensors"]);
        ModelFile.Export(model, _folder["m.pth"], ModelFormat.PyTorch);
        ModelFile.Export(model, _folder["m.onnx"], ModelFormat.Onnx);

        Assert.All(["m.safetensors", "m.pth", "m.onnx"], file =>
        {
            using Predictor after = new(ModelFile.Load(_folder[file]), precision: Precision.Float32);
            Assert.All(logits.Zip(after.Logits(data.Test)),
                pair => Assert.All(pair.First.Zip(pair.Second), logit => Assert.Equal(logit.First, logit.Second, 1e-4f)));
        });
    }

    private static ImageClassifier NewSpeedNet(int side = 16) =>
        ImageClassifier.Create(SpeedNet.Create(side, 10), SyntheticImages.Classes, seed: 1, side);

    private static TrainingOptions Options(int epochs) =>
        Recipes.ForModel(Recipe.SpeedNet, null, NewSpeedNet().Snapshot) with
        {
            Epochs = epochs,
            BatchSize = 48,
            Precision = Precision.Float32,
        };

    /// <summary>All windows of 2 × 2 pixels, channel by channel.</summary>
    private static IEnumerable<float[]> Patches(LabeledImage image, Preprocessing preprocessing)
    {
        BatchBuilder builder = new(preprocessing);
        float[] values = new float[builder.ImageLength];
        builder.Write(image, values);
        for (int y = 0; y < image.Height - 1; y++)
            for (int x = 0; x < image.Width - 1; x++)
                yield return [.. from c in Enumerable.Range(0, 3)
                                 from dy in new[] { 0, 1 }
                                 from dx in new[] { 0, 1 }
                                 select values[((y + dy) * image.Width + x + dx) * 3 + c]];
    }
}
