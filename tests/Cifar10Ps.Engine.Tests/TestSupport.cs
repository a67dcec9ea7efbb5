using System.Formats.Tar;
using System.Globalization;
using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Cifar10Ps.Models;
using Cifar10Ps.Networks.Families;
using Cifar10Ps.Networks;
using Cifar10Ps.Runtime;
using Cifar10Ps.Tests;
using Cifar10Ps.Training;

[assembly: AssemblyFixture(typeof(FakeCifar10))]

namespace Cifar10Ps.Tests;

/// <summary>A folder that is gone after the test.</summary>
public sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("cifar10ps-tests-").FullName;

    /// <summary>The path of a file in it.</summary>
    public string this[string name] => System.IO.Path.Combine(Path, name);

    public string Write(string name, ReadOnlySpan<byte> content)
    {
        File.WriteAllBytes(this[name], content);
        return this[name];
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}

/// <summary>
/// A CIFAR-10 with files of the right length. The first records of each file are noise, with consecutive labels starting at the
/// file's number; all others are zeros, which take neither time to write nor space on disk.
/// </summary>
public sealed class FakeCifar10 : IDisposable
{
    public const int RecordLength = 1 + 3 * 32 * 32, FileLength = 10_000 * RecordLength;
    private readonly TemporaryFolder _home = new();
    private readonly Lazy<string> _folder, _archive;
    private readonly Lazy<FakeCifar10>? _small;

    public FakeCifar10()
        : this(FileLength, noisyRecords: 200) => _small = new(() => new(100 * RecordLength, noisyRecords: 20));

    private FakeCifar10(int length, int noisyRecords)
    {
        Length = length;
        _folder = new(() => WriteFolder(_home["files"], noisyRecords, length));
        _archive = new(() =>
            WriteArchive(_home["cifar-10-binary.tar.gz"], FileNames.Select(name => ("cifar-10-batches-bin/" + name, name))));
    }

    public static IReadOnlyList<string> FileNames { get; } =
        ["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"];

    /// <summary>One with files of 100 records, where the real length would only take time.</summary>
    public FakeCifar10 Small => _small!.Value;

    /// <summary>Length of each file.</summary>
    public int Length { get; }

    /// <summary>The six files.</summary>
    public string Folder => _folder.Value;

    /// <summary>The six files, packed.</summary>
    public string Archive => _archive.Value;

    /// <summary>The checksums of the six files.</summary>
    public IReadOnlyList<string> Checksums => field ??= [.. FileNames.Select(name => Md5(Path.Combine(Folder, name)))];

    public static int Label(int file, int record) => (file + record) % 10;

    public static byte[] Pixels(int file, int record)
    {
        byte[] pixels = new byte[RecordLength - 1];
        new Random(1_000 * file + record).NextBytes(pixels);
        return pixels;
    }

    public static string WriteFolder(string folder, int noisyRecords, int length = FileLength)
    {
        Directory.CreateDirectory(folder);
        for (int file = 0; file < FileNames.Count; file++)
        {
            using FileStream stream = File.Create(Path.Combine(folder, FileNames[file]));
            for (int record = 0; record < noisyRecords; record++)
                stream.Write([(byte)Label(file, record), .. Pixels(file, record)]);
            stream.SetLength(length);
        }

        return folder;
    }

    /// <summary>Packs some of the six files under the given names.</summary>
    public string WriteArchive(string path, IEnumerable<(string Entry, string File)> members)
    {
        using TarWriter tar = new(new GZipStream(File.Create(path), CompressionLevel.Fastest));
        foreach ((string entry, string file) in members)
        {
            using FileStream content = File.OpenRead(Path.Combine(Folder, file));
            tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, entry) { DataStream = content });
        }

        return path;
    }

    public void Dispose()
    {
        _home.Dispose();
        if (_small is { IsValueCreated: true })
            Small.Dispose();
    }

    private static string Md5(string path)
    {
        using FileStream stream = File.OpenRead(path);
        return Convert.ToHexStringLower(CryptographicOperations.HashData(HashAlgorithmName.MD5, stream));
    }
}

