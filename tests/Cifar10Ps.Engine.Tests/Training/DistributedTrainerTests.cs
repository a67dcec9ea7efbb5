using Cifar10Ps.Distribution;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public sealed class DistributedTrainerTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    // Four shards a step, the last step five; 140 images to validate on.
    private static readonly ImageDataset Data = SmallImages(420, 140, side: 16);

    private static TrainingOptions Options => TinyOptions(OptimizerKind.Muon, epochs: 2) with { BatchSize = 220 };

    [Theory]
    [InlineData(2, Precision.Float32, Freeze.None)]
    [InlineData(3, Precision.Float32, Freeze.None)]
    [InlineData(2, Precision.BFloat16, Freeze.None)]
    [InlineData(2, Precision.Float32, Freeze.Backbone)]
    public void Any_number_of_ranks_gives_the_bits_and_the_reports_of_one_process(int ranks, Precision precision, Freeze freeze)
    {
        TrainingOptions options = Options with { Precision = precision, Freeze = freeze };
        Trainer alone = Trainer.Start(NewModel(), Data, options, threads: 1);
        EpochReport[] expected = [.. Timeless(alone.RunToEnd())];

        (string Weights, EpochReport[] Reports)[] found = ThreadCluster.Run(ranks, cluster =>
        {
            Trainer trainer = OnRank(cluster, options, null);
            return (Reports: (EpochReport[])[.. Timeless(trainer.RunToEnd())], Weights: Fingerprint(trainer.Model));
        }).Select(result => (result.Weights, result.Reports)).ToArray();

        Assert.All(found, rank => Assert.Equal((IEnumerable<EpochReport>)expected, rank.Reports));
        Assert.All(found, rank => Assert.Equal(Fingerprint(alone.Model), rank.Weights));
    }

    [Fact]
    public void A_rank_that_is_stopped_stops_all_and_the_checkpoint_goes_on_to_the_same_bits_without_them()
    {
        Trainer whole = Trainer.Start(NewModel(), Data, Options, threads: 1);
        whole.RunToEnd();

        string[] errors = ThreadCluster.Run(3, cluster =>
        {
            using CancellationTokenSource stop = new();
            Trainer trainer = OnRank(cluster, Options, Output());
            int steps = 0;
            Exception error = Assert.ThrowsAny<Exception>(() => trainer.RunToEnd(at =>
            {
                if (cluster.Rank == 1 && !at.IsValidating && ++steps == 1)
                    stop.Cancel();
            }, stop.Token));
            return error is EngineException engine ? $"{engine.ErrorId}: {engine.Message[..18]}" : error.GetType().Name;
        });
        Trainer resumed = Trainer.Resume(_folder.Path, null, Data, options => options, Output(), threads: 1);
        resumed.RunToEnd();

        const string Named = "RankStopped: Rank 1 was stopped";
        Assert.Equal([Named, nameof(OperationCanceledException), Named], errors);
        Assert.Equal(Fingerprint(whole.Model), Fingerprint(resumed.Model));
    }

    [Fact]
    public void No_rank_goes_on_after_the_time_limit_before_the_checkpoint_is_there()
    {
        bool[] found = ThreadCluster.Run(3, cluster =>
        {
            Trainer trainer = OnRank(cluster, Options, Output());
            trainer.MaxDuration = TimeSpan.Zero;
            // One step, and with it the epoch.
            Assert.Single(trainer.RunToEnd());
            // That of the epoch has none.
            return TrainingHistory.Read(_folder.Path).StopReason is not null;
        });

        Assert.Equal([true, true, true], found);
    }

    [Fact]
    public void A_reason_to_stop_that_one_rank_has_holds_for_all()
    {
        string?[] reasons = ThreadCluster.Run(2, cluster =>
        {
            Trainer trainer = OnRank(cluster, Options with { Epochs = 9 }, null);
            foreach (EpochReport report in trainer.Run())
                if (cluster.Rank == 1 && report.Epoch == 2)
                    trainer.Stop("Enough.");
            Assert.Equal(2, trainer.Model.TrainedEpochs);
            return trainer.StopReason;
        });

        Assert.Equal(["Enough.", "Enough."], reasons);
    }

    [Fact]
    public void Ranks_with_other_images_refuse_to_begin()
    {
        string[] messages = ThreadCluster.Run(2, cluster =>
        {
            ImageDataset data = cluster.Rank == 0 ? Data
                : new(Data.Name, Data.Source, Data.Classes, [.. Data.Train.Reverse()], [.. Data.Test]);
            Trainer trainer = Trainer.Start(NewModel(), data, Options, threads: 1);
            trainer.Cluster = new TrainingCluster(cluster, "threads");
            return AssertError("RanksDiffer", () => trainer.RunToEnd()).Message;
        });

        Assert.All(messages, message => Assert.StartsWith("Rank 1 has another fingerprint of the data than rank 0", message,
            StringComparison.Ordinal));
    }

    [Fact]
    public void Ranks_of_which_one_has_no_checkpoint_of_the_best_epoch_refuse_to_resume()
    {
        Trainer first = Trainer.Start(NewModel(), Data, Options, new OutputDirectory(_folder["0"], 0, replace: false), threads: 1);
        first.Restore = Restore.Best;
        first.RunToEnd();
        Directory.CreateDirectory(_folder["1"]);
        File.Copy(_folder["0/checkpoint-latest.safetensors"], _folder["1/checkpoint-latest.safetensors"]);

        string[] messages = ThreadCluster.Run(2, cluster =>
        {
            Trainer trainer = Trainer.Resume(_folder[$"{cluster.Rank}"], null, Data, options => options with { Epochs = 3 }, threads: 1);
            trainer.Cluster = new TrainingCluster(cluster, "threads");
            return AssertError("RanksDiffer", () => trainer.RunToEnd()).Message;
        });

        Assert.All(messages, message => Assert.Contains("checkpoint of the best epoch", message, StringComparison.Ordinal));
    }

    [Fact]
    public void Ranks_whose_trained_models_take_pixels_otherwise_refuse_to_begin()
    {
        string[] messages = ThreadCluster.Run(2, cluster =>
        {
            ImageClassifier model = NewModel();
            // A trained model keeps its own.
            model.Snapshot = model.Snapshot with
            {
                TrainedEpochs = 1,
                Preprocessing = new Preprocessing([0.5, 0.5, 0.5], [0.2, 0.2, cluster.Rank == 0 ? 0.2 : 0.3], 16, 16),
            };
            Trainer trainer = Trainer.Start(model, Data, Options, threads: 1);
            trainer.Cluster = new TrainingCluster(cluster, "threads");
            return AssertError("RanksDiffer", () => trainer.RunToEnd()).Message;
        });

        Assert.All(messages, message => Assert.StartsWith("Rank 1 has another preprocessing than rank 0", message,
            StringComparison.Ordinal));
    }

    [Fact]
    public void Ranks_whose_processors_compute_other_bits_stop_after_the_epoch_without_a_checkpoint()
    {
        string[] messages = ThreadCluster.Run(2, cluster =>
        {
            Trainer trainer = OnRank(cluster.Rank == 0 ? cluster : new Drifting(cluster), Options, Output());
            return AssertError("RanksDiffer", () => trainer.RunToEnd()).Message;
        });

        Assert.All(messages, message => Assert.StartsWith("Rank 1 has another fingerprint of the weights after epoch 1 than rank 0",
            message, StringComparison.Ordinal));
        Assert.False(File.Exists(_folder["checkpoint-latest.safetensors"]));
    }

    [Fact]
    public void A_second_run_of_the_same_ranks_is_refused_until_the_first_has_ended()
    {
        _ = ThreadCluster.Run(2, link =>
        {
            TrainingCluster cluster = new(link, "threads");
            using IEnumerator<EpochReport> first = Start().Run().GetEnumerator();
            Assert.True(first.MoveNext());
            AssertError("ClusterInUse", () => Start().RunToEnd());
            while (first.MoveNext())
            {
            }

            return Start().RunToEnd();

            Trainer Start()
            {
                Trainer trainer = Trainer.Start(NewModel(), Data, Options, threads: 1);
                trainer.Cluster = cluster;
                return trainer;
            }
        });
    }

    public void Dispose() => _folder.Dispose();

    /// <summary>A rank whose sums differ in a bit.</summary>
    private sealed class Drifting(ICluster link) : ICluster
    {
        public int Rank => link.Rank;

        public int Size => link.Size;

        public void Gather<T>(Span<T> all, ReadOnlySpan<int> counts)
            where T : unmanaged
        {
            link.Gather(all, counts);
            if (all is [float first, ..])
                all[0] = (T)(object)MathF.BitIncrement(first);
        }

        public void Exchange(
            ReadOnlySpan<float> send, ReadOnlySpan<int> sendCounts, Span<float> receive, ReadOnlySpan<int> receiveCounts) =>
            link.Exchange(send, sendCounts, receive, receiveCounts);

        public void Abort(int exitCode) => link.Abort(exitCode);
    }

    private OutputDirectory Output() => new(_folder.Path, 3, replace: false);

    private static Trainer OnRank(ICluster cluster, TrainingOptions options, OutputDirectory? output)
    {
        Trainer trainer = Trainer.Start(NewModel(), Data, options, output, threads: 1);
        trainer.Cluster = new TrainingCluster(cluster, "threads");
        return trainer;
    }
}
