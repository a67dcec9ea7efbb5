using TorchSharp;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

/// <summary>Tests that run alone, since they must not measure what other tests allocate, or share threads with them.</summary>
[CollectionDefinition(DisableParallelization = true)]
public class Alone;

[Collection(typeof(Alone))]
public class TrainerMemoryTests
{
    [Fact]
    public void Three_hundred_steps_and_fifteen_validations_take_no_more_memory()
    {
        ImageDataset data = SmallImages(160, 8, side: 8);
        (long Bytes, long Garbage, long Tensors) warm = default, end = default;

        foreach (EpochReport report in NewRun(TinyOptions(epochs: 17) with { BatchSize = 8 }, data: data).Run())
        {
            if (report.Epoch == 2)
                warm = Used();
            else if (report.Epoch == 17)
                end = Used();
        }

        Assert.InRange(end.Bytes / (double)warm.Bytes, 0, 1.05);
        // Memory freed by earlier tests may hide a leak of bytes, but not one of tensors.
        // The collector does not know how large tensors are, so those of a step must not be left to it.
        Assert.InRange(end.Tensors - warm.Tensors, long.MinValue, 0);
        Assert.InRange(end.Garbage, 0, 300 * 10);
    }

    [Fact]
    public void Trainings_one_after_the_other_take_no_more_memory()
    {
        ImageDataset data = SyntheticImages.Create(128, 8);
        long[] used = new long[8];
        for (int i = 0; i < used.Length; i++)
        {
            // On a thread of its own, like a job.
            Thread thread = new(() => NewRun(TinyOptions(epochs: 1) with { BatchSize = 128 }, data: data).RunToEnd());
            thread.Start();
            thread.Join();
            used[i] = Environment.WorkingSet;
        }

        // New heaps of the C library for the workers used to take 100 MB and more each time.
        Assert.InRange(used[^1] - used[2], long.MinValue, 150_000_000);
    }

    /// <summary>The memory of the process, the number of tensors waiting for the collector, and the number of live ones.</summary>
    private static (long Bytes, long Garbage, long Tensors) Used()
    {
        (long bytes, long all) = (Environment.WorkingSet, torch.Tensor.TotalCount);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return (bytes, all - torch.Tensor.TotalCount, torch.Tensor.TotalCount);
    }
}
