using Cifar10Ps.Formats;
using Cifar10Ps.Networks;
using Cifar10Ps.Training;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

/// <summary>Runs that are stopped and resumed.</summary>
public sealed class CheckpointTests(CheckpointTestBase.WholeRuns whole) : CheckpointTestBase(whole)
{
    public enum Interruption
    {
        BetweenEpochs,
        WithinAnEpoch,
        DuringValidation,
        ByAnExceptionAfterTheLastStep,
    }

    [Theory]
    [InlineData(OptimizerKind.Sgd, Interruption.BetweenEpochs)]
    [InlineData(OptimizerKind.Sgd, Interruption.WithinAnEpoch)]
    [InlineData(OptimizerKind.Sgd, Interruption.DuringValidation)]
    [InlineData(OptimizerKind.Sgd, Interruption.ByAnExceptionAfterTheLastStep)]
    [InlineData(OptimizerKind.Adam, Interruption.BetweenEpochs)]
    [InlineData(OptimizerKind.Adam, Interruption.WithinAnEpoch)]
    [InlineData(OptimizerKind.Adam, Interruption.DuringValidation)]
    [InlineData(OptimizerKind.Muon, Interruption.WithinAnEpoch)]
    public void A_run_that_was_stopped_and_resumed_is_the_uninterrupted_one_to_the_last_bit(OptimizerKind optimizer, Interruption stop)
    {
        OutputDirectory output = Output();
        using CancellationTokenSource cancellation = new();
        List<EpochReport> reports = [];
        Trainer first = NewRun(TinyOptions(optimizer, epochs: 4), output);

        Exception? end = Record.Exception(() =>
        {
            foreach (EpochReport report in first.Run(StopInTheThirdEpoch, cancellation.Token))
            {
                reports.Add(report);
                if (stop == Interruption.BetweenEpochs && report.Epoch == 2)
                    break;
            }
        });
        Assert.Equal(
            stop switch
            {
                Interruption.BetweenEpochs => null,
                Interruption.ByAnExceptionAfterTheLastStep => typeof(TimeoutException),
                _ => typeof(OperationCanceledException),
            },
            end?.GetType());
        Assert.Equal(2, reports.Count);

        // Into a new object or an existing one; found by its folder, or named.
        ImageClassifier? model = stop == Interruption.BetweenEpochs ? NewModel(seed: 77) : null;
        Trainer second = Trainer.Resume(stop == Interruption.BetweenEpochs ? output.Path : output.LatestCheckpoint,
            model, Data, options => options, output, threads: 2);
        reports.AddRange(second.RunToEnd());

        (EpochReport[] expectedReports, string expectedWeights, string expectedLog) = _whole.Of(optimizer);
        Assert.Equal(expectedReports, Timeless(reports));
        Assert.Equal(expectedWeights, Fingerprint(model ?? second.Model));
        Assert.Equal(expectedLog, TimelessLog(output));
        Assert.Equal(4, second.Model.TrainedEpochs);
        Assert.Equal(reports.OrderBy(report => report.Elapsed), reports);

        void StopInTheThirdEpoch(TrainingProgress progress)
        {
            switch (stop, progress)
            {
                case (Interruption.WithinAnEpoch, { Epoch: 3, IsValidating: false, Done: 60 }):
                case (Interruption.DuringValidation, { Epoch: 3, IsValidating: true, Done: 128 }):
                    cancellation.Cancel();
                    break;
                case (Interruption.ByAnExceptionAfterTheLastStep, { Epoch: 3, IsValidating: false, Done: 120 }):
                    throw new TimeoutException();
            }
        }
    }

    [Fact]
    public void A_run_may_be_stopped_at_every_step()
    {
        OutputDirectory output = Output();
        Trainer trainer = NewRun(TinyOptions(epochs: 4), output);
        for (int stops = 1; !trainer.IsComplete; stops++)
        {
            using CancellationTokenSource cancellation = new();
            Assert.Throws<OperationCanceledException>(() => trainer.RunToEnd(_ => cancellation.Cancel(), cancellation.Token));
            Assert.InRange(stops, 1, 16);
            // The last stop of an epoch is during its validation.
            if (stops % 4 == 0)
                Assert.Single(Resume(options => options).Run().Take(1));
            trainer = Resume(options => options);
        }

        Assert.Equal(_whole.Of(OptimizerKind.Sgd).Weights, Fingerprint(trainer.Model));

        Trainer Resume(Func<TrainingOptions, TrainingOptions> change) =>
            Trainer.Resume(output.Path, null, Data, change, output, threads: 2);
    }

