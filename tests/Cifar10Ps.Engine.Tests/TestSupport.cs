using System.Formats.Tar;
using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Cifar10Ps.Tests;

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
/// A CIFAR-10 with files of the right length. The first records of each file are noise, with labels 0, 1, 2 … from the number of
/// the file on; all others are zeros, which take neither time to write nor room on disk.
/// </summary>
public sealed class FakeCifar10 : IDisposable
{
    public const int RecordLength = 1 + 3 * 32 * 32, FileLength = 10_000 * RecordLength;
    private readonly TemporaryFolder _home = new();
    private readonly Lazy<string> _folder, _archive;

    public FakeCifar10()
    {
        _folder = new(() => WriteFolder(_home["files"], noisyRecords: 200));
        _archive = new(() => WriteArchive(_home["cifar-10-binary.tar.gz"], FileNames.Select(name => ("cifar-10-batches-bin/" + name, name))));
    }

    public static IReadOnlyList<string> FileNames { get; } =
        ["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"];

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

    public static string WriteFolder(string folder, int noisyRecords)
    {
        Directory.CreateDirectory(folder);
        for (int file = 0; file < FileNames.Count; file++)
        {
            using FileStream stream = File.Create(Path.Combine(folder, FileNames[file]));
            for (int record = 0; record < noisyRecords; record++)
                stream.Write([(byte)Label(file, record), .. Pixels(file, record)]);
            stream.SetLength(FileLength);
        }

        return folder;
    }

    /// <summary>Packs some of the six files under names of the caller's choice.</summary>
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

    public void Dispose() => _home.Dispose();

    private static string Md5(string path)
    {
        using FileStream stream = File.OpenRead(path);
        return Convert.ToHexStringLower(CryptographicOperations.HashData(HashAlgorithmName.MD5, stream));
    }
}

/// <summary>The real CIFAR-10 and the published weights, where they are at hand.</summary>
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
    public static string Weights(string name)
    {
        string path = Path.GetFullPath(Path.Combine(Folder, "../weights", name));
        Assert.SkipUnless(File.Exists(path), $"needs {path}");
        return path;
    }
}

/// <summary>What many tests ask for.</summary>
internal static class TestSupport
{
    /// <summary>Ten classes, sixteen channels and so on, with values in every tensor that nothing could be mistaken for: no zeros, no ones.</summary>
    public static ImageClassifier RandomModel(Shortcut shortcut = Shortcut.Projection, int seed = 1, int classes = 10)
    {
        ImageClassifier model = ImageClassifier.NewResNet20(ImageClassifier.PlaceholderClasses(classes), shortcut, seed);
        Random random = new(seed);
        foreach (TensorShape tensor in model.Architecture.Tensors().Where(t => t.Shape.Length == 1))
        {
            double low = tensor.Name.EndsWith("running_var", StringComparison.Ordinal) || tensor.Name.EndsWith(".weight", StringComparison.Ordinal) ? 0.5 : -0.3;
            foreach (ref float value in model.Weights[tensor.Name].AsSpan())
                value = (float)(low + random.NextDouble());
        }

        return model;
    }

    /// <summary>An image of one colour.</summary>
    public static LabeledImage Solid(int index, int label, byte red, byte green, byte blue, int side = 32)
    {
        byte[] pixels = new byte[3 * side * side];
        pixels.AsSpan(0, side * side).Fill(red);
        pixels.AsSpan(side * side, side * side).Fill(green);
        pixels.AsSpan(2 * side * side).Fill(blue);
        return new LabeledImage(index, label, $"class {label}", side, side, pixels);
    }

    /// <summary>Equal for two models only if every weight and statistic is, to the last bit.</summary>
    public static string Fingerprint(ImageClassifier model) =>
        Convert.ToHexString(SHA256.HashData([.. model.Weights.Names.SelectMany(name => MemoryMarshal.AsBytes<float>(model.Weights[name]).ToArray())]));

    /// <summary>Asserts that an action fails with an error of the engine's own, by its id.</summary>
    public static EngineException AssertError(string errorId, Action action)
    {
        EngineException error = Assert.Throws<EngineException>(action);
        Assert.Equal(errorId, error.ErrorId);
        return error;
    }
}
