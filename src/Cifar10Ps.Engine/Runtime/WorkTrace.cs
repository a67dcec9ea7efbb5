using System.Collections.Concurrent;
using System.Diagnostics;

namespace Cifar10Ps.Runtime;

/// <summary>What a span of a <see cref="WorkTrace"/> is.</summary>
internal enum WorkKind
{
    /// <summary>A shard, from its images to its gradients, on one worker.</summary>
    Shard,

    /// <summary>An item of work that a shard shares, and waits for.</summary>
    Item,

    /// <summary>Work that a shard hands over, and goes on.</summary>
    Gift,

    /// <summary>A shard waits for what it handed over.</summary>
    Wait,

    /// <summary>An item of the optimizer's step.</summary>
    Update,
}

/// <summary>Something that a worker did.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Name">Who shared it.</param>
/// <param name="Job">The same number for items that were shared together.</param>
/// <param name="Thread">The thread that did it.</param>
/// <param name="Start">Its start, in ticks of <see cref="Stopwatch"/>.</param>
/// <param name="End">Its end.</param>
internal readonly record struct WorkSpan(WorkKind Kind, string Name, int Job, int Thread, long Start, long End);

/// <summary>Records which worker did which work when; the benchmarks replay and draw it.</summary>
internal sealed class WorkTrace
{
    private readonly ConcurrentQueue<WorkSpan> _spans = new();
    private int _jobs;

    /// <summary>Receives what all workers of the process do; null disables it.</summary>
    public static WorkTrace? Current { get; set; }

    /// <summary>What was recorded, in the order of the ends.</summary>
    public IReadOnlyCollection<WorkSpan> Spans => _spans;

    /// <summary>Records the time until it is disposed.</summary>
    public static Scope Measure(WorkKind kind, string name) =>
        Current is { } trace ? new Scope(trace, kind, name, trace.NextJob()) : default;

    /// <summary>The same work, each item of which is recorded.</summary>
    public static Action<int> Watch(WorkKind kind, string name, Action<int> work)
    {
        if (Current is not { } trace)
            return work;
        int job = trace.NextJob();
        return item =>
        {
            using Scope scope = new(trace, kind, name, job);
            work(item);
        };
    }

    private int NextJob() => Interlocked.Increment(ref _jobs);

    /// <summary>A span that has begun.</summary>
    internal readonly struct Scope(WorkTrace trace, WorkKind kind, string name, int job) : IDisposable
    {
        private readonly long _start = Stopwatch.GetTimestamp();

        /// <inheritdoc/>
        public void Dispose() =>
            trace?._spans.Enqueue(new WorkSpan(kind, name, job, Environment.CurrentManagedThreadId, _start, Stopwatch.GetTimestamp()));
    }
}