/// <summary>The real CIFAR-10 and the published weights, where they are available.</summary>
internal static class RealData
{
    public static string Folder
    {
        get
        {
            string? folder = Environment.GetEnvironmentVariable("CIFAR10PS_DATA");
            Assert.SkipWhen(string.IsNullOrEmpty(folder), "needs the real CIFAR-10: set CIFAR10PS_DATA");
            return folder!;
        }
    }

    /// <summary>A file of the folder <c>weights</c> beside the data.</summary>
    public static string Weights(string name) => Beside("weights", name);

    /// <summary>A file written by the original Chainer program.</summary>
    public static string Chainer(string name) => Beside("chainer", name);

    private static string Beside(string folder, string name)
    {
        string path = Path.GetFullPath(Path.Combine(Folder, "..", folder, name));
        Assert.SkipUnless(File.Exists(path), $"needs {path}");
        return path;
    }
}

/// <summary>A culture for this thread until it is disposed, whatever the machine's culture.</summary>
internal sealed class Culture : IDisposable
{
    private readonly CultureInfo _before = CultureInfo.CurrentCulture;

    public Culture(string name) => CultureInfo.CurrentCulture = CultureInfo.GetCultureInfo(name);

    public void Dispose() => CultureInfo.CurrentCulture = _before;
}

/// <summary>What many tests use.</summary>
internal static class TestSupport
{
    /// <summary>Prepares libtorch for a test that uses it directly: on one thread, as spinning threads slow down other tests.</summary>
    public static void UseTorch()
    {
        NativeBackend.Load();
        TorchSharp.torch.set_num_threads(1);
    }

    /// <summary>A number to calculate with; see <see cref="TensorArithmetic"/> for what is wrong with others, and with the sum of two
    /// tensors.</summary>
    public static TorchSharp.torch.Tensor Number(double value) => TorchSharp.torch.tensor(value, TorchSharp.torch.float64);

    /// <summary>An untrained ResNet-20.</summary>
    public static ImageClassifier NewResNet20(string[] classes, Shortcut shortcut, int seed) => NewResNet(20, classes, shortcut, seed);

    /// <summary>An untrained ResNet for small images.</summary>
    public static ImageClassifier NewResNet(int depth, string[] classes, Shortcut shortcut, int seed)
    {
        ImageClassifier.CheckClasses(classes);
        return ImageClassifier.Create(CifarResNet.Create(depth, shortcut, classes.Length), classes, seed);
    }

    /// <summary>What is added to the variance in all batch norms of a network.</summary>
    public static double EpsilonOf(Network network) =>
        network.Layers.Select(layer => layer.Operation).OfType<BatchNorm>().Select(norm => norm.Epsilon).Distinct().Single();

    /// <summary>Asserts that two networks are equal in everything that a file keeps of them.</summary>
    public static void AssertSame(Network expected, Network actual) =>
        Assert.Equal(NetworkJson.ToJson(expected), NetworkJson.ToJson(actual));

    /// <summary>A classifier in which no tensor is all zeros or ones, as some are in a new one.</summary>
    public static ImageClassifier RandomModel(Shortcut shortcut = Shortcut.Projection, int seed = 1, int classes = 10)
    {
        ImageClassifier model = NewResNet20(ImageClassifier.PlaceholderClasses(classes), shortcut, seed);
        Random random = new(seed);
        foreach (LayerTensor tensor in model.Network.Tensors.Where(t => t.Shape.Length == 1))
        {
            double low = tensor.Name.EndsWith("running_var", StringComparison.Ordinal)
                || tensor.Name.EndsWith(".weight", StringComparison.Ordinal) ? 0.5 : -0.3;
            foreach (ref float value in model.Weights[tensor.Name].AsSpan())
                value = (float)(low + random.NextDouble());
        }

        return model;
    }

