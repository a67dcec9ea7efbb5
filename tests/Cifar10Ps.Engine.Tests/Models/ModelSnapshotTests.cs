using Cifar10Ps.Models;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

/// <summary>A model that is trained, refused and read at the same time is one whole model at every moment.</summary>
public sealed class ModelSnapshotTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_reads_a_model_beside_a_training_reads_one_epoch_of_it()
    {
        ImageDataset data = SmallImages(32, 10, side: 32);
        Trainer trainer = Trainer.Start(NewModel(), data, TinyOptions(epochs: 12), threads: 1);
        Dictionary<string, float[]> ofEpochs = [];
        List<float[]> seen = [];
        using CancellationTokenSource end = new();
        Thread reader = new(() =>
        {
            while (!end.IsCancellationRequested)
                seen.Add(Logits(trainer.Model));
        });

        reader.Start();
        foreach (EpochReport _ in trainer.Run(null, TestContext.Current.CancellationToken))
            ofEpochs[Fingerprint(trainer.Model)] = Logits(trainer.Model);
        end.Cancel();
        reader.Join();

        Assert.NotEmpty(seen);
        // Those before the first epoch come from the initial weights.
        float[] initial = seen[0];
        Assert.All(seen, logits =>
            Assert.Contains(ofEpochs.Values.Append(initial).Append(Logits(Prepared())), known => known.SequenceEqual(logits)));

        float[] Logits(ImageClassifier model)
        {
            // A batch and a single image each have their own form of the weights.
            using Predictor predictor = new(model, threads: 1, Precision.Float32);
            return [.. predictor.Logits([data.Test[0], data.Test[1]])[0], .. predictor.Logits([data.Test[0]])[0]];
        }

        ImageClassifier Prepared() => new(Recipes.Prepare(NewModel().Snapshot, Recipes.Options(Recipe.Fast), data.Train));
    }

    [Fact]
    public void A_run_that_is_refused_leaves_the_model_as_it_was()
    {
        OutputDirectory output = new(_folder.Path, 0, replace: false);
        ImageClassifier model = NewModel(seed: 5), busy = NewModel();
        Trainer running = Trainer.Start(busy, TinyData, TinyOptions(epochs: 2), output, threads: 1);
        using IEnumerator<EpochReport> reports = running.Run().GetEnumerator();
        Assert.True(reports.MoveNext());
        ModelSnapshot before = model.Snapshot;

        AssertError("OutputDirectoryBusy", () => Trainer.Resume(_folder.Path, model, TinyData, o => o, output, threads: 1).RunToEnd());
        AssertError("OutputDirectoryBusy", () => Trainer.Start(model, TinyData, TinyOptions(), output, threads: 1).RunToEnd());
        AssertError("ImageSizeMismatch", () =>
            Trainer.Start(Trained(model), SmallImages(20, 20, side: 8), TinyOptions(), threads: 1).RunToEnd());
        _ = Trainer.Start(model, TinyData, TinyOptions(), threads: 1);

        Assert.Equal(Fingerprint(before), Fingerprint(model));
        Assert.Equal((before.Preprocessing, before.Classes), (model.Preprocessing, model.Classes));

        static ImageClassifier Trained(ImageClassifier model)
        {
            model.Snapshot = model.Snapshot with { TrainedEpochs = 1 };
            return model;
        }
    }

    [Fact]
    public void Of_two_runs_that_start_at_once_the_one_that_is_refused_changes_nothing()
    {
        ImageClassifier model = NewModel();
        Trainer winner = Trainer.Start(model, TinyData, TinyOptions(epochs: 1), threads: 1);
        Trainer loser = Trainer.Start(model, TinyData, TinyOptions(epochs: 1) with { Seed = 9 }, threads: 1),
            late = Trainer.Start(model, TinyData, TinyOptions(), threads: 1);

        using (IEnumerator<EpochReport> reports = winner.Run().GetEnumerator())
        {
            AssertError("ModelInTraining", () => loser.RunToEnd());
            Assert.True(reports.MoveNext());
        }

        string trained = Fingerprint(model);
        AssertError("ModelInTraining", () => late.RunToEnd());

        Trainer alone = NewRun(TinyOptions(epochs: 1));
        alone.RunToEnd();
        Assert.Equal(Fingerprint(alone.Model), trained);
        Assert.Equal(trained, Fingerprint(model));
    }

    [Fact]
    public void Weights_trained_for_part_of_an_epoch_are_trained_weights()
    {
        Trainer first = NewRun(TinyOptions(epochs: 1));
        using CancellationTokenSource cancellation = new();
        Assert.Throws<OperationCanceledException>(() => first.RunToEnd(at => cancellation.Cancel(), cancellation.Token));
        string learned = Fingerprint(first.Model);

        Assert.Equal((0, 1L), (first.Model.TrainedEpochs, first.Model.TrainedSteps));
        Assert.Same(first.Model.Snapshot, Recipes.Prepare(first.Model.Snapshot, Recipes.Options(Recipe.Fast), TinyData.Train));
        Assert.NotNull(first.Model.ForClasses(["a", "b"], 0));
        ModelFile.Save(first.Model, _folder["model.safetensors"]);
        ImageClassifier read = ModelFile.Load(_folder["model.safetensors"]);
        Assert.Equal((0, 1L, learned), (read.TrainedEpochs, read.TrainedSteps, Fingerprint(read)));

        // One step at a negligible rate: the weights are still about the same.
        Trainer second = Trainer.Start(read, TinyData,
            TinyOptions(epochs: 1) with { LearningRate = 1e-9, Schedule = Schedule.Constant, LimitSteps = 1 }, threads: 1);
        second.RunToEnd();
        Assert.Equal((1, 2L), (read.TrainedEpochs, read.TrainedSteps));
        Assert.Equal(first.Model.Weights["conv1.weight"][0], read.Weights["conv1.weight"][0], 1e-6);
    }

    [Fact]
    public void Steps_are_counted_over_runs_and_stops()
    {
        OutputDirectory output = new(_folder.Path, 0, replace: false);
        Trainer run = NewRun(TinyOptions(epochs: 2), output);
        Assert.Equal(1, run.Run().First().Epoch);

        Trainer resumed = Trainer.Resume(_folder.Path, null, TinyData, o => o, output, threads: 2);
        resumed.RunToEnd();
        Trainer again = Trainer.Start(resumed.Model, TinyData, TinyOptions(epochs: 1), threads: 2);
        again.RunToEnd();

        Assert.Equal((3, 12L), (again.Model.TrainedEpochs, again.Model.TrainedSteps));
    }
}
