using System.Formats.Tar;
using System.IO.Compression;
using System.Runtime.Versioning;
using System.Text;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public sealed class Cifar10ReaderTests(FakeCifar10 fake) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void All_records_of_a_folder_are_read()
    {
        ImageDataset data = Cifar10Reader.Read(fake.Folder);

        Assert.Equal((50_000, 10_000), (data.Train.Count, data.Test.Count));
        Assert.Equal(["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"], data.Classes);
        Assert.Equal(Enumerable.Range(0, 50_000), data.Train.Select(image => image.Index));
        for (int file = 0; file < 5; file++)
            AssertIsRecord(data.Train[10_000 * file + 123], file, 123);
        AssertIsRecord(data.Test[199], file: 5, record: 199);
    }

    [Fact]
    public void The_planes_of_a_record_are_red_green_and_blue_row_by_row()
    {
        FakeCifar10.WriteFolder(_folder.Path, noisyRecords: 0);
        using (FileStream file = File.OpenWrite(_folder["test_batch.bin"]))
        {
            file.Write([9, .. Enumerable.Repeat((byte)10, 1024),
                .. Enumerable.Repeat((byte)20, 1024), .. Enumerable.Repeat((byte)30, 1024)]);
            file.Position = 1 + 32 * 2 + 5;
            file.WriteByte(99);
        }

        LabeledImage image = Cifar10Reader.Read(_folder.Path, 1, 1).Test[0];

        Assert.Equal((9, "truck", 32, 32), (image.Label, image.LabelName, image.Width, image.Height));
        // Channel, row, column.
        Assert.Equal((10, 20, 30), (image.GetPixels()[0], image.GetPixels()[1024], image.GetPixels()[2048]));
        Assert.Equal(99, image.GetPixels()[(0 * 32 + 2) * 32 + 5]);
    }

    [Fact]
    public void The_first_images_of_each_split_can_be_taken_alone()
    {
        ImageDataset data = Cifar10Reader.Read(fake.Folder, trainCount: 10_150, testCount: 3);

        Assert.Equal((10_150, 3), (data.Train.Count, data.Test.Count));
        AssertIsRecord(data.Train[10_149], file: 1, record: 149);
        AssertIsRecord(data.Test[2], file: 5, record: 2);
    }

    [Fact]
    public void The_folder_may_hold_the_folder_of_the_archive()
    {
        FakeCifar10.WriteFolder(_folder["cifar-10-batches-bin"], noisyRecords: 2);

        AssertIsRecord(Cifar10Reader.Read(_folder.Path, 2, 2).Train[1], file: 0, record: 1);
    }

    [Theory]
    [InlineData("data_batch_3.bin", FakeCifar10.FileLength - 1)]
    [InlineData("test_batch.bin", FakeCifar10.FileLength + 1)]
    [InlineData("data_batch_1.bin", 0)]
    public void A_file_of_another_length_is_refused(string name, int length)
    {
        FakeCifar10.WriteFolder(_folder.Path, noisyRecords: 1);
        using (FileStream file = File.OpenWrite(_folder[name]))
            file.SetLength(length);

        EngineException error = AssertError("BatchFileWrongSize", () => Cifar10Reader.Read(_folder.Path, 1, 1));
        Assert.Contains(name, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_label_that_does_not_exist_is_refused_by_file_and_record()
    {
        FakeCifar10.WriteFolder(_folder.Path, noisyRecords: 3);
        using (FileStream file = File.OpenWrite(_folder["data_batch_2.bin"]))
        {
            file.Position = 2 * FakeCifar10.RecordLength;
            file.WriteByte(200);
        }

        EngineException error = AssertError("LabelOutOfRange", () => Cifar10Reader.Read(_folder.Path, 10_003, 1));
        Assert.Contains("Record 2 of 'data_batch_2.bin' has the label 200", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("data_batch_1.bin")]
    [InlineData("test_batch.bin")]
    public void A_missing_file_is_named(string name)
    {
        FakeCifar10.WriteFolder(_folder.Path, noisyRecords: 1);
        File.Delete(_folder[name]);

        EngineException error = AssertError("BatchFileMissing", () => Cifar10Reader.Read(_folder.Path, 1, 1));
        Assert.Contains($"'{name}'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_without_any_of_the_files_is_refused() =>
        AssertError("BatchFileMissing", () => Cifar10Reader.Read(_folder.Path));

    [Fact]
    public void A_path_that_does_not_exist_is_refused() =>
        AssertError("DatasetNotFound", () => Cifar10Reader.Read(_folder["nothing"]));

    [Fact]
    public void A_folder_in_the_place_of_a_file_cannot_be_read()
    {
        FakeCifar10.WriteFolder(_folder.Path, noisyRecords: 1);
        File.Delete(_folder["data_batch_2.bin"]);
        Directory.CreateDirectory(_folder["data_batch_2.bin"]);

        AssertError("NotARegularFile", () => Cifar10Reader.Read(_folder.Path, 1, 1));
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public void A_file_without_permission_cannot_be_read()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows() || Environment.IsPrivilegedProcess, "root may read every file");
        FakeCifar10.WriteFolder(_folder.Path, noisyRecords: 1);
        File.SetUnixFileMode(_folder["data_batch_2.bin"], UnixFileMode.None);
        _folder.Write("archive.tar.gz", [1, 2, 3]);
        File.SetUnixFileMode(_folder["archive.tar.gz"], UnixFileMode.None);

        AssertError("BatchFileUnreadable", () => Cifar10Reader.Read(_folder.Path, 1, 1));
        AssertError("BatchFileUnreadable", () => Cifar10Reader.Read(_folder["archive.tar.gz"], 1, 1));
    }

    [Fact]
    public void An_archive_reads_like_the_folder()
    {
        ImageDataset data = Cifar10Reader.Read(fake.Archive, trainCount: 50_000, testCount: 200);

        Assert.Equal((50_000, 200), (data.Train.Count, data.Test.Count));
        for (int file = 0; file < 5; file++)
            AssertIsRecord(data.Train[10_000 * file + 199], file, 199);
        AssertIsRecord(data.Test[199], file: 5, record: 199);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(5_000)]
    [InlineData(1_000_000)]
    [InlineData(-20_000)] // the last file
    public void A_truncated_archive_is_refused(int length)
    {
        byte[] archive = File.ReadAllBytes(fake.Archive);
        string path = _folder.Write("truncated.tar.gz", archive.AsSpan(0, length < 0 ? archive.Length + length : length));

        AssertError("CorruptArchive", () => Cifar10Reader.Read(path));
    }

    [Theory]
    [InlineData(3_000)] // pixels of the first file
    [InlineData(600_000)]
    [InlineData(-5)] // the checksum at the end
    public void An_archive_with_a_flipped_bit_is_refused(int at)
    {
        byte[] archive = File.ReadAllBytes(fake.Archive);
        archive[at < 0 ? archive.Length + at : at] ^= 0x10;

        AssertError("CorruptArchive", () => Cifar10Reader.Read(_folder.Write("flipped.tar.gz", archive)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Garbage_is_no_archive(bool compressed)
    {
        byte[] garbage = new byte[10_000];
        new Random(1).NextBytes(garbage);
        using (Stream file = File.Create(_folder["garbage.tar.gz"]))
        using (Stream target = compressed ? new GZipStream(file, CompressionLevel.Fastest) : file)
            target.Write(garbage);

        AssertError("CorruptArchive", () => Cifar10Reader.Read(_folder["garbage.tar.gz"]));
    }

    [Fact]
    public void A_missing_member_of_an_archive_is_named()
    {
        string path = fake.WriteArchive(_folder["short.tar.gz"], FakeCifar10.FileNames.Take(5).Select(name => (name, name)));

        EngineException error = AssertError("BatchFileMissing", () => Cifar10Reader.Read(path));
        Assert.Contains("'test_batch.bin'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_member_of_another_length_is_refused()
    {
        WriteArchive(new PaxTarEntry(TarEntryType.RegularFile, "data_batch_1.bin") { DataStream = new MemoryStream(new byte[100]) });

        AssertError("BatchFileWrongSize", () => Cifar10Reader.Read(_folder["own.tar.gz"]));
    }

    [Theory]
    [InlineData("padding")]
    [InlineData("data_batch_1.bin")]
    public void An_archive_that_unpacks_to_far_too_much_is_refused_without_keeping_it(string name)
    {
        using FileStream zeros = File.Create(_folder["zeros"]);
        zeros.SetLength(500_000_000);
        WriteArchive(new PaxTarEntry(TarEntryType.RegularFile, name) { DataStream = zeros });
        long before = GC.GetAllocatedBytesForCurrentThread();

        EngineException error = Assert.Throws<EngineException>(() => Cifar10Reader.Read(_folder["own.tar.gz"]));

        Assert.Contains(error.ErrorId, new[] { "CorruptArchive", "BatchFileWrongSize" });
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 5_000_000);
    }

    [Theory]
    [InlineData(TarEntryType.SymbolicLink)]
    [InlineData(TarEntryType.HardLink)]
    public void A_link_in_the_place_of_a_file_is_not_followed(TarEntryType kind)
    {
        WriteArchive([.. FakeCifar10.FileNames.Select(name =>
            new PaxTarEntry(kind, name) { LinkName = Path.Combine(fake.Folder, name) })]);

        AssertError("BatchFileMissing", () => Cifar10Reader.Read(_folder["own.tar.gz"]));
    }

    [Fact]
    public void A_file_that_is_there_twice_is_refused()
    {
        string path = fake.WriteArchive(_folder["twice.tar.gz"],
            [("a/data_batch_1.bin", "data_batch_1.bin"), ("b/data_batch_1.bin", "data_batch_2.bin")]);

        Assert.Contains("'data_batch_1.bin' twice", AssertError("CorruptArchive", () => Cifar10Reader.Read(path)).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("17777777777")] // 2 GB
    [InlineData("13000000000")] // 1.5 GB
    [InlineData("77777777777")] // 8 GB
    [InlineData("-0000000001")]
    [InlineData("\u0080\u007f\u007f\u007f\u007f\u007f\u007f\u007f\u007f\u007f\u007f\u007f")] // more than 64 bits
    [InlineData("\u0080\0\0\0\u007f\u007f\u007f\u007f\u007f\u007f\u007f\u007f")] // 9 exabytes
    [InlineData("\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff")] // -1
    public void A_header_that_claims_an_impossible_size_is_refused(string size)
    {
        // Of attributes, of a file that is not read, and of one that is.
        foreach (byte[] tar in new[] { SmallTar(), PlainTar("readme.html"), PlainTar("data_batch_1.bin") })
        {
            Encoding.Latin1.GetBytes(size).CopyTo(tar.AsSpan(124));

            string path = Pack(tar);
            long before = GC.GetAllocatedBytesForCurrentThread();

            EngineException error = Assert.Throws<EngineException>(() => Cifar10Reader.Read(path));

            Assert.Contains(error.ErrorId, new[] { "CorruptArchive", "BatchFileWrongSize" });
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 5_000_000);
        }
    }

    [Theory]
    [InlineData("-0001")]
    [InlineData("-30730000")]
    [InlineData("9223372036854775807")]
    [InlineData("99999999999999999999")]
    [InlineData("1e09")]
    public void An_attribute_that_claims_an_impossible_size_is_refused(string size)
    {
        foreach (string name in new[] { "readme.html", "data_batch_1.bin" })
        {
            // Of the same length.
            string comment = new('x', size.Length - 3);
            string path = Pack(Encoding.Latin1.GetBytes(Encoding.Latin1.GetString(PlainTar(name, comment))
                .Replace($"comment={comment}", $"size={size}", StringComparison.Ordinal)));

            EngineException error = Assert.Throws<EngineException>(() => Cifar10Reader.Read(path));

            Assert.Contains(error.ErrorId, new[] { "CorruptArchive", "BatchFileWrongSize", "BatchFileMissing" });
        }
    }

    [Fact]
    public void Wherever_an_archive_is_cut_it_is_refused()
    {
        byte[] archive = File.ReadAllBytes(Pack(PlainTar("readme.html")));

        for (int length = 0; length < archive.Length; length++)
        {
            string path = _folder.Write("cut.tar.gz", archive.AsSpan(0, length));
            Exception? error = Record.Exception(() => Cifar10Reader.Read(path));
            Assert.True(error is EngineException { ErrorId: "CorruptArchive" or "BatchFileMissing" }, $"{length} bytes: {error}");
        }
    }

    [Fact]
    public void Whatever_is_damaged_an_archive_is_refused()
    {
        byte[] tar = SmallTar();
        Random random = new(1);

        for (int i = 0; i < 1_000; i++)
        {
            string path = Pack(Damage(tar, tar.Length, random));
            Exception? error = Record.Exception(() => Cifar10Reader.Read(path));
            Assert.True(error is EngineException, $"change {i}: {error}");
        }
    }

    [Theory]
    [InlineData("Python version of CIFAR-10.", "cifar-10-batches-py", "data_batch_1", "batches.meta")]
    [InlineData("Matlab version of CIFAR-10.", "cifar-10-batches-mat", "data_batch_1.mat", "batches.meta.mat")]
    [InlineData("Python version of CIFAR-100.", "cifar-100-python", "train", "test", "meta")]
    [InlineData("Matlab version of CIFAR-100.", "cifar-100-matlab", "train.mat", "test.mat", "meta.mat")]
    [InlineData("binary version of CIFAR-100.", "cifar-100-binary", "train.bin", "test.bin", "fine_label_names.txt")]
    public void Another_version_is_called_by_its_name(string version, string folder, params string[] names)
    {
        Directory.CreateDirectory(_folder[folder]);
        foreach (string name in names)
            _folder.Write($"{folder}/{name}", [0x80]);
        WriteArchive([.. names.Select(name =>
            new PaxTarEntry(TarEntryType.RegularFile, $"{folder}/{name}") { DataStream = new MemoryStream([0x80]) })]);

        // The folder, the folder that it was unpacked into, the archive, and a file in it.
        foreach (string path in new[] { _folder[folder], _folder.Path, _folder["own.tar.gz"], _folder[$"{folder}/{names[0]}"] })
        {
            EngineException error = AssertError("UnsupportedCifarVersion", () => Cifar10Reader.Read(path));
            Assert.Contains(version, error.Message, StringComparison.Ordinal);
            Assert.Contains("cifar-10-binary.tar.gz", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void One_of_the_six_files_is_no_data_set() =>
        AssertError("NotAFolder", () => Cifar10Reader.Read(Path.Combine(fake.Folder, "data_batch_2.bin")));

    /// <summary>A tar with an attribute, a long name, and none of the files complete.</summary>
    private static byte[] SmallTar()
    {
        using MemoryStream plain = new();
        using TarWriter tar = new(plain);
        tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, "readme.html",
            new Dictionary<string, string> { ["comment"] = "1" }) { DataStream = new MemoryStream(new byte[100]) });
        tar.WriteEntry(new GnuTarEntry(TarEntryType.RegularFile,
            new string('n', 200) + "/data_batch_1.bin") { DataStream = new MemoryStream(new byte[100]) });
        return plain.ToArray();
    }

    /// <summary>A tar with one short file, whose header is the first; or the second, if there is a comment.</summary>
    private static byte[] PlainTar(string name, string? comment = null)
    {
        using MemoryStream plain = new();
        using (TarWriter tar = new(plain, leaveOpen: true))
            tar.WriteEntry(comment is null
                ? new UstarTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(new byte[100]) }
                : new PaxTarEntry(TarEntryType.RegularFile, name, new Dictionary<string, string> { ["comment"] = comment })
                    { DataStream = new MemoryStream(new byte[100]) });
        return plain.ToArray();
    }

    /// <summary>Compresses a tar after correcting the checksum in its first header, as deliberate damage would.</summary>
    private string Pack(byte[] tar)
    {
        if (tar.Length >= 512)
        {
            tar.AsSpan(148, 8).Fill((byte)' ');
            Encoding.ASCII.GetBytes($"{Convert.ToString(tar.Take(512).Sum(b => b), 8).PadLeft(6, '0')}\0 ").CopyTo(tar, 148);
        }

        using GZipStream file = new(File.Create(_folder["own.tar.gz"]), CompressionLevel.Fastest);
        file.Write(tar);
        return _folder["own.tar.gz"];
    }

    private void WriteArchive(params ReadOnlySpan<TarEntry> entries)
    {
        using TarWriter tar = new(new GZipStream(File.Create(_folder["own.tar.gz"]), CompressionLevel.Fastest));
        foreach (TarEntry entry in entries)
            tar.WriteEntry(entry);
    }

    private static void AssertIsRecord(LabeledImage image, int file, int record)
    {
        int label = FakeCifar10.Label(file, record);
        Assert.Equal((label, Cifar10Reader.Classes[label], (file < 5 ? 10_000 * file : 0) + record),
            (image.Label, image.LabelName, image.Index));
        Assert.Equal(FakeCifar10.Pixels(file, record), image.GetPixels());
    }
}
