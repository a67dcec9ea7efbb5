using Cifar10Ps.Training;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public class TrainerTests
{
    [Theory]
    [InlineData(Recipe.Fast, 0.05)]
    [InlineData(Recipe.Original, 1e-3)]
    public void A_run_learns(Recipe recipe, double learningRate)
    {
        ImageDataset data = SmallImages(400, 100, side: 16);

        EpochReport[] reports =
            NewRun(Recipes.Options(recipe) with { Epochs = 4, BatchSize = 32, LearningRate = learningRate }, data: data).RunToEnd();

        Assert.True(reports[^1].Loss < 0.75 * reports[0].Loss, $"The loss went from {reports[0].Loss:F2} to {reports[^1].Loss:F2}.");
        // Chance is 0.1.
        Assert.InRange(reports[^1].Accuracy, 0.3, 1);
        Assert.InRange(reports[^1].ValidationAccuracy!.Value, 0.25, 1);
    }

    [Fact]
    public void The_same_seed_gives_the_same_run_to_the_last_bit_and_another_seed_another()
    {
        (EpochReport[] Reports, string Weights) one = Train(seed: 3), same = Train(seed: 3), other = Train(seed: 4);

        Assert.Equal(one.Reports, same.Reports);
        Assert.Equal(one.Weights, same.Weights);
        Assert.NotEqual(one.Reports, other.Reports);
        Assert.NotEqual(one.Weights, other.Weights);

        static (EpochReport[], string) Train(int seed)
        {
            Trainer trainer = NewRun(TinyOptions() with { Seed = seed });
            return ([.. Timeless(trainer.RunToEnd())], Fingerprint(trainer.Model));
        }
    }

    [Fact]
    public void Every_epoch_has_another_order()
    {
        // Nothing is learned, so a batch of the same images would have the same loss.
        TrainingOptions options = TinyOptions(epochs: 3)
            with { Augmentation = Augmentation.None, Schedule = Schedule.Constant, LearningRate = 1e-12, WeightDecay = 0 };
        List<double> lossesOfFirstBatch = [];

        NewRun(options).RunToEnd(progress =>
        {
            if (progress is { IsValidating: false, Done: 30 })
                lossesOfFirstBatch.Add(progress.Loss);
        });

        Assert.Equal(3, lossesOfFirstBatch.Distinct().Count());
    }

    [Fact]
    public void Reports_and_progress_tell_where_a_run_stands()
    {
        TrainingOptions options = TinyOptions();
        Trainer trainer = NewRun(options);
        List<TrainingProgress> progress = [];
        List<int> told = [];

        EpochReport[] reports = [.. trainer.Run(progress.Add).Select(report =>
        {
            told.Add(progress.Count);
            return report;
        })];

        Assert.Equal([1, 2], reports.Select(report => report.Epoch));
        Assert.Equal([4L, 8], reports.Select(report => report.Step));
        // The rates of steps 3 and 7 of 8, counted from 0.
        Assert.Equal([LearningRates.At(Schedule.OneCycle, 0.3, 3, 8), LearningRates.At(Schedule.OneCycle, 0.3, 7, 8)],
            reports.Select(report => report.LearningRate));
        Assert.All(reports, report => Assert.True(report.ImagesPerSecond > 0 && report.Elapsed > TimeSpan.Zero));
        // Each report comes as soon as its epoch has ended: four steps and two portions of validation.
        Assert.Equal([6, 12], told);
        Assert.Equal([(30, 120), (60, 120), (90, 120), (120, 120), (128, 140), (140, 140)],
            progress.Take(6).Select(p => (p.Done, p.Total)));
        Assert.Equal([false, false, false, false, true, true], progress.Take(6).Select(p => p.IsValidating));
        Assert.All(progress, p => Assert.Equal(2, p.EpochCount));
        // The remaining time of the run; none after its last step.
        Assert.All(progress.SkipLast(3), p => Assert.True(p.RunTimeLeft > TimeSpan.Zero));
        Assert.Equal(TimeSpan.Zero, progress[^1].RunTimeLeft);
        Assert.Equal((reports[0].Loss, reports[0].Accuracy), (progress[3].Loss, progress[3].Accuracy));
        Assert.Equal(2, trainer.Model.TrainedEpochs);
        Assert.True(trainer.IsComplete);
    }

    [Fact]
    public void Validation_is_what_the_evaluation_of_the_model_gives()
    {
        Trainer trainer = NewRun(TinyOptions(epochs: 1));
        EpochReport report = Assert.Single(trainer.RunToEnd());
        using Predictor predictor = new(trainer.Model, threads: 2);

        Evaluation evaluation = Evaluation.Run(predictor, TinyData.Test, null, CancellationToken.None);

        Assert.Equal((evaluation.Loss, evaluation.Accuracy), (report.ValidationLoss, report.ValidationAccuracy));
    }

    [Fact]
    public void A_run_without_output_can_be_left_and_its_model_used()
    {
        Trainer trainer = NewRun(TinyOptions());
        string before = Fingerprint(trainer.Model);

        _ = trainer.Run().First();

        Assert.NotEqual(before, Fingerprint(trainer.Model));
        Assert.Equal(1, trainer.Model.TrainedEpochs);
        Assert.False(trainer.IsComplete);
    }

    [Fact]
    public void Held_out_images_are_validated_on_and_not_trained_on()
    {
        int trained = 0, validated = 0;

        NewRun(TinyOptions(epochs: 1) with { ValidationCount = 30 }).RunToEnd(progress =>
            (trained, validated) = progress.IsValidating ? (trained, progress.Total) : (progress.Total, validated));

        Assert.Equal((TinyData.Train.Count - 30, 30), (trained, validated));
        AssertError("NoImages", () => NewRun(TinyOptions() with { ValidationCount = TinyData.Train.Count }));
    }

    [Fact]
    public void Single_precision_and_bf16_learn_alike()
    {
        // A rate at which the run converges: diverging runs are not comparable.
        TrainingOptions options = TinyOptions(epochs: 4) with { LearningRate = 0.02 };
        EpochReport single = NewRun(options with { Precision = Precision.Float32 }).RunToEnd()[^1];
        EpochReport brain = NewRun(options with { Precision = Precision.BFloat16 }).RunToEnd()[^1];

        Assert.NotEqual(single.Loss, brain.Loss);
        Assert.Equal(single.Loss, brain.Loss, 0.05 * single.Loss);
    }

    [Fact]
    public void Cancelling_before_the_first_step_trains_nothing()
    {
        Trainer trainer = NewRun(TinyOptions());
        string before = Fingerprint(trainer.Model);

        Assert.Throws<OperationCanceledException>(() => trainer.RunToEnd(cancellation: new CancellationToken(canceled: true)));

        Assert.Equal(before, Fingerprint(trainer.Model));
    }

    [Fact]
    public void A_batch_may_be_larger_than_the_data()
    {
        EpochReport report = Assert.Single(NewRun(TinyOptions(epochs: 1) with { BatchSize = 5_000 }).RunToEnd());

        Assert.Equal(1, report.Step);
    }

    [Fact]
    public void Data_of_other_classes_are_refused() =>
        AssertError("ClassMismatch", () => Trainer.Start(NewResNet20(["a", "b", "c"], Shortcut.Projection, 1), TinyData, TinyOptions()));

    [Fact]
    public void Images_of_another_size_than_a_trained_model_takes_are_refused()
    {
        ImageClassifier model = NewModel();
        model.Snapshot = model.Snapshot with { TrainedEpochs = 1, Preprocessing = new Preprocessing([0, 0, 0], [1, 1, 1], 48, 48) };

        AssertError("ImageSizeMismatch", () => Trainer.Start(model, TinyData, TinyOptions(), threads: 2).RunToEnd());
    }

    [Theory]
    [InlineData(32)] // in the last step
    [InlineData(120)] // in the validation that follows the only step
    public void A_run_that_diverges_is_ended_and_leaves_no_checkpoint(int batchSize)
    {
        using TemporaryFolder folder = new();
        TrainingOptions options = TinyOptions(OptimizerKind.Sgd, epochs: 1) with
        {
            BatchSize = batchSize, Schedule = Schedule.Constant,
            LearningRate = TrainingOptions.MaximumLearningRate, WeightDecay = TrainingOptions.MaximumWeightDecay,
        };

        AssertError("TrainingDiverged", () => NewRun(options, new OutputDirectory(folder.Path, 3, replace: false)).RunToEnd());

        Assert.Equal(["run.jsonl"], Directory.GetFiles(folder.Path).Select(Path.GetFileName));
    }
}
