using System.Numerics;
using System.Runtime.InteropServices;
using System.Text.Json;
using Cifar10Ps.Runtime;

namespace Cifar10Ps.Distribution;

/// <summary>
/// The ranks that share a run, or this process alone: deals work to them, and adds or joins what they computed so that all ranks hold the
/// same bits, which do not depend on how many they are. All ranks call the same methods in the same order.
/// </summary>
internal sealed class Ranks
{
    private readonly ICluster? _cluster;
    // Number of workers of all ranks before each one; the last is that of all.
    private readonly int[] _before;
    private float[] _sent = [], _received = [];

    private Ranks(ICluster? cluster, int[] workers)
    {
        _cluster = cluster;
        _before = new int[workers.Length + 1];
        for (int rank = 0; rank < workers.Length; rank++)
            _before[rank + 1] = _before[rank] + workers[rank];
    }

    /// <summary>Tells the ranks about each other.</summary>
    /// <param name="cluster">The processes.</param>
    /// <param name="workers">Number of workers of this one; ranks with more get more to do.</param>
    public static Ranks Of(ICluster cluster, int workers) =>
        new(cluster, [.. Texts.Gather(cluster, $"{workers}").Select(int.Parse)]);

    /// <summary>This process alone.</summary>
    /// <param name="workers">Its number of workers.</param>
    public static Ranks Alone(int workers) => new(null, [workers]);

    /// <summary>Whether this is the rank that writes.</summary>
    public bool IsFirst => Rank == 0;

    /// <summary>Number of workers of all ranks.</summary>
    public int WorkerCount => _before[^1];

    /// <summary>What this rank wishes: asked when an exchange begins, so that all ranks learn of it in the same step.</summary>
    public Func<StopWish> Wish { private get; set; } = () => StopWish.None;

    /// <summary>What the ranks wished in their last exchange of sums or values: the same on all of them.</summary>
    public StopWish Agreed { get; private set; }

    /// <summary>The first rank that wished what is <see cref="Agreed"/>.</summary>
    public int WishedBy { get; private set; }

    private int Rank => _cluster?.Rank ?? 0;

    private int Size => _before.Length - 1;

    /// <summary>Asks what all ranks know of their wishes by now; one alone knows its own at once.</summary>
    public StopWish Ask() => _cluster is null ? Agreed = Wish() : Agreed;

    /// <summary>Compares what has to be the same everywhere.</summary>
    /// <param name="facts">Names and values.</param>
    /// <exception cref="EngineException"><c>RanksDiffer</c>, on all ranks.</exception>
    public void Compare(IReadOnlyDictionary<string, string> facts)
    {
        if (_cluster is null)
            return;
        Dictionary<string, string>[] all = [.. Texts.Gather(_cluster, JsonSerializer.Serialize(facts, Json.Options))
            .Select(text => JsonSerializer.Deserialize<Dictionary<string, string>>(text, Json.Options)!)];
        for (int rank = 1; rank < all.Length; rank++)
            foreach ((string name, string value) in all[0])
                if (all[rank].GetValueOrDefault(name) is var other && other != value)
                    throw new EngineException("RanksDiffer", ErrorKind.InvalidArgument,
                        $"Rank {rank} has {(other is null ? "no" : "another")} {name} than rank 0: '{other}' instead of '{value}'.");
    }

    /// <summary>The first of the ranks' texts that is not null, once all ranks have come here.</summary>
    public string? FirstOf(string? own) =>
        _cluster is null ? own : Texts.Gather(_cluster, own ?? "").FirstOrDefault(text => text.Length > 0);

    /// <summary>This rank's part of a number of items.</summary>
    public (int Start, int End) PartOf(int count) => PartOf(count, Rank);

    /// <summary>Largest number of sums that a rank exchanges for a number of shards; 0: this process is alone.</summary>
    public int SumCount(int count) => _cluster is null ? 0 : Enumerable.Range(0, Size).Select(rank => PartOf(count, rank))
        .Max(part => ShardTree.SumsOf(count, part.Start, part.End).Count());

    /// <summary>Computes values for items, each rank for its part of them, and joins them.</summary>
    /// <param name="items">The items.</param>
    /// <param name="unit">How many neighbours stay together.</param>
    /// <param name="length">Number of values of an item.</param>
    /// <param name="compute">Computes the values of some items.</param>
    /// <returns>The values of all items, on every rank.</returns>
    public float[][] Compute<T>(IReadOnlyList<T> items, int unit, int length, Func<IReadOnlyList<T>, float[][]> compute)
    {
        if (_cluster is null)
            return compute(items);
        int units = (items.Count + unit - 1) / unit;
        int[] ends = [.. Enumerable.Range(0, Size).Select(rank => Math.Min(PartOf(units, rank).End * unit, items.Count))];
        int start = Rank == 0 ? 0 : ends[Rank - 1];
        float[][] own = start == ends[Rank] ? [] : compute([.. items.Skip(start).Take(ends[Rank] - start)]);

        // Each part begins with the rank's wish.
        int[] counts = [.. ends.Select((end, rank) => 1 + (end - (rank == 0 ? 0 : ends[rank - 1])) * length)];
        float[] all = new float[counts.Sum()];
        int at = counts.Take(Rank).Sum();
        all[at] = (float)Wish();
        for (int i = 0; i < own.Length; i++)
            own[i].CopyTo(all, at + 1 + i * length);
        _cluster.Gather(all.AsSpan(), counts);
        List<float[]> joined = new(items.Count);
        Agreed = StopWish.None;
        at = 0;
        int rank = 0;
        foreach (int count in counts)
        {
            Hear(rank++, all[at]);
            for (int i = at + 1; i < at + count; i += length)
                joined.Add(all[i..(i + length)]);
            at += count;
        }

        return [.. joined];
    }