    /// <summary>
    /// A classifier of six classes whose logits are known for images of one colour with red, green and blue from 0 to 1:
    /// 10 red, 10 green, 10 blue, 1, 1/2 and 0. The first convolution passes the colours on, the blocks add nothing.
    /// </summary>
    public static ImageClassifier ColourModel()
    {
        Network network = CifarResNet.Create(20, Shortcut.ZeroPad, 6, epsilon: 1e-12);
        StateDict weights = new();
        foreach (LayerTensor tensor in network.Tensors)
        {
            weights[tensor.Name] = new float[tensor.Length];
            if (tensor.Name.EndsWith("running_var", StringComparison.Ordinal) || tensor.Name == "bn1.weight")
                weights[tensor.Name].AsSpan().Fill(1);
        }

        for (int colour = 0; colour < 3; colour++)
        {
            // Channel, colour, and the centre of 3 x 3.
            weights["conv1.weight"][colour * 27 + colour * 9 + 4] = 1;
            // Two paddings put 8 and 16 channels before them.
            weights["fc.weight"][colour * 64 + 24 + colour] = 10;
        }

        weights["fc.bias"] = [0, 0, 0, 1, 0.5f, 0];
        return new ImageClassifier(new ModelSnapshot(network, ImageClassifier.PlaceholderClasses(6), Preprocessing.None, weights));
    }

    /// <summary>Data for runs of four steps an epoch, with validation in two portions.</summary>
    public static ImageDataset TinyData { get; } = SmallImages(120, 140, side: 16);

    /// <summary>Every second (fourth …) pixel of synthetic images: a step takes a quarter (a sixteenth …) of the time.</summary>
    public static ImageDataset SmallImages(int trainCount, int testCount, int side)
    {
        ImageDataset data = SyntheticImages.Create(trainCount, testCount);
        return new ImageDataset(data.Name, data.Source, data.Classes, [.. data.Train.Select(Shrink)], [.. data.Test.Select(Shrink)]);

        LabeledImage Shrink(LabeledImage image) => new(image.Index, image.Label, image.LabelName, side, side,
            image.GetPixels().Where((_, i) => i % 32 % (32 / side) == 0 && i / 32 % (32 / side) == 0).ToArray());
    }

    /// <summary>The same images with other class names.</summary>
    public static ImageDataset WithClasses(this ImageDataset data, params string[] classes)
    {
        return new ImageDataset(data.Name, data.Source, classes, [.. data.Train.Select(Renamed)], [.. data.Test.Select(Renamed)]);

        LabeledImage Renamed(LabeledImage image) =>
            new(image.Index, image.Label, classes[image.Label], image.Width, image.Height, image.Pixels);
    }

    public static TrainingOptions TinyOptions(OptimizerKind optimizer = OptimizerKind.Sgd, int epochs = 2) =>
        Recipes.Options(Recipe.Fast, optimizer) with { Epochs = epochs, BatchSize = 32, Seed = 3 };

    /// <summary>For a model file that does not say how pixels become input.</summary>
    public static ImportOptions PlainPixels { get; } = new() { Mean = [0, 0, 0], StandardDeviation = [1, 1, 1] };

    public static ImageClassifier NewModel(int seed = 1) => NewResNet20(SyntheticImages.Classes, Shortcut.Projection, seed);

    /// <summary>A new run of a new model on two workers.</summary>
    public static Trainer NewRun(TrainingOptions options, OutputDirectory? output = null, ImageDataset? data = null) =>
        Trainer.Start(NewModel(), data ?? TinyData, options, output, threads: 2);

    public static EpochReport[] RunToEnd(this Trainer trainer,
        Action<TrainingProgress>? progress = null, CancellationToken cancellation = default) =>
        [.. trainer.Run(progress, cancellation)];

    /// <summary>Reports without the parts that depend on the clock and the folder.</summary>
    public static IEnumerable<EpochReport> Timeless(IEnumerable<EpochReport> reports) =>
        reports.Select(report => report with { ImagesPerSecond = 0, Elapsed = TimeSpan.Zero, Run = null });

    /// <summary>An image of one colour.</summary>
    public static LabeledImage Solid(int index, int label, byte red, byte green, byte blue, int side = 32)
    {
        byte[] pixels = new byte[3 * side * side];
        pixels.AsSpan(0, side * side).Fill(red);
        pixels.AsSpan(side * side, side * side).Fill(green);
        pixels.AsSpan(2 * side * side).Fill(blue);
        return new LabeledImage(index, label, $"class {label}", side, side, pixels);
    }

    /// <summary>Equal for two models only if all their weights and statistics are, to the last bit.</summary>
    public static string Fingerprint(ImageClassifier model) => Fingerprint(model.Snapshot);

