using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json.Nodes;
using Cifar10Ps.Formats;
using Cifar10Ps.Networks;
using Cifar10Ps.Training;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public sealed class CheckpointTests(CheckpointTests.WholeRuns whole) : IClassFixture<CheckpointTests.WholeRuns>, IDisposable
{
    /// <summary>What is saved and read does not depend on how much there is to compute.</summary>
    private static readonly ImageDataset Data = SmallImages(120, 140, side: 8);
    private readonly TemporaryFolder _folder = new();

    public enum Interruption
    {
        BetweenEpochs,
        WithinAnEpoch,
        DuringValidation,
        ByAnExceptionAfterTheLastStep,
    }

    public void Dispose() => _folder.Dispose();

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

        (EpochReport[] expectedReports, string expectedWeights, string expectedLog) = whole.Of(optimizer);
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

        Assert.Equal(whole.Of(OptimizerKind.Sgd).Weights, Fingerprint(trainer.Model));

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

        Assert.Equal(whole.Of(OptimizerKind.Sgd).Weights, Fingerprint(killed.Model));
        Assert.Equal(whole.Of(OptimizerKind.Sgd).Weights, Fingerprint(resumed.Model));

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
    public void A_missing_checkpoint_is_reported()
    {
        AssertError("CheckpointNotFound", () => Trainer.Resume(_folder["nothing"], null, Data, o => o));
        AssertError("CheckpointNotFound", () => Trainer.Resume(_folder.Path, null, Data, o => o));
    }

    [Fact]
    public void A_model_file_is_no_checkpoint()
    {
        ModelFile.Save(NewModel(seed: 1), _folder["model.safetensors"]);

        AssertError("InvalidCheckpoint", () => Trainer.Resume(_folder["model.safetensors"], null, Data, o => o));
    }

    [Theory]
    [InlineData(0, "InvalidSafetensors")]
    [InlineData(1_000, "FileDamaged")]
    [InlineData(500_000, "FileDamaged")]
    public void A_truncated_checkpoint_is_refused(int length, string id)
    {
        string path = MakeCheckpoint();
        using (FileStream file = File.OpenWrite(path))
            file.SetLength(length);

        AssertError(id, () => Trainer.Resume(path, null, Data, o => o));
    }

    [Theory]
    [InlineData("optimizer.momentum.conv1.weight")]
    [InlineData("bn1.running_mean")]
    public void A_checkpoint_without_one_of_its_tensors_is_refused(string tensor)
    {
        string path = MakeCheckpoint();
        TensorFile file = Safetensors.Read(path);
        file.Tensors.Remove(tensor);
        Safetensors.Write(file, path);

        Assert.Contains(tensor, AssertError("InvalidCheckpoint", () => Trainer.Resume(path, null, Data, o => o)).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "null")]
    [InlineData("", "[]")]
    [InlineData("", "{}")]
    [InlineData("options", "null")]
    [InlineData("options.epochs", "0")]
    [InlineData("options.epochs", "null")]
    [InlineData("options.batchSize", "-1")]
    [InlineData("options.batchSize", "2147483647")]
    [InlineData("options.optimizer", "\"Magic\"")]
    [InlineData("options.optimizer", "77")]
    [InlineData("options.schedule", "77")]
    [InlineData("options.learningRate", "1e999")]
    [InlineData("options.learningRate", "\"NaN\"")]
    [InlineData("options.learningRate", "-0.1")]
    [InlineData("options.learningRate", "1e300")]
    [InlineData("options.momentum", "1")]
    [InlineData("options.momentum", "-0.5")]
    [InlineData("options.weightDecay", "11")]
    [InlineData("options.augmentation", "\"Fancy\"")]
    [InlineData("options.augmentation", "\"Light, Standard\"")]
    [InlineData("options.augmentation", "4096")]
    [InlineData("options.sampling", "7")]
    [InlineData("options.classWeights", "\"Unbalanced\"")]
    [InlineData("options.classWeights", "3")]
    [InlineData("options.classWeights", "{\"disc\":0}")]
    [InlineData("options.classWeights", "{\"disc\":\"heavy\"}")]
    [InlineData("options.labelSmoothing", "1")]
    [InlineData("options.seed", "-1")]
    [InlineData("options.stepLimit", "-1")]
    [InlineData("options.validationCount", "120")]
    [InlineData("trainCount", "-120")]
    [InlineData("trainCount", "0")]
    [InlineData("step", "5")]
    [InlineData("step", "3")]
    [InlineData("step", "0")]
    [InlineData("step", "9223372036854775807")]
    [InlineData("lossSum", "1e999")]
    [InlineData("correct", "1")]
    [InlineData("epochSeconds", "-1")]
    [InlineData("elapsedSeconds", "1e300")]
    [InlineData("elapsedSeconds", "-1")]
    [InlineData("history.0.epoch", "2")]
    [InlineData("history.0.step", "0")]
    [InlineData("history.0.step", "3")]
    [InlineData("history.0.accuracy", "1.5")]
    [InlineData("history.0.loss", "-1")]
    [InlineData("history.0.elapsed", "\"-00:00:01\"")]
    [InlineData("history.0.elapsed", "\"99999999.00:00:00\"")]
    [InlineData("history.0.learningRate", "-1")]
    [InlineData("step", "-1")]
    [InlineData("epochImages", "121")]
    [InlineData("epochImages", "-1")]
    [InlineData("history", "null")]
    [InlineData("history", "[null]")]
    [InlineData("history", "[{}]")]
    public void A_state_that_makes_no_sense_is_refused(string where, string value)
    {
        string path = MakeCheckpoint();
        TensorFile file = Safetensors.Read(path);
        JsonNode? changed = JsonNode.Parse(value), state = JsonNode.Parse(file.Metadata["training_state"]);
        switch (where.Split('.'))
        {
            case [""]: state = changed; break;
            case [string key]: state![key] = changed; break;
            case [string outer, string key]: state![outer]![key] = changed; break;
            case [string outer, string index, string key]:
                state![outer]![int.Parse(index, CultureInfo.InvariantCulture)]![key] = changed;
                break;
        }

        file.Metadata["training_state"] = state?.ToJsonString() ?? "null";
        Safetensors.Write(file, path);

        AssertError("InvalidCheckpoint", () => Trainer.Resume(path, null, Data, o => o));
    }

    [Fact]
    public void Whatever_a_state_says_it_is_gone_on_with_or_refused_as_no_checkpoint()
    {
        string[] values = ["null", "[]", "{}", "\"\"", "\"text\"", "true", "-1",
            "0", "1", "7", "1.5", "1e-320", "1e308", "-1e308", "1e999", "2147483647",
            "2147483648", "-2147483648", "9223372036854775807", "\"NaN\"", "\"Infinity\"",
            "\"00:00:01\"", "\"99999999.00:00:00\"", "\"lone surrogate\"", "[null]", "[[[]]]"];
        NewCheckpoint(0.3, 0.5).Save(_folder["file"]);
        TensorFile file = Safetensors.Read(_folder["file"]);
        string whole = file.Metadata["training_state"];
        Random random = new(1);
        int refused = 0;

        for (int i = 0; i < 300; i++)
        {
            JsonNode state = JsonNode.Parse(whole)!;
            for (int change = random.Next(1, 3); change > 0; change--)
                Mutate(state, values[random.Next(values.Length)], random);
            file.Metadata["training_state"] = state.ToJsonString().Replace("lone surrogate", "\\ud800", StringComparison.Ordinal);
            Safetensors.Write(file, _folder["file"]);

            Exception? error = Record.Exception(() => Trainer.Resume(_folder["file"], null, Data, options => options, threads: 1));

            Assert.True(error is null or EngineException { ErrorId: "InvalidCheckpoint" or "CheckpointMismatch" },
                $"{state.ToJsonString()}\n{error}");
            refused += error is null ? 0 : 1;
        }

        Assert.InRange(refused, 200, 299);
    }

    /// <summary>Changes or removes a value somewhere in an object, or doubles an element of a list.</summary>
    private static void Mutate(JsonNode node, string value, Random random)
    {
        while (true)
        {
            JsonNode? below;
            if (node is JsonArray { Count: > 0 } list)
            {
                int index = random.Next(list.Count);
                below = list[index];
                if (random.Next(4) == 0)
                    list.Add(below?.DeepClone());
            }
            else if (node is JsonObject { Count: > 0 } item)
            {
                (string key, below) = item.ElementAt(random.Next(item.Count));
                if (below is not (JsonObject or JsonArray) || random.Next(8) == 0)
                {
                    if (random.Next(6) == 0)
                        item.Remove(key);
                    else
                        item[key] = JsonNode.Parse(value);
                    return;
                }
            }
            else
            {
                return;
            }

            if (below is not (JsonObject or JsonArray))
                return;
            node = below;
        }
    }

    [Fact]
    public void Whatever_is_damaged_a_checkpoint_is_loaded_or_refused()
    {
        byte[] content = Unsealed(File.ReadAllBytes(MakeCheckpoint()));
        Random random = new(1);
        int refused = 0;

        for (int i = 0; i < 150; i++)
        {
            // The metadata and the first tensors.
            _folder.Write("damaged", Damage(content, 2_000, random));
            Exception? error = Record.Exception(() => Checkpoint.Load(_folder["damaged"]));
            Assert.True(error is null or EngineException, $"change {i}: {error}");
            refused += error is null ? 0 : 1;
        }

        Assert.InRange(refused, 75, 149);
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

    private static Trainer NewRun(TrainingOptions options, OutputDirectory? output = null, ImageDataset? data = null) =>
        Trainer.Start(NewModel(seed: 1), data ?? Data, options, output, threads: 2);

    private static ImageClassifier NewModel(int seed) => NewResNet(8, SyntheticImages.Classes, Shortcut.Projection, seed);

    private OutputDirectory Output() => new(_folder["output"], keepCheckpoints: 3, replace: false);

    /// <summary>The newest checkpoint of a finished run of one epoch.</summary>
    private string MakeCheckpoint()
    {
        OutputDirectory output = Output();
        Directory.CreateDirectory(output.Path);
        File.WriteAllBytes(output.LatestCheckpoint, whole.OfOneEpoch);
        return output.LatestCheckpoint;
    }

    private static string TimelessLog(OutputDirectory output)
    {
        JsonArray log = JsonNode.Parse(File.ReadAllText(Path.Combine(output.Path, "log")))!.AsArray();
        foreach (JsonNode? epoch in log)
            Assert.True(epoch!.AsObject().Remove("elapsed_time"));
        return log.ToJsonString();
    }

    /// <summary>Uninterrupted runs, computed once.</summary>
    public sealed class WholeRuns
    {
        private readonly ConcurrentDictionary<OptimizerKind, Lazy<(EpochReport[], string, string)>> _runs = [];
        private readonly Lazy<byte[]> _ofOneEpoch = new(() =>
        {
            using TemporaryFolder folder = new();
            OutputDirectory output = new(folder.Path, keepCheckpoints: 0, replace: false);
            Assert.Single(NewRun(TinyOptions(epochs: 1), output).RunToEnd());
            return File.ReadAllBytes(output.LatestCheckpoint);
        });

        public byte[] OfOneEpoch => _ofOneEpoch.Value;

        public (EpochReport[] Reports, string Weights, string Log) Of(OptimizerKind optimizer) =>
            _runs.GetOrAdd(optimizer, kind => new(() =>
            {
                using TemporaryFolder folder = new();
                Trainer trainer = NewRun(TinyOptions(kind, epochs: 4),
                    new OutputDirectory(folder.Path, keepCheckpoints: 3, replace: false));
                return ([.. Timeless(trainer.RunToEnd())], Fingerprint(trainer.Model), TimelessLog(trainer.Output!));
            })).Value;
    }
}
