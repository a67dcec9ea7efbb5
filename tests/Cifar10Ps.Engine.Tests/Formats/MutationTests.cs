using System.Buffers.Binary;
using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using Cifar10Ps.Data;
using Cifar10Ps.Formats;
using Cifar10Ps.Networks;
using Cifar10Ps.Training;
using SkiaSharp;
using static Cifar10Ps.Tests.Pickles;

namespace Cifar10Ps.Tests;

/// <summary>
/// Whatever bytes a file contains, each reader either reads it or refuses it with its own message: quickly, in little memory, and
/// without writing anything.
/// </summary>
public sealed class MutationTests(FakeCifar10 cifar10) : IDisposable
{
    private const long MemoryLimit = 256_000_000;

    private static readonly TimeSpan TimeLimit = TimeSpan.FromSeconds(1);

    /// <summary>The readers, with a line for each format.</summary>
    private static readonly Dictionary<string, Func<Reader>> Readers = new()
    {
        ["safetensors"] = () => new(3_000, LoadModel, [TestSupport.Unsealed(SmallSafetensors())]),
        ["safetensors, a model"] = () => new(300, LoadModel, [TestSupport.Unsealed(Exported(ModelFormat.Safetensors))]),
        ["checkpoint"] = () => new(200, path => Checkpoint.Load(path), [TestSupport.Unsealed(Snapshot(asCheckpoint: true))]),
        ["PyTorch archive"] = () =>
            new(3_000, LoadModel, [SmallArchive(CompressionLevel.NoCompression), SmallArchive(CompressionLevel.Optimal)]),
        // The checksums of an archive keep damage from reaching the pickle in it.
        ["PyTorch pickle"] = () => new(3_500, LoadModel, [SmallPickle], pickle => Archive(pickle, SmallStorages)),
        ["PyTorch pickle with all instructions"] = () => new(3_500, LoadModel, [AllInstructions], pickle => Archive(pickle, SmallStorages)),
        ["PyTorch checkpoint"] = () => new(1_000, LoadModel,
            [Of(new Dictionary<object, object?> { ["epoch"] = 3, ["net"] = StateDict("module."), ["args"] = Opaque })],
            pickle => Archive(pickle, [("0", StateDictValues)])),
        ["PyTorch legacy"] = () =>
            new(3_500, LoadModel, [Legacy(SmallPickle, [("0", 6, Singles(1, 2, 3, 4, 5, 6)), ("1", 1, new byte[8])])]),
        ["PyTorch, a model"] = () => new(300, LoadModel, [Exported(ModelFormat.PyTorch)]),
        ["npy"] = () => new(4_000, ReadNpy, [SmallNpy("<f4", [2, 3], 24), SmallNpy("<i8", [], 8), SmallNpy("<U2", [], 8)]),
        ["npz"] = () => new(3_000, path => Declared(() => Npz.Parse(File.ReadAllBytes(path))),
            [SmallNpz(CompressionLevel.NoCompression), SmallNpz(CompressionLevel.Optimal)]),
        ["Chainer, a model"] = () => new(150, LoadModel, [Exported(ModelFormat.Chainer)]),
        ["Chainer, a snapshot"] = () => new(150, path => Checkpoint.Load(path), [Snapshot(asCheckpoint: false)]),
        ["ONNX"] = () => new(3_000, LoadModel,
            [.. Directory.GetFiles(OnnxGraphs.PyTorchFolder, "*.onnx").Order(StringComparer.Ordinal).Select(File.ReadAllBytes)]),
        ["CIFAR-10 archive"] = () => new(1_500, path => Cifar10Reader.ReadArchive(path), [SmallTar()], Compressed),
        ["pictures"] = () => new(1_200, path => ImageFile.Read(path, 32, 32),
            [Picture(SKEncodedImageFormat.Png), Picture(SKEncodedImageFormat.Jpeg), Picture(SKEncodedImageFormat.Webp), Bitmap()]),
    };

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Names => [.. Readers.Keys];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Names))]
    public void A_file_with_any_damage_is_read_or_refused(string name)
    {
        Reader reader = Readers[name]();
        // Just-in-time compilation does not count as the reader's time; and the undamaged files must be readable.
        foreach (byte[] file in reader.Files)
            Record.Exception(() => reader.Read(Write(reader.Wrap(file))));
        int refused = 0;
        HashSet<string> whole = [.. reader.Files.Select(Hash)], mutations = [];
        string[] before = Files(Environment.CurrentDirectory);

        foreach ((int i, byte[] mutation) in Mutations(reader).Index())
        {
            refused += Check(reader, mutation, $"{name}, mutation {i}") ? 0 : 1;
            mutations.Add(Hash(mutation));
        }

        // Of 31,300 in all, twenty thousand are different and damaged.
        mutations.ExceptWith(whole);
        Assert.InRange(mutations.Count, reader.Count * 2 / 3, reader.Count);
        // The damage is neither too slight nor too severe to be informative.
        Assert.InRange(refused, reader.Count / 10, name == "CIFAR-10 archive" ? reader.Count : reader.Count * 99 / 100);
        Assert.Equal(before, Files(Environment.CurrentDirectory));
        Assert.Equal([_folder["file"]], Files(_folder.Path));

        static string[] Files(string folder) => [.. Directory.EnumerateFileSystemEntries(folder).Order()];

        static string Hash(byte[] content) => Convert.ToHexString(SHA256.HashData(content));
    }

    [Fact]
    public void A_folder_of_CIFAR10_with_any_damage_is_read_or_refused()
    {
        string folder = FakeCifar10.WriteFolder(_folder["files"], noisyRecords: 4);
        Random random = new(1);
        int refused = 0;

        for (int i = 0; i < 300; i++)
        {
            string file = Path.Combine(folder, FakeCifar10.FileNames[random.Next(FakeCifar10.FileNames.Count)]);
            byte[] start = new byte[4 * FakeCifar10.RecordLength];
            using (FileStream stream = new(file, FileMode.Open))
            {
                stream.ReadExactly(start);
                stream.Position = random.Next(2) == 0 ? FakeCifar10.RecordLength * random.Next(4) : random.Next(start.Length);
                stream.WriteByte((byte)random.Next(256));
                if (random.Next(4) == 0)
                    stream.SetLength(random.Next(2) == 0 ? random.Next(FakeCifar10.FileLength)
                        : FakeCifar10.FileLength + random.Next(1, 10_000));
            }

            refused += Check(() => Cifar10Reader.Read(folder, trainCount: 4, testCount: 4), 0, $"change {i}") ? 0 : 1;
            using FileStream whole = new(file, FileMode.Open);
            whole.Write(start);
            whole.SetLength(FakeCifar10.FileLength);
        }

        Assert.InRange(refused, 30, 299);
        Assert.True(Check(() => Cifar10Reader.Read(folder, trainCount: 4, testCount: 4), 0, "the whole folder"));
    }

    [Fact]
    public void A_whole_archive_of_CIFAR10_with_any_damage_is_read_or_refused()
    {
        byte[] archive = File.ReadAllBytes(cifar10.Archive);
        Random random = new(1);

        // Each unpacks to 184 MB, or as far as the damage.
        for (int i = 0; i < 6; i++)
            Check(new Reader(1, path => Cifar10Reader.Read(path, 1, 1), []), Mutate(archive, random), $"archive, mutation {i}");
    }

    [Theory]
    [InlineData("../evil")]
    [InlineData("anything/../../evil")]
    [InlineData("/etc/evil")]
    [InlineData("anything\\..\\evil")]
    public void An_entry_that_points_outside_its_folder_is_refused(string name)
    {
        foreach (byte[] content in new[] { Zip((name, [1]), ("anything/data.pkl", SmallPickle)),
            Zip(("a.npy", SmallNpy("<f4", [1], 4)), (name, [1])) })
            Assert.Contains("outside", Assert.ThrowsAny<EngineException>(() => LoadModel(Write(content))).Message,
                StringComparison.Ordinal);
        Assert.Equal([_folder["file"]], Directory.EnumerateFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void Two_dots_in_the_name_of_a_folder_lead_nowhere()
    {
        string path = Write(Zip(("net..v2/data.pkl", SmallPickle), ("net..v2/data/0", new byte[24])));

        Assert.DoesNotContain("outside", Assert.ThrowsAny<EngineException>(() => LoadModel(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_with_endless_prefixes_is_refused_quickly()
    {
        object tensor = Cut("Float", "0", 0, [6], [1]);
        object[] groups = [.. Enumerable.Range(0, 60)
            .Select(_ => (object)Enumerable.Range(1, 400).ToDictionary(Name, _ => (object?)tensor))];

        // A dictionary of tensors, but no network.
        Assert.True(Check(new Reader(1, LoadModel, []), Archive(Of(groups), [("0", new byte[24])]), "prefixes"));

        static object Name(int i) =>
            string.Concat(Enumerable.Repeat("m.", Math.Min(i, 100))) + (i <= 100 ? "fc.weight" : $"x{i}.weight");
    }

    [Fact]
    public void A_deflate_bomb_is_refused_before_it_unpacks()
    {
        byte[] zeros = new byte[101_000_000];
        // The last two: hundreds of entries that are small on disk, each within the limit.
        byte[][] bombs =
        [
            Zip(("anything/data.pkl", SmallPickle), ("anything/data/0", zeros)),
            Zip(("fc7/W.npy", zeros)),
            Zip([.. Enumerable.Range(0, 200).Select(i => ($"anything/data/{i}", new byte[1_000_000])), ("anything/data.pkl", SmallPickle)]),
            Zip([.. Enumerable.Range(0, 200).Select(i => ($"{i}.npy", new byte[1_000_000]))]),
        ];

        foreach (byte[] bomb in bombs)
        {
            Assert.InRange(bomb.Length, 0, 300_000);
            Assert.False(Check(new Reader(1, LoadModel, []), bomb, "bomb"));
        }

        // As large as allowed, in the type that grows most.
        byte[] values = [.. SmallNpy("<f2", [30_000_000], 0), .. new byte[60_000_000]];
        Check(new Reader(1, LoadModel, []), Zip(("fc7/W.npy", SmallNpy("<f4", [10, 64], 2_560)), ("conv1/W.npy", values)), "large array");
        byte[] doubles = Of(new Dictionary<object, object?> { ["t"] = Cut("Double", "0", 0, [7_500_000], [1]) });
        Check(new Reader(1, LoadModel, []),
            Zip(("anything/data.pkl", doubles), ("anything/data/0", values[^60_000_000..])), "large tensor");
    }

    [Fact]
    public void An_entry_that_claims_more_than_it_unpacks_to_or_too_little_for_its_tensors_is_refused()
    {
        byte[] content = Zip(("anything/data.pkl", SmallPickle), ("anything/data/0", new byte[50_000]));
        foreach (int claim in new[] { 0, 23, 50_001, int.MaxValue, -1 })
        {
            byte[] lying = [.. content];
            // Both headers of the second entry.
            int local = lying.AsSpan().LastIndexOf("PK\x03\x04"u8), central = lying.AsSpan().LastIndexOf("PK\x01\x02"u8);
            BinaryPrimitives.WriteInt32LittleEndian(lying.AsSpan(local + 22), claim);
            BinaryPrimitives.WriteInt32LittleEndian(lying.AsSpan(central + 24), claim);
            Assert.False(Check(new Reader(1, LoadModel, []), lying, $"claim {claim}"));
        }
    }

    [Fact]
    public void A_small_picture_that_claims_to_be_as_large_as_is_allowed_takes_no_longer()
    {
        byte[] png = Picture(SKEncodedImageFormat.Png), jpeg = Picture(SKEncodedImageFormat.Jpeg);
        // Width and height of a PNG are in its first chunk, whose checksum follows; those of a JPEG in its frame header.
        BinaryPrimitives.WriteInt32BigEndian(png.AsSpan(16), 7_700);
        BinaryPrimitives.WriteInt32BigEndian(png.AsSpan(20), 7_700);
        BinaryPrimitives.WriteUInt32BigEndian(png.AsSpan(29), ZipRules.Crc(png.AsSpan(12, 17)));
        int frame = jpeg.AsSpan().IndexOf((ReadOnlySpan<byte>)[0xff, 0xc0]);
        BinaryPrimitives.WriteInt32BigEndian(jpeg.AsSpan(frame + 5), 7_700 << 16 | 7_700);

        foreach (byte[] picture in new[] { png, jpeg })
            // As many pixels as allowed are decoded, which takes a second or so.
            Check(new Reader(1, path => ImageFile.Read(path, 32, 32), []), picture, "large picture", TimeSpan.FromSeconds(5));
    }

    [Fact]
    public void A_changed_value_in_an_archive_is_noticed()
    {
        foreach (byte[] file in new[] { SmallArchive(CompressionLevel.NoCompression), SmallNpz(CompressionLevel.NoCompression) })
        {
            byte[] changed = [.. file];
            // The middle of the six numbers.
            changed[changed.AsSpan().IndexOf(Singles(4, 5, 6))] ^= 1;
            Assert.Contains("checksum", Assert.Throws<EngineException>(() => LoadModel(Write(changed))).Message, StringComparison.Ordinal);
        }
    }

    private string Write(byte[] content) => _folder.Write("file", content);

    private static void LoadModel(string path) => ModelFile.Load(path);

    /// <summary>Reads an array in all ways; errors that its reader declares become those that its callers declare.</summary>
    private static void ReadNpy(string path)
    {
        if (Declared(() => Npy.Parse(File.ReadAllBytes(path))) is not { } array)
            return;
        Exception?[] errors =
            [.. ((Action[])[() => array.ToSingles(), () => array.ToInteger(), () => array.ToText()]).Select(Record.Exception)];
        if (errors.FirstOrDefault(error => error is not (null or InvalidDataException)) is { } undeclared)
            throw undeclared;
    }

    private static T Declared<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (InvalidDataException e)
        {
            throw new EngineException("InvalidNpz", ErrorKind.InvalidData, e.Message, e);
        }
    }

    /// <summary>Reads a file within the limits.</summary>
    /// <returns>Whether it was read rather than refused.</returns>
    private bool Check(Reader reader, byte[] content, string what, TimeSpan? timeLimit = null)
    {
        byte[] whole = reader.Wrap(content);
        string path = Write(whole);
        return Check(() => reader.Read(path), whole.Length, what, timeLimit);
    }

    private static bool Check(Action read, long length, string what, TimeSpan? timeLimit = null)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        TimeSpan start = TestSupport.ProcessorTime();
        Exception? error = Record.Exception(read);
        TimeSpan elapsed = TestSupport.ProcessorTime() - start;
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(error is null or EngineException, $"{what}: {error}");
        Assert.True(elapsed < (timeLimit ?? TimeLimit), $"{what}: took {elapsed}");
        // All memory ever allocated, freed or not: an upper bound on what was in use at any time.
        Assert.True(allocated < MemoryLimit + length, $"{what}: took {allocated:N0} bytes");
        // Understood, but not a network.
        return error is null or EngineException { ErrorId: "InvalidModel" or "PreprocessingUnknown" };
    }

    /// <summary>The damaged contents for a reader, the same in every run.</summary>
    private static IEnumerable<byte[]> Mutations(Reader reader)
    {
        Random random = new(1);
        return Enumerable.Range(0, reader.Count).Select(i => Mutate(reader.Files[i % reader.Files.Length], random));
    }

    /// <summary>
    /// One to three changes: flipped bits, other bytes, missing pieces and ends, doubled pieces, huge lengths in both byte orders,
    /// other digits, hostile pickles, names that lead out of a folder. A third of them fall near the start and a third near the end,
    /// where formats have their headers; the others fall anywhere.
    /// </summary>
    private static byte[] Mutate(byte[] file, Random random)
    {
        List<byte> bytes = [.. file];
        for (int change = random.Next(1, 4); change > 0 && bytes.Count > 16; change--)
        {
            int last = bytes.Count - 8;
            int at = random.Next(3) switch
            {
                0 => random.Next(last),
                1 => random.Next(Math.Min(1_000, last)),
                _ => last - random.Next(1, Math.Min(1_000, last) + 1),
            };
            byte[] length = BitConverter.GetBytes(random.Next(2) == 0
                ? Lengths[random.Next(Lengths.Length)] : (long)(ulong.MaxValue >> random.Next(64)));
            switch (random.Next(10))
            {
                case 0: bytes[at] ^= (byte)(1 << random.Next(8)); break;
                case 1: bytes[at] = (byte)random.Next(256); break;
                case 2: bytes.RemoveRange(at, random.Next(4) == 0 ? bytes.Count - at : random.Next(1, 9)); break;
                case 3: bytes.RemoveRange(last, 8); break;
                case 4: bytes.InsertRange(at,
                    bytes.GetRange(at, Math.Min(random.Next(1, random.Next(2) == 0 ? 9 : 300), bytes.Count - at))); break;
                case 5: Overwrite(length.AsSpan(0, 2 << random.Next(3))); break;
                case 6:
                    length.AsSpan().Reverse();
                    Overwrite(length.AsSpan(8 - (2 << random.Next(3))));
                    break;
                case 7: Overwrite(Hostile[random.Next(Hostile.Count)].Content.AsSpan(2)); break;
                case 8: Overwrite("../../"u8); break;
                default:
                    int digit = bytes.FindIndex(at, b => char.IsAsciiDigit((char)b));
                    bytes[digit < 0 ? at : digit] = (byte)"0123456789-.e"[random.Next(13)];
                    break;
            }

            void Overwrite(ReadOnlySpan<byte> by)
            {
                for (int i = 0; i < by.Length && at + i < bytes.Count; i++)
                    bytes[at + i] = by[i];
            }
        }

        return [.. bytes];
    }

    private static readonly long[] Lengths =
        [0, -1, 1, int.MaxValue, uint.MaxValue, long.MaxValue, long.MinValue,
            0x7fff_ffff_7fff_ffff, 1 << 24, 59_000_000, 1_000_000_000_000];

    private static byte[] SmallPickle => Of(new Dictionary<object, object?>
    {
        ["a"] = Cut("Float", "0", 0, [2, 3], [3, 1]),
        ["b"] = Cut("Float", "0", 1, [2], [2]),
        ["steps"] = Cut("Long", "1", 0, [], []),
    });

    private static (string Key, byte[] Values)[] SmallStorages => [("0", Singles(1, 2, 3, 4, 5, 6)), ("1", new byte[8])];

    private static byte[] SmallArchive(CompressionLevel level) => Archive(SmallPickle, SmallStorages, "little", level);

    private static byte[] SmallSafetensors() =>
        Written(path => Safetensors.Write(
            new TensorFile { Metadata = { ["key"] = "value" }, Tensors = { ["a"] = ([2, 3], new float[6]), ["b"] = ([], [1]) } }, path));

    /// <summary>An array with a header as NumPy writes it.</summary>
    private static byte[] SmallNpy(string type, int[] shape, int length)
    {
        byte[] header = Encoding.Latin1.GetBytes(new NpyHeader(type, IsFortran: false, shape) + "\n");
        return [0x93, .. "NUMPY"u8, 1, 0, (byte)header.Length, 0, .. header, .. new byte[length]];
    }

    private static byte[] SmallNpz(CompressionLevel level) => Zip(level,
        ("fc7/W.npy", [.. SmallNpy("<f4", [2, 3], 0), .. Singles(1, 2, 3, 4, 5, 6)]), ("bn2/N.npy", SmallNpy("<i8", [], 8)),
        ("zeros.npy", SmallNpy("<f4", [2_500], 10_000)), ("object.npy", SmallNpy("|O", [], 4)));

    /// <summary>A small network; for Chainer, its only one. Most weights are zeros, which are quick to pack and unpack.</summary>
    private static byte[] Exported(ModelFormat format)
    {
        ImageClassifier model = format == ModelFormat.Chainer ? PlainModel() : TestSupport.NewResNet(8, ["a", "b"], Shortcut.Projection, 1);
        return Written(path => ModelFile.Export(model, path, format));
    }

    private static byte[] Snapshot(bool asCheckpoint) => Written(path =>
    {
        ChainerSnapshotTests.WriteSnapshot(path, PlainModel());
        if (asCheckpoint)
            Checkpoint.Load(path).Save(path);
    });

    private static ImageClassifier PlainModel()
    {
        ImageClassifier model = ChainerFileTests.OriginalModel();
        foreach (LayerTensor tensor in model.Network.Tensors.Where(tensor => tensor.Length > 1_000))
            model.Weights[tensor.Name].AsSpan().Clear();
        return model;
    }

    /// <summary>The six files of CIFAR-10, each far too short: faults in their order are found first.</summary>
    private static byte[] SmallTar()
    {
        using MemoryStream content = new();
        using (TarWriter tar = new(content, leaveOpen: true))
            foreach (string name in FakeCifar10.FileNames)
                tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile,
                    "cifar-10-batches-bin/" + name) { DataStream = new MemoryStream(new byte[100]) });
        return content.ToArray();
    }

    private static byte[] Compressed(byte[] content)
    {
        using MemoryStream compressed = new();
        using (GZipStream stream = new(compressed, CompressionLevel.Fastest))
            stream.Write(content);
        return compressed.ToArray();
    }

    private static byte[] Picture(SKEncodedImageFormat format)
    {
        using SKBitmap bitmap = new(new SKImageInfo(24, 20, SKColorType.Rgba8888, SKAlphaType.Opaque));
        bitmap.Pixels = [.. Enumerable.Range(0, 24 * 20).Select(i => new SKColor((byte)(i * 7), (byte)(i / 2), (byte)(i * i)))];
        using SKData data = bitmap.Encode(format, 80);
        return data.ToArray();
    }

    /// <summary>A BMP of 8 x 4 pixels.</summary>
    private static byte[] Bitmap()
    {
        byte[] file = new byte[54 + 3 * 8 * 4];
        "BM"u8.CopyTo(file);
        foreach ((int at, int value) in new[] { (2, file.Length), (10, 54), (14, 40), (18, 8), (22, 4), (26, 1 + (24 << 16)) })
            BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(at), value);
        return file;
    }

    private static byte[] Written(Action<string> write)
    {
        using TemporaryFolder folder = new();
        write(folder["file"]);
        return File.ReadAllBytes(folder["file"]);
    }

    private static byte[] Zip(params (string Name, byte[] Content)[] entries) => Zip(CompressionLevel.Optimal, entries);

    private static byte[] Zip(CompressionLevel level, params (string Name, byte[] Content)[] entries)
    {
        using MemoryStream content = new();
        using (ZipArchive zip = new(content, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach ((string name, byte[] bytes) in entries)
            {
                using Stream entry = zip.CreateEntry(name, level).Open();
                entry.Write(bytes);
            }
        }

        return content.ToArray();
    }

    /// <summary>A reader and its files.</summary>
    /// <param name="Count">How many mutations it reads.</param>
    /// <param name="Read">Reads a file.</param>
    /// <param name="Files">What is damaged.</param>
    /// <param name="Container">What the damaged content is put into; null if it is the file itself.</param>
    private sealed record Reader(int Count, Action<string> Read, byte[][] Files, Func<byte[], byte[]>? Container = null)
    {
        public byte[] Wrap(byte[] content) => Container?.Invoke(content) ?? content;
    }
}