    [Theory]
    [InlineData(3, false, 9)]
    [InlineData(0, true, 10)]
    [InlineData(0, false, 8)]
    public void A_run_that_is_killed_within_an_epoch_goes_on_from_the_last_checkpoint_to_the_same_bits(int everySteps, bool always,
        int resumedAt)
    {
        // What a process that ends now would leave: a copy of its files in the middle of the third epoch.
        Trainer killed = NewRun(TinyOptions(epochs: 4), Output());
        killed.CheckpointEverySteps = everySteps;
        killed.CheckpointEvery = always ? TimeSpan.Zero : null;
        int steps = 0;
        killed.RunToEnd(progress =>
        {
            if (!progress.IsValidating && ++steps == 10)
                CopyFiles(_folder["output"], _folder["left"]);
        });

        Assert.Equal(resumedAt, Checkpoint.Load(_folder["left/checkpoint-latest.safetensors"]).State.Step);
        Trainer resumed = Trainer.Resume(_folder["left"], null, Data, options => options, threads: 2);
        resumed.RunToEnd();

        Assert.Equal(_whole.Of(OptimizerKind.Sgd).Weights, Fingerprint(killed.Model));
        Assert.Equal(_whole.Of(OptimizerKind.Sgd).Weights, Fingerprint(resumed.Model));

        static void CopyFiles(string from, string to)
        {
            Directory.CreateDirectory(to);
            foreach (string file in Directory.GetFiles(from, "*.safetensors"))
                File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        }
    }

    [Fact]
    public void A_run_on_mixed_images_of_drawn_classes_resumes_to_the_last_bit()
    {
        ImageDataset data = Unequal(Data);
        TrainingOptions options = TinyOptions() with
        {
            Augmentation = Augmentation.Strong, Sampling = Sampling.Balanced, ClassWeights = new([new("ring", 2)]),
        };
        Trainer whole = NewRun(options, data: data);
        EpochReport[] expected = whole.RunToEnd();
        OutputDirectory output = Output();
        using CancellationTokenSource cancellation = new();

        Assert.Throws<OperationCanceledException>(() => NewRun(options, output, data).RunToEnd(
            progress => { if (progress is { Epoch: 2, Done: > 30 }) cancellation.Cancel(); }, cancellation.Token));
        Trainer resumed = Trainer.Resume(output.Path, null, data, changed => changed, output, threads: 1);

        Assert.Equal(Timeless(expected.TakeLast(1)), Timeless(resumed.RunToEnd()));
        Assert.Equal(Fingerprint(whole.Model), Fingerprint(resumed.Model));

        // Every fourth image of half of the classes.
        static ImageDataset Unequal(ImageDataset data) => new(data.Name, data.Source, data.Classes,
            [.. data.Train.Where(image => image.Label < 5 || image.Index % 40 < 10)], data.Test);
    }

