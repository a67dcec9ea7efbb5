namespace Cifar10Ps.Tests;

public class RandomSequenceTests
{
    [Fact]
    public void The_numbers_of_a_key_never_change()
    {
        // Computed with an independent SplitMix64. With other numbers, every existing checkpoint would continue with another shuffle.
        RandomSequence random = new(seed: 7, RandomPurpose.Shuffle, a: 3, b: 5);
        Assert.Equal([0x3FB0316D27F37F4E, 0xA2C4E1B9A90B3E5A, 0xA7F54C6F521FE605],
            new[] { random.NextBits(), random.NextBits(), random.NextBits() });
    }

    [Fact]
    public void Every_part_of_the_key_matters()
    {
        ulong[] firsts =
        [
            new RandomSequence(1, RandomPurpose.Shuffle, 2, 3).NextBits(),
            new RandomSequence(2, RandomPurpose.Shuffle, 2, 3).NextBits(),
            new RandomSequence(1, RandomPurpose.Augmentation, 2, 3).NextBits(),
            new RandomSequence(1, RandomPurpose.Shuffle, 3, 3).NextBits(),
            new RandomSequence(1, RandomPurpose.Shuffle, 2, 4).NextBits(),
            new RandomSequence(1, RandomPurpose.Shuffle, 3, 2).NextBits(),
            new RandomSequence(-1, RandomPurpose.Shuffle, 2, 3).NextBits(),
            new RandomSequence(1, RandomPurpose.Shuffle, -2, 3).NextBits(),
        ];
        Assert.Distinct(firsts);
    }

    [Fact]
    public void Integers_below_a_limit_are_uniform()
    {
        RandomSequence random = new(1, RandomPurpose.Augmentation);
        int[] counts = new int[9];
        for (int i = 0; i < 90_000; i++)
            counts[random.NextBelow(9)]++;
        // Five standard deviations.
        Assert.All(counts, count => Assert.InRange(count, 10_000 - 475, 10_000 + 475));
    }

    [Fact]
    public void Uniform_numbers_fill_zero_to_one()
    {
        RandomSequence random = new(1, RandomPurpose.Drawing);
        double[] numbers = [.. Enumerable.Range(0, 10_000).Select(_ => random.NextUniform())];
        Assert.InRange(numbers.Min(), 0, 0.001);
        Assert.InRange(numbers.Max(), 0.999, double.BitDecrement(1));
        Assert.Equal(0.5, numbers.Average(), 0.015);
    }

    [Fact]
    public void Normal_numbers_have_mean_zero_variance_one_and_tails()
    {
        RandomSequence random = new(1, RandomPurpose.Initialization);
        double[] numbers = [.. Enumerable.Range(0, 100_000).Select(_ => random.NextNormal())];
        Assert.Equal(0, numbers.Average(), 0.02);
        Assert.Equal(1, numbers.Average(n => n * n), 0.03);
        Assert.Equal(0.0455, numbers.Count(n => Math.Abs(n) > 2) / 100_000.0, 0.004);
    }

    [Fact]
    public void A_permutation_has_every_index_once_and_any_index_anywhere()
    {
        int[] firsts = new int[5];
        for (int epoch = 0; epoch < 10_000; epoch++)
        {
            int[] order = new RandomSequence(1, RandomPurpose.Shuffle, epoch).NextPermutation(5);
            Assert.Equal([0, 1, 2, 3, 4], order.Order());
            firsts[order[0]]++;
        }

        Assert.All(firsts, count => Assert.InRange(count, 1_800, 2_200));
    }
}
