using System.Buffers.Binary;
using System.Text.Json;
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

        ImageClassifier model = ModelFile.Take(ChainerFile.Parse(File.ReadAllBytes(RealData.Chainer("resnet20.model")), out int unused));
        using Predictor predictor = new(model, precision: Precision.Float32);
        float[][] logits = predictor.Logits([.. test.Take(16)]);
        Evaluation evaluation = Evaluation.Run(predictor, model.Classes, test, null, TestContext.Current.CancellationToken);

        Assert.Equal(42, unused);
        Assert.Equal(16, expected.Length);
        Assert.All(expected.Zip(logits), image => Assert.All(image.First.Zip(image.Second), logit => Assert.Equal(logit.First, logit.Second, 1e-3f)));
        Assert.Equal(reference.RootElement.GetProperty("acc_first1000_eval").GetDouble(), evaluation.Accuracy, 1e-9);
    }

    [Fact]
    public void The_original_programs_model_is_written_as_it_was_but_for_what_nobody_uses()
    {
        byte[] original = File.ReadAllBytes(RealData.Chainer("resnet20.model"));
        ChainerFile.Write(ModelFile.Take(ChainerFile.Parse(original, out _)), _folder["copy"]);

        Dictionary<string, byte[]> expected = ZipContent.Read(original), copy = ZipContent.Read(File.ReadAllBytes(_folder["copy"]));

        Assert.Equal(expected.Keys.Order(StringComparer.Ordinal), copy.Keys.Order(StringComparer.Ordinal));
        // Of the unused only the convolutions' initial values are not worth keeping.
        Assert.Equal(7, expected.Keys.Count(name => !expected[name].SequenceEqual(copy[name])));
        Assert.All(expected.Keys, name => Assert.Equal(expected[name].Length, copy[name].Length));
    }

    [Fact]
    public void A_snapshot_holds_a_model_too()
    {
        ImageClassifier model = ModelFile.Take(ChainerFile.Parse(File.ReadAllBytes(RealData.Chainer("snapshot_iter_66")), out int unused));

        Assert.Equal(42, unused);
        Assert.Equal(Shortcut.ProjectionOnly, model.Architecture.Shortcut);
    }

    [Theory]
    [InlineData(10)]
    [InlineData(3)]
    public void What_is_written_is_read_to_the_last_bit(int classes)
    {
        ImageClassifier model = OriginalModel(classes);
        ChainerFile.Write(model, _folder["model"]);

        byte[] content = File.ReadAllBytes(_folder["model"]);
        ImageClassifier read = ModelFile.Take(ChainerFile.Parse(content, out int unused));

        Assert.Equal(42, unused);
        Assert.Equal(170, Npz.Parse(content).Count);
        Assert.Equal(Fingerprint(model), Fingerprint(read));
        Assert.Equal(new ResNetArchitecture(20, Shortcut.ProjectionOnly, classes, 2e-5), read.Architecture);
        Assert.Equal([0, 0, 0], read.Preprocessing.Mean);
        Assert.Equal([1, 1, 1], read.Preprocessing.StandardDeviation);
        Assert.Equal((32, 32), (read.Preprocessing.Width, read.Preprocessing.Height));
        Assert.Equal(classes == 10 ? Cifar10Reader.Classes : ImageClassifier.PlaceholderClasses(classes), read.Classes);
        Assert.True(read.TrainedEpochs > 0, "Its weights are worth keeping.");
    }

    [Fact]
    public void Another_epsilon_than_the_originals_changes_no_answer()
    {
        ImageClassifier model = OriginalModel();
        model.Architecture = model.Architecture with { BatchNormEpsilon = 1e-3 };
        ChainerFile.Write(model, _folder["model"]);

        using Predictor before = new(model, threads: 1, Precision.Float32),
            after = new(ModelFile.Take(ChainerFile.Parse(File.ReadAllBytes(_folder["model"]), out _)), threads: 1, Precision.Float32);
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
        Assert.Equal(107, ChainerFile.Parse(Arrays(prefix), out _).Tensors.Count);

        Dictionary<string, Npy> arrays = Arrays(prefix);
        arrays.Remove(prefix + name);

        Assert.Contains($"'{prefix}{name}' is missing", Assert.Throws<InvalidDataException>(() => ChainerFile.Parse(arrays, out _)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_no_model_of_the_original_is_refused()
    {
        Assert.Contains("'extra'", Refused(arrays => arrays["extra"] = Npy.Of([1], [1])), StringComparison.Ordinal);
        Assert.Contains("'conv1/W'", Refused(arrays => arrays["conv1/W"] = Npy.Of(1)), StringComparison.Ordinal);
        Assert.Contains("[16, 3, 1, 1]", Refused(arrays => arrays["conv1/W"] = Npy.Of([16, 3, 1, 1], new float[48])), StringComparison.Ordinal);
        Assert.Contains("fc7/W", Refused(arrays => arrays["fc7/W"] = Npy.Of([640], new float[640])), StringComparison.Ordinal);
        Assert.Contains("fc7/W", Refused(arrays => arrays.Remove("fc7/W")), StringComparison.Ordinal);

        static string Refused(Action<Dictionary<string, Npy>> change)
        {
            Dictionary<string, Npy> arrays = Arrays();
            change(arrays);
            return Assert.Throws<InvalidDataException>(() => ModelFile.Take(ChainerFile.Parse(arrays, out _))).Message;
        }
    }

    [Fact]
    public void What_the_original_could_not_use_is_not_written()
    {
        ImageClassifier normalised = OriginalModel();
        normalised.Preprocessing = new Preprocessing([0.5, 0.5, 0.5], [0.2, 0.2, 0.2]);

        Assert.Contains("ZeroPad", AssertError("FormatCannotHold", () => ChainerFile.Write(RandomModel(Shortcut.ZeroPad), _folder["model"])).Message, StringComparison.Ordinal);
        AssertError("FormatCannotHold", () => ChainerFile.Write(RandomModel(Shortcut.Projection), _folder["model"]));
        AssertError("FormatCannotHold", () => ChainerFile.Write(normalised, _folder["model"]));
        Assert.False(File.Exists(_folder["model"]));
    }

    [Fact]
    public void Whatever_is_damaged_a_file_is_read_or_refused_within_bounds()
    {
        byte[][] files = [Small(), Snapshot()];
        int[] directories = [.. files.Select(file => file.AsSpan().IndexOf("PK\x01\x02"u8))];
        Random random = new(1);
        int refused = 0;
        long most = 0, before = GC.GetTotalMemory(forceFullCollection: true);

        for (int i = 0; i < 9_000; i++)
        {
            // The whole parsing of the large one takes its time.
            int which = i % 30 == 0 ? 1 : 0;
            byte[] damaged = Damaged(files[which], directories[which], random);
            long allocated = GC.GetAllocatedBytesForCurrentThread();
            Exception? error = Record.Exception(() => _ = which == 1 ? ChainerSnapshot.Parse(damaged) : (object)Npz.Parse(damaged).Values.Select(Values).ToArray());
            most = Math.Max(most, GC.GetAllocatedBytesForCurrentThread() - allocated);
            Assert.True(error is null or InvalidDataException, $"change {i}: {error}");
            refused += error is null ? 0 : 1;
        }

        Assert.InRange(refused, 4_000, 8_999);
        Assert.InRange(most, 0, 256_000_000);
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, long.MinValue, 64_000_000);

        static object Values(Npy array)
        {
            try
            {
                return array.ToSingles();
            }
            catch (InvalidDataException)
            {
                return array.Shape is [] ? array.ToInteger() : array.ToText();
            }
        }
    }

    /// <summary>A file with a bit flipped, an end missing, a piece doubled, a length blown up, a name that leads out, or several of these; in the directory of the archive as often as elsewhere.</summary>
    private static byte[] Damaged(byte[] file, int directory, Random random)
    {
        List<byte> bytes = [.. file];
        for (int change = random.Next(1, 4); change > 0 && bytes.Count > 16; change--)
        {
            int at = random.Next(3) switch
            {
                0 => random.Next(bytes.Count - 8),
                1 => Math.Min(random.Next(directory, file.Length), bytes.Count - 9),
                _ => random.Next(Math.Min(200, bytes.Count - 8)),
            };
            switch (random.Next(7))
            {
                case 0: bytes[at] ^= (byte)(1 << random.Next(8)); break;
                case 1: bytes[at] = (byte)random.Next(256); break;
                case 2 when random.Next(4) == 0: bytes.RemoveRange(at, bytes.Count - at); break;
                case 3: bytes.InsertRange(at, bytes.GetRange(at, Math.Min(random.Next(1, 300), bytes.Count - at))); break;
                case 4: Overwrite(BitConverter.GetBytes(random.Next(2) == 0 ? ulong.MaxValue >> random.Next(64) : 1UL << random.Next(64)).AsSpan(0, 2 << random.Next(3))); break;
                case 5: Overwrite("../../"u8); break;
                default: Overwrite(BitConverter.GetBytes(BinaryPrimitives.ReverseEndianness(random.NextInt64())).AsSpan(0, 1 << random.Next(4))); break;
            }

            void Overwrite(ReadOnlySpan<byte> part)
            {
                for (int i = 0; i < part.Length && at + i < bytes.Count; i++)
                    bytes[at + i] = part[i];
            }
        }

        return [.. bytes];
    }

    private byte[] Small()
    {
        Npz.Write(new Dictionary<string, Npy>
        {
            ["fc7/W"] = Npy.Of([10, 64], [.. Enumerable.Range(0, 640).Select(i => MathF.Sin(i))]),
            ["bn2/N"] = Npy.Of(0),
            ["zeros"] = Npy.Of([30_000], new float[30_000]),
            ["text"] = new Npy(new NpyHeader("<U2", IsFortran: true, []), "[\0\0\0]\0\0\0"u8.ToArray()),
        }, _folder["small"]);
        return File.ReadAllBytes(_folder["small"]);
    }

    private byte[] Snapshot()
    {
        ChainerSnapshotTests.WriteSnapshot(_folder["snapshot"], OriginalModel());
        return File.ReadAllBytes(_folder["snapshot"]);
    }

    internal static ImageClassifier OriginalModel(int classes = 10)
    {
        ImageClassifier model = RandomModel(Shortcut.ProjectionOnly, classes: classes);
        model.Architecture = model.Architecture with { BatchNormEpsilon = 2e-5 };
        return model;
    }

    /// <summary>The arrays of a model, with a prefix to their names.</summary>
    internal static Dictionary<string, Npy> Arrays(string prefix = "", ImageClassifier? model = null)
    {
        using TemporaryFolder folder = new();
        ChainerFile.Write(model ?? OriginalModel(), folder["model"]);
        return Npz.Parse(File.ReadAllBytes(folder["model"])).ToDictionary(array => prefix + array.Key, array => array.Value);
    }
}
