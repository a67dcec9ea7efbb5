namespace Cifar10Ps.Distribution;

/// <summary>
/// What a run needs of the processes ("ranks") that share it. Every rank calls the same methods in the same order; a call returns when
/// all ranks have made it.
/// </summary>
internal interface ICluster
{
    /// <summary>Number of this rank, from 0.</summary>
    int Rank { get; }

    /// <summary>Number of ranks.</summary>
    int Size { get; }

    /// <summary>Joins parts of all ranks, in their order.</summary>
    /// <param name="all">All parts, one after the other; this rank's is filled in, the others are received.</param>
    /// <param name="counts">Number of values of each rank's part.</param>
    void Gather<T>(Span<T> all, ReadOnlySpan<int> counts)
        where T : unmanaged;

    /// <summary>Sends a part to each rank, and receives one from each.</summary>
    /// <param name="send">The parts to send, one after the other.</param>
    /// <param name="sendCounts">Number of values for each rank.</param>
    /// <param name="receive">The parts received, one after the other.</param>
    /// <param name="receiveCounts">Number of values from each rank.</param>
    void Exchange(ReadOnlySpan<float> send, ReadOnlySpan<int> sendCounts, Span<float> receive, ReadOnlySpan<int> receiveCounts);

    /// <summary>Ends the processes of all ranks, this one included. Does not return.</summary>
    /// <param name="exitCode">Exit code of the job, not 0.</param>
    void Abort(int exitCode);
}