    /// <summary>The buffer of a shard.</summary>
    public delegate Span<float> ShardBuffer(int shard);

    /// <summary>Adds the buffers of all shards in the order of the <see cref="ShardTree"/>.</summary>
    /// <param name="count">Number of shards; this rank has those of <see cref="PartOf(int)"/>.</param>
    /// <param name="buffers">Their values, by the number of the shard; overwritten.</param>
    /// <param name="sum">Receives the sum.</param>
    public void Sum(int count, ShardBuffer buffers, Span<float> sum)
    {
        (int start, int end) = PartOf(count);
        foreach ((int left, int right, int _) in ShardTree.Additions(count).Where(addition => IsWithin(addition, start, end)))
            Add(buffers(left), buffers(right));
        if (_cluster is null)
            buffers(0).CopyTo(sum);
        else
            Exchange(_cluster, count, buffers, sum);
    }

    /// <summary>Each rank adds up a slice of the sum from what all ranks have of it; then the slices are joined.</summary>
    private void Exchange(ICluster cluster, int count, ShardBuffer buffers, Span<float> sum)
    {
        int length = sum.Length;
        int[] shardsOf(int rank) => PartOf(count, rank) is var (start, end) ? [.. ShardTree.SumsOf(count, start, end)] : [];
        int[][] shards = [.. Enumerable.Range(0, Size).Select(shardsOf)];
        int[] slices = [.. Enumerable.Range(0, Size).Select(rank => SliceEnd(rank + 1) - SliceEnd(rank))];

        // Each part begins with the rank's wish.
        int[] sendCounts = [.. slices.Select(slice => 1 + slice * shards[Rank].Length)];
        int[] receiveCounts = [.. shards.Select(own => 1 + slices[Rank] * own.Length)];
        Span<float> sent = Scratch(ref _sent, sendCounts.Sum()), received = Scratch(ref _received, receiveCounts.Sum());
        int at = 0;
        float wish = (float)Wish();
        for (int rank = 0; rank < Size; rank++)
        {
            sent[at++] = wish;
            foreach (int shard in shards[Rank])
            {
                buffers(shard).Slice(SliceEnd(rank), slices[rank]).CopyTo(sent[at..]);
                at += slices[rank];
            }
        }

        cluster.Exchange(sent, sendCounts, received, receiveCounts);

        Dictionary<int, int> offsets = [];
        Agreed = StopWish.None;
        at = 0;
        for (int rank = 0; rank < Size; rank++)
        {
            Hear(rank, received[at++]);
            foreach (int shard in shards[rank])
            {
                offsets[shard] = at;
                at += slices[Rank];
            }
        }

        foreach (ShardTree.Addition addition in ShardTree.Additions(count))
            if (!Enumerable.Range(0, Size).Any(rank => PartOf(count, rank) is var (start, end) && IsWithin(addition, start, end)))
                Add(received.Slice(offsets[addition.Left], slices[Rank]), received.Slice(offsets[addition.Right], slices[Rank]));
        received.Slice(offsets[0], slices[Rank]).CopyTo(sum[SliceEnd(Rank)..]);
        cluster.Gather(sum, slices);

        int SliceEnd(int rank) => (int)((long)length * rank / Size);
    }

    private void Hear(int rank, float wish)
    {
        if ((StopWish)wish > Agreed)
            (Agreed, WishedBy) = ((StopWish)wish, rank);
    }

    private (int Start, int End) PartOf(int count, int rank) =>
        ((int)((long)count * _before[rank] / WorkerCount), (int)((long)count * _before[rank + 1] / WorkerCount));

    private static bool IsWithin(ShardTree.Addition addition, int start, int end) => addition.Left >= start && addition.End <= end;

    private static Span<float> Scratch(ref float[] array, int length)
    {
        if (array.Length < length)
            array = new float[length];
        return array.AsSpan(0, length);
    }

    private static void Add(Span<float> sum, ReadOnlySpan<float> values)
    {
        Span<Vector<float>> sums = MemoryMarshal.Cast<float, Vector<float>>(sum);
        ReadOnlySpan<Vector<float>> added = MemoryMarshal.Cast<float, Vector<float>>(values);
        for (int i = 0; i < sums.Length; i++)
            sums[i] += added[i];
        for (int i = sums.Length * Vector<float>.Count; i < sum.Length; i++)
            sum[i] += values[i];
    }
}
