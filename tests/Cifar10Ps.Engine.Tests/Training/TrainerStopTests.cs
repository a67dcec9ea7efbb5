using Cifar10Ps.Models;
using Cifar10Ps.Training;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

/// <summary>What ends a run before its last epoch, and what the run leaves behind.</summary>
public sealed class TrainerStopTests : IDisposable
{
    private static readonly ImageDataset Data = SmallImages(24, 10, side: 16);
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Patience_ends_a_run_that_does_not_get_better_and_its_history_says_so()
    {
        // Nothing is learned, so no epoch is more accurate than the first.
        Trainer trainer = Run(Still(epochs: 9));
        trainer.EarlyStoppingPatience = 2;

        EpochReport[] reports = trainer.RunToEnd();

        Assert.Single(reports.Select(report => report.ValidationAccuracy).Distinct());
        Assert.Equal(reports.Select((report, i) => reports.Take(i).All(earlier => report.ValidationLoss < earlier.ValidationLoss)),
            reports.Select(report => report.IsBest));
        Assert.Equal(reports.Last(report => report.IsBest).Epoch,
            Checkpoint.Load(_folder["checkpoint-best.safetensors"]).State.History.Count);
        Assert.Matches(@"No better validation accuracy.* in 2 validations, up to epoch 3\.", trainer.StopReason);
        Assert.False(trainer.IsComplete);
        Assert.Equal(trainer.StopReason, TrainingHistory.Read(_folder.Path).StopReason);
        Assert.True(File.Exists(_folder["model.safetensors"]));
    }

    [Fact]
    public void A_run_that_has_lost_its_patience_goes_on_without_it_only()
    {
        Trainer trainer = Run(Still(epochs: 9));
        trainer.EarlyStoppingPatience = 1;
        trainer.RunToEnd();

        Trainer again = Trainer.Resume(_folder.Path, null, Data, options => options, Output(), threads: 2);
        again.EarlyStoppingPatience = 1;
        Trainer more = Trainer.Resume(_folder.Path, null, Data, options => options with { Epochs = 3 }, threads: 2);

        Assert.Empty(again.RunToEnd());
        Assert.NotNull(again.StopReason);
        Assert.Equal([3], more.RunToEnd().Select(report => report.Epoch));
        Assert.Null(more.StopReason);
    }

    [Theory]
    [InlineData(Freeze.None, 5)]
    [InlineData(Freeze.Backbone, 2)]
    public void Patience_begins_with_the_whole_network_where_the_classifier_is_trained_first(Freeze freeze, int epochs)
    {
        Trainer trainer = Run(Still(epochs: 9) with { ClassifierEpochs = freeze == Freeze.None ? 3 : 0, Freeze = freeze });
        trainer.EarlyStoppingPatience = 1;

        Assert.Equal(epochs, trainer.RunToEnd().Length);
    }

    [Fact]
    public void Patience_counts_validations_not_epochs()
    {
        Trainer trainer = Run(Still(epochs: 9));
        (trainer.EarlyStoppingPatience, trainer.EvaluateEvery) = (1, 2);

        EpochReport[] reports = trainer.RunToEnd();

        Assert.Equal([false, true, false, true], reports.Select(report => report.ValidationAccuracy is not null));
        Assert.All(reports, report => Assert.Equal(report.ValidationAccuracy is null, report.ValidationLoss is null));
    }

    [Fact]
    public void The_last_epoch_is_validated_always()
    {
        Trainer trainer = Run(Still(epochs: 3));
        trainer.EvaluateEvery = 2;

        Assert.Equal([false, true, true], trainer.RunToEnd().Select(report => report.ValidationAccuracy is not null));
    }

    [Fact]
    public void A_run_whose_time_is_up_goes_on_to_the_same_bits()
    {
        TrainingOptions options = TinyOptions(epochs: 2) with { BatchSize = 8 };
        Trainer whole = Trainer.Start(NewModel(), Data, options, threads: 2);
        whole.RunToEnd();
        Trainer limited = Run(options);
        limited.MaxDuration = TimeSpan.MaxValue;

        // A test cannot rely on the clock: here the time is up after the fourth step, in the second epoch.
        int steps = 0;
        limited.RunToEnd(at => limited.MaxDuration = !at.IsValidating && ++steps == 4 ? TimeSpan.Zero : limited.MaxDuration);
        Trainer resumed = Trainer.Resume(_folder.Path, null, Data, o => o, Output(), threads: 2);

        Assert.Matches("time limit was reached in epoch 2 of 2", limited.StopReason);
        Assert.Equal(limited.StopReason, TrainingHistory.Read(_folder.Path).StopReason);
        Assert.False(File.Exists(_folder["model.safetensors"]));
        Assert.Equal([2], resumed.RunToEnd().Select(report => report.Epoch));
        Assert.Equal(Fingerprint(whole.Model), Fingerprint(resumed.Model));
        Assert.Null(TrainingHistory.Read(_folder.Path).StopReason);
    }

