using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public sealed class LearningRateFinderTests
{
    private static readonly ImageDataset Data = SmallImages(24, 10, side: 16);

    [Fact]
    public void The_rate_grows_by_the_same_factor_and_the_model_stays_as_it_is()
    {
        ImageClassifier model = NewModel();
        string before = Fingerprint(model);
        List<LearningRatePoint> told = [];

        LearningRateRange range = LearningRateFinder.Run(model, Data, Options(), 1e-6, 1e-2, steps: 9, threads: 2, told.Add);

        Assert.Equal(Enumerable.Range(1, 9), range.Points.Select(point => point.Step));
        Assert.All(range.Points, point => Assert.Equal(1e-6 * Math.Pow(10, (point.Step - 1) / 2.0), point.LearningRate, 1e-9));
        Assert.Equal(range.Points, told);
        Assert.False(range.Diverged);
        Assert.Equal(0.25 * range.Points.MinBy(point => point.SmoothedLoss)!.LearningRate, range.Suggestion);
        Assert.Equal((before, 0, Preprocessing.None), (Fingerprint(model), model.TrainedEpochs, model.Preprocessing));
    }

    [Fact]
    public void The_same_call_finds_the_same_with_any_number_of_workers_and_another_seed_another()
    {
        LearningRatePoint[] one = Find(1, 3), two = Find(2, 3), other = Find(2, 4);

        Assert.Equal(one, two);
        Assert.NotEqual(one, other);

        static LearningRatePoint[] Find(int threads, int seed) => [..
            LearningRateFinder.Run(NewModel(), Data, Options() with { Seed = seed }, steps: 4, threads: threads).Points];
    }

    [Fact]
    public void The_first_step_is_the_first_of_a_training()
    {
        double loss = 0;
        Trainer.Start(NewModel(), Data, Options() with { Epochs = 1 }, threads: 2).RunToEnd(at => loss = loss == 0 ? at.Loss : loss);

        Assert.Equal(loss, LearningRateFinder.Run(NewModel(), Data, Options(), steps: 2, threads: 2).Points[0].Loss);
    }

    [Fact]
    public void The_test_ends_where_the_loss_explodes()
    {
        LearningRateRange range = LearningRateFinder.Run(NewModel(), Data, Options(), 1e-3, 1e30, steps: 30, threads: 2);

        Assert.True(range.Diverged);
        Assert.InRange(range.Points.Count, 2, 29);
        Assert.All(range.Points, point => Assert.True(double.IsFinite(point.SmoothedLoss)));
        Assert.True(range.LowestLossRate < range.Points[^1].LearningRate);
    }

    [Fact]
    public void Losses_of_the_first_batches_are_not_judged()
    {
        // Of a model that is good already: one batch is easy, the next has a hard image.
        LearningRatePoint[] points = [.. new[] { 0.001, 0.05, 0.04, 0.03, 0.06 }
            .Select((loss, i) => new LearningRatePoint(i + 1, i, loss, loss))];

        Assert.Equal(3, new LearningRateRange(points, settling: 1, diverged: false).LowestLossRate);
        Assert.Equal(0, new LearningRateRange(points[..1], settling: 1, diverged: true).LowestLossRate);
    }

    [Theory]
    [InlineData(1, 1, 5)]
    [InlineData(0, 1, 5)]
    [InlineData(1, double.NaN, 5)]
    [InlineData(1, 2, 1)]
    public void Ranges_that_are_none_are_refused(double lowest, double highest, int steps) =>
        AssertError("InvalidRange", () => LearningRateFinder.Run(NewModel(), Data, Options(), lowest, highest, steps));

    [Fact]
    public void It_can_be_cancelled_after_a_step()
    {
        using CancellationTokenSource stop = new();
        int steps = 0;

        Assert.Throws<OperationCanceledException>(() => LearningRateFinder.Run(NewModel(), Data, Options(), threads: 2, progress: _ =>
        {
            steps++;
            stop.Cancel();
        }, cancellation: stop.Token));

        Assert.Equal(1, steps);
    }

    private static TrainingOptions Options() => TinyOptions() with { BatchSize = 8 };
}
