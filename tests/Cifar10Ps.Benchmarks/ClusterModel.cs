using System.Diagnostics;
using Cifar10Ps.Distribution;

namespace Cifar10Ps.Benchmarks;

/// <summary>
/// Predicts how much faster ranks of one thread each train than one alone: a step takes the shards of the busiest rank one after the
/// other, the optimizer's part, which every rank does, and the messages. What a rank copies and adds for them is left out.
/// </summary>
/// <param name="Shard">Seconds of a shard of 64 images on one thread, forward and backward.</param>
/// <param name="Update">Seconds of the rest of a step.</param>
/// <param name="Bytes">Size of the gradients.</param>
/// <remarks>R. Thakur, R. Rabenseifner, W. Gropp, "Optimization of collective communication operations in MPICH", 2005.</remarks>
internal sealed record ClusterModel(double Shard, double Update, long Bytes)
{
    private const int ShardSize = 64, Steps = 24, WarmUp = 12;

    private static readonly (string Name, double Latency, double Bandwidth)[] Networks =
        [("100 Mbit/s, 1 ms", 1e-3, 100e6 / 8), ("1 Gbit/s, 50 µs", 50e-6, 1e9 / 8), ("25 Gbit/s, 5 µs", 5e-6, 25e9 / 8)];

    /// <summary>Measures on this machine, and prints what follows.</summary>
    public static void Run()
    {
        Console.WriteLine("| network of | batch | over | " + string.Join(" | ", Ranks().Select(ranks => $"{ranks}")) + " |");
        Console.WriteLine("|---|---|---|" + string.Concat(Ranks().Select(_ => "---|")));
        foreach (int depth in new[] { 20, 56 })
        {
            ClusterModel model = Measure(depth);
            Console.Error.WriteLine($"ResNet-{depth}: a shard {model.Shard * 1e3:F1} ms, the rest of a step {model.Update * 1e3:F1} ms, "
                + $"{model.Bytes / 1e6:F2} MB");
            foreach (int batch in new[] { 128, 1024, 4096 })
                foreach ((string name, double latency, double bandwidth) in Networks)
                    Console.WriteLine($"| ResNet-{depth} | {batch:N0} | {name} | " + string.Join(" | ",
                        Ranks().Select(ranks => $"{model.Step(1, batch, 0, 1) / model.Step(ranks, batch, latency, bandwidth):F1}")) + " |");
        }

        static IEnumerable<int> Ranks() => Enumerable.Range(1, 8).Select(power => 1 << power);
    }

    /// <summary>Seconds of a step.</summary>
    /// <param name="ranks">Number of ranks, of one thread each.</param>
    /// <param name="batch">Images of a step.</param>
    /// <param name="latency">Seconds until a message arrives, whatever its size.</param>
    /// <param name="bandwidth">Bytes per second of a rank, each way.</param>
    public double Step(int ranks, int batch, double latency, double bandwidth)
    {
        int shards = (batch + ShardSize - 1) / ShardSize, busiest = (shards + ranks - 1) / ranks;
        return busiest * Shard + Update + Messages(ranks, shards, latency, bandwidth);
    }

    /// <summary>Every rank sends each other one a slice of its sums, and then the sum of its slice. The latency
    /// is that of one message to all, and of a tree.</summary>
    private double Messages(int ranks, int shards, double latency, double bandwidth)
    {
        if (ranks == 1)
            return 0;
        int sums = Enumerable.Range(0, ranks)
            .Max(rank => ShardTree.SumsOf(shards, shards * rank / ranks, shards * (rank + 1) / ranks).Count());
        double part = (double)(ranks - 1) / ranks * Bytes / bandwidth;
        return (1 + Math.Ceiling(Math.Log2(ranks))) * latency + (sums + 1) * part;
    }

    private static ClusterModel Measure(int depth)
    {
        double one = Seconds(depth, ShardSize), two = Seconds(depth, 2 * ShardSize);
        long parameters = Models.NewResNet(depth, SyntheticImages.Classes, 0).ParameterCount;
        return new ClusterModel(two - one, 2 * one - two, sizeof(float) * parameters);
    }

    /// <summary>Median seconds of a step on one thread.</summary>
    private static double Seconds(int depth, int batch)
    {
        ImageClassifier model = Models.NewResNet(depth, SyntheticImages.Classes, 0);
        ImageDataset data = SyntheticImages.Create((WarmUp + Steps) * batch, 10);
        Trainer trainer = Trainer.Start(model, data, Recipes.Options(Recipe.Fast) with { BatchSize = batch, Epochs = 1 }, threads: 1);
        List<double> times = [];
        long start = Stopwatch.GetTimestamp();
        _ = trainer.Run(progress =>
        {
            if (!progress.IsValidating)
                times.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
            start = Stopwatch.GetTimestamp();
        }).Count();
        return times.Skip(WarmUp).Order().ElementAt(Steps / 2);
    }
}
