using System.Text;

namespace Cifar10Ps.Distribution;

/// <summary>Texts that ranks send each other.</summary>
internal static class Texts
{
    /// <summary>Gives each rank the text of every rank.</summary>
    /// <param name="cluster">The ranks.</param>
    /// <param name="own">The text of this rank.</param>
    /// <returns>The texts in the order of the ranks.</returns>
    public static string[] Gather(ICluster cluster, string own)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(own);
        byte[] lengthBytes = new byte[sizeof(int) * cluster.Size];
        BitConverter.TryWriteBytes(lengthBytes.AsSpan(sizeof(int) * cluster.Rank), bytes.Length);
        cluster.Gather(lengthBytes.AsSpan(), [.. Enumerable.Repeat(sizeof(int), cluster.Size)]);
        int[] lengths = [.. Enumerable.Range(0, cluster.Size).Select(rank => BitConverter.ToInt32(lengthBytes, sizeof(int) * rank))];

        byte[] all = new byte[lengths.Sum()];
        int[] starts = [.. lengths.Select((_, rank) => lengths.Take(rank).Sum())];
        bytes.CopyTo(all, starts[cluster.Rank]);
        cluster.Gather(all.AsSpan(), lengths);
        return [.. lengths.Select((length, rank) => Encoding.UTF8.GetString(all, starts[rank], length))];
    }
}
