using System.Text.Json;
using Cifar10Ps.Formats;
using Cifar10Ps.Networks.Families;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public sealed class ChainerFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_original_programs_model_gives_the_original_programs_logits()
    {
        using JsonDocument reference = JsonDocument.Parse(File.ReadAllText(RealData.Chainer("reference.json")));
        float[][] expected = reference.RootElement.GetProperty("eval_logits").Deserialize<float[][]>()!;
        ImageSplit test = Cifar10Reader.Read(RealData.Folder, trainCount: 1, testCount: 1_000).Test;

        TensorFile file = ChainerFile.Parse(File.ReadAllBytes(RealData.Chainer("resnet20.model")));
        ImageClassifier model = ModelFile.Take(file);
        using Predictor predictor = new(model, precision: Precision.Float32);
        float[][] logits = predictor.Logits([.. test.Take(16)]);
        Evaluation evaluation = Evaluation.Run(predictor, test, null, TestContext.Current.CancellationToken);

        Assert.Equal(42, file.Skipped.Count);
        Assert.Equal(16, expected.Length);
        Assert.All(expected.Zip(logits), image =>
            Assert.All(image.First.Zip(image.Second), logit => Assert.Equal(logit.First, logit.Second, 1e-3f)));
        Assert.Equal(reference.RootElement.GetProperty("acc_first1000_eval").GetDouble(), evaluation.Accuracy, 1e-9);
    }

    [Fact]
    public void The_original_programs_model_is_written_as_it_was_but_for_what_nobody_uses()
    {
        byte[] original = File.ReadAllBytes(RealData.Chainer("resnet20.model"));
        ChainerFile.Write(ModelFile.Take(ChainerFile.Parse(original)).Snapshot, _folder["copy"]);

        Dictionary<string, ReadOnlyMemory<byte>> expected = ZipContent.Read(original),
            copy = ZipContent.Read(File.ReadAllBytes(_folder["copy"]));

        Assert.Equal(expected.Keys.Order(StringComparer.Ordinal), copy.Keys.Order(StringComparer.Ordinal));
        // Of the unused arrays, only the initial values of the convolutions are not kept.
        Assert.Equal(7, expected.Keys.Count(name => !expected[name].Span.SequenceEqual(copy[name].Span)));
        Assert.All(expected.Keys, name => Assert.Equal(expected[name].Length, copy[name].Length));
    }

    [Fact]
    public void A_snapshot_holds_a_model_too()
    {
        TensorFile file = ChainerFile.Parse(File.ReadAllBytes(RealData.Chainer("snapshot_iter_66")));
        ImageClassifier model = ModelFile.Take(file);

        Assert.Equal(42, file.Skipped.Count(name => name.StartsWith("updater/model:main/predictor/", StringComparison.Ordinal)));
        Assert.True(model.Network.HasSameLayers(CifarResNet.Create(20, Shortcut.ProjectionOnly, 10)));
    }

    [Theory]
    [InlineData(10)]
    [InlineData(3)]
    public void What_is_written_is_read_to_the_last_bit(int classes)
    {
        ImageClassifier model = OriginalModel(classes);
        ChainerFile.Write(model.Snapshot, _folder["model"]);

        byte[] content = File.ReadAllBytes(_folder["model"]);
        TensorFile file = ChainerFile.Parse(content);
        ImageClassifier read = ModelFile.Take(file);

        Assert.Equal(42, file.Skipped.Count);
        Assert.Equal(170, Npz.Parse(content).Count);
        Assert.Equal(Fingerprint(model), Fingerprint(read));
        AssertSame(CifarResNet.Create(20, Shortcut.ProjectionOnly, classes, 2e-5), read.Network);
        Assert.Equal([0, 0, 0], read.Preprocessing.Mean);
        Assert.Equal([1, 1, 1], read.Preprocessing.StandardDeviation);
        Assert.Equal((32, 32), (read.Preprocessing.Width, read.Preprocessing.Height));
        Assert.Equal(classes == 10 ? Cifar10Reader.Classes : ImageClassifier.PlaceholderClasses(classes), read.Classes);
        Assert.True(read.TrainedEpochs > 0, "Its weights are worth keeping.");
    }

    [Theory]
    [InlineData(1e-3)]
    [InlineData(1e-5)]
    public void Another_epsilon_than_the_originals_changes_no_answer(double epsilon)
    {
        ImageClassifier model = OriginalModel();
        model.Snapshot = model.Snapshot with { Network = model.Network.WithNormEpsilon(epsilon) };
        // As of a channel that is always the same.
        model.Weights["bn1.running_var"][3] = 0;
        ChainerFile.Write(model.Snapshot, _folder["model"]);

        using Predictor before = new(model, threads: 1, Precision.Float32),
            after = new(ModelFile.Take(ChainerFile.Parse(File.ReadAllBytes(_folder["model"]))), threads: 1, Precision.Float32);
        LabeledImage image = new(0, 0, "", 32, 32, FakeCifar10.Pixels(0, 0));

        Assert.All(before.Logits([image])[0].Zip(after.Logits([image])[0]), logit => Assert.Equal(logit.First, logit.Second, 1e-4f));
    }

    [Theory]
    [InlineData("", "conv1/W")]
    [InlineData("", "bn2/gamma")]
    [InlineData("predictor/", "fc7/b")]
    [InlineData("updater/model:main/predictor/", "res4/0/conv3/W")]
    [InlineData("", "res5/2/bn1/avg_var")]
    public void Wherever_the_model_lies_a_missing_array_is_named(string prefix, string name)
    {
        Assert.Equal(107, ChainerFile.Parse(Arrays(prefix)).File.Tensors.Count);

        Dictionary<string, Npy> arrays = Arrays(prefix);
        arrays.Remove(prefix + name);

        Assert.Contains($"'{prefix}{name}' is missing",
            Assert.Throws<InvalidDataException>(() => ChainerFile.Parse(arrays)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_no_model_of_the_original_is_refused()
    {
        Assert.Contains("'extra'", Refused(arrays => arrays["extra"] = Npy.Of([1], [1])), StringComparison.Ordinal);
        Assert.Contains("'conv1/W'", Refused(arrays => arrays["conv1/W"] = Npy.Of(1)), StringComparison.Ordinal);
        Assert.Contains("[16, 3, 1, 1]",
            Refused(arrays => arrays["conv1/W"] = Npy.Of([16, 3, 1, 1], new float[48])), StringComparison.Ordinal);
        Assert.Contains("fc7/W", Refused(arrays => arrays["fc7/W"] = Npy.Of([640], new float[640])), StringComparison.Ordinal);
        Assert.Contains("fc7/W", Refused(arrays => arrays.Remove("fc7/W")), StringComparison.Ordinal);

        static string Refused(Action<Dictionary<string, Npy>> change)
        {
            Dictionary<string, Npy> arrays = Arrays();
            change(arrays);
            return Assert.Throws<InvalidDataException>(() => ModelFile.Take(ChainerFile.Parse(arrays).File)).Message;
        }
    }

    [Fact]
    public void What_the_original_could_not_use_is_not_written()
    {
        ImageClassifier normalised = OriginalModel();
        normalised.Snapshot = normalised.Snapshot with { Preprocessing = new Preprocessing([0.5, 0.5, 0.5], [0.2, 0.2, 0.2]) };

        Assert.Contains("ZeroPad", AssertError("FormatCannotHold", () =>
            ChainerFile.Write(RandomModel(Shortcut.ZeroPad).Snapshot, _folder["model"])).Message, StringComparison.Ordinal);
        AssertError("FormatCannotHold", () => ChainerFile.Write(RandomModel(Shortcut.Projection).Snapshot, _folder["model"]));
        AssertError("FormatCannotHold", () => ChainerFile.Write(normalised.Snapshot, _folder["model"]));
        Assert.False(File.Exists(_folder["model"]));
    }

    internal static ImageClassifier OriginalModel(int classes = 10)
    {
        ImageClassifier model = RandomModel(Shortcut.ProjectionOnly, classes: classes);
        model.Snapshot = model.Snapshot with { Network = model.Network.WithNormEpsilon(2e-5) };
        return model;
    }

    /// <summary>The arrays of a model, with a prefix in their names.</summary>
    internal static Dictionary<string, Npy> Arrays(string prefix = "", ImageClassifier? model = null)
    {
        using TemporaryFolder folder = new();
        ChainerFile.Write((model ?? OriginalModel()).Snapshot, folder["model"]);
        return Npz.Parse(File.ReadAllBytes(folder["model"])).ToDictionary(array => prefix + array.Key, array => array.Value);
    }
}
