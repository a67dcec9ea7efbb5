namespace Cifar10Ps.Data;

/// <summary>Notices that a transfer has become a trickle.</summary>
/// <param name="clock">Measures the time.</param>
internal sealed class MinimumRate(TimeProvider clock)
{
    /// <summary>The rate that is too low for anyone: a server that sends a byte now and then must not keep a user waiting.</summary>
    // The archive would take two days.
    public const int BytesPerSecond = 1_000;

    /// <summary>The rate is averaged over this time: long enough for the pauses of a poor connection.</summary>
    public static readonly TimeSpan Window = TimeSpan.FromSeconds(30);

    private long _start = clock.GetTimestamp();
    private long _bytes;

    /// <summary>Counts what has come; whether a window has ended that was too slow.</summary>
    /// <param name="bytes">The number of bytes since the last call.</param>
    public bool IsMissed(int bytes)
    {
        _bytes += bytes;
        long now = clock.GetTimestamp();
        TimeSpan elapsed = clock.GetElapsedTime(_start, now);
        if (elapsed < Window)
            return false;
        bool isMissed = _bytes < BytesPerSecond * elapsed.TotalSeconds;
        (_start, _bytes) = (now, 0);
        return isMissed;
    }
}
