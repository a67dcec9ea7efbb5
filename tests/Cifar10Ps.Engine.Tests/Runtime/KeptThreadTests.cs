using Cifar10Ps.Runtime;

namespace Cifar10Ps.Tests;

[Collection(typeof(Alone))]
public class KeptThreadTests
{
    [Fact]
    public void Pools_one_after_the_other_take_the_same_threads()
    {
        HashSet<int> threads = [];
        for (int i = 0; i < 10; i++)
        {
            using WorkerPool pool = new(3);
            using Barrier meeting = new(3);
            pool.Run(3, (_, _) =>
            {
                lock (threads)
                    threads.Add(Environment.CurrentManagedThreadId);
                meeting.SignalAndWait(30_000);
            });
        }

        // A thread is idle a moment after its pool has ended; until then, another one takes its place.
        Assert.InRange(threads.Count, 3, 12);
    }
}
