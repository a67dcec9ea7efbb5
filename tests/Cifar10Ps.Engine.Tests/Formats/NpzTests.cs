using System.IO.Compression;
using Cifar10Ps.Formats;

namespace Cifar10Ps.Tests;

public sealed class NpzTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_is_written_is_read()
    {
        Npz.Write(new Dictionary<string, Npy> { ["res3/0/conv1/W"] = Npy.Of([2, 1], [1, 2]), ["updater/iterator:main/epoch"] = Npy.Of(7) },
            _folder["file"]);

        Dictionary<string, Npy> read = Npz.Parse(File.ReadAllBytes(_folder["file"]));

        Assert.Equal(["res3/0/conv1/W", "updater/iterator:main/epoch"], read.Keys);
        Assert.Equal([2, 1], read["res3/0/conv1/W"].Shape);
        Assert.Equal([1, 2], read["res3/0/conv1/W"].ToSingles());
        Assert.Equal(7, read["updater/iterator:main/epoch"].ToInteger());
    }

    [Fact]
    public void The_archive_is_as_NumPy_compresses_one_and_the_same_every_time()
    {
        Dictionary<string, Npy> arrays = new() { ["zeros"] = Npy.Of([1_000], new float[1_000]), ["b"] = Npy.Of(1) };
        Npz.Write(arrays, _folder["first"]);
        Npz.Write(arrays, _folder["second"]);

        byte[] content = File.ReadAllBytes(_folder["first"]);
        IReadOnlyList<(string Name, int Start, int Method, byte[] Values)> entries = ZipRules.Check(content);

        Assert.Equal(["zeros.npy", "b.npy"], entries.Select(entry => entry.Name));
        Assert.All(entries, entry => Assert.Equal(8, entry.Method));
        Assert.Equal(4_000, Npy.Parse(entries[0].Values)!.ToSingles().Length * 4);
        Assert.InRange(content.Length, 1, 1_000);
        Assert.Equal(File.ReadAllBytes(_folder["first"]), File.ReadAllBytes(_folder["second"]));
    }

    [Fact]
    public void An_archive_is_known_by_the_name_of_its_first_entry()
    {
        Npz.Write(new Dictionary<string, Npy> { ["a"] = Npy.Of(1) }, _folder["npz"]);
        byte[] npz = File.ReadAllBytes(_folder["npz"]);

        Assert.True(Npz.IsNpz(npz));
        Assert.False(Npz.IsNpz(Zip(("archive/data.pkl", [1]), ("a.npy", [1]))));
        for (int length = 0; length < 30 + "a.npy".Length; length++)
            Assert.False(Npz.IsNpz(npz.AsSpan(0, length)));
    }

    [Theory]
    [InlineData(CompressionLevel.NoCompression)]
    [InlineData(CompressionLevel.SmallestSize)]
    public void Python_objects_are_left_out(CompressionLevel level)
    {
        byte[] header = "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n"u8.ToArray();

        Dictionary<string, Npy> read = Npz.Parse(
            Zip(level, ("objects.npy", [0x93, .. "NUMPY"u8, 1, 0, (byte)header.Length, 0, .. header, 1, 2, 3]), ("one.npy", One)));

        Assert.Equal(["one"], read.Keys);
    }

    [Fact]
    public void What_is_wrong_is_named()
    {
        Assert.Contains("'notes.txt'", Assert.Throws<InvalidDataException>(() =>
            Npz.Parse(Zip(("one.npy", One), ("notes.txt", [])))).Message, StringComparison.Ordinal);
        Assert.Contains("'fc7/W'", Assert.Throws<InvalidDataException>(() => Npz.Parse(Zip(("fc7/W.npy", One[..^1])))).Message,
            StringComparison.Ordinal);
        Assert.Contains("outside", Assert.Throws<InvalidDataException>(() => Npz.Parse(Zip(("../one.npy", One)))).Message,
            StringComparison.Ordinal);
        Assert.Contains("two entries", Assert.Throws<InvalidDataException>(() =>
            Npz.Parse(Zip(("one.npy", One), ("one.npy", One)))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_archive_that_unpacks_to_more_than_any_model_is_refused_before_it_does()
    {
        byte[] bomb = Zip(CompressionLevel.SmallestSize, ("bomb.npy", new byte[101_000_000]));
        long before = GC.GetAllocatedBytesForCurrentThread();

        Assert.Throws<InvalidDataException>(() => Npz.Parse(bomb));

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
    }

    private static byte[] One
    {
        get
        {
            using MemoryStream stream = new();
            Npy.Of(1).WriteTo(stream);
            return stream.ToArray();
        }
    }

    private static byte[] Zip(params (string Name, byte[] Content)[] entries) => Zip(CompressionLevel.Fastest, entries);

    private static byte[] Zip(CompressionLevel level, params (string Name, byte[] Content)[] entries)
    {
        using MemoryStream stream = new();
        using (ZipArchive archive = new(stream, ZipArchiveMode.Create))
            foreach ((string name, byte[] content) in entries)
                using (Stream entry = archive.CreateEntry(name, level).Open())
                    entry.Write(content);
        return stream.ToArray();
    }
}
