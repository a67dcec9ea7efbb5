using System.Globalization;
using Cifar10Ps.Distribution;
using Cifar10Ps.Runtime;

namespace Cifar10Ps;

/// <summary>The processes that share a distributed training, as MPI started them.</summary>
public sealed class TrainingCluster
{
    private static readonly Lock Gate = new();
    private static TrainingCluster? _joined;
    private static EngineException? _refusal;
    private int _isRunning;

    /// <summary>Describes the processes to each other.</summary>
    /// <param name="link">How they reach each other.</param>
    /// <param name="library">What carries it.</param>
    internal TrainingCluster(ICluster link, string library)
    {
        (Link, Library) = (link, library);
        (string Host, int[] Processors)[] ranks = [.. Texts.Gather(link, $"{Environment.MachineName} {AllowedProcessors()}")
            .Select(text => text.Split(' ')).Select(parts => (parts[0], ToNumbers(parts[1])))];
        Hosts = new([.. ranks.Select(rank => rank.Host)]);
        // This variable is about a process, whatever others there are.
        int limit = Environment.GetEnvironmentVariable("DOTNET_PROCESSOR_COUNT") is null ? WorkerPool.DefaultCount : int.MaxValue;
        Threads = Math.Min(ShareOf(ranks, Rank, limit), WorkerPool.DefaultCount);
    }

    /// <summary>Number of this process, from 0. Rank 0 writes reports, logs and checkpoints.</summary>
    public int Rank => Link.Rank;

    /// <summary>Number of processes.</summary>
    public int Size => Link.Size;

    /// <summary>The machine of this process.</summary>
    public string Host => Hosts[Rank];

    /// <summary>The machine of each process, by rank.</summary>
    public ReadOnlyList<string> Hosts { get; }

    /// <summary>Number of machines.</summary>
    public int HostCount => Hosts.Distinct(StringComparer.Ordinal).Count();

    /// <summary>Default number of workers of this process: its share of the processors that it may use, at least one.</summary>
    public int Threads { get; }

    /// <summary>The MPI library and its version: <c>Open MPI v4.1.4, …</c>.</summary>
    public string Library { get; }

    /// <summary>Number of processes on the machine of this one.</summary>
    internal int RanksOnHost => Hosts.Count(host => host == Host);

    /// <summary>How to reach the other processes.</summary>
    internal ICluster Link { get; }

    /// <summary>Joins the MPI job that this process was started in, once; without a launcher, a job of one process.</summary>
    /// <exception cref="EngineException"><c>MpiNotFound</c>, <c>MpiNotUsable</c>.</exception>
    public static TrainingCluster Join()
    {
        lock (Gate)
        {
            if (_joined is not null)
                return _joined;
            // MPI can be started once in a process.
            if (_refusal is not null)
                throw _refusal;
            MpiLibrary mpi = MpiLibrary.Load();
            try
            {
                return _joined = new TrainingCluster(MpiCluster.Join(mpi), mpi.Version);
            }
            catch (EngineException e)
            {
                _refusal = e;
                throw;
            }
        }
    }

    /// <summary>Ends the processes of all ranks, this one included, with exit code 1: the others would wait for it.</summary>
    public void Abort() => Link.Abort(1);

    /// <summary>Claims the cluster for a run, whose exchanges those of another one would disturb.</summary>
    /// <returns>Releases it.</returns>
    /// <exception cref="EngineException"><c>ClusterInUse</c>.</exception>
    internal IDisposable BeginRun() => Interlocked.Exchange(ref _isRunning, 1) == 0 ? new RunClaim(this)
        : throw new EngineException("ClusterInUse", ErrorKind.ResourceUnavailable,
            "Another distributed training is under way in this process, and the ranks share one run at a time.");

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"Rank {Rank} of {Size} on {Host}");

    /// <summary>A rank's share of its machine's processors: each is divided among the ranks that may use it.</summary>
    /// <param name="ranks">Machine and usable processors of each rank.</param>
    /// <param name="rank">The rank.</param>
    /// <param name="limit">Number of processors whose time the rank's machine or container has.</param>
    internal static int ShareOf(IReadOnlyList<(string Host, int[] Processors)> ranks, int rank, int limit)
    {
        (string host, int[] own) = ranks[rank];
        double share = own.Sum(processor => 1.0 / ranks.Count(other => other.Host == host && other.Processors.Contains(processor)));
        // A container may allow less time than it has processors: its ranks share that.
        if (limit < own.Length)
            share = Math.Min(share, (double)limit / ranks.Count(other => other.Host == host));
        return Math.Max((int)Math.Round(share, 6), 1);
    }

    /// <summary>The numbers of a list such as <c>0-3,8</c>.</summary>
    internal static int[] ToNumbers(string list) => [.. list.Split(',').Select(range => range.Split('-'))
        .SelectMany(range => Enumerable.Range(int.Parse(range[0], CultureInfo.InvariantCulture),
            int.Parse(range[^1], CultureInfo.InvariantCulture) - int.Parse(range[0], CultureInfo.InvariantCulture) + 1))];

    /// <summary>The processors that launchers let this process use.</summary>
    private static string AllowedProcessors()
    {
        const string Key = "Cpus_allowed_list:";
        string? line = OperatingSystem.IsLinux()
            ? File.ReadLines("/proc/self/status").FirstOrDefault(line => line.StartsWith(Key, StringComparison.Ordinal)) : null;
        return line?[Key.Length..].Trim() ?? $"0-{Environment.ProcessorCount - 1}";
    }

    private sealed class RunClaim(TrainingCluster cluster) : IDisposable
    {
        public void Dispose() => Volatile.Write(ref cluster._isRunning, 0);
    }
}
