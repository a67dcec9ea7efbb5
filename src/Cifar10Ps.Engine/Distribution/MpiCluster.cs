using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Cifar10Ps.Runtime;

namespace Cifar10Ps.Distribution;

/// <summary>
/// The ranks of an MPI job. Started once in a process; at its end the job is left, or aborted if the process failed, so that no rank
/// waits for one that is gone.
/// </summary>
internal sealed unsafe class MpiCluster : ICluster
{
    /// <summary><c>MPI_THREAD_SERIALIZED</c>: calls may come from any thread, but not from two at once.</summary>
    private const int Serialized = 2;

    private const int FarewellTag = 23;

    private const string SlurmVariable = "SLURM_STEP_NUM_TASKS";

    /// <summary>How long to spin before others get the processor, and how often a long wait looks for ranks that have left.</summary>
    private static readonly TimeSpan Spin = TimeSpan.FromMilliseconds(0.1), LookAround = TimeSpan.FromSeconds(1);

    /// <summary>How often a rank whose script has ended looks whether those of the others have.</summary>
    private static readonly TimeSpan Farewell = TimeSpan.FromMilliseconds(20);

    /// <summary>How long a launcher gets to forward the last messages of a rank: it drops them once the job is aborted.</summary>
    private static readonly TimeSpan Forwarding = TimeSpan.FromSeconds(0.5);

    /// <summary>Where launchers say how many ranks they started.</summary>
    private static readonly string[] SizeVariables = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", SlurmVariable];

    private readonly MpiLibrary _mpi;

    // What MPI reads and writes while it communicates, even if that never ends because a rank has left.
    private readonly int[] _counts;
    private float[] _sent = [], _received = [];
    private EngineException? _left;

    private MpiCluster(MpiLibrary mpi, int size)
    {
        (_mpi, Size) = (mpi, size);
        _counts = GC.AllocateArray<int>(4 * size, pinned: true);
    }

    /// <inheritdoc/>
    public int Rank { get; private init; }

    /// <inheritdoc/>
    public int Size { get; }

    /// <summary>Number of ranks that the launcher says it started, and where; null: it says nothing.</summary>
    public static (string Variable, int Ranks)? Launch => SizeVariables
        .Select(name => int.TryParse(Environment.GetEnvironmentVariable(name), out int ranks) ? (name, ranks) : ((string, int)?)null)
        .FirstOrDefault(launch => launch is not null);

    /// <summary>Joins the job that this process was started in; without a launcher, it is a job of one rank.</summary>
    /// <exception cref="EngineException"><c>MpiNotUsable</c>.</exception>
    public static MpiCluster Join(MpiLibrary mpi)
    {
        int level, rank, size;
        if (mpi.Init(0, 0, Serialized, &level) != 0 || mpi.GetRank(mpi.World, &rank) != 0 || mpi.GetSize(mpi.World, &size) != 0)
            throw new EngineException("MpiNotUsable", ErrorKind.ResourceUnavailable, $"{mpi.Version} could not be started.");
        MpiCluster cluster = new(mpi, size) { Rank = rank };
        // Its own handler comes first: no run is under way any more when the job is left.
        _ = NativeWork.Ending;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => cluster.Leave();
        if (level < Serialized)
            throw new EngineException("MpiNotUsable", ErrorKind.ResourceUnavailable,
                $"{mpi.Version} was built without thread support (it provides level {level}, {Serialized} is needed).");
        if (Launch is (string variable, int launched) && launched != size)
            throw new EngineException("MpiNotUsable", ErrorKind.ResourceUnavailable,
                $"The job has {launched} ranks, but {mpi.Version} sees {size}: "
                + (variable == SlurmVariable
                    ? "Slurm did not tell it of the others. Start it with srun --mpi=pmix or --mpi=pmi2 (srun --mpi=list names what there "
                        + $"is). If that does not help, set {MpiLibrary.PathVariable} to the path of a library that was built for Slurm."
                    : $"it is not the library of the launcher. Set {MpiLibrary.PathVariable} to the path of that library."));
        return cluster;
    }

    /// <inheritdoc/>
    public void Gather<T>(Span<T> all, ReadOnlySpan<int> counts)
        where T : unmanaged
    {
        Span<T> shared = MemoryMarshal.Cast<float, T>(Room(ref _received, (int)(((long)all.Length * sizeof(T) + sizeof(float) - 1)
            / sizeof(float))))[..all.Length];
        all.CopyTo(shared);
        int* lengths = Parts(0, counts, all.Length);
        nint request;
        _mpi.StartGather(_mpi.InPlace, 0, _mpi.Byte, AddressOf(_received), lengths, lengths + Size, TypeOf<T>(), _mpi.World, &request);
        Wait(&request);
        shared.CopyTo(all);
    }

