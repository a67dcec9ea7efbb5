using Cifar10Ps.Data;
using Cifar10Ps.Execution.Kernels;
using Cifar10Ps.Execution;
using Cifar10Ps.Networks;
using Cifar10Ps.Runtime;
using Cifar10Ps.Training;
using TorchSharp;
using static Cifar10Ps.Tests.TestSupport;
using static TorchSharp.torch;

namespace Cifar10Ps.Tests;

public class ShardedBatchTests
{
    private static readonly ImageSplit Images = SyntheticImages.Create(100, 1).Train;

    [Theory]
    [InlineData(48)]
    [InlineData(96)]
    [InlineData(2000)]
    public void The_fused_norm_refuses_numbers_of_channels_that_it_would_compute_wrongly(int channels)
    {
        UseTorch();
        using DisposeScope scope = NewDisposeScope();
        NetworkBuilder builder = new();
        builder.Add("pool", new AveragePool(), builder.Norm("bn1", builder.Convolution("conv1", NetworkBuilder.InputLayer, channels, 3)));
        Network network = builder.Build("network");
        using NetworkWeights weights = new(network);
        Layer convolution = network.Layers[1], norm = network.Layers[2];

        Assert.False(KernelSupport.HasFusedTraining(network, Unit.Of(network)[0], network.Shapes(32, 32)));
        Assert.Throws<NotSupportedException>(() => new ConvolutionNorm<Float32Element, Lanes8>(
            new TrainedConvolution<Float32Element, Lanes8>((Convolution)convolution.Operation,
                new Shape(3, 32, 32), "conv1.weight", weights, needsGradient: false), norm, weights));
    }

    /// <summary>One shard; a partly filled one; two halves, each with its own batch norm.</summary>
    [Theory]
    [InlineData(5, 0.0, Shortcut.Projection, new[] { 5 })]
    [InlineData(64, 0.2, Shortcut.ZeroPad, new[] { 64 })]
    [InlineData(65, 0.1, Shortcut.ProjectionOnly, new[] { 32, 33 })]
    public void Gradients_losses_and_statistics_are_those_of_autograd(int count, double smoothing, Shortcut shortcut, int[] shards)
    {
        UseTorch();
        using DisposeScope scope = NewDisposeScope();
        ImageClassifier model = RandomModel(shortcut: shortcut);
        using WorkerPool pool = new(2);
        using NetworkWeights weights = new(model.Network);
        weights.CopyFrom(model.Weights);
        using ShardedBatch batch = new(pool, model.Snapshot, weights,
            Recipes.Options(Recipe.Original) with { BatchSize = 100, LabelSmoothing = smoothing, Precision = Precision.Float32 });

        (Tensor gradients, double lossSum, int correct) = batch.Compute(Drawn(Images.Take(count)));

        PlainResNet plain = new(model);
        Tensor loss = zeros(1, float64);
        int right = 0, start = 0;
        Dictionary<string, Tensor> statistics = [];
        foreach (int size in shards)
        {
            LabeledImage[] shard = [.. Images.Skip(start).Take(size)];
            Tensor labels = torch.tensor(shard.Select(image => (long)image.Label).ToArray());
            Tensor logits = plain.Forward(PlainResNet.Input(shard, model.Preprocessing), training: true);
            Tensor likelihood = logits.log_softmax(1);
            loss = loss - Number(1 - smoothing) * likelihood.gather(1, labels.unsqueeze(1)).sum()
                - Number(smoothing) * likelihood.mean([1]).sum();
            right += (int)logits.argmax(1).eq(labels).sum().item<long>();
            foreach ((string name, Tensor value) in plain.BatchStatistics)
            {
                Tensor share = value / Number(shards.Length);
                statistics[name] = statistics.TryGetValue(name, out Tensor? sum) ? sum.PlusTensor(share) : share;
            }

            start += size;
        }

        (loss / Number(count)).backward();
        Assert.Equal(loss.item<double>(), lossSum, 1e-3);
        Assert.Equal(right, correct);
        foreach ((LayerTensor tensor, Tensor view) in NetworkWeights.LearnedViewsOf(model.Network, gradients))
        {
            // Here and there rounding decides a ReLU differently, which affects the layers before it, but not the classifier.
            AssertClose(plain[tensor.Name].grad!, view, tensor.Name.StartsWith("fc.", StringComparison.Ordinal) ? 1e-4 : 0.03, tensor.Name);
        }

        foreach ((string name, Tensor value) in statistics)
            AssertClose((Number(0.9) * plain[name]).PlusTensor(Number(0.1) * value), weights[name], 1e-4, name);
    }

