using System.Diagnostics;
using System.Text.Json;
using Cifar10Ps.Runtime;

namespace Cifar10Ps.Benchmarks;

/// <summary>
/// Predicts how training scales to more processors than this machine has: records the pieces of real steps on one worker, and replays them
/// on any number of workers, with the measured cost of a hand-over, and as much slower as shards are beside others on this machine, whose
/// processors share its memory. Beside it, what its memory would allow.
/// </summary>
internal static class ScalingModel
{
    private const int Images = 24 * 128, HandOvers = 400;

    // How often the output of a convolution passes between memory and a core in a step, if no cache holds it: convolution and norm forward
    // (4), and the backward passes of norm and convolution, of the input and of the weight (8).
    private const int Passes = 12;

    /// <summary>Measures on this machine, and prints what follows.</summary>
    public static void Run()
    {
        double handOver = HandOver(), bandwidth = Bandwidth();
        Console.Error.WriteLine($"a hand-over {handOver * 1e6:F1} µs, memory {bandwidth / 1e9:F1} GB/s");
        int[] counts = [1, 2, 4, 8, 16, 32];
        Console.WriteLine("| precision | batch | | " + string.Join(" | ", counts) + " |");
        Console.WriteLine("|---|---|---|" + string.Concat(counts.Select(_ => "---|")));
        foreach (Precision precision in new[] { Precision.Float32, Precision.BFloat16 })
            foreach (int batch in new[] { 128, 1024 })
            {
                (WorkTrace alone, List<(long, long)> ends) = Record(batch, 1, precision);
                double slowdown = MeanPiece(Record(batch, Environment.ProcessorCount, precision).Trace) / MeanPiece(alone);
                RecordedStep[] steps = [.. RecordedStep.Of(alone, ends)];
                double[] predicted = [.. counts.Select(workers => Median(steps.Select(step =>
                    StepReplay.Seconds(workers == 1 ? step : step.Slower(slowdown), workers, handOver))))];
                Print("predicted images/s", predicted.Select(seconds => $"{batch / seconds:F0}"));
                Print("efficiency", predicted.Zip(counts, (seconds, workers) => $"{predicted[0] / seconds / workers:P0}"));
                Print("measured images/s", counts.Select(workers => workers <= Environment.ProcessorCount
                    ? $"{batch / MeasureStep(batch, workers, precision):F0}" : ""));
                Console.Error.WriteLine($"{precision}, {batch:N0}: beside others a shard takes {slowdown:F2} times as long; own work "
                    + $"{Median(steps.Select(step => step.OwnShare)):P0} of a step; "
                    + $"this memory allows {bandwidth / Traffic(precision):F0} images/s");

                void Print(string what, IEnumerable<string> values) =>
                    Console.WriteLine($"| {precision} | {batch:N0} | {what} | {string.Join(" | ", values)} |");
            }
    }

    /// <summary>Writes the pieces of some steps on all workers as a file for chrome://tracing and ui.perfetto.dev.</summary>
    /// <remarks>Format: "Trace Event Format", Google; complete events ("X"), times in microseconds.</remarks>
    public static void WriteTrace(string file)
    {
        WorkTrace trace = Record(128, Environment.ProcessorCount, Precision.Auto).Trace;
        long origin = trace.Spans.Min(span => span.Start);
        using FileStream stream = File.Create(file);
        JsonSerializer.Serialize(stream, trace.Spans.Select(span => new
        {
            name = span.Name,
            cat = $"{span.Kind}",
            ph = "X",
            pid = 1,
            tid = span.Thread,
            ts = (span.Start - origin) * 1e6 / Stopwatch.Frequency,
            dur = (span.End - span.Start) * 1e6 / Stopwatch.Frequency,
        }));
    }

    /// <summary>Median seconds of a step on some workers, nothing recorded.</summary>
    private static double MeasureStep(int batch, int workers, Precision precision) =>
        Median(Train(batch, workers, precision, null).Select(step => (double)(step.End - step.Start) / Stopwatch.Frequency));

    private static (WorkTrace Trace, List<(long Start, long End)> Steps) Record(int batch, int workers, Precision precision)
    {
        WorkTrace trace = new();
        return (trace, Train(batch, workers, precision, trace));
    }

    /// <summary>Trains, and returns the steps after those that warm up.</summary>
    private static List<(long Start, long End)> Train(int batch, int workers, Precision precision, WorkTrace? trace)
    {
        int steps = Images / batch, warmUp = steps / 2;
        ImageDataset data = SyntheticImages.Create((warmUp + steps) * batch, 10);
        Trainer trainer = Trainer.Start(Models.NewResNet20(data.Classes, 0), data,
            Recipes.Options(Recipe.Fast) with { BatchSize = batch, Epochs = 1, Precision = precision }, threads: workers);
        List<(long Start, long End)> times = [];
        long start = Stopwatch.GetTimestamp();
        _ = trainer.Run(progress =>
        {
            if (progress.IsValidating)
                return;
            times.Add((start, Stopwatch.GetTimestamp()));
            WorkTrace.Current = times.Count >= warmUp && times.Count < warmUp + steps ? trace : null;
            start = Stopwatch.GetTimestamp();
        }).Count();
        WorkTrace.Current = null;
        return times[warmUp..];
    }

    private static double MeanPiece(WorkTrace trace) =>
        trace.Spans.Where(span => span.Kind is WorkKind.Item or WorkKind.Gift).Average(span => span.End - span.Start);

    /// <summary>Median seconds until a waiting worker begins with what is handed over.</summary>
    private static double HandOver()
    {
        using WorkerPool pool = new(2);
        SharedWork shared = new();
        List<double> times = [];
        pool.Run(2, (_, item) =>
        {
            if (item == 1)
            {
                shared.Help();
                return;
            }

            for (int i = 0; i < HandOvers; i++)
            {
                while (!shared.IsWanted)
                    Thread.SpinWait(10);
                Thread.SpinWait(100);
                long start = Stopwatch.GetTimestamp();
                shared.Await(shared.Give(() => times.Add(Stopwatch.GetElapsedTime(start).TotalSeconds)));
            }

            shared.End();
        });
        return Median(times);
    }

    /// <summary>Bytes per second that all processors together copy, reads and writes counted.</summary>
    private static double Bandwidth()
    {
        const int Length = 1 << 25, Repeats = 8;
        float[][] from = [.. Enumerable.Range(0, Environment.ProcessorCount).Select(_ => new float[Length])];
        float[][] to = [.. from.Select(_ => new float[Length])];
        double best = double.MaxValue;
        for (int i = 0; i < Repeats; i++)
        {
            long start = Stopwatch.GetTimestamp();
            Parallel.For(0, from.Length, k => from[k].AsSpan().CopyTo(to[k]));
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return 2.0 * sizeof(float) * Length * from.Length / best;
    }

    /// <summary>Bytes that an image's activations move in a step, if no cache holds them.</summary>
    private static double Traffic(Precision precision)
    {
        Network network = Models.NewResNet20(SyntheticImages.Classes, 0).Network;
        long values = network.Layers.Zip(network.Shapes(32, 32)).Where(layer => layer.First.Kind == LayerKind.Convolution)
            .Sum(layer => (long)layer.Second.Length);
        return (double)values * Passes * (precision == Precision.BFloat16 ? 2 : 4);
    }

    private static double Median(IEnumerable<double> values) => values.Order().ToArray() is var sorted ? sorted[sorted.Length / 2] : 0;
}
