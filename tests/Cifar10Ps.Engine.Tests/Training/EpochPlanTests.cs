using Cifar10Ps.Training;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public class EpochPlanTests
{
    [Theory]
    [InlineData(513, 64, 9, 57, 57)]
    [InlineData(5_121, 128, 41, 124, 125)]
    [InlineData(50_000, 128, 391, 127, 128)]
    [InlineData(512, 64, 8, 64, 64)]
    [InlineData(5, 128, 1, 5, 5)]
    [InlineData(1, 1, 1, 1, 1)]
    [InlineData(3, 2, 2, 1, 2)]
    public void Even_batches_differ_by_one_image_at_most(int images, int batchSize, int steps, int smallest, int largest)
    {
        int[] batches = Batches(new EpochPlan(images, Options(batchSize)));

        Assert.Equal((steps, smallest, largest, images), (batches.Length, batches.Min(), batches.Max(), batches.Sum()));
    }

    [Fact]
    public void The_original_recipe_has_the_batches_of_the_original()
    {
        Assert.False(Recipes.Options(Recipe.Original).EvenBatches);

        Assert.Equal([128, 128, 1], Batches(new EpochPlan(257, Options(128) with { EvenBatches = false })));
    }

    [Fact]
    public void A_limit_of_steps_leaves_the_batches_full() =>
        Assert.Equal([32, 32], Batches(new EpochPlan(120, Options(32) with { LimitSteps = 2 })));

    [Fact]
    public void Wherever_an_epoch_was_left_no_batch_is_larger_than_the_batch_size()
    {
        EpochPlan plan = new(100, Options(32));

        Assert.All(Enumerable.Range(0, 100), done => Assert.InRange(plan.EndOfBatch(done) - done, 1, 32));
    }

    [Fact]
    public void A_small_last_batch_counts_for_its_images_in_the_running_statistics()
    {
        EpochPlan plan = new(257, Options(128) with { EvenBatches = false });

        Assert.Equal(1, plan.WeightOf(128));
        Assert.Equal(3 / 257.0, plan.WeightOf(1), 1e-12);
    }

    [Theory]
    [InlineData(Recipe.Fast)]
    [InlineData(Recipe.Original)]
    public void One_image_more_than_whole_batches_does_not_spoil_the_validation(Recipe recipe)
    {
        TrainingOptions options = Recipes.Options(recipe) with { Epochs = 3, BatchSize = 32, Seed = 1 };

        double[] losses = [.. new[] { 160, 161 }.Select(count =>
            Trainer.Start(NewModel(), SmallImages(count, 100, side: 16), options, threads: 2).RunToEnd()[^1].ValidationLoss!.Value)];

        Assert.True(losses[1] < 1.5 * losses[0], $"{losses[0]}, {losses[1]}");
    }

    private static TrainingOptions Options(int batchSize) => Recipes.Options(Recipe.Fast) with { BatchSize = batchSize };

    private static int[] Batches(EpochPlan plan)
    {
        List<int> batches = [];
        for (int done = 0, end; done < plan.ImageCount; done = end)
        {
            end = plan.EndOfBatch(done);
            batches.Add(end - done);
        }

        Assert.Equal(plan.Steps, batches.Count);
        return [.. batches];
    }
}