    /// <summary>The rule for weights, label smoothing and shares of classes, spelled out: an image counts by the weights of its own
    /// classes.</summary>
    [Theory]
    [InlineData(0.0, Augmentation.None)]
    [InlineData(0.1, Augmentation.None)]
    [InlineData(0.0, Augmentation.Mixup)]
    [InlineData(0.2, Augmentation.Mixup | Augmentation.CutMix)]
    public void Losses_and_gradients_are_weighted_by_the_classes_of_an_image(double smoothing, Augmentation augmentation)
    {
        const int Count = 16;
        UseTorch();
        using DisposeScope scope = NewDisposeScope();
        ImageClassifier model = RandomModel();
        float[] weights = [0.2f, 3, 1, 1, 0.5f, 1, 1, 2, 1, 0.3f];
        TrainingOptions options = Recipes.Options(Recipe.Original) with
        {
            BatchSize = Count, LabelSmoothing = smoothing, Augmentation = augmentation, Precision = Precision.Float32,
        };
        TrainingImage[] images = Drawn(Images.Take(Count));
        using WorkerPool pool = new(2);
        using NetworkWeights values = new(model.Network);
        values.CopyFrom(model.Weights);
        using ShardedBatch batch = new(pool, model.Snapshot, values, options, weights);

        (Tensor gradients, double lossSum, int correct) = batch.Compute(images);

        BatchBuilder builder = new(model.Preprocessing, augmentation);
        float[] input = new float[Count * builder.ImageLength];
        Mixture[] mixtures = builder.WriteAugmented(images, input, options.Seed);
        double[] shares = new double[Count * weights.Length];
        foreach ((int i, Mixture mixture) in mixtures.Index())
        {
            shares[i * weights.Length + mixture.First.Label] += mixture.Share;
            shares[i * weights.Length + mixture.Second.Label] += 1 - mixture.Share;
        }

        PlainResNet plain = new(model);
        Tensor logits = plain.Forward(torch.tensor(input, [Count, 32, 32, 3]).to(float64).permute(0, 3, 1, 2), training: true);
        Tensor own = torch.tensor(shares, [Count, weights.Length]) * torch.tensor(weights, [1, weights.Length]).to(float64);
        Tensor target = (own * Number(1 - smoothing)).PlusTensor(own.sum([1], keepdim: true) * Number(smoothing / weights.Length));
        Tensor loss = -(target * logits.log_softmax(1)).sum();
        (loss / Number(Count)).backward();
        Assert.Equal(loss.item<double>(), lossSum, 1e-3);
        Tensor dominant = torch.tensor(mixtures.Select(mixture => (long)mixture.Dominant.Label).ToArray());
        Assert.Equal(logits.argmax(1).eq(dominant).sum().item<long>(), correct);
        foreach ((LayerTensor tensor, Tensor view) in NetworkWeights.LearnedViewsOf(model.Network, gradients))
            AssertClose(plain[tensor.Name].grad!, view, tensor.Name.StartsWith("fc.", StringComparison.Ordinal) ? 1e-4 : 0.03, tensor.Name);
    }

    [Theory]
    [InlineData(Shortcut.Projection)]
    [InlineData(Shortcut.ZeroPad)]
    [InlineData(Shortcut.ProjectionOnly)]
    public void Fused_layers_are_as_exact_in_bf16_as_those_of_libtorch(Shortcut shortcut)
    {
        UseTorch();
        using DisposeScope scope = NewDisposeScope();
        ImageClassifier model = RandomModel(shortcut);
        using NetworkWeights master = new(model.Network);
        master.CopyFrom(model.Weights);
        Tensor images = PlainResNet.Input(Images.Take(32), model.Preprocessing).to(float32),
            labels = torch.tensor(Images.Take(32).Select(image => (long)image.Label).ToArray());
        images = ActivationMemory.ChannelsLast(images);

        Tensor exact = GradientsOf(new LibtorchExecutor(master, Precision.Float32));
        Tensor plain = GradientsOf(new LibtorchExecutor(master, Precision.BFloat16));
        Tensor fused = GradientsOf(Executors.ForTraining(master, model.Snapshot.ImageShape, Precision.BFloat16));

        double errorOfPlain = ErrorOf(plain), errorOfFused = ErrorOf(fused);
        Assert.True(errorOfFused < 1.2 * errorOfPlain, $"fused {errorOfFused:P2}, libtorch {errorOfPlain:P2}");

        double ErrorOf(Tensor gradients) => ((gradients - exact).norm() / exact.norm()).item<float>();

        Tensor GradientsOf(ITrainingExecutor executor)
        {
            using (executor)
            using (Gradients gradients = new(master))
            {
                ImageKeys keys = new([.. Drawn(Images.Take(32)).Select(image => image.Key(seed: 0))]);
                Tensor logits = executor.Forward(images, keys, new SharedWork()).detach().requires_grad_(true);
                nn.functional.cross_entropy(logits, labels, label_smoothing: 0.1).backward();
                executor.Backward(logits.grad!, gradients, new SharedWork());
                return gradients.Flat.clone();
            }
        }
    }

    [Theory]
    [InlineData(Precision.Float32, Augmentation.Light)]
    [InlineData(Precision.BFloat16, Augmentation.Light)]
    [InlineData(Precision.Float32, Augmentation.Strong)]
    public void The_number_of_workers_does_not_change_a_bit(Precision precision, Augmentation augmentation)
    {
        TrainingOptions options = Recipes.Options(Recipe.Fast) with
        {
            Epochs = 1, BatchSize = 130, Precision = precision, Augmentation = augmentation,
            Sampling = augmentation == Augmentation.Strong ? Sampling.Balanced : default,
        };
        ImageDataset data = SmallImages(240, 20, side: 16);

        Assert.Single(new[] { 1, 2, 3, 5, 16 }.Select(TrainWith).Distinct());

        string TrainWith(int threads)
        {
            ImageClassifier model = NewResNet20(data.Classes, Shortcut.Projection, seed: 1);
            Assert.Single(Trainer.Start(model, data, options, threads: threads).Run());
            return Fingerprint(model);
        }
    }

    private static TrainingImage[] Drawn(IEnumerable<LabeledImage> images) =>
        [.. images.Select(image => new TrainingImage(image, Pass: 1))];

    private static void AssertClose(Tensor expected, Tensor actual, double tolerance, string name)
    {
        double error = ((expected - actual).norm() / expected.norm()).item<double>();
        Assert.True(error < tolerance, $"{name} is off by {error:P2}");
    }
}