    [Fact]
    public void A_dry_run_takes_few_steps_and_has_the_schedule_of_its_own_length()
    {
        EpochReport[] reports = Run(TinyOptions(epochs: 2) with { BatchSize = 8, LimitSteps = 2 }).RunToEnd();

        Assert.Equal([2L, 4], reports.Select(report => report.Step));
        Assert.Equal(LearningRates.At(Schedule.OneCycle, 0.3, 3, 4), reports[^1].LearningRate);
    }

    [Fact]
    public void A_run_that_is_told_to_stop_ends_between_two_epochs_with_a_model()
    {
        Trainer trainer = Run(Still(epochs: 9));

        int epochs = 0;
        foreach (EpochReport _ in trainer.Run())
            if (++epochs == 2)
                trainer.Stop("Enough.");

        Assert.Equal(2, epochs);
        Assert.Equal("Enough.", TrainingHistory.Read(_folder.Path).StopReason);
        Assert.True(File.Exists(_folder["model.safetensors"]));
    }

    [Theory]
    [InlineData(OptimizerKind.Sgd)]
    [InlineData(OptimizerKind.AdamW)]
    public void Weights_that_overflow_in_the_last_step_of_an_epoch_reach_no_checkpoint(OptimizerKind optimizer)
    {
        // One step an epoch. The first is harmless; then the moments make the weights NaN in the next, after a loss that is finite.
        Run(Still(epochs: 1) with { Optimizer = optimizer, LearningRate = 1 }).RunToEnd();
        Checkpoint good = Checkpoint.Load(_folder["checkpoint-latest.safetensors"]);
        foreach (StateDict moment in good.Moments.Values)
            foreach (string name in moment.Names.ToArray())
                moment[name].AsSpan().Fill(float.MaxValue);
        good.Save(_folder["checkpoint-latest.safetensors"]);
        Trainer bad = Trainer.Resume(_folder.Path, null, Data, options => options with { Epochs = 3 }, Output(), threads: 2);
        bad.EvaluateEvery = 3;

        EngineException error = AssertError("TrainingDiverged", () => bad.RunToEnd());

        Assert.Contains($"'{_folder["checkpoint-latest.safetensors"]}' is the last good checkpoint",
            error.Message, StringComparison.Ordinal);
        Checkpoint left = Checkpoint.Load(_folder["checkpoint-latest.safetensors"]);
        Assert.Equal((Fingerprint(good.Model), 1), (Fingerprint(left.Model), left.State.History.Count));
        Assert.Equal(Fingerprint(good.Model), Fingerprint(bad.Model));
        Assert.Equal(1, bad.Model.TrainedEpochs);
    }

    [Fact]
    public void A_model_is_trained_by_one_run_at_a_time()
    {
        Trainer first = Trainer.Start(NewModel(), Data, Still(epochs: 2), threads: 1);

        using (IEnumerator<EpochReport> reports = first.Run().GetEnumerator())
        {
            AssertError("ModelInTraining", () => Trainer.Start(first.Model, Data, Still(epochs: 1)));
            Assert.True(reports.MoveNext());
        }

        Assert.Single(Trainer.Start(first.Model, Data, Still(epochs: 1), threads: 1).RunToEnd());
    }

    /// <summary>Options of a run with one step an epoch that changes next to nothing.</summary>
    private static TrainingOptions Still(int epochs) =>
        TinyOptions(epochs: epochs)
            with { Schedule = Schedule.Constant, LearningRate = 1e-12, WeightDecay = 0, Augmentation = Augmentation.None };

    private OutputDirectory Output() => new(_folder.Path, 3, replace: false);

    private Trainer Run(TrainingOptions options) => Trainer.Start(NewModel(), Data, options, Output(), threads: 2);
}
