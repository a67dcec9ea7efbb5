namespace Cifar10Ps.Data;

/// <summary>
/// Memory that threads share while they read pictures: one that needs more than is left waits, so that a folder of large pictures takes
/// no more memory on many processors than on a few.
/// </summary>
internal sealed class DecodingMemory
{
    private readonly object _gate = new();
    private readonly long _limit;
    private long _left;

    /// <summary>Nothing is taken yet.</summary>
    /// <param name="limit">How many bytes there are.</param>
    public DecodingMemory(long limit) => _limit = _left = limit;

    /// <summary>Waits until there is enough, and takes it.</summary>
    /// <param name="bytes">How much; whoever needs more than there is takes all of it.</param>
    /// <returns>Gives it back when it is disposed of.</returns>
    public IDisposable Take(long bytes)
    {
        bytes = Math.Min(bytes, _limit);
        lock (_gate)
        {
            while (_left < bytes)
                Monitor.Wait(_gate);
            _left -= bytes;
        }

        return new Share(this, bytes);
    }

    private sealed class Share(DecodingMemory memory, long bytes) : IDisposable
    {
        private long _bytes = bytes;

        public void Dispose()
        {
            lock (memory._gate)
            {
                memory._left += _bytes;
                _bytes = 0;
                Monitor.PulseAll(memory._gate);
            }
        }
    }
}
