using System.Runtime.ExceptionServices;
using TorchSharp;

namespace Cifar10Ps.Runtime;

/// <summary>
/// Threads that compute pieces of a batch, each with libtorch's own threading switched off: no thread spins at a barrier, and a piece gives
/// the same bits whichever thread computes it.
/// </summary>
internal sealed class WorkerPool : IDisposable
{
    private readonly Lock _oneRun = new();
    private readonly object _gate = new();
    private Action<int, int> _work = (_, _) => { };
    private ExceptionDispatchInfo? _failure;
    private int _itemCount, _nextItem, _round, _busy, _serving;
    private bool _ended;

    /// <summary>Takes threads.</summary>
    /// <param name="count">Number of workers, at least one.</param>
    /// <exception cref="EngineException"><c>NativeBackendNotLoaded</c>.</exception>
    public WorkerPool(int count)
    {
        NativeBackend.Load();
        // For the caller too, which adds up what the workers computed.
        torch.set_num_threads(1);
        Count = _serving = count;
        for (int i = 0; i < count; i++)
        {
            int worker = i;
            KeptThread.Start(() => Serve(worker));
        }
    }

    /// <summary>Default number of workers: the processors that this process may use.</summary>
    public static int DefaultCount => Environment.ProcessorCount;

    /// <summary>Number of workers.</summary>
    public int Count { get; }

    /// <summary>Does the items 0..<paramref name="itemCount"/>-1 and returns when all are done; the first failure is thrown here.</summary>
    /// <param name="itemCount">Number of items.</param>
    /// <param name="work">Called with the number of the worker and of the item.</param>
    /// <exception cref="ObjectDisposedException">The pool is disposed of.</exception>
    public void Run(int itemCount, Action<int, int> work)
    {
        lock (_oneRun)
        {
            ObjectDisposedException.ThrowIf(_ended, this);
            lock (_gate)
            {
                _work = work;
                _itemCount = itemCount;
                _nextItem = -1;
                _failure = null;
                _busy = Count;
                _round++;
                Monitor.PulseAll(_gate);
                while (_busy > 0)
                    Monitor.Wait(_gate);
            }

            _failure?.Throw();
        }
    }

    /// <summary>Releases the threads, once a run in progress has ended.</summary>
    public void Dispose()
    {
        lock (_oneRun)
        {
            lock (_gate)
            {
                _ended = true;
                Monitor.PulseAll(_gate);
                while (_serving > 0)
                    Monitor.Wait(_gate);
            }
        }
    }

    private void Serve(int worker)
    {
        torch.set_num_threads(1);
        for (int round = 1; ; round++)
        {
            lock (_gate)
            {
                while (_round < round && !_ended)
                    Monitor.Wait(_gate);
                if (_ended)
                {
                    if (--_serving == 0)
                        Monitor.PulseAll(_gate);
                    return;
                }
            }

            try
            {
                while (_failure is null && Interlocked.Increment(ref _nextItem) is int item && item < _itemCount)
                    _work(worker, item);
            }
            catch (Exception e)
            {
                _failure = ExceptionDispatchInfo.Capture(e);
            }

            lock (_gate)
            {
                if (--_busy == 0)
                    Monitor.PulseAll(_gate);
            }
        }
    }
}