    [Fact]
    public void A_finished_run_has_nothing_left_to_do_unless_it_gets_more_epochs()
    {
        string path = MakeCheckpoint();

        Trainer finished = Trainer.Resume(path, null, Data, options => options);
        Trainer longer = Trainer.Resume(path, null, Data, options => options with { Epochs = 2 }, threads: 2);

        Assert.True(finished.IsComplete);
        Assert.Empty(finished.RunToEnd());
        Assert.Equal(2, Assert.Single(longer.RunToEnd()).Epoch);
        Assert.Equal(2, longer.Model.TrainedEpochs);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Fewer_epochs_than_a_run_has_begun_are_refused_and_change_no_file(bool isStopped)
    {
        OutputDirectory output = Output();
        using CancellationTokenSource stop = new();
        Exception? stopped = Record.Exception(() => NewRun(TinyOptions(epochs: 2), output).RunToEnd(at =>
        {
            if (isStopped && at is { Epoch: 2, Done: > 30 })
                stop.Cancel();
        }, stop.Token));
        Assert.Equal(isStopped, stopped is OperationCanceledException);
        byte[] before = File.ReadAllBytes(output.LatestCheckpoint);

        EngineException error = AssertError("OptionOutOfRange",
            () => Trainer.Resume(output.Path, null, Data, options => options with { Epochs = 1 }, output));

        Assert.Contains("has reached epoch 2", error.Message, StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllBytes(output.LatestCheckpoint));
    }

    [Fact]
    public void A_checkpoint_is_a_model_file_too()
    {
        Trainer trainer = NewRun(TinyOptions(epochs: 1), Output());
        Assert.Single(trainer.RunToEnd());

        ImageClassifier model = ModelFile.Load(trainer.Output!.LatestCheckpoint);

        Assert.Equal(Fingerprint(trainer.Model), Fingerprint(model));
        Assert.Equal(1, model.TrainedEpochs);
        Assert.Equal(Data.Classes, model.Classes);
    }

    [Fact]
    public void A_network_without_a_classifier_resumes_with_its_model()
    {
        NetworkBuilder layers = new();
        int scores = layers.Convolution("scores", NetworkBuilder.InputLayer, Data.Classes.Length, 1, hasBias: true);
        layers.Add("pool", new AveragePool(), scores);
        ImageClassifier model = ImageClassifier.Create(layers.Build("Scores"), Data.Classes, 1);
        OutputDirectory output = Output();
        Assert.Single(Trainer.Start(model, Data, TinyOptions(epochs: 2), output).Run().Take(1));

        Assert.Single(Trainer.Resume(output.Path, model, Data, o => o, output).RunToEnd());
    }

    [Fact]
    public void No_option_but_the_number_of_epochs_may_change()
    {
        string path = MakeCheckpoint();
        (string Name, Func<TrainingOptions, TrainingOptions> Change)[] changes =
        [
            (nameof(TrainingOptions.Recipe), o => o with { Recipe = Recipe.Original }),
            (nameof(TrainingOptions.BatchSize), o => o with { BatchSize = 16 }),
            (nameof(TrainingOptions.Optimizer), o => o with { Optimizer = OptimizerKind.Adam }),
            (nameof(TrainingOptions.LearningRate), o => o with { LearningRate = 0.2 }),
            (nameof(TrainingOptions.Momentum), o => o with { Momentum = 0.8 }),
            (nameof(TrainingOptions.WeightDecay), o => o with { WeightDecay = 0 }),
            (nameof(TrainingOptions.Schedule), o => o with { Schedule = Schedule.Cosine }),
            (nameof(TrainingOptions.Augmentation), o => o with { Augmentation = Augmentation.None }),
            (nameof(TrainingOptions.Augmentation), o => o with { Augmentation = Augmentation.Light | Augmentation.Mixup }),
            (nameof(TrainingOptions.ClassWeights), o => o with { ClassWeights = ClassWeights.Balanced }),
            (nameof(TrainingOptions.Sampling), o => o with { Sampling = Sampling.Balanced }),
            (nameof(TrainingOptions.LabelSmoothing), o => o with { LabelSmoothing = 0.1 }),
            (nameof(TrainingOptions.Seed), o => o with { Seed = 4 }),
        ];

        Assert.All(changes, change =>
            Assert.Contains(change.Name, AssertError("CheckpointMismatch", () =>
                Trainer.Resume(path, null, Data, change.Change)).Message, StringComparison.Ordinal));
    }

    [Fact]
    public void The_checkpoint_of_another_run_is_refused()
    {
        string path = MakeCheckpoint();

        AssertError("CheckpointMismatch", () => Trainer.Resume(path, null, SmallImages(119, 10, side: 8), o => o));
        AssertError("CheckpointMismatch", () =>
            Trainer.Resume(path, NewResNet(8, SyntheticImages.Classes, Shortcut.ZeroPad, 1), Data, o => o));
        AssertError("CheckpointMismatch", () =>
            Trainer.Resume(path, NewResNet(32, SyntheticImages.Classes, Shortcut.Projection, 1), Data, o => o));
        AssertError("ClassMismatch", () =>
            Trainer.Resume(path, null, new ImageDataset("", "", ["a", "b"], Data.Train, Data.Test), o => o));
    }

    [Fact]
    public void A_run_that_diverges_leaves_the_latest_checkpoint_that_is_good()
    {
        // A runaway momentum shows in the step after the next.
        string path = MakeCheckpoint();
        TensorFile file = Safetensors.Read(path);
        file.Tensors["optimizer.momentum.conv1.weight"].Values.AsSpan().Fill(float.MaxValue);
        Safetensors.Write(file, path);
        string before = Fingerprint(ModelFile.Load(path));
        Trainer trainer = Trainer.Resume(path, null, Data, options => options with { Epochs = 2 }, Output(), threads: 2);

        AssertError("TrainingDiverged", () => trainer.RunToEnd());

        Assert.Equal((before, 4), (Fingerprint(ModelFile.Load(path)), Checkpoint.Load(path).State.Step));
    }
}
