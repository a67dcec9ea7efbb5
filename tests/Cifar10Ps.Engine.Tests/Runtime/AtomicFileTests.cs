using System.Runtime.Versioning;
using Cifar10Ps.Runtime;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public sealed class AtomicFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_file_is_written_whole_in_a_folder_that_is_made_for_it()
    {
        AtomicFile.Write(_folder["new/folder/file"], stream => stream.Write("content"u8));

        Assert.Equal("content", File.ReadAllText(_folder["new/folder/file"]));
        Assert.Single(Directory.GetFileSystemEntries(_folder["new/folder"]));
    }

    [Fact]
    public void A_longer_file_is_replaced_not_overwritten()
    {
        _folder.Write("file", "a longer content"u8);

        AtomicFile.Write(_folder["file"], stream => stream.Write("short"u8));

        Assert.Equal("short", File.ReadAllText(_folder["file"]));
    }

    [Fact]
    public void The_old_content_stays_until_the_new_one_is_whole()
    {
        _folder.Write("file", "old"u8);

        AtomicFile.Write(_folder["file"], stream =>
        {
            stream.Write("new"u8);
            stream.Flush();
            Assert.Equal("old", File.ReadAllText(_folder["file"]));
        });
    }

    [Fact]
    public void Who_is_reading_the_old_content_reads_it_to_its_end()
    {
        using FileStream reader =
            new(_folder.Write("file", "old"u8), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);

        AtomicFile.Write(_folder["file"], stream => stream.Write("new"u8));

        Assert.Equal("old", new StreamReader(reader).ReadToEnd());
        Assert.Equal("new", File.ReadAllText(_folder["file"]));
    }

    [Fact]
    public async Task A_reader_that_shares_nothing_but_reading_is_waited_for()
    {
        Assert.SkipUnless(OperatingSystem.IsWindows(), "elsewhere, no reader is in the way");
        FileStream reader = File.OpenRead(_folder.Write("file", "old"u8));
        Task writing = Task.Run(() =>
            AtomicFile.Write(_folder["file"], stream => stream.Write("new"u8)), TestContext.Current.CancellationToken);
        await Task.Delay(200, TestContext.Current.CancellationToken);
        reader.Dispose();

        await writing;

        Assert.Equal("new", File.ReadAllText(_folder["file"]));
    }

    [Theory]
    [InlineData(typeof(IOException), typeof(EngineException))]
    [InlineData(typeof(InvalidOperationException), typeof(InvalidOperationException))]
    public void A_writer_that_fails_leaves_the_old_content_and_nothing_else(Type failure, Type reported)
    {
        _folder.Write("file", "old"u8);

        Assert.Throws(reported, () => AtomicFile.Write(_folder["file"], stream =>
        {
            stream.Write("half of the n"u8);
            throw (Exception)Activator.CreateInstance(failure, "disk full")!;
        }));

        Assert.Equal("old", File.ReadAllText(_folder["file"]));
        Assert.Single(Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void A_place_that_cannot_be_written_is_named()
    {
        string below = Path.Combine(_folder.Write("file", []), "model.safetensors");

        EngineException error = AssertError("FileNotWritable", () => AtomicFile.Write(below, _ => { }));
        Assert.Contains(below, error.Message, StringComparison.Ordinal);
        Assert.Equal(["file"], Directory.GetFileSystemEntries(_folder.Path).Select(Path.GetFileName));
    }

    [Fact]
    public void A_symbolic_link_stays_and_what_it_leads_to_is_replaced()
    {
        Directory.CreateDirectory(_folder["elsewhere"]);
        _folder.Write("elsewhere/file", "old"u8);
        File.CreateSymbolicLink(_folder["elsewhere/link"], "file");
        File.CreateSymbolicLink(_folder["link"], _folder["elsewhere/link"]);
        File.CreateSymbolicLink(_folder["dangling"], "elsewhere/new");

        AtomicFile.Write(_folder["link"], stream => stream.Write("new"u8));
        AtomicFile.Write(_folder["dangling"], stream => stream.Write("newer"u8));

        Assert.Equal(_folder["elsewhere/link"], new FileInfo(_folder["link"]).LinkTarget);
        Assert.Equal("elsewhere/new", new FileInfo(_folder["dangling"]).LinkTarget);
        Assert.Equal("new", File.ReadAllText(_folder["elsewhere/file"]));
        Assert.Equal("newer", File.ReadAllText(_folder["elsewhere/new"]));
        Assert.Equal(["dangling", "elsewhere", "file", "link", "link", "new"],
            Directory.GetFileSystemEntries(_folder.Path, "*", SearchOption.AllDirectories)
                .Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Links_in_a_circle_are_refused()
    {
        File.CreateSymbolicLink(_folder["a"], "b");
        File.CreateSymbolicLink(_folder["b"], "a");

        AssertError("FileNotWritable", () => AtomicFile.Write(_folder["a"], _ => { }));

        Assert.Equal("b", new FileInfo(_folder["a"]).LinkTarget);
    }

    [Theory]
    [InlineData(UnixFileMode.UserRead | UnixFileMode.UserWrite)]
    [InlineData(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite
        | UnixFileMode.OtherWrite)]
    [UnsupportedOSPlatform("windows")]
    public void Who_may_read_and_write_a_file_stays_when_it_is_replaced(UnixFileMode mode)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs the file modes of Unix");
        _folder.Write("file", "old"u8);
        File.SetUnixFileMode(_folder["file"], mode);

        AtomicFile.Write(_folder["file"], stream =>
        {
            // From the first byte on.
            Assert.Equal(mode, File.GetUnixFileMode(((FileStream)stream).Name));
            stream.Write("new"u8);
        });

        Assert.Equal(mode, File.GetUnixFileMode(_folder["file"]));
    }

    [Fact]
    public void A_name_may_be_as_long_as_the_file_system_allows()
    {
        string path = _folder[new string('n', 255)];

        AtomicFile.Write(path, stream => stream.Write("new"u8));

        Assert.Equal("new", File.ReadAllText(path));
    }

    [Fact]
    public void What_dead_processes_left_half_written_is_removed_and_nothing_else()
    {
        string[] dead = ["cifar10ps-0a1b2c3d.e4f.tmp", "cifar10ps-probe.tmp",
            "checkpoint-latest.safetensors.999999-9.tmp", "probe-999999.999999-10.tmp", "log.1-1.tmp"],
            others = ["notes.1-1.tmp", "cifar10ps-notes.tmp", "checkpoint-latest.safetensors", "probe.tmp"];
        foreach (string name in dead.Concat(others))
            _folder.Write(name, "half"u8);

        AtomicFile.Write(_folder["file"], stream =>
        {
            AtomicFile.RemoveAbandoned(_folder.Path);
            stream.Write("new"u8);
        });

        Assert.Equal("new", File.ReadAllText(_folder["file"]));
        Assert.Equal([.. others.Append("file").Order(StringComparer.Ordinal)],
            Directory.GetFiles(_folder.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }
}