    /// <inheritdoc/>
    public void Exchange(ReadOnlySpan<float> send, ReadOnlySpan<int> sendCounts, Span<float> receive, ReadOnlySpan<int> receiveCounts)
    {
        send.CopyTo(Room(ref _sent, send.Length));
        Span<float> received = Room(ref _received, receive.Length);
        int* sentLengths = Parts(0, sendCounts, send.Length), receivedLengths = Parts(2, receiveCounts, receive.Length);
        nint request;
        _mpi.StartExchange(AddressOf(_sent), sentLengths, sentLengths + Size, _mpi.Float, AddressOf(_received), receivedLengths,
            receivedLengths + Size, _mpi.Float, _mpi.World, &request);
        Wait(&request);
        received.CopyTo(receive);
    }

    /// <inheritdoc/>
    public void Abort(int exitCode)
    {
        Thread.Sleep(Forwarding);
        _mpi.Abort(_mpi.World, exitCode);
        // MPI may only have begun to end the job.
        Environment.FailFast("The MPI job was aborted.");
    }

    /// <summary>Memory that stays where it is.</summary>
    /// <exception cref="EngineException"><c>RankLeft</c>: MPI may still write into it.</exception>
    private Span<float> Room(ref float[] room, int length)
    {
        if (_left is not null)
            throw new EngineException(_left.ErrorId, _left.Kind, _left.Message, _left);
        if (room.Length < length)
            room = GC.AllocateUninitializedArray<float>(length, pinned: true);
        return room.AsSpan(0, length);
    }

    private static void* AddressOf(float[] room) => Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(room));

    /// <summary>The lengths of the ranks' parts, and after them where the parts begin, in memory that stays where it is.</summary>
    private int* Parts(int place, ReadOnlySpan<int> counts, int length)
    {
        Span<int> lengths = _counts.AsSpan(place * Size, Size), offsets = _counts.AsSpan((place + 1) * Size, Size);
        int end = 0;
        for (int i = 0; i < Size; i++)
        {
            (lengths[i], offsets[i]) = (counts[i], end);
            end = checked(end + counts[i]);
        }

        // MPI would write where it was told to.
        ArgumentOutOfRangeException.ThrowIfNotEqual(end, length);
        return (int*)Unsafe.AsPointer(ref lengths[0]);
    }

    private nint TypeOf<T>() => typeof(T) == typeof(byte) ? _mpi.Byte : typeof(T) == typeof(float) ? _mpi.Float
        : throw new NotSupportedException($"{typeof(T)} is not sent.");

    /// <summary>Waits until all ranks have done their part, without keeping a processor from those that compute.</summary>
    private void Wait(nint* request)
    {
        long start = Stopwatch.GetTimestamp();
        TimeSpan nextLook = LookAround;
        int? left = null;
        while (true)
        {
            int isDone;
            _mpi.Test(request, &isDone, _mpi.IgnoreStatus);
            if (isDone != 0)
                return;
            TimeSpan waited = Stopwatch.GetElapsedTime(start);
            if (waited > Spin)
                Thread.Yield();
            if (waited > nextLook)
            {
                nextLook = waited + LookAround;
                // A rank may leave as soon as it has all that it needs: the rest of this exchange may still be on its way.
                if (left is int rank)
                    throw _left = new EngineException("RankLeft", ErrorKind.ResourceUnavailable,
                        $"The script of rank {rank} has ended, while rank {Rank} waits for it: all ranks have to run the same lines.");
                left = FirstLeft();
            }
        }
    }

    /// <summary>The first rank whose script has ended; null: there is none.</summary>
    private int? FirstLeft()
    {
        for (int rank = 0; rank < Size; rank++)
            if (HasLeft(rank))
                return rank;
        return null;
    }

    /// <summary>Whether the script of a rank has ended.</summary>
    private bool HasLeft(int rank)
    {
        int hasLeft;
        _mpi.Probe(rank, FarewellTag, _mpi.World, &hasLeft, _mpi.IgnoreStatus);
        return hasLeft != 0;
    }

    /// <summary>Leaves the job when the process ends; waits for all other ranks to do the same, as MPI demands, without keeping a processor
    /// from those that still compute.</summary>
    private void Leave()
    {
        if (Environment.ExitCode != 0 && Size > 1)
            Abort(Environment.ExitCode);
        int[] others = [.. Enumerable.Range(0, Size).Where(rank => rank != Rank)];
        nint request;
        foreach (int rank in others)
            _mpi.StartSend(0, 0, _mpi.Byte, rank, FarewellTag, _mpi.World, &request);
        while (!others.All(HasLeft))
            Thread.Sleep(Farewell);
        foreach (int rank in others)
            _mpi.Receive(0, 0, _mpi.Byte, rank, FarewellTag, _mpi.World, _mpi.IgnoreStatus);
        _mpi.Leave();
    }
}
