namespace Cifar10Ps.Runtime;

/// <summary>
/// Work in libtorch, which the end of the process waits for: otherwise libtorch is torn down while threads are still in it, and they crash.
/// </summary>
internal static class NativeWork
{
    private const int PatienceMilliseconds = 30_000;
    private static readonly object Gate = new();
    private static readonly CancellationTokenSource End = new();
    private static int _running;

    // Nested work on the same thread continues when nothing new may begin.
    [ThreadStatic]
    private static int _depth;

    static NativeWork() => AppDomain.CurrentDomain.ProcessExit += (_, _) => WaitForAll();

    /// <summary>Cancelled when the process begins to end.</summary>
    public static CancellationToken Ending => End.Token;

    /// <summary>Begins work on the calling thread; never returns once the process is ending.</summary>
    /// <returns>Ends the work when it is disposed, on the same thread.</returns>
    public static Scope Begin()
    {
        lock (Gate)
        {
            if (_depth == 0)
            {
                while (End.IsCancellationRequested)
                    Monitor.Wait(Gate);
                _running++;
            }

            _depth++;
        }

        return default;
    }

    /// <summary>Enumerates items whose production, but not whose use, is such work.</summary>
    public static IEnumerable<T> Each<T>(IEnumerable<T> items)
    {
        IEnumerator<T> enumerator = items.GetEnumerator();
        try
        {
            while (true)
            {
                using (Begin())
                {
                    if (!enumerator.MoveNext())
                        yield break;
                }

                yield return enumerator.Current;
            }
        }
        finally
        {
            using (Begin())
                enumerator.Dispose();
        }
    }

    private static void WaitForAll()
    {
        // Outside the lock: what was registered with the token runs now.
        End.Cancel();
        // Not the time of day, which may be set back meanwhile.
        long limit = Environment.TickCount64 + PatienceMilliseconds;
        lock (Gate)
        {
            // Except for the thread that ends the process.
            while (_running > Math.Min(_depth, 1) && Environment.TickCount64 < limit)
                Monitor.Wait(Gate, TimeSpan.FromSeconds(1));
        }
    }

    private static void Leave()
    {
        lock (Gate)
        {
            if (--_depth > 0)
                return;
            _running--;
            Monitor.PulseAll(Gate);
        }
    }

    /// <summary>A piece of work that has begun.</summary>
    internal readonly struct Scope : IDisposable
    {
        /// <inheritdoc/>
        public void Dispose() => Leave();
    }
}
