using System.Collections.Concurrent;

namespace Cifar10Ps.Tests;

/// <summary>A clock for tests: waits are over at once, and each look at it finds that some time has passed.</summary>
/// <param name="step">The time between two looks.</param>
internal sealed class HurriedClock(TimeSpan step = default) : TimeProvider
{
    private long _now;

    /// <summary>How long somebody wanted to wait.</summary>
    public ConcurrentQueue<TimeSpan> Waits { get; } = [];

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <summary>Lets time pass.</summary>
    public void Pass(TimeSpan time) => Interlocked.Add(ref _now, time.Ticks);

    public override long GetTimestamp() => Interlocked.Add(ref _now, step.Ticks);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        Waits.Enqueue(dueTime);
        return base.CreateTimer(callback, state, TimeSpan.Zero, period);
    }
}
