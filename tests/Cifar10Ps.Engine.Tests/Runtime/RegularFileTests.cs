using System.Diagnostics;
using System.Net.Sockets;
using Cifar10Ps.Data;
using Cifar10Ps.Reporting;
using Cifar10Ps.Runtime;
using Cifar10Ps.Training;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

/// <summary>Paths without content to read: a pipe without a writer, an endless device, a socket, a folder.</summary>
public sealed class RegularFileTests : IDisposable
{
    private static readonly Dictionary<string, Action<string>> Readers = new()
    {
        ["a model"] = path => ModelFile.Load(path),
        ["a checkpoint"] = path => Checkpoint.Load(path),
        ["a checkpoint, to go on from"] = path => Trainer.Resume(path, null, TinyData, options => options),
        ["a history"] = path => TrainingHistory.Read(path),
        ["a picture"] = path => ImageFile.Read(path, 32, 32),
        ["an archive"] = path => Cifar10Reader.ReadArchive(path),
    };

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string, string> ReadersAndKinds =>
        [.. from reader in Readers.Keys from kind in new[] { "pipe", "link to a pipe", "device", "socket" } select (reader, kind)];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(ReadersAndKinds))]
    public void Nothing_but_a_regular_file_is_opened_for_reading(string reader, string kind)
    {
        using Socket? held = Make(kind, _folder["path"]);

        EngineException error = AssertError("NotARegularFile", () => Soon(() => Readers[reader](_folder["path"])));

        Assert.Contains(_folder["path"], error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("pipe", "data_batch_1.bin")]
    [InlineData("device", "test_batch.bin")]
    public void A_folder_of_CIFAR10_with_something_else_in_it_is_refused(string kind, string name)
    {
        FakeCifar10.WriteFolder(_folder.Path, noisyRecords: 1);
        File.Delete(_folder[name]);
        using Socket? held = Make(kind, _folder[name]);

        AssertError("NotARegularFile", () => Soon(() => Cifar10Reader.Read(_folder.Path)));
    }

    [Fact]
    public void A_pipe_among_pictures_is_passed_over()
    {
        foreach (string name in new[] { "a", "b" })
        {
            Directory.CreateDirectory(_folder[name]);
            new Picture(8, 8, _ => { }).Save(_folder[$"{name}/1.png"]);
        }

        using Socket? held = Make("pipe", _folder["a/2.png"]);
        List<string> skipped = [];

        ImageDataset? data = null;
        Soon(() =>
            data = new ImageFolder(_folder.Path) { ValidationFraction = 0, Skipped = (_, error) => skipped.Add(error.ErrorId) }.Read());

        Assert.Equal(2, data!.Train.Count);
        Assert.Equal(["NotARegularFile"], skipped);
    }

    [Theory]
    [InlineData("pipe")]
    [InlineData("link to a pipe")]
    [InlineData("device")]
    [InlineData("socket")]
    [InlineData("folder")]
    public void Nothing_but_a_regular_file_is_replaced(string kind)
    {
        using Socket? held = Make(kind, _folder["path"]);
        string[] before = Directory.GetFileSystemEntries(_folder.Path);

        AssertError("NotARegularFile", () => Soon(() => AtomicFile.Write(_folder["path"], stream => stream.Write("content"u8))));

        Assert.Equal(before, Directory.GetFileSystemEntries(_folder.Path));
        AssertError("NotARegularFile", () => RegularFile.Require(_folder["path"]));
    }

    [Fact]
    public void A_pipe_in_the_place_of_the_lock_is_refused()
    {
        using Socket? held = Make("pipe", _folder["run.lock"]);

        AssertError("NotARegularFile", () => Soon(() => new OutputDirectory(_folder.Path, 3, replace: false).Claim(1, 1).Dispose()));
    }

    /// <summary>Makes something without content.</summary>
    /// <returns>An object to keep open, or null.</returns>
    private Socket? Make(string kind, string path)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs the file types of Unix");
        switch (kind)
        {
            case "pipe":
                using (Process process = Process.Start("mkfifo", [path]))
                    process.WaitForExit();
                return null;
            case "link to a pipe":
                Make("pipe", _folder["pipe"]);
                File.CreateSymbolicLink(path, _folder["pipe"]);
                return null;
            case "device":
                File.CreateSymbolicLink(path, "/dev/zero");
                return null;
            case "folder":
                Directory.CreateDirectory(path);
                return null;
            default:
                Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                socket.Bind(new UnixDomainSocketEndPoint(path));
                return socket;
        }
    }

    /// <summary>Runs an action that must not block: if it does, the test fails and abandons the thread.</summary>
    private static void Soon(Action action)
    {
        Task task = Task.Run(action, TestContext.Current.CancellationToken);
        Assert.True(Task.WhenAny(task, Task.Delay(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken))
            .GetAwaiter().GetResult() == task, "it blocks");
        task.GetAwaiter().GetResult();
    }
}
