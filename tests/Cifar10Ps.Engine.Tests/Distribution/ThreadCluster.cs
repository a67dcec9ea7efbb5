using Cifar10Ps.Distribution;

namespace Cifar10Ps.Tests;

/// <summary>Ranks that are threads of this process.</summary>
internal sealed class ThreadCluster : ICluster
{
    private readonly Meeting _meeting;

    private ThreadCluster(Meeting meeting, int rank) => (_meeting, Rank) = (meeting, rank);

    public int Rank { get; }

    public int Size => _meeting.Posted.Length;

    /// <summary>Number of values that this rank has sent in exchanges, to itself as well.</summary>
    public long Sent { get; private set; }

    /// <summary>Does something on each rank at once.</summary>
    public static T[] Run<T>(int size, Func<ThreadCluster, T> work)
    {
        Meeting meeting = new(new Barrier(size), new Array[size], new int[size][]);
        T[] results = new T[size];
        Thread[] threads = [.. Enumerable.Range(0, size).Select(rank => new Thread(() => results[rank] = work(new(meeting, rank))))];
        foreach (Thread thread in threads)
            thread.Start();
        Assert.All(threads, thread => Assert.True(thread.Join(TimeSpan.FromMinutes(2)), "the ranks wait for each other"));
        return results;
    }

    public void Gather<T>(Span<T> all, ReadOnlySpan<int> counts)
        where T : unmanaged
    {
        Post(all.ToArray(), counts.ToArray());
        int at = 0;
        for (int rank = 0; rank < Size; rank++)
        {
            Assert.Equal(counts, _meeting.Counts[rank]);
            ((T[])_meeting.Posted[rank]).AsSpan(at, counts[rank]).CopyTo(all[at..]);
            at += counts[rank];
        }

        Assert.Equal(all.Length, at);
        _meeting.Barrier.SignalAndWait();
    }

    public void Exchange(ReadOnlySpan<float> send, ReadOnlySpan<int> sendCounts, Span<float> receive, ReadOnlySpan<int> receiveCounts)
    {
        Sent += send.Length;
        Post(send.ToArray(), sendCounts.ToArray());
        int at = 0;
        for (int rank = 0; rank < Size; rank++)
        {
            int[] theirs = _meeting.Counts[rank];
            Assert.Equal(theirs[Rank], receiveCounts[rank]);
            ((float[])_meeting.Posted[rank]).AsSpan(theirs.Take(Rank).Sum(), theirs[Rank]).CopyTo(receive[at..]);
            at += theirs[Rank];
        }

        Assert.Equal(receive.Length, at);
        _meeting.Barrier.SignalAndWait();
    }

    public void Abort(int exitCode) => throw new InvalidOperationException("aborted");

    private void Post(Array values, int[] counts)
    {
        (_meeting.Posted[Rank], _meeting.Counts[Rank]) = (values, counts);
        _meeting.Barrier.SignalAndWait();
    }

    private sealed record Meeting(Barrier Barrier, Array[] Posted, int[][] Counts);
}
