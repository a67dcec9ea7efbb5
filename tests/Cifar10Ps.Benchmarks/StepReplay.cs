using Cifar10Ps.Runtime;

namespace Cifar10Ps.Benchmarks;

/// <summary>
/// Replays a recorded step on any number of workers, by the rules of <see cref="SharedWork"/>: each takes a shard while there are some,
/// then takes part in what the others share, the job with the most items left first.
/// </summary>
internal sealed class StepReplay
{
    private readonly Queue<ShardAction[]> _shards;
    private readonly List<Job> _jobs = [];
    private readonly Worker[] _workers;
    private readonly double _handOver;
    private readonly bool _hasHelpers;

    private StepReplay(RecordedStep step, int workers, double handOver)
    {
        _shards = new Queue<ShardAction[]>(step.Shards);
        _workers = [.. Enumerable.Range(0, workers).Select(_ => new Worker())];
        _handOver = handOver;
        _hasHelpers = workers > step.Shards.Count;
    }

    /// <summary>Seconds of the step.</summary>
    /// <param name="step">The step.</param>
    /// <param name="workers">Number of workers.</param>
    /// <param name="handOver">Seconds until an idle worker begins with what is shared, and until its sharer knows that it is done.</param>
    public static double Seconds(RecordedStep step, int workers, double handOver) =>
        step.Rest + new StepReplay(step, workers, handOver).Run() + Update(step.Updates, workers);

    /// <summary>Seconds of the optimizer's items: each worker takes the next one.</summary>
    private static double Update(double[] items, int workers)
    {
        double[] times = new double[workers];
        foreach (double seconds in items)
            times[times.IndexOf(times.Min())] += seconds;
        return times.Max();
    }

    private double Run()
    {
        // Always the worker that is earliest, so that nobody takes what another one would have taken before.
        while (_workers.Where(worker => !worker.IsIdle).MinBy(worker => worker.Time) is { } next)
            Advance(next);
        return _workers.Max(worker => worker.Busy);
    }

    private void Advance(Worker worker)
    {
        if (worker.Waiting is { } job)
        {
            if (job.Left > 0)
            {
                Take(job, worker);
                return;
            }

            // All of its items have their end; the last one may be another worker's.
            worker.Reach(job.LastBy == worker ? job.End : job.End + _handOver);
            worker.Waiting = null;
            return;
        }

        if (worker.Actions.TryDequeue(out ShardAction? action))
            Begin(action, worker);
        else if (_shards.TryDequeue(out ShardAction[]? shard))
            worker.Actions = new Queue<ShardAction>(shard);
        else if (Open() is { } open)
            Take(open, worker);
        else
            worker.IsIdle = true;
    }

    private void Begin(ShardAction action, Worker worker)
    {
        switch (action.Kind)
        {
            case WorkKind.Item:
                worker.Waiting = Share(action, worker);
                break;
            case WorkKind.Gift when _hasHelpers || _workers.Count(other => other.IsIdle) > _jobs.Count(job => job.Left > 0):
                worker.Given.Add(Share(action, worker));
                break;
            case WorkKind.Wait:
                if (worker.Given.FirstOrDefault(given => given.Left > 0) is { } left)
                    worker.Waiting = left;
                else if (worker.Given.Count > 0)
                    worker.Reach(worker.Given.Max(given => given.End));
                if (worker.Waiting is not null)
                    worker.Actions = new Queue<ShardAction>(worker.Actions.Prepend(action));
                else
                    worker.Given.Clear();
                break;
            default:
                worker.Reach(worker.Time + action.Seconds.Sum());
                break;
        }
    }

    private Job Share(ShardAction action, Worker worker)
    {
        Job job = new(action.Seconds);
        _jobs.Add(job);
        foreach (Worker idle in _workers.Where(other => other.IsIdle))
        {
            idle.IsIdle = false;
            idle.Time = Math.Max(idle.Time, worker.Time + _handOver);
        }

        return job;
    }

    private static void Take(Job job, Worker worker)
    {
        worker.Reach(worker.Time + job.Seconds[^job.Left]);
        job.Left--;
        if (worker.Time >= job.End)
            (job.End, job.LastBy) = (worker.Time, worker);
    }

    private Job? Open() => _jobs.Where(job => job.Left > 0).MaxBy(job => job.Left);

    private sealed class Worker
    {
        public double Time { get; set; }

        /// <summary>When it last did something.</summary>
        public double Busy { get; private set; }

        public bool IsIdle { get; set; }

        public Queue<ShardAction> Actions { get; set; } = [];

        public List<Job> Given { get; } = [];

        public Job? Waiting { get; set; }

        public void Reach(double time) => Busy = Time = Math.Max(Time, time);
    }

    private sealed class Job(double[] seconds)
    {
        public double[] Seconds => seconds;

        public int Left { get; set; } = seconds.Length;

        public double End { get; set; }

        public Worker? LastBy { get; set; }
    }
}
