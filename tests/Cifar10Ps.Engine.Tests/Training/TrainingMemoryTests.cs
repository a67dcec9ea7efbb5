using Cifar10Ps.Inference;
using Cifar10Ps.Models;
using Cifar10Ps.Runtime;
using Cifar10Ps.Training;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public class TrainingMemoryTests
{
    [Fact]
    public void Larger_images_more_threads_and_deeper_networks_take_more_memory()
    {
        long usual = Estimate(32);

        Assert.InRange(usual, 300_000_000, 1_500_000_000);
        Assert.InRange(Estimate(64), usual + 300_000_000, 4 * usual);
        Assert.InRange(Estimate(32, threads: 1), 0, usual - 1);
        Assert.InRange(Estimate(32, batchSize: 16), 0, usual - 1);
        Assert.InRange(Estimate(32, depth: 110), usual + 300_000_000, 7 * usual);
        // Validation takes as many images at a time as it does elsewhere, whatever the batch size.
        Assert.InRange(Estimate(128, batchSize: 1), Estimate(64, batchSize: 1) + 100_000_000, 1_000_000_000);
        Assert.InRange(Estimate(1024, batchSize: 1), 1_000_000_000, 8_000_000_000);
    }

    [Fact]
    public void A_classifier_alone_takes_no_more_memory_than_features_do()
    {
        ImageClassifier model = RandomModel();
        TrainingOptions options = TinyOptions() with { BatchSize = 512 };

        long whole = TrainingMemory.Estimate(model.Snapshot, options, threads: 8, shards: 8);

        Assert.InRange(TrainingMemory.Estimate(model.Snapshot, options with { Freeze = Freeze.Backbone }, 8, 8), 0, whole / 2);
        Assert.Equal(whole, TrainingMemory.Estimate(model.Snapshot, options with { ClassifierEpochs = 1, Epochs = 2 }, 8, 8));
    }

    [Fact]
    public void What_ranks_exchange_takes_memory_on_both_sides_of_MPI()
    {
        ImageClassifier model = RandomModel();

        long alone = TrainingMemory.Estimate(model.Snapshot, TinyOptions(), threads: 1, shards: 1);

        Assert.Equal(4L * 3 * model.ParameterCount * sizeof(float),
            TrainingMemory.Estimate(model.Snapshot, TinyOptions(), threads: 1, shards: 1, sums: 3) - alone);
    }

    [Fact]
    public void Features_that_fit_once_but_not_on_every_rank_of_the_machine_are_refused()
    {
        ModelSnapshot model = NewModel().Snapshot with { Preprocessing = new Preprocessing([0, 0, 0], [1, 1, 1], 16, 16) };
        using WorkerPool pool = new(1);

        Assert.Equal(64, Features(1).Length);
        Assert.Contains("in 1000000000 processes", AssertError("NotEnoughMemory", () => Features(1_000_000_000)).Message,
            StringComparison.Ordinal);

        FeatureTable Features(int processes) =>
            new(model, pool, Precision.Float32, TinyData.Test, null, CancellationToken.None, processes: processes);
    }

    [Fact]
    public void A_learning_rate_test_that_would_fill_the_memory_is_refused_too()
    {
        ImageClassifier model = NewResNet(110, ["a", "b"], Shortcut.Projection, 1);
        LabeledImage[] images = [.. Enumerable.Range(0, 64).Select(i => Solid(i, i % 2, 1, 2, 3, side: 1024))];

        AssertError("NotEnoughMemory", () => LearningRateFinder.Run(model, new ImageDataset("Giants", "", model.Classes, images, images),
            TinyOptions() with { BatchSize = 64 }, threads: 1));
    }

    [Fact]
    public void A_run_that_would_fill_the_memory_is_refused_before_it_starts()
    {
        using TemporaryFolder folder = new();
        ImageClassifier model = NewResNet(110, ["a", "b"], Shortcut.Projection, 1);
        LabeledImage[] images = [Solid(0, 0, 1, 2, 3, side: 1024), Solid(1, 1, 200, 2, 3, side: 1024)];
        Trainer trainer = Trainer.Start(model, new ImageDataset("Giants", "", model.Classes, images, images),
            TinyOptions() with { BatchSize = 65_536 }, new OutputDirectory(folder["run"], 1, replace: false), threads: 1_000);

        AssertError("NotEnoughMemory", () => trainer.RunToEnd());

        Assert.False(Directory.Exists(folder["run"]));
    }

    [Theory]
    [InlineData(48)]
    [InlineData(30)]
    public void Images_of_other_sizes_can_be_learned(int side)
    {
        LabeledImage[] images = [.. Enumerable.Range(0, 24).Select(i => Solid(i, i % 2, (byte)(i % 2 * 200), 90, 90, side))];
        ImageDataset data = new("Solid", "", ["class 0", "class 1"], images, images);
        ImageClassifier model = NewResNet20(data.Classes, Shortcut.Projection, 1);

        EpochReport[] reports =
            Trainer.Start(model, data, TinyOptions(epochs: 8) with { BatchSize = 8, LearningRate = 0.02 }, threads: 2).RunToEnd();

        Assert.Equal((side, side), (model.Preprocessing.Width, model.Preprocessing.Height));
        Assert.Equal(1, reports[^1].ValidationAccuracy);
    }

    [Fact]
    public void All_images_can_be_trained_on_without_any_to_validate_on()
    {
        ImageDataset data = new("All", "", TinyData.Classes, TinyData.Train, []);

        EpochReport[] reports = NewRun(TinyOptions(), data: data).RunToEnd();

        Assert.Equal(2, reports.Length);
        Assert.All(reports, report => Assert.Null(report.ValidationAccuracy));
    }

    private static long Estimate(int side, int threads = 2, int depth = 20, int batchSize = 128, int? shards = null)
    {
        ImageClassifier model = NewResNet(depth, ["a", "b"], Shortcut.Projection, 1);
        model.Snapshot = model.Snapshot with { Preprocessing = new Preprocessing([0, 0, 0], [1, 1, 1], side, side) };
        return TrainingMemory.Estimate(model.Snapshot,
            TinyOptions() with { BatchSize = batchSize, Precision = Precision.BFloat16 }, threads,
            shards ?? ShardedBatch.ShardCount(batchSize));
    }
}
