using Cifar10Ps.Distribution;

namespace Cifar10Ps.Tests;

public class RanksTests
{
    [Fact]
    public void Sums_have_the_bits_of_one_process_however_shards_are_dealt_to_ranks()
    {
        Random random = new(1);
        foreach (int shards in new[] { 1, 2, 3, 5, 7, 8, 13, 16, 17 })
        {
            float[][] values = [.. Enumerable.Range(0, shards)
                .Select(_ => Enumerable.Range(0, 101).Select(_ => (random.NextSingle() - 0.5f) * MathF.Pow(10, random.Next(6))).ToArray())];
            float[] alone = SumOf(Ranks.Alone(2), values);
            Assert.Equal(values.Aggregate(new double[101], (sum, shard) => [.. sum.Zip(shard, (a, b) => a + b)]),
                alone.Select(value => (double)value), (a, b) => Math.Abs(a - b) <= 1e-6 * 1e6);

            foreach (int[] workers in new int[][] { [1], [1, 1], [1, 1, 1], [2, 1, 1, 3], [1, 1, 1, 1, 1, 1, 1] })
                Assert.All(ThreadCluster.Run(workers.Length, cluster => SumOf(Ranks.Of(cluster, workers[cluster.Rank]), values)),
                    sum => Assert.Equal(alone, sum));
        }
    }

    [Fact]
    public void A_rank_sends_one_sum_where_its_shards_are_whole_branches_of_the_tree()
    {
        const int Length = 1000;
        float[][] values = [.. Enumerable.Range(0, 16).Select(_ => new float[Length])];

        Assert.All(ThreadCluster.Run(4, cluster =>
        {
            SumOf(Ranks.Of(cluster, 1), values);
            return cluster.Sent;
        }), sent => Assert.InRange(sent, Length, Length + 4));
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 3)]
    [InlineData(4, 1)]
    public void The_room_for_what_ranks_exchange_is_that_of_the_rank_with_the_most_sums(int ranks, int sums)
    {
        Assert.All(ThreadCluster.Run(ranks, cluster => Ranks.Of(cluster, 1).SumCount(16)), count => Assert.Equal(sums, count));
        Assert.Equal(0, Ranks.Alone(2).SumCount(16));
    }

    [Fact]
    public void Items_are_computed_once_and_every_rank_gets_all_values_in_order()
    {
        int[] items = [.. Enumerable.Range(0, 300)];
        int computed = 0;

        Assert.All(ThreadCluster.Run(3, cluster => Ranks.Of(cluster, cluster.Rank + 1).Compute(items, 64, 2, part =>
        {
            Interlocked.Add(ref computed, part.Count);
            return [.. part.Select(item => new float[] { item, -item })];
        })), values => Assert.Equal(items.Select(item => new float[] { item, -item }), values));

        Assert.Equal(300, computed);
        // Fewer items than ranks.
        Assert.All(ThreadCluster.Run(3, cluster => Ranks.Of(cluster, 1).Compute<int>([7], 64, 1, part => [[7f]])),
            values => Assert.Equal([[7f]], values));
    }

    [Fact]
    public void What_one_rank_wishes_all_know_after_the_next_exchange_and_the_highest_wish_counts()
    {
        StopWish[] wishes = [StopWish.None, StopWish.Cancelled, StopWish.TimeLimit];

        Assert.All(ThreadCluster.Run(3, cluster =>
        {
            Ranks ranks = Ranks.Of(cluster, 1);
            StopWish wish = StopWish.None;
            ranks.Wish = () => wish;
            StopWish before = ranks.Ask();
            // While the step is computed.
            wish = wishes[cluster.Rank];
            SumOf(ranks, [[1f]]);
            StopWish after = ranks.Agreed;
            wish = StopWish.None;
            ranks.Compute<int>([1, 2], 1, 1, part => [.. part.Select(_ => new float[1])]);
            return (before, after, ranks.Agreed);
        }), agreed => Assert.Equal((StopWish.None, StopWish.Cancelled, StopWish.None), agreed));
        Ranks alone = Ranks.Alone(1);
        alone.Wish = () => StopWish.TimeLimit;
        Assert.Equal(StopWish.TimeLimit, alone.Ask());
    }

    [Fact]
    public void Ranks_that_differ_are_told_which_and_in_what()
    {
        EngineException[] errors = ThreadCluster.Run(3, cluster => Assert.Throws<EngineException>(() => Ranks.Of(cluster, 1).Compare(
            new Dictionary<string, string> { ["learning rate"] = cluster.Rank == 2 ? "0.2" : "0.1", ["seed"] = "0" })));

        Assert.All(errors, error => Assert.Equal(("RanksDiffer", "Rank 2 has another learning rate than rank 0: '0.2' instead of '0.1'."),
            (error.ErrorId, error.Message)));
    }

    [Fact]
    public void A_launcher_has_a_library_even_if_it_is_not_found_by_name()
    {
        Assert.Contains("Set CIFAR10PS_MPI to its path", MpiLibrary.NotFound(null, isLaunched: true).Message, StringComparison.Ordinal);
        Assert.Equal("No MPI library was found on this machine.", MpiLibrary.NotFound(null, isLaunched: false).Message);
    }

    [Theory]
    [InlineData("0-3", new[] { 0, 1, 2, 3 })]
    [InlineData("0,2-3,9", new[] { 0, 2, 3, 9 })]
    public void Lists_of_processors_are_read(string list, int[] expected) => Assert.Equal(expected, TrainingCluster.ToNumbers(list));

    [Fact]
    public void Ranks_of_a_machine_share_the_processors_that_they_may_use()
    {
        int all = Environment.ProcessorCount;
        int[] processors = [.. Enumerable.Range(0, all)];
        Assert.Equal(all, TrainingCluster.ShareOf([("a", processors), ("b", processors)], 1, all));
        Assert.Equal(Math.Max(1, all / 2), TrainingCluster.ShareOf([("a", processors), ("a", processors), ("b", [0])], 0, all));
        Assert.Equal(1, TrainingCluster.ShareOf([("a", [0]), ("a", [1])], 1, 1));
        // More ranks than processors.
        Assert.Equal(1, TrainingCluster.ShareOf([("a", [0]), ("a", [0]), ("a", [0])], 2, 1));
        // A container with the time of four of sixteen processors.
        int[] sixteen = [.. Enumerable.Range(0, 16)];
        Assert.Equal(2, TrainingCluster.ShareOf([("a", sixteen), ("a", sixteen)], 0, 4));
        Assert.Equal(1, TrainingCluster.ShareOf([.. Enumerable.Repeat(("a", sixteen), 8)], 7, 4));
    }

    private static float[] SumOf(Ranks ranks, float[][] shards)
    {
        float[][] own = [.. shards.Select(shard => shard.ToArray())];
        (int start, int end) = ranks.PartOf(shards.Length);
        float[] sum = new float[shards[0].Length];
        ranks.Sum(shards.Length, shard => shard >= start && shard < end ? own[shard] : throw new InvalidOperationException("not its own"),
            sum);
        return sum;
    }
}
