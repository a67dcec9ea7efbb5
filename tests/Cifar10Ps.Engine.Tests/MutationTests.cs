using System.Buffers.Binary;
using System.Diagnostics;
using System.IO.Compression;
using static Cifar10Ps.Tests.Pickles;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

/// <summary>Whatever bytes a file has: each reader reads it or refuses it in its own words, soon, and in little memory.</summary>
public sealed class MutationTests : IDisposable
{
    private const int Count = 8_000, RealCount = 60;

    private const long MemoryLimit = 256_000_000;

    private static readonly TimeSpan TimeLimit = TimeSpan.FromSeconds(1);

    private readonly TemporaryFolder _folder = new();

    /// <summary>The readers, each with small files that it reads. A reader of another format has its line here.</summary>
    private static readonly Dictionary<string, (Action<byte[]> Read, byte[][] Files)> Readers = new()
    {
        ["safetensors"] = (content => Safetensors.Parse(content), [SmallSafetensors()]),
        ["PyTorch archive"] = (content => TorchFile.Parse(content), [SmallArchive(CompressionLevel.NoCompression), SmallArchive(CompressionLevel.Optimal)]),
        ["PyTorch legacy"] = (content => TorchFile.Parse(content), [Legacy(SmallPickle, [("0", 6, Singles(1, 2, 3, 4, 5, 6)), ("1", 1, new byte[8])])]),
    };

    public static TheoryData<string> Names => [.. Readers.Keys];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Names))]
    public void A_small_file_with_any_damage_is_read_or_refused(string name)
    {
        (Action<byte[]> read, byte[][] files) = Readers[name];
        Random random = new(1);
        string[] before = [.. Directory.EnumerateFileSystemEntries(Environment.CurrentDirectory).Order()];
        int refused = 0;

        for (int i = 0; i < Count; i++)
            refused += Check(read, Mutate(files[i % files.Length], random), $"{name}, mutation {i}") ? 0 : 1;

        // The damage is neither too little nor too much to find something out.
        Assert.InRange(refused, Count / 10, Count * 99 / 100);
        Assert.Equal(before, Directory.EnumerateFileSystemEntries(Environment.CurrentDirectory).Order());
    }

    [Theory]
    [InlineData(ModelFormat.Safetensors, "safetensors")]
    [InlineData(ModelFormat.PyTorch, "PyTorch archive")]
    public void A_real_file_with_any_damage_is_read_or_refused(ModelFormat format, string reader)
    {
        ModelFile.Export(RandomModel(), _folder["model"], format);
        byte[] content = File.ReadAllBytes(_folder["model"]);
        Random random = new(2);

        for (int i = 0; i < RealCount; i++)
            Check(Readers[reader].Read, Mutate(content, random), $"{format}, mutation {i}");
        Assert.Equal([_folder["model"]], Directory.EnumerateFileSystemEntries(_folder.Path));
    }

    [Theory]
    [InlineData("../evil")]
    [InlineData("anything/../../evil")]
    [InlineData("/etc/evil")]
    [InlineData("anything\\..\\evil")]
    public void An_entry_that_points_outside_its_folder_is_refused(string name)
    {
        byte[] content = Zip((name, [1]), ("anything/data.pkl", SmallPickle));

        Assert.Contains("outside", Assert.Throws<InvalidDataException>(() => TorchFile.Parse(content)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_deflate_bomb_is_refused_before_it_unpacks()
    {
        byte[] bomb = Zip(("anything/data.pkl", SmallPickle), ("anything/data/0", new byte[101_000_000]));
        // Two hundred entries that are one on disk, each within the limit.
        byte[] many = Zip([.. Enumerable.Range(0, 200).Select(i => ($"anything/data/{i}", new byte[1_000_000]))]);

        Assert.InRange(bomb.Length, 0, 200_000);
        foreach (byte[] content in new[] { bomb, many })
            Assert.False(Check(c => TorchFile.Parse(c), content, "bomb"));
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
            Assert.False(Check(c => TorchFile.Parse(c), lying, $"claim {claim}"));
        }
    }

    /// <summary>Reads within the limits.</summary>
    /// <returns>Whether it was read, not refused.</returns>
    private static bool Check(Action<byte[]> read, byte[] content, string what)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        Stopwatch watch = Stopwatch.StartNew();
        Exception? error = Record.Exception(() => read(content));
        TimeSpan elapsed = watch.Elapsed;
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(error is null or InvalidDataException, $"{what}: {error}");
        Assert.True(elapsed < TimeLimit, $"{what}: took {elapsed}");
        // All that was taken, also what was given back: a bound of what was held at a time.
        Assert.True(allocated < MemoryLimit + 3 * content.Length, $"{what}: took {allocated:N0} bytes");
        return error is null;
    }

    private static byte[] Mutate(byte[] file, Random random)
    {
        List<byte> bytes = [.. file];
        for (int change = random.Next(1, 4); change > 0 && bytes.Count > 16; change--)
        {
            int at = random.Next(bytes.Count - 8);
            switch (random.Next(7))
            {
                case 0: bytes[at] ^= (byte)(1 << random.Next(8)); break;
                case 1: bytes[at] = (byte)random.Next(256); break;
                case 2: bytes.RemoveRange(random.Next(8) == 0 ? at : bytes.Count - 8, Math.Min(8, bytes.Count - at)); break;
                case 3: bytes.InsertRange(at, bytes.GetRange(random.Next(bytes.Count - 8), random.Next(1, 9))); break;
                case 4: Overwrite(at, BitConverter.GetBytes(Lengths[random.Next(Lengths.Length)])[..4]); break;
                case 5: Overwrite(at, BitConverter.GetBytes(Lengths[random.Next(Lengths.Length)])); break;
                default: Overwrite(at, Hostile[random.Next(Hostile.Count)].Content[2..]); break;
            }
        }

        return [.. bytes];

        void Overwrite(int at, byte[] by)
        {
            for (int i = 0; i < by.Length && at + i < bytes.Count; i++)
                bytes[at + i] = by[i];
        }
    }

    private static readonly long[] Lengths =
        [0, -1, 1, int.MaxValue, uint.MaxValue, long.MaxValue, long.MinValue, 0x7fff_ffff_7fff_ffff, 1 << 24, 99_000_000, 1_000_000_000_000];

    private static byte[] SmallPickle => Of(new Dictionary<object, object?>
    {
        ["a"] = Cut("Float", "0", 0, [2, 3], [3, 1]),
        ["b"] = Cut("Float", "0", 1, [2], [2]),
        ["steps"] = Cut("Long", "1", 0, [], []),
    });

    private static byte[] SmallArchive(CompressionLevel level) => Archive(SmallPickle, [("0", Singles(1, 2, 3, 4, 5, 6)), ("1", new byte[8])], "little", level);

    private static byte[] SmallSafetensors()
    {
        using TemporaryFolder folder = new();
        Safetensors.Write(new TensorFile { Metadata = { ["key"] = "value" }, Tensors = { ["a"] = ([2, 3], new float[6]), ["b"] = ([], [1]) } }, folder["file"]);
        return File.ReadAllBytes(folder["file"]);
    }

    private static byte[] Zip(params (string Name, byte[] Content)[] entries)
    {
        using MemoryStream content = new();
        using (ZipArchive zip = new(content, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach ((string name, byte[] bytes) in entries)
            {
                using Stream entry = zip.CreateEntry(name, CompressionLevel.Optimal).Open();
                entry.Write(bytes);
            }
        }

        return content.ToArray();
    }
}
