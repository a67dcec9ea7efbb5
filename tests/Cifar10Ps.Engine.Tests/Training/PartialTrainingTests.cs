using Cifar10Ps.Models;
using Cifar10Ps.Networks;
using Cifar10Ps.Training;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

/// <summary>Training of a part of a network, rates of its own for a part, and which epoch's model remains.</summary>
public sealed class PartialTrainingTests : IDisposable
{
    private static readonly ImageDataset Data = SmallImages(40, 20, side: 16);
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.BFloat16)]
    public void A_frozen_backbone_does_not_move_and_the_number_of_workers_changes_no_bit(Precision precision)
    {
        TrainingOptions options = Options() with { Freeze = Freeze.Backbone, Precision = precision };
        string[] results = [.. new[] { 1, 2, 3 }.Select(threads =>
        {
            ImageClassifier model = Trained();
            ModelSnapshot before = model.Snapshot;
            Trainer.Start(model, Data, options, threads: threads).RunToEnd();
            Assert.Equal(["fc.weight", "fc.bias"], Changed(before, model));
            return Fingerprint(model);
        })];

        Assert.Single(results.Distinct());
    }

    [Theory]
    [InlineData(OptimizerKind.Sgd)]
    [InlineData(OptimizerKind.AdamW)]
    [InlineData(OptimizerKind.Muon)]
    public void Frozen_norms_keep_their_statistics_scales_and_shifts(OptimizerKind optimizer)
    {
        ImageClassifier model = Trained();
        ModelSnapshot before = model.Snapshot;
        HashSet<string> norms = [.. model.Network.Layers.Where(layer => layer.Kind == LayerKind.BatchNorm)
            .SelectMany(layer => layer.Tensors).Select(tensor => tensor.Name)];

        Trainer.Start(model, Data, Options() with { Freeze = Freeze.Norm, Optimizer = optimizer }, threads: 2).RunToEnd();

        Assert.Equal(model.Network.Tensors.Select(tensor => tensor.Name).Where(name => !norms.Contains(name)), Changed(before, model));
    }

    [Theory]
    [InlineData(OptimizerKind.Sgd)]
    [InlineData(OptimizerKind.AdamW)]
    [InlineData(OptimizerKind.Muon)]
    public void Small_steps_beside_frozen_norms_leave_the_weights_nearly_as_they_are(OptimizerKind optimizer)
    {
        ImageClassifier model = Trained();
        ModelSnapshot before = model.Snapshot;
        TrainingOptions options = Options() with { Epochs = 1, Freeze = Freeze.Norm, Optimizer = optimizer, LearningRate = 1e-6 };

        Trainer.Start(model, Data, options, threads: 2).RunToEnd();

        Assert.All(model.Network.Tensors, tensor => Assert.Equal(before.Weights[tensor.Name], model.Weights[tensor.Name],
            (a, b) => Math.Abs(a - b) < 1e-3));
    }

    [Fact]
    public void The_first_epochs_train_the_classifier_and_the_others_everything()
    {
        ImageClassifier model = Trained();
        ModelSnapshot before = model.Snapshot;
        List<int> changed = [];
        foreach (EpochReport _ in Trainer.Start(model, Data, Options() with { Epochs = 3, ClassifierEpochs = 2 }, threads: 2).Run())
            changed.Add(Changed(before, model).Length);

        Assert.Equal([2, 2, model.Network.Tensors.Count], changed);
    }

    /// <summary>Adam's first step from moments of zero is as long as the learning rate, whatever the gradient.</summary>
    [Theory]
    [InlineData(OptimizerKind.Adam)]
    [InlineData(OptimizerKind.AdamW)]
    public void The_backbone_begins_with_the_first_step_of_its_moments(OptimizerKind optimizer)
    {
        ImageClassifier model = Trained();
        TrainingOptions options = Options() with
        {
            Epochs = 31, ClassifierEpochs = 30, BatchSize = 40, Optimizer = optimizer, LearningRate = 1e-3, WeightDecay = 0,
            BackboneLearningRate = null, Schedule = Schedule.Constant,
        };
        List<float[]> weights = [];

        foreach (EpochReport _ in Trainer.Start(model, Data, options, threads: 1).Run())
            weights.Add([.. model.Weights["layer2.0.conv1.weight"]]);

        Assert.Equal(1e-3, weights[29].Zip(weights[30], (a, b) => Math.Abs(a - b)).Average(), 1e-5);
    }

    [Fact]
    public void Validation_from_kept_features_is_that_of_the_model()
    {
        ImageClassifier model = Trained();
        EpochReport report = Trainer.Start(model, Data,
            Options() with { Epochs = 1, Freeze = Freeze.Backbone, Precision = Precision.Float32 },
            threads: 2).RunToEnd()[0];
        using Predictor predictor = new(model, threads: 2, Precision.Float32);
        Evaluation evaluation = Evaluation.Run(predictor, Data.Test, progress: null, CancellationToken.None);

        Assert.Equal(evaluation.Accuracy, report.ValidationAccuracy);
        Assert.Equal(evaluation.Loss, report.ValidationLoss!.Value, 1e-5);
    }

    [Theory]
    [InlineData(1, 5)]
    [InlineData(1, 10)]
    [InlineData(2, 10)]
    [InlineData(3, 5)]
    public void A_run_that_is_interrupted_in_either_part_goes_on_to_the_same_bits(int epoch, int images)
    {
        TrainingOptions options = Options() with { Epochs = 4, ClassifierEpochs = 2, BatchSize = 5, GradientClipping = 1 };
        Trainer whole = Trainer.Start(Trained(), Data, options, threads: 2);
        whole.RunToEnd();
        Trainer stopped = Trainer.Start(Trained(), Data, options, Output(), threads: 2);
        using CancellationTokenSource stop = new();
        Assert.ThrowsAny<OperationCanceledException>(() => stopped.RunToEnd(at =>
        {
            if (at is { IsPreparing: false, IsValidating: false } && (at.Epoch, at.Done) == (epoch, images))
                stop.Cancel();
        }, stop.Token));

        Trainer resumed = Trainer.Resume(_folder.Path, null, Data, o => o, Output(replace: false), threads: 3);
        resumed.RunToEnd();

        Assert.Equal(Fingerprint(whole.Model), Fingerprint(resumed.Model));
    }

    [Fact]
    public void A_run_that_was_left_between_the_parts_goes_on_to_the_same_bits()
    {
        TrainingOptions options = Options() with { Epochs = 3, ClassifierEpochs = 1 };
        Trainer whole = Trainer.Start(Trained(), Data, options, threads: 2);
        whole.RunToEnd();
        foreach (EpochReport _ in Trainer.Start(Trained(), Data, options, Output(), threads: 2).Run())
            break;

        Trainer resumed = Trainer.Resume(_folder.Path, null, Data, o => o, Output(replace: false), threads: 2);

        Assert.Equal([2, 3], resumed.RunToEnd().Select(report => report.Epoch));
        Assert.Equal(Fingerprint(whole.Model), Fingerprint(resumed.Model));
    }

    [Fact]
    public void A_finished_run_of_the_classifier_leaves_its_model_once_more()
    {
        Trainer.Start(Trained(), Data, Options() with { Epochs = 1, ClassifierEpochs = 1 }, Output(), threads: 2).RunToEnd();
        File.Delete(_folder["model.safetensors"]);
        List<TrainingProgress> progress = [];

        Assert.Empty(Trainer.Resume(_folder.Path, null, Data, o => o, Output(replace: false), threads: 2).Run(progress.Add));

        Assert.Empty(progress);
        Assert.True(File.Exists(_folder["model.safetensors"]));
    }

    [Fact]
    public void What_is_said_of_the_computation_is_what_the_run_does()
    {
        Assert.Contains("features that are computed once",
            Trainer.Start(Trained(), Data, Options() with { Freeze = Freeze.Backbone }).Description, StringComparison.Ordinal);
        Assert.DoesNotContain("features", Trainer.Start(Trained(), Data, Options() with { ClassifierEpochs = 1 }).Description,
            StringComparison.Ordinal);
    }

    /// <summary>Only norms are frozen: augmentation is not left out.</summary>
    [Fact]
    public void Frozen_norms_before_the_classifier_are_no_frozen_backbone()
    {
        NetworkBuilder layers = new();
        layers.Add("fc", new Linear(3 * 16 * 16, 2), layers.Add("flatten", new Flatten(), layers.Norm("norm", NetworkBuilder.InputLayer)));
        Network network = layers.Build("Flat");

        Assert.False(network.Frozen(layer => layer.Kind == LayerKind.BatchNorm).HasFrozenBackbone);
        Assert.True(network.Frozen(layer => layer != network.Classifier).HasFrozenBackbone);
        Assert.False(network.HasFrozenBackbone);
    }

    [Fact]
    public void A_finished_run_of_the_classifier_goes_on_with_everything()
    {
        Trainer.Start(Trained(), Data, Options() with { Epochs = 1, ClassifierEpochs = 1 }, Output(), threads: 2).RunToEnd();
        Trainer more = Trainer.Resume(_folder.Path, null, Data, o => o with { Epochs = 2 }, Output(replace: false), threads: 2);
        ModelSnapshot before = more.Model.Snapshot;

        more.RunToEnd();

        Assert.Equal(before.Network.Tensors.Count, Changed(before, more.Model).Length);
    }

    [Theory]
    [InlineData(OptimizerKind.Sgd)]
    [InlineData(OptimizerKind.AdamW)]
    [InlineData(OptimizerKind.Adam)]
    public void A_rate_of_its_own_for_the_backbone_scales_its_step_and_not_the_classifiers(OptimizerKind optimizer)
    {
        TrainingOptions options = Options() with { Optimizer = optimizer, Epochs = 1, BatchSize = 40, LearningRate = 0.01 };
        ModelSnapshot start = Trained().Snapshot;

        StateDict whole = After(options), part = After(options with { BackboneLearningRate = 0.001 });

        Assert.Equal(whole["fc.weight"], part["fc.weight"]);
        double all = Distance(whole, "layer2.0.conv1.weight"), slow = Distance(part, "layer2.0.conv1.weight");
        Assert.Equal(0.1 * all, slow, all * 1e-3);

        StateDict After(TrainingOptions options)
        {
            ImageClassifier model = new(start);
            Trainer.Start(model, Data, options, threads: 1).RunToEnd();
            return model.Weights;
        }

        double Distance(StateDict weights, string name) =>
            Math.Sqrt(weights[name].Zip(start.Weights[name], (a, b) => (double)(a - b) * (a - b)).Sum());
    }

    [Theory]
    [InlineData(0.01, 0.01)]
    [InlineData(1e6, null)]
    public void A_clipped_gradient_has_the_largest_norm_that_was_given(double maximum, double? expected)
    {
        // One step of gradient descent without momentum: its length is the rate times the norm.
        TrainingOptions options = Options() with
        {
            Optimizer = OptimizerKind.Sgd, Momentum = 0, WeightDecay = 0, Epochs = 1, BatchSize = 40, LearningRate = 1,
                Schedule = Schedule.Constant,
        };
        double unclipped = Length(options), length = Length(options with { GradientClipping = maximum });

        Assert.Equal(expected ?? unclipped, length, 1e-3 * unclipped);

        static double Length(TrainingOptions options)
        {
            ImageClassifier model = Trained();
            ModelSnapshot before = model.Snapshot;
            Trainer.Start(model, Data, options, threads: 1).RunToEnd();
            return Math.Sqrt(before.Network.LearnedTensors.Sum(tensor =>
                before.Weights[tensor.Name].Zip(model.Weights[tensor.Name], (a, b) => (double)(a - b) * (a - b)).Sum()));
        }
    }

    [Fact]
    public void A_trained_model_is_fine_tuned_by_default_and_the_recipe_adapts_to_what_was_chosen()
    {
        Assert.Equal(Recipe.Fast, new RequestedOptions().Resolve(NewModel()).Recipe);
        TrainingOptions options = new RequestedOptions { Epochs = 5, LearningRate = 0.01 }.Resolve(Trained());

        Assert.Equal((Recipe.FineTune, 5, 2), (options.Recipe, options.Epochs, options.ClassifierEpochs));
        // A small network is trained as a new one is; one for large images changes little.
        Assert.Equal((OptimizerKind.Muon, Freeze.None, 0.1), (options.Optimizer, options.Freeze, options.BackboneLearningRate));
        ImageClassifier large = Trained();
        large.Snapshot = large.Snapshot with { Preprocessing = new Preprocessing([0, 0, 0], [1, 1, 1], 224, 224) };
        options = new RequestedOptions { LearningRate = 0.01 }.Resolve(large);
        Assert.Equal((OptimizerKind.Sgd, Freeze.Norm), (options.Optimizer, options.Freeze));
        Assert.Equal(0.002, options.BackboneLearningRate!.Value, 1e-9);
        Assert.Equal(0.1, options.LabelSmoothing);
        Assert.Equal(0, new RequestedOptions { Freeze = Freeze.Backbone }.Resolve(large).LabelSmoothing);
        Assert.Equal(Recipe.Fast, new RequestedOptions { Recipe = Recipe.Fast }.Resolve(Trained()).Recipe);
    }

    [Theory]
    [InlineData(Recipe.Fast, 64, 0.05)]
    [InlineData(Recipe.Fast, 512, 0.1)]
    [InlineData(Recipe.Full, 2048, 0.2)]
    [InlineData(Recipe.Original, 2048, 1e-3)]
    public void A_larger_batch_takes_a_larger_learning_rate_unless_one_is_given(Recipe recipe, int batchSize, double expected)
    {
        RequestedOptions options = new() { Recipe = recipe, BatchSize = batchSize };

        Assert.Equal(expected, options.Resolve(NewModel()).LearningRate, 1e-12);
        Assert.Equal(0.03, (options with { LearningRate = 0.03 }).Resolve(NewModel()).LearningRate);
    }

    [Fact]
    public void The_best_model_remains_in_memory_and_in_its_file()
    {
        // Nothing is learned, so that the first epoch is the best.
        Trainer trainer = Trainer.Start(Trained(), Data, Still(epochs: 3), Output(), threads: 2);
        trainer.Restore = Restore.Best;
        int before = trainer.Model.TrainedEpochs;
        trainer.RunToEnd();

        Assert.Equal(1, trainer.RestoredEpoch);
        Assert.Equal(before + 1, trainer.Model.TrainedEpochs);
        Assert.Equal(before + 1, ModelFile.Load(_folder["model.safetensors"]).TrainedEpochs);
        Assert.Equal(Fingerprint(ModelFile.Load(_folder["checkpoint-best.safetensors"])), Fingerprint(trainer.Model));
    }

    [Fact]
    public void The_best_model_of_a_run_that_was_resumed_is_that_of_its_file()
    {
        Trainer.Start(Trained(), Data, Still(epochs: 2), Output(), threads: 2).RunToEnd();
        Trainer more = Trainer.Resume(_folder.Path, null, Data, o => o with { Epochs = 3 }, Output(replace: false), threads: 2);
        more.Restore = Restore.Best;
        more.RunToEnd();

        Assert.Equal(1, more.RestoredEpoch);
        Assert.Equal(Fingerprint(ModelFile.Load(_folder["checkpoint-best.safetensors"])), Fingerprint(more.Model));
    }

    [Fact]
    public void The_best_model_is_found_where_the_run_was_before_it_went_on_in_another_folder()
    {
        Trainer.Start(Trained(), Data, Still(epochs: 2), Output(), threads: 2).RunToEnd();
        OutputDirectory other = new(_folder["other"], keepCheckpoints: 1, replace: true);
        // The best checkpoint of another run, of as many epochs.
        Trainer.Start(Trained(), Data, Still(epochs: 1) with { Seed = 5 }, other, threads: 2).RunToEnd();
        byte[] foreign = File.ReadAllBytes(_folder["other/checkpoint-best.safetensors"]);
        Trainer more = Trainer.Resume(_folder.Path, null, Data, o => o with { Epochs = 3 }, other, threads: 2);
        more.Restore = Restore.Best;
        Assert.Null(more.LostBestEpoch);
        more.RunToEnd();
        File.WriteAllBytes(_folder["checkpoint-best.safetensors"], foreign);
        Trainer lost = Trainer.Resume(_folder.Path, null, Data, o => o with { Epochs = 3 }, threads: 2);
        lost.Restore = Restore.Best;

        Assert.Equal(1, more.RestoredEpoch);
        Assert.Equal(1, lost.LostBestEpoch);
    }

    [Fact]
    public void The_best_epoch_comes_along_into_another_folder()
    {
        Trainer.Start(Trained(), Data, Still(epochs: 2), Output(), threads: 2).RunToEnd();
        OutputDirectory other = new(_folder["other"], keepCheckpoints: 1, replace: true);
        Assert.Single(Trainer.Resume(_folder.Path, null, Data, o => o with { Epochs = 4 }, other, threads: 2).Run().Take(1));
        File.Delete(_folder["checkpoint-best.safetensors"]);

        Trainer last = Trainer.Resume(other.Path, null, Data, o => o, new OutputDirectory(other.Path, 1, replace: false), threads: 2);
        last.Restore = Restore.Best;

        Assert.Null(last.LostBestEpoch);
        Assert.Single(last.RunToEnd());
        Assert.Equal(1, last.RestoredEpoch);
    }

    [Fact]
    public void A_run_that_goes_on_in_another_folder_can_be_resumed_from_there_at_once()
    {
        Trainer first = Trainer.Start(Trained(), Data, TinyOptions(epochs: 2) with { BatchSize = 8 }, Output(), threads: 2);
        first.MaxDuration = TimeSpan.MaxValue;
        int steps = 0, atStop = Data.TrainCount / 8 + 2;
        first.RunToEnd(at => first.MaxDuration = !at.IsValidating && ++steps == atStop ? TimeSpan.Zero : first.MaxDuration);

        // Killed before its first step.
        OutputDirectory other = new(_folder["other"], keepCheckpoints: 1, replace: true);
        Trainer more = Trainer.Resume(_folder.Path, null, Data, o => o, other, threads: 2);
        Assert.Throws<TimeoutException>(() => more.RunToEnd(_ => throw new TimeoutException($"{KeepCopy()}")));

        (Checkpoint before, Checkpoint copy) = (CheckpointFinder.Load(_folder.Path, null), CheckpointFinder.Load(_folder["copy"], null));
        Assert.Equal((before.State.Step, before.State.EpochImages), (copy.State.Step, copy.State.EpochImages));
        Assert.Equal(Fingerprint(before.Model), Fingerprint(copy.Model));

        DirectoryInfo KeepCopy()
        {
            DirectoryInfo kept = Directory.CreateDirectory(_folder["copy"]);
            foreach (string file in Directory.GetFiles(_folder["other"], "checkpoint-*"))
                File.Copy(file, Path.Combine(kept.FullName, Path.GetFileName(file)));
            return kept;
        }
    }

    [Fact]
    public void The_time_that_is_left_is_estimated_from_the_part_that_is_trained()
    {
        RunPace pace = new();
        Assert.Null(pace.Left(100, null));
        pace.Add(1_000);
        Assert.True(pace.Left(1_000, null) < TimeSpan.FromSeconds(5));

        pace.Start();

        Assert.Null(pace.Left(1_000, null));
        Assert.True(pace.IsLate(TimeSpan.Zero));
        Assert.False(new RunPace().IsLate(TimeSpan.Zero));
    }

    [Fact]
    public void A_best_file_that_is_damaged_leaves_the_last_model()
    {
        Trainer.Start(Trained(), Data, Still(epochs: 2), Output(), threads: 2).RunToEnd();
        File.WriteAllText(_folder["checkpoint-best.safetensors"], "damaged");
        Trainer more = Trainer.Resume(_folder.Path, null, Data, o => o with { Epochs = 3 }, Output(replace: false), threads: 2);
        more.Restore = Restore.Best;

        Assert.Equal(1, more.LostBestEpoch);
        Assert.Single(more.RunToEnd());
        Assert.Null(more.RestoredEpoch);
    }

    [Fact]
    public void Test_images_never_choose_an_epoch()
    {
        List<string> told = [];
        List<int> validated = [];
        TrainingOptions options = HoldOut.ForChoosing(Still(epochs: 1), Data, told.Add);
        Trainer.Start(Trained(), Data, options, threads: 2).RunToEnd(at => validated.Add(at.IsValidating ? at.Total : 0));

        Assert.Equal(4, validated.Max());
        Assert.Contains("4 of 40 training images are held out", Assert.Single(told), StringComparison.Ordinal);
    }

    [Fact]
    public void Validation_images_choose_an_epoch()
    {
        ImageDataset data = new(Data.Name, Data.Source, Data.Classes, Data.Train, Data.Test, [.. Data.Test.Take(7)]);
        Assert.Equal(Still(epochs: 1), HoldOut.ForChoosing(Still(epochs: 1), data, Assert.Fail));
        List<int> validated = [];
        Trainer.Start(Trained(), data, Still(epochs: 1), threads: 2).RunToEnd(at => validated.Add(at.IsValidating ? at.Total : 0));

        Assert.Equal(7, validated.Max());
    }

    private OutputDirectory Output(bool replace = true) => new(_folder.Path, keepCheckpoints: 1, replace);

    private static TrainingOptions Options() => TinyOptions(epochs: 2) with { BatchSize = 10, LearningRate = 0.01 };

    /// <summary>A run that learns nothing.</summary>
    private static TrainingOptions Still(int epochs) =>
        Options() with { Epochs = epochs, LearningRate = TrainingOptions.MinimumLearningRate, Freeze = Freeze.Backbone };

    /// <summary>A model that counts as trained, with values of its own in each tensor.</summary>
    private static ImageClassifier Trained()
    {
        ModelSnapshot model = RandomModel().Snapshot;
        return new ImageClassifier(model with
        {
            Classes = SyntheticImages.Classes, Preprocessing = Preprocessing.Measure(Data.Train), TrainedEpochs = 1,
        });
    }

    private static string[] Changed(ModelSnapshot before, ImageClassifier model) =>
        [.. before.Network.Tensors.Select(tensor => tensor.Name)
            .Where(name => !before.Weights[name].AsSpan().SequenceEqual(model.Weights[name]))];
}
