namespace Cifar10Ps.Execution;

/// <summary>
/// Work that busy workers give away while others have none: the end of a batch, and processors that there are no shards for.
/// Who does it changes nothing of what it computes.
/// </summary>
internal sealed class SharedWork
{
    private readonly object _gate = new();
    private readonly Queue<Task> _tasks = [];
    private int _idle;
    private bool _ended;

    /// <summary>Whether a worker waits for work.</summary>
    public bool IsWanted
    {
        get
        {
            lock (_gate)
                return _idle > _tasks.Count;
        }
    }

    /// <summary>Gives work to a worker that waits for it; if none does, it is done at once.</summary>
    /// <param name="work">What is to be done.</param>
    /// <returns>To be waited for.</returns>
    public Task Give(Action work)
    {
        Task task = new(work, TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            if (IsWanted)
            {
                _tasks.Enqueue(task);
                Monitor.Pulse(_gate);
                return task;
            }
        }

        task.RunSynchronously(TaskScheduler.Default);
        return task;
    }

    /// <summary>Does what others give away, until the end.</summary>
    public void Help()
    {
        while (Next() is { } task)
            task.RunSynchronously(TaskScheduler.Default);
    }

    /// <summary>Nothing will be given away any more: whoever helps may go.</summary>
    public void End()
    {
        lock (_gate)
        {
            _ended = true;
            Monitor.PulseAll(_gate);
        }
    }

    private Task? Next()
    {
        lock (_gate)
        {
            _idle++;
            while (_tasks.Count == 0 && !_ended)
                Monitor.Wait(_gate);
            _idle--;
            return _tasks.TryDequeue(out Task? task) ? task : null;
        }
    }
}
