using TorchSharp;
using static Cifar10Ps.Tests.TestSupport;
using static TorchSharp.torch;

namespace Cifar10Ps.Tests;

public class ShardedBatchTests
{
    private static readonly ImageSplit Images = SyntheticImages.Create(100, 1).Train;

    /// <summary>One shard; one that is not full; two halves, of which each has its own batch norm.</summary>
    [Theory]
    [InlineData(5, 0.0, Shortcut.Projection, Precision.Float32, new[] { 5 })]
    [InlineData(64, 0.2, Shortcut.ZeroPad, Precision.Float32, new[] { 64 })]
    [InlineData(65, 0.1, Shortcut.ProjectionOnly, Precision.Float32, new[] { 32, 33 })]
    [InlineData(64, 0.0, Shortcut.Projection, Precision.BFloat16, new[] { 64 })]
    public void Gradients_losses_and_statistics_are_those_of_autograd(int count, double smoothing, Shortcut shortcut, Precision precision, int[] shards)
    {
        UseTorch();
        using DisposeScope scope = NewDisposeScope();
        ImageClassifier model = RandomModel(shortcut: shortcut);
        using WorkerPool pool = new(2);
        using NetworkWeights weights = new(model.Architecture);
        weights.Load(model.Weights);
        using ShardedBatch batch = new(pool, model, weights,
            Recipes.Options(Recipe.Original) with { BatchSize = 100, LabelSmoothing = smoothing, Precision = precision });

        (Tensor gradients, double lossSum, int correct) = batch.Compute([.. Images.Take(count)], epoch: 1);

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
            loss = loss - (1 - smoothing) * likelihood.gather(1, labels.unsqueeze(1)).sum() - smoothing * likelihood.mean([1]).sum();
            right += (int)logits.argmax(1).eq(labels).sum().item<long>();
            foreach ((string name, Tensor value) in plain.BatchStatistics)
                statistics[name] = value / shards.Length + (statistics.TryGetValue(name, out Tensor? sum) ? sum : 0);
            start += size;
        }

        (loss / count).backward();
        bool isExact = precision == Precision.Float32;
        Assert.Equal(loss.item<double>(), lossSum, isExact ? 1e-3 : 0.005 * lossSum);
        Assert.Equal(right, correct, isExact ? 0 : 2.0);
        foreach ((TensorShape tensor, Tensor view) in NetworkWeights.LearnedViewsOf(model.Architecture, gradients))
        {
            // Rounding decides a ReLU here and there otherwise, which the layers before it see; the classifier does not.
            bool isClassifier = tensor.Name.StartsWith("fc.", StringComparison.Ordinal);
            double tolerance = isExact ? isClassifier ? 1e-4 : 0.03 : isClassifier ? 0.05 : 0.3;
            AssertClose(plain[tensor.Name].grad!, view, tolerance, tensor.Name);
        }

        foreach ((string name, Tensor value) in statistics)
            AssertClose(0.9 * plain[name] + 0.1 * value, weights[name], isExact ? 1e-4 : 0.01, name);
    }

    [Fact]
    public void The_number_of_workers_does_not_change_a_bit()
    {
        TrainingOptions options = Recipes.Options(Recipe.Fast) with { Epochs = 1, BatchSize = 130 };
        ImageDataset data = SyntheticImages.Create(240, 20);

        Assert.Single(new[] { 1, 2, 3 }.Select(TrainWith).Distinct());

        string TrainWith(int threads)
        {
            ImageClassifier model = ImageClassifier.NewResNet20(data.Classes, Shortcut.Projection, seed: 1);
            Assert.Single(Trainer.Start(model, data, options, threads: threads).Run());
            return Fingerprint(model);
        }
    }

    private static void AssertClose(Tensor expected, Tensor actual, double tolerance, string name)
    {
        double error = ((expected - actual).norm() / expected.norm()).item<double>();
        Assert.True(error < tolerance, $"{name} is off by {error:P2}");
    }
}
