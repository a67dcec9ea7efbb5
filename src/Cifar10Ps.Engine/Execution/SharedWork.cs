namespace Cifar10Ps.Execution;

/// <summary>
/// Work that busy workers hand to idle ones, at the end of a batch or if there are fewer shards than processors. The result does not depend
/// on who does it.
/// </summary>
internal sealed class SharedWork
{
    private readonly object _gate = new();
    private readonly Queue<Task> _tasks = [];
    private int _idle;
    private bool _ended;

    /// <summary>Whether a worker is waiting for work.</summary>
    public bool IsWanted
    {
        get
        {
            lock (_gate)
                return _idle > _tasks.Count;
        }
    }

    /// <summary>Hands work to a waiting worker; if there is none, does it at once.</summary>
    /// <param name="work">What is to be done.</param>
    /// <returns>A task to wait for.</returns>
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

    /// <summary>Does what others hand over, until the end.</summary>
    public void Help()
    {
        while (Next() is { } task)
            task.RunSynchronously(TaskScheduler.Default);
    }

    /// <summary>No more work will be handed over: waiting workers may leave.</summary>
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
