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
        using FileStream reader = new(_folder.Write("file", "old"u8), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);

        AtomicFile.Write(_folder["file"], stream => stream.Write("new"u8));

        Assert.Equal("old", new StreamReader(reader).ReadToEnd());
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
        AssertError("FileNotWritable", () => AtomicFile.Write(_folder.Path, _ => { }));
        Assert.Equal(["file"], Directory.GetFileSystemEntries(_folder.Path).Select(Path.GetFileName));
    }
}
