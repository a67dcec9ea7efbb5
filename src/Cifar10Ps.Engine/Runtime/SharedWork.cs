using System.Runtime.CompilerServices;

namespace Cifar10Ps.Runtime;

/// <summary>
/// Work of busy workers that idle ones take part in, when there are fewer shards than processors or at the end of a batch. How it is cut
/// depends on the work alone, so the result does not depend on who does it.
/// </summary>
/// <param name="hasHelpers">Whether there are workers with nothing else to do: then what is handed over waits for one of them, instead of
/// keeping its giver from the work that they wait for.</param>
internal sealed class SharedWork(bool hasHelpers = false)
{
    /// <summary>Images of a piece of a shard.</summary>
    public const int PieceSize = 8;

    // Some 100 µs: the next layer of one image comes sooner, and parking and waking takes about as long.
    private const int Spins = 60, SpinLength = 50;

    private readonly object _gate = new();
    private readonly List<Job> _jobs = [];
    private volatile int _idle, _open;
    private volatile bool _ended;

    /// <summary>Whether a worker is waiting for work.</summary>
    public bool IsWanted
    {
        get
        {
            lock (_gate)
                return _idle > _jobs.Count;
        }
    }

    /// <summary>Number of pieces of a shard.</summary>
    /// <param name="images">Number of its images.</param>
    public static int PieceCount(int images) => (images + PieceSize - 1) / PieceSize;

    /// <summary>Does the pieces of a shard, with the help of idle workers, and returns when all are done.</summary>
    /// <param name="images">Number of the shard's images.</param>
    /// <param name="work">Called once for each piece, on any worker; the first failure is thrown here.</param>
    /// <param name="name">Its name in a <see cref="WorkTrace"/>.</param>
    public void ForEachPiece(int images, Action<Piece> work, [CallerMemberName] string name = "") => ForEach(PieceCount(images),
        i => work(new Piece(i, i * PieceSize, Math.Min(PieceSize, images - i * PieceSize))), name);

    /// <summary>Does some items, with the help of idle workers, and returns when all are done.</summary>
    /// <param name="count">Number of items.</param>
    /// <param name="work">Called once for each item, on any worker; the first failure is thrown here.</param>
    /// <param name="name">Its name in a <see cref="WorkTrace"/>.</param>
    public void ForEach(int count, Action<int> work, [CallerMemberName] string name = "")
    {
        work = WorkTrace.Watch(WorkKind.Item, name, work);
        if (count <= 1 || _idle == 0)
        {
            for (int i = 0; i < count; i++)
                work(i);
            return;
        }

        Job job = new(count, work);
        Open(job);
        job.Work();
        Close(job);
        job.Completion.GetAwaiter().GetResult();
    }

    /// <summary>Hands work over to a helper, or to a waiting worker; if there is neither, does it at once.</summary>
    /// <param name="work">What is to be done.</param>
    /// <param name="name">Its name in a <see cref="WorkTrace"/>.</param>
    /// <returns>A task to wait for.</returns>
    public Task Give(Action work, [CallerMemberName] string name = "")
    {
        Job job = new(1, WorkTrace.Watch(WorkKind.Gift, name, _ => work()));
        if (hasHelpers || IsWanted)
            Open(job);
        else
            job.Work();
        return job.Completion;
    }

    /// <summary>Waits for what was handed over, and meanwhile takes part in what is shared.</summary>
    public void Await(Task given)
    {
        using WorkTrace.Scope wait = WorkTrace.Measure(WorkKind.Wait, nameof(Await));
        while (!given.IsCompleted && Unfinished() is { } job)
        {
            job.Work();
            Close(job);
        }

        given.GetAwaiter().GetResult();
    }

    /// <summary>Takes part in what others share, until the end.</summary>
    public void Help()
    {
        while (Next() is { } job)
        {
            job.Work();
            Close(job);
        }
    }

    /// <summary>No more work will be shared: waiting workers may leave.</summary>
    public void End()
    {
        lock (_gate)
        {
            _ended = true;
            Monitor.PulseAll(_gate);
        }
    }

    private void Open(Job job)
    {
        lock (_gate)
        {
            _jobs.Add(job);
            _open = _jobs.Count;
            Monitor.PulseAll(_gate);
        }
    }

    private void Close(Job job)
    {
        lock (_gate)
        {
            _ = _jobs.Remove(job);
            _open = _jobs.Count;
        }
    }

    /// <summary>Waits for work: spins for a moment, then parks.</summary>
    private Job? Next()
    {
        lock (_gate)
            _idle++;
        for (int spin = 0; spin < Spins && _open == 0 && !_ended; spin++)
            Thread.SpinWait(SpinLength);
        lock (_gate)
        {
            while (_jobs.Count == 0 && !_ended)
                Monitor.Wait(_gate);
            _idle--;
            return Unfinished();
        }
    }

    private Job? Unfinished()
    {
        lock (_gate)
            return _jobs.MaxBy(job => job.Left);
    }

    /// <summary>Items that several workers take.</summary>
    private sealed class Job(int count, Action<int> work)
    {
        private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private Exception? _failure;
        private int _next, _done;

        /// <summary>Items that nobody has taken yet.</summary>
        public int Left => count - Volatile.Read(ref _next);

        /// <summary>Complete when all items are done.</summary>
        public Task Completion => _completion.Task;

        /// <summary>Does items until all are taken.</summary>
        public void Work()
        {
            while (Interlocked.Increment(ref _next) is int item && item <= count)
            {
                try
                {
                    work(item - 1);
                }
                catch (Exception e)
                {
                    _ = Interlocked.CompareExchange(ref _failure, e, null);
                }

                if (Interlocked.Increment(ref _done) < count)
                    continue;
                if (_failure is null)
                    _completion.SetResult();
                else
                    _completion.SetException(_failure);
            }
        }
    }
}
