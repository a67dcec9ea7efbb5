using System.Text.Json.Nodes;
using System.Text;
using Cifar10Ps.Formats;
using Cifar10Ps.Networks.Families;
using Cifar10Ps.Networks;
using Cifar10Ps.Training;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public sealed class ChainerSnapshotTests : IDisposable
{
    private const string Log = """
        [{"main/loss": 2.25, "main/accuracy": 0.125, "validation/main/loss": 2.5, "validation/main/accuracy": 0.25,
        "epoch": 1, "iteration": 4, "elapsed_time": 20.5}]
        """;
    private const string Zeros = """
        "main/accuracy": 0, "validation/main/loss": 0, "validation/main/accuracy": 0
        """;
    private static readonly ImageDataset Data = SyntheticImages.Create(120, 20).WithClasses(Cifar10Reader.Classes);
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_snapshot_becomes_the_checkpoint_of_a_run_with_the_original_recipe()
    {
        ImageClassifier model = ChainerFileTests.OriginalModel();
        WriteSnapshot(_folder["snapshot"], model);

        Checkpoint checkpoint = Checkpoint.Load(_folder["snapshot"]);

        Assert.Equal(Recipes.Options(Recipe.Original) with { BatchSize = 32, Precision = Precision.Float32 }, checkpoint.State.Options);
        Assert.Equal((120, 4L, 0, 2, 20.5), (checkpoint.State.TrainCount, checkpoint.State.Step,
            checkpoint.State.EpochImages, checkpoint.State.Epoch, checkpoint.State.ElapsedSeconds));
        EpochReport report = Assert.Single(checkpoint.State.History);
        Assert.Equal((1, 4L, 2.25, 0.125, 2.5, 0.25, 1e-3), (report.Epoch, report.Step, report.Loss,
            report.Accuracy, report.ValidationLoss, report.ValidationAccuracy, report.LearningRate));
        Assert.Equal(Fingerprint(model), Fingerprint(checkpoint.Model));
        Assert.Equal(1, checkpoint.Model.TrainedEpochs);
        foreach ((string moment, float factor) in new[] { ("exp_avg", 0.01f), ("exp_avg_sq", 0.001f) })
            Assert.All(model.Network.LearnedTensors, tensor =>
                Assert.Equal(Moment(model, tensor.Name, factor), checkpoint.Moments[moment][tensor.Name]));
    }

    [Fact]
    public void A_resumed_snapshot_is_the_resumed_checkpoint_to_the_last_bit()
    {
        WriteSnapshot(_folder["snapshot"], ChainerFileTests.OriginalModel());
        Checkpoint.Load(_folder["snapshot"]).Save(_folder["checkpoint"]);
        OutputDirectory output = new(_folder["output"], keepCheckpoints: 0, replace: true);

        Trainer fromSnapshot = Trainer.Resume(_folder["snapshot"], null, Data, options => options with { Epochs = 2 }, output, threads: 2);
        Trainer fromCheckpoint = Trainer.Resume(_folder["checkpoint"], null, Data, options => options with { Epochs = 2 }, threads: 1);
        EpochReport report = Assert.Single(fromSnapshot.RunToEnd());
        fromCheckpoint.RunToEnd();

        Assert.Equal((2, 8L), (report.Epoch, report.Step));
        Assert.True(report.Elapsed > TimeSpan.FromSeconds(20.5));
        Assert.Equal(Fingerprint(fromCheckpoint.Model), Fingerprint(fromSnapshot.Model));
        // The log continues where Chainer's ends.
        JsonArray log = JsonNode.Parse(File.ReadAllText(Path.Combine(output.Path, "log")))!.AsArray();
        Assert.Equal([1, 2], log.Select(line => (int)line!["epoch"]!));
        Assert.Equal(2.25, (double)log[0]!["main/loss"]!);
    }

    [Fact]
    public void A_snapshot_of_the_original_program_is_understood()
    {
        Checkpoint checkpoint = Checkpoint.Load(RealData.Chainer("snapshot_iter_66"));

        Assert.Equal((8_400, 66L, 128, 10),
            (checkpoint.State.TrainCount, checkpoint.State.Step, checkpoint.State.Options.BatchSize, checkpoint.State.Options.Epochs));
        EpochReport report = Assert.Single(checkpoint.State.History);
        Assert.Equal((1.8820969877821025, 0.35524338856339455), (report.Loss, report.ValidationAccuracy));
        Assert.Equal(8_400 / 203.62467225299997, report.ImagesPerSecond, 1e-3);
    }

    [Fact]
    public void A_snapshot_of_the_original_program_goes_on_with_its_curve()
    {
        // Chainer's own second epoch: 1.597. It started from the end of the first.
        ImageDataset data = Cifar10Reader.Read(RealData.Folder, trainCount: 8_400, testCount: 100);
        List<double> losses = [];
        Trainer trainer = Trainer.Resume(RealData.Chainer("snapshot_iter_66"), null, data, options => options with { Epochs = 2 });

        using CancellationTokenSource enough = new();
        Assert.Throws<OperationCanceledException>(() => trainer.RunToEnd(progress =>
        {
            losses.Add(progress.Loss);
            if (losses.Count == 10)
                enough.Cancel();
        }, enough.Token));

        Assert.InRange(losses[^1], 1.5, 1.85);
    }

    [Theory]
    [InlineData("updater/iteration", "model without the state")]
    [InlineData("updater/iterator:main/order", "order' is missing")]
    [InlineData("extensions/LogReport/_log", "_log' is missing")]
    [InlineData("updater/optimizer:main/predictor/conv1/W/m", "conv1/W/m' is missing")]
    [InlineData("updater/optimizer:main/predictor/fc7/b/t", "fc7/b/t' is missing")]
    [InlineData("updater/model:main/predictor/fc7/b", "fc7/b' is missing")]
    public void A_missing_array_is_named(string name, string because) => AssertRefused(arrays => arrays.Remove(name), because);

    [Theory]
    [InlineData("updater/iterator:main/epoch", 2, "log has 1 epochs")]
    [InlineData("updater/iterator:main/current_position", -8, "")]
    [InlineData("updater/iterator:main/current_position", long.MaxValue, "")]
    [InlineData("updater/iterator:main/order", 5, "not a list")]
    [InlineData("updater/iteration", -1, "steps")]
    [InlineData("updater/optimizer:main/predictor/conv1/W/t", 9, "steps")]
    [InlineData("updater/optimizer:main/predictor/conv1/W/v", 9, "[16, 3, 3, 3]")]
    public void A_number_that_contradicts_the_others_is_refused(string name, long value, string because) =>
        AssertRefused(arrays => arrays[name] = Npy.Of(value), because);

    [Theory]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("[null]")]
    [InlineData("[{}]")]
    [InlineData("{")]
    [InlineData("""[{"epoch": "1"}]""")]
    [InlineData($$"""[{"main/loss": 1e999, {{Zeros}}, "epoch": 1, "iteration": 4, "elapsed_time": 1}]""")]
    [InlineData($$"""[{"main/loss": 1, {{Zeros}}, "epoch": 1e99, "iteration": 4, "elapsed_time": 1}]""")]
    [InlineData($$"""[{"main/loss": 1, {{Zeros}}, "epoch": 1, "iteration": 4, "elapsed_time": 1e300}]""")]
    [InlineData($$"""[{"main/loss": 1, {{Zeros}}, "epoch": 2, "iteration": 4, "elapsed_time": 1}]""")]
    public void A_log_that_makes_no_sense_is_refused(string log) =>
        AssertRefused(arrays => arrays["extensions/LogReport/_log"] = Text(log), "log");

    [Fact]
    public void A_model_is_no_snapshot_and_other_data_are_refused()
    {
        ChainerFile.Write(ChainerFileTests.OriginalModel().Snapshot, _folder["model"]);
        WriteSnapshot(_folder["snapshot"], ChainerFileTests.OriginalModel());

        Assert.Contains("without the state of a run",
            AssertError("InvalidCheckpoint", () => Checkpoint.Load(_folder["model"])).Message, StringComparison.Ordinal);
        Assert.Contains("120 images", AssertError("CheckpointMismatch", () => Trainer.Resume(_folder["snapshot"], null,
            SmallImages(40, 4, side: 16).WithClasses(Cifar10Reader.Classes), o => o)).Message, StringComparison.Ordinal);
    }

    /// <summary>A snapshot after one epoch of 120 images in four batches of 32, the last with eight images of the next epoch.</summary>
    internal static void WriteSnapshot(string path, ImageClassifier model, Action<Dictionary<string, Npy>>? change = null)
    {
        Dictionary<string, Npy> arrays = ChainerFileTests.Arrays("updater/model:main/predictor/", model);
        arrays["updater/iterator:main/current_position"] = Npy.Of(8);
        arrays["updater/iterator:main/epoch"] = Npy.Of(1);
        arrays["updater/iterator:main/order"] = new Npy(new NpyHeader("<i8", IsFortran: false, [120]), new byte[8 * 120]);
        arrays["updater/iteration"] = Npy.Of(4);
        arrays["extensions/LogReport/_log"] = Text(Log);
        foreach (LayerTensor tensor in model.Network.LearnedTensors)
        {
            string name = "updater/optimizer:main/predictor/" + NetworkFamily.Chainer(model.Network.ClassCount).Names[tensor.Name];
            arrays[name + "/t"] = Npy.Of(4);
            arrays[name + "/m"] = Npy.Of(tensor.Shape, Moment(model, tensor.Name, 0.01f));
            arrays[name + "/v"] = Npy.Of(tensor.Shape, Moment(model, tensor.Name, 0.001f));
        }

        change?.Invoke(arrays);
        Npz.Write(arrays, path);
    }

    private void AssertRefused(Action<Dictionary<string, Npy>> change, string because)
    {
        WriteSnapshot(_folder["snapshot"], ChainerFileTests.OriginalModel(), change);

        Assert.Contains(because, AssertError("InvalidCheckpoint", () => Checkpoint.Load(_folder["snapshot"])).Message,
            StringComparison.Ordinal);
    }

    /// <summary>Values for the moments that differ everywhere and are never negative.</summary>
    private static float[] Moment(ImageClassifier model, string tensor, float factor) =>
        [.. model.Weights[tensor].Select(value => factor * value * value)];

    private static Npy Text(string text) => new(new NpyHeader($"<U{text.Length}", IsFortran: false, []), Encoding.UTF32.GetBytes(text));

}
