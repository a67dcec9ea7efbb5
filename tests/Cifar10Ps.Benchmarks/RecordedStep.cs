using System.Diagnostics;
using Cifar10Ps.Runtime;

namespace Cifar10Ps.Benchmarks;

/// <summary>What a shard does next: its own work, work that it shares and waits for, work that it hands over, or waiting for the
/// latter.</summary>
/// <param name="Kind">Which of them; <see cref="WorkKind.Shard"/> is its own work.</param>
/// <param name="Seconds">How long each item takes on one worker.</param>
internal sealed record ShardAction(WorkKind Kind, double[] Seconds);

/// <summary>A training step as one worker did it: its shards, and the seconds that belong to none.</summary>
/// <param name="Shards">What each shard does, in order.</param>
/// <param name="Updates">Seconds of each item of the optimizer's step, in order.</param>
/// <param name="Rest">Seconds of the sums of shards, the rest of the optimizer, and all else.</param>
internal sealed record RecordedStep(IReadOnlyList<ShardAction[]> Shards, double[] Updates, double Rest)
{
    /// <summary>Share of the step that a shard does by itself, and of what belongs to no shard.</summary>
    public double OwnShare => (Rest + SecondsOf(WorkKind.Shard)) / (Rest + Updates.Sum() + Enum.GetValues<WorkKind>().Sum(SecondsOf));

    /// <summary>The same step, if shards and the optimizer took so many times as long.</summary>
    public RecordedStep Slower(double factor) => new(
        [.. Shards.Select(shard => shard.Select(action => action with { Seconds = [.. action.Seconds.Select(time => time * factor)] })
            .ToArray())], [.. Updates.Select(time => time * factor)], Rest);

    /// <summary>The steps of a recording by one worker.</summary>
    /// <param name="trace">What it did.</param>
    /// <param name="steps">Start and end of each step, in ticks.</param>
    public static IReadOnlyList<RecordedStep> Of(WorkTrace trace, IEnumerable<(long Start, long End)> steps)
    {
        WorkSpan[] spans = [.. trace.Spans.OrderBy(span => span.Start)];
        return [.. steps.Select(step => Of([.. spans.Where(span => span.Start >= step.Start && span.End <= step.End)], step))];
    }

    private static RecordedStep Of(WorkSpan[] spans, (long Start, long End) step)
    {
        WorkSpan[] shards = [.. spans.Where(span => span.Kind == WorkKind.Shard)],
            updates = [.. spans.Where(span => span.Kind == WorkKind.Update)];
        return new RecordedStep(
            [.. shards.Select(shard => Actions(shard, spans.Where(span => span.Kind != WorkKind.Shard && span.Start >= shard.Start
                && span.End <= shard.End)).ToArray())],
            [.. updates.Select(Seconds)], ToSeconds(step.End - step.Start) - shards.Concat(updates).Sum(Seconds));
    }

    private static IEnumerable<ShardAction> Actions(WorkSpan shard, IEnumerable<WorkSpan> inside)
    {
        long at = shard.Start;
        foreach (IGrouping<int, WorkSpan> job in inside.GroupBy(span => span.Job))
        {
            yield return new ShardAction(WorkKind.Shard, [ToSeconds(Math.Max(0, job.First().Start - at))]);
            yield return new ShardAction(job.First().Kind, [.. job.Select(Seconds)]);
            at = job.Last().End;
        }

        yield return new ShardAction(WorkKind.Shard, [ToSeconds(shard.End - at)]);
    }

    private double SecondsOf(WorkKind kind) =>
        Shards.Sum(shard => shard.Where(action => action.Kind == kind).Sum(action => action.Seconds.Sum()));

    private static double Seconds(WorkSpan span) => ToSeconds(span.End - span.Start);

    private static double ToSeconds(long ticks) => (double)ticks / Stopwatch.Frequency;
}
