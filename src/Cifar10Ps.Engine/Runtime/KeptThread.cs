
using Cifar10Ps.Execution.Kernels;

namespace Cifar10Ps.Runtime;

/// <summary>
/// Threads that do one piece of work after the other and never end: a thread's memory (heap of the C library, <see cref="Scratch"/>) is not
/// released when it ends, so a process that created new ones for each training would grow with each.
/// </summary>
internal sealed class KeptThread
{
    private static readonly Stack<KeptThread> Idle = [];

    private readonly object _gate = new();
    private Action? _work;

    private KeptThread() => new Thread(Serve) { IsBackground = true, Name = "Cifar10Ps worker" }.Start();

    /// <summary>Starts work on an idle thread, or on a new one.</summary>
    /// <param name="work">The work, which must not throw.</param>
    public static void Start(Action work)
    {
        KeptThread? thread;
        lock (Idle)
            Idle.TryPop(out thread);
        thread ??= new KeptThread();
        lock (thread._gate)
        {
            thread._work = work;
            Monitor.Pulse(thread._gate);
        }
    }

    private void Serve()
    {
        while (true)
        {
            // Not in a variable: an idle thread must not keep its last work alive.
            Next()();
            lock (Idle)
                Idle.Push(this);
        }
    }

    private Action Next()
    {
        lock (_gate)
        {
            while (_work is null)
                Monitor.Wait(_gate);
            Action work = _work;
            _work = null;
            return work;
        }
    }
}