    /// <inheritdoc cref="Fingerprint(ImageClassifier)"/>
    public static string Fingerprint(ModelSnapshot model) =>
        Convert.ToHexString(
            SHA256.HashData([.. model.Weights.Names.SelectMany(name => MemoryMarshal.AsBytes<float>(model.Weights[name]).ToArray())]));

    /// <summary>Changes, adds or removes a few bytes of a file's head, or turns digits into others; sometimes cuts the end.</summary>
    public static byte[] Damage(ReadOnlySpan<byte> file, int headLength, Random random)
    {
        List<byte> bytes = [.. file];
        for (int change = random.Next(1, 4); change > 0; change--)
        {
            int at = random.Next(headLength);
            int digit = bytes.FindIndex(at, b => char.IsAsciiDigit((char)b));
            switch (random.Next(6))
            {
                case 0: bytes[at] = (byte)random.Next(256); break;
                case 1: bytes[at] ^= (byte)(1 << random.Next(8)); break;
                case 2: bytes.RemoveRange(at, Math.Min(random.Next(1, 9), bytes.Count - at)); break;
                case 3: bytes.InsertRange(at, Enumerable.Repeat(bytes[random.Next(headLength)], random.Next(1, 9))); break;
                case 4: bytes.RemoveRange(at, random.Next(4) == 0 ? bytes.Count - at : 0); break;
                default:
                    if (digit >= 0)
                        bytes[digit] = (byte)"0123456789-.e"[random.Next(13)];
                    break;
            }

            headLength = Math.Min(headLength, bytes.Count);
            if (headLength == 0)
                break;
        }

        return [.. bytes];
    }

    /// <summary>The processor time of this thread, not affected by other work on the machine; zero where it is not known.</summary>
    public static TimeSpan ProcessorTime() =>
        OperatingSystem.IsLinux() && GetTime(clock: 3, out TimeValue time) == 0
            ? TimeSpan.FromSeconds(time.Seconds) + TimeSpan.FromTicks(time.Nanoseconds / 100)
            : TimeSpan.Zero;

    [DllImport("libc", EntryPoint = "clock_gettime")]
    private static extern int GetTime(int clock, out TimeValue time);

    private readonly record struct TimeValue(long Seconds, long Nanoseconds);

    /// <summary>The state of a run after epochs of four steps with these validation accuracies.</summary>
    public static Checkpoint NewCheckpoint(params double[] accuracies)
    {
        ImageClassifier model = NewResNet(8, SyntheticImages.Classes, Shortcut.Projection, 1);
        TrainingState state = new() { Options = TinyOptions(epochs: 10), TrainCount = 120 };
        StateDict momentum = new();
        foreach (LayerTensor tensor in model.Network.LearnedTensors)
            momentum[tensor.Name] = [.. Enumerable.Repeat(0.01f, tensor.Length)];
        foreach (double accuracy in accuracies is [] ? [0.5] : accuracies)
        {
            state.Step += 4;
            state.History.Add(new EpochReport
            {
                Epoch = state.Epoch, Step = state.Step, Loss = 1, Accuracy = 0.5, ValidationLoss = 1, ValidationAccuracy = accuracy,
                LearningRate = 0.1, ImagesPerSecond = 1, Elapsed = TimeSpan.Zero,
                IsBest = state.History.All(earlier => earlier.ValidationAccuracy < accuracy),
            });
        }

        return new Checkpoint { Model = model.Snapshot, State = state,
            Moments = new Dictionary<string, StateDict> { ["momentum"] = momentum } };
    }

    /// <summary>Removes the content hash from a safetensors file, so that damage reaches its reader.</summary>
    public static byte[] Unsealed(byte[] file) =>
        Encoding.Latin1.GetBytes(Encoding.Latin1.GetString(file).Replace("cifar10ps_", "unsealed__", StringComparison.Ordinal)
            .Replace("weights_sha256", "weights_unseal", StringComparison.Ordinal));

    /// <summary>Asserts that an action fails with an error of the engine's own, by its id.</summary>
    public static EngineException AssertError(string errorId, Action action)
    {
        EngineException error = Assert.Throws<EngineException>(action);
        Assert.Equal(errorId, error.ErrorId);
        return error;
    }
}
