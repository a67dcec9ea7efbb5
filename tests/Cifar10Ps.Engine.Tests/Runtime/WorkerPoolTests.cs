using Cifar10Ps.Runtime;
using TorchSharp;

namespace Cifar10Ps.Tests;

public class WorkerPoolTests
{
    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 1)]
    [InlineData(2, 1_000)]
    [InlineData(5, 3)]
    public void Every_item_is_done_once_by_a_worker_of_the_pool(int workers, int items)
    {
        using WorkerPool pool = new(workers);
        int[] done = new int[items];

        for (int round = 0; round < 3; round++)
            pool.Run(items, (worker, item) =>
            {
                Assert.InRange(worker, 0, workers - 1);
                Interlocked.Increment(ref done[item]);
            });

        Assert.Equal(Enumerable.Repeat(3, items), done);
    }

    [Fact]
    public void Workers_work_at_the_same_time_each_on_a_thread_of_its_own()
    {
        using WorkerPool pool = new(2);
        using Barrier meeting = new(2);
        int[] threads = new int[2];

        // Neither leaves before both have arrived.
        pool.Run(2, (worker, _) =>
        {
            threads[worker] = Environment.CurrentManagedThreadId;
            Assert.True(meeting.SignalAndWait(30_000));
        });

        Assert.Distinct([.. threads, Environment.CurrentManagedThreadId]);
    }

    [Fact]
    public void Workers_compute_without_further_threads()
    {
        using WorkerPool pool = new(2);
        int[] threads = new int[2];

        pool.Run(2, (_, item) => threads[item] = torch.get_num_threads());

        Assert.Equal([1, 1], threads);
    }

    [Fact]
    public void A_failure_reaches_the_caller_and_the_pool_goes_on()
    {
        using WorkerPool pool = new(2);
        int done = 0;

        InvalidOperationException failure = Assert.Throws<InvalidOperationException>(() => pool.Run(1_000_000, (_, item) =>
            _ = item == 3 ? throw new InvalidOperationException("item 3") : Interlocked.Increment(ref done)));
        Assert.Equal("item 3", failure.Message);
        // Items that had not begun by then are not started any more.
        Assert.InRange(done, 3, 999_998);

        int[] again = new int[100];
        pool.Run(100, (_, item) => Interlocked.Increment(ref again[item]));
        Assert.Equal(Enumerable.Repeat(1, 100), again);
    }

    [Fact]
    public void Who_asks_a_pool_that_is_disposed_of_is_told_so()
    {
        WorkerPool pool = new(2);
        pool.Run(1, (_, _) => { });
        pool.Dispose();
        pool.Dispose();

        Assert.Throws<ObjectDisposedException>(() => pool.Run(1, (_, _) => { }));
    }

    [Fact]
    public async Task A_run_that_is_under_way_ends_before_its_pool_does()
    {
        WorkerPool pool = new(2);
        using ManualResetEventSlim begun = new(), goOn = new();
        int done = 0;
        Task run = Task.Run(() => pool.Run(100, (_, _) =>
        {
            begun.Set();
            goOn.Wait(30_000);
            Interlocked.Increment(ref done);
        }), TestContext.Current.CancellationToken);
        begun.Wait(TestContext.Current.CancellationToken);

        Task dispose = Task.Run(pool.Dispose, TestContext.Current.CancellationToken);
        goOn.Set();

        await Task.WhenAll(run, dispose).WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        Assert.Equal(100, done);
    }

    [Fact]
    public void Two_callers_take_turns()
    {
        using WorkerPool pool = new(2);
        int[] sums = new int[2];

        Parallel.For(0, 2, caller =>
        {
            for (int round = 0; round < 200; round++)
                pool.Run(10, (_, item) => Interlocked.Add(ref sums[caller], item));
        });

        Assert.Equal([200 * 45, 200 * 45], sums);
    }
}
