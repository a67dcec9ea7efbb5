namespace Cifar10Ps.Distribution;

/// <summary>
/// The order in which the shards of a batch are added: neighbours in pairs, then pairs of pairs, and so on. A rank that has neighbouring
/// shards can add most of them by itself and send one sum; the result has the same bits however the shards are dealt to ranks.
/// </summary>
internal static class ShardTree
{
    /// <summary>An addition: the sum of the shards from <paramref name="Right"/> to <paramref name="End"/> is added to that of the shards
    /// from <paramref name="Left"/> to <paramref name="Right"/>, and replaces it.</summary>
    /// <param name="Left">First shard of the sum.</param>
    /// <param name="Right">First shard of what is added.</param>
    /// <param name="End">The shard after the last one of both.</param>
    public readonly record struct Addition(int Left, int Right, int End);

    /// <summary>All additions, in an order in which they can be made.</summary>
    /// <param name="count">Number of shards.</param>
    public static IEnumerable<Addition> Additions(int count)
    {
        for (int width = 1; width < count; width *= 2)
            for (int left = 0; left + width < count; left += 2 * width)
                yield return new Addition(left, left + width, Math.Min(left + 2 * width, count));
    }

    /// <summary>The first shards of the sums that remain when all additions within a range are made.</summary>
    /// <param name="count">Number of shards.</param>
    /// <param name="start">First shard of the range.</param>
    /// <param name="end">The shard after its last one.</param>
    public static IEnumerable<int> SumsOf(int count, int start, int end) => Enumerable.Range(start, end - start)
        .Except(Additions(count).Where(addition => addition.Left >= start && addition.End <= end).Select(addition => addition.Right));
}
