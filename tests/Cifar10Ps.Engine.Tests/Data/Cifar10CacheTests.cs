using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public sealed class Cifar10CacheTests(FakeCifar10 fake) : IDisposable
{
    private const string Partial = "cifar-10-binary.tar.gz.partial";
    private readonly TemporaryFolder _folder = new();
    private readonly byte[] _archive = File.ReadAllBytes(fake.Archive);

    private Cifar10Cache Cache => new(_folder["cache"], fake.Checksums);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_download_is_checked_and_unpacked_and_leaves_nothing_else()
    {
        using Server server = new(Whole(_archive));
        List<(long Done, long? Total)> progress = [];
        Assert.False(Cache.IsFilled);

        Cache.Download(server.Address, (done, total) => progress.Add((done, total)), CancellationToken.None);

        Assert.True(Cache.IsFilled);
        foreach (string name in FakeCifar10.FileNames)
            Assert.Equal(File.ReadAllBytes(Path.Combine(fake.Folder, name)), File.ReadAllBytes(Path.Combine(Cache.DataFolder, name)));
        Assert.Equal(["cifar-10-batches-bin", "download.lock"], CacheContent());
        Assert.Equal(FakeCifar10.FileNames.Order(), Directory.GetFiles(Cache.DataFolder).Select(Path.GetFileName).Order());
        Assert.Equal((_archive.Length, _archive.Length), progress[^1]);
        Assert.Equal(progress.Order(), progress);
    }

    [Fact]
    public void What_is_there_is_not_downloaded_again()
    {
        using Server server = new(Whole(_archive));
        Download(server);

        Download(server);

        Assert.Single(server.Requests);
    }

    [Fact]
    public void Files_with_other_checksums_are_refused_and_not_kept()
    {
        using Server server = new(Whole(_archive));
        Cifar10Cache published = new(_folder["cache"]);

        AssertError("ChecksumMismatch", () => published.Download(server.Address, Nothing, CancellationToken.None));

        Assert.False(published.IsFilled);
        Assert.Equal(["download.lock"], CacheContent());
    }

    [Fact]
    public void A_page_in_the_place_of_the_archive_is_refused_and_not_kept()
    {
        using Server server = new(Whole("<html><body>Please log in</body></html>"u8.ToArray(), "text/html"));

        AssertError("CorruptArchive", () => Download(server));

        Assert.Equal(["download.lock"], CacheContent());
    }

    [Theory]
    [InlineData("404 Not Found")]
    [InlineData("503 Service Unavailable")]
    public void A_server_that_has_no_archive_is_reported(string status)
    {
        using Server server = new((_, stream) => Send(stream, $"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"));

        EngineException error = AssertError("DownloadFailed", () => Download(server));

        Assert.Contains(status[..3], error.Message, StringComparison.Ordinal);
        Assert.False(Cache.IsFilled);
    }

    [Fact]
    public void A_server_that_does_not_answer_the_phone_is_reported()
    {
        Server gone = new(Whole(_archive));
        gone.Dispose();

        AssertError("DownloadFailed", () => Download(gone));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_cut_connection_keeps_what_came_and_a_later_call_asks_for_the_rest(bool reset)
    {
        int half = _archive.Length / 2;
        using Server cutting = new((_, stream) =>
        {
            Send(stream, $"HTTP/1.1 200 OK\r\nContent-Length: {_archive.Length}\r\n\r\n", _archive.AsSpan(0, half));
            if (reset)
            {
                // Only once the other side has received all of it: what it then sees is a reset, not an end.
                SpinWait.SpinUntil(() =>
                    new FileInfo(_folder[Path.Combine("cache", Partial)]) is { Exists: true } file && file.Length >= half - 4_096, 10_000);
                stream.Socket.Close(0);
            }
        });
        AssertError("DownloadFailed", () => Download(cutting));
        Assert.False(Cache.IsFilled);
        long have = new FileInfo(_folder[Path.Combine("cache", Partial)]).Length;
        Assert.InRange(have, 1, half);

        using Server server = new(Continuing(_archive));
        Download(server);

        Assert.Contains($"Range: bytes={have}-", Assert.Single(server.Requests), StringComparison.Ordinal);
        Assert.True(Cache.IsFilled);
        Assert.DoesNotContain(Partial, CacheContent());
    }

    [Fact]
    public void A_server_that_cannot_continue_sends_everything_anew()
    {
        LeavePartial(_archive.AsSpan(0, 1_000));
        using Server server = new(Whole(_archive));
        (long Done, long? Total) last = default;

        Cache.Download(server.Address, (done, total) => last = (done, total), CancellationToken.None);

        Assert.Equal((_archive.Length, _archive.Length), last);

        Assert.True(Cache.IsFilled);
    }

    [Fact]
    public void A_partial_that_is_whole_already_is_unpacked()
    {
        LeavePartial(_archive);
        using Server server = new(Continuing(_archive));

        Download(server);

        Assert.True(Cache.IsFilled);
    }

    [Fact]
    public void A_partial_of_another_file_is_dropped_so_that_the_next_call_succeeds()
    {
        LeavePartial("<html>"u8);
        using Server server = new(Continuing(_archive));

        AssertError("CorruptArchive", () => Download(server));
        Download(server);

        Assert.True(Cache.IsFilled);
    }

    [Fact]
    public void A_server_that_does_not_stop_sending_is_cut_off()
    {
        // Twice the archive, with no length announced.
        using Server server = new((_, stream) =>
        {
            Send(stream, "HTTP/1.1 200 OK\r\n\r\n");
            for (int megabyte = 0; megabyte < 340; megabyte++)
                stream.Write(new byte[1_000_000]);
        });

        AssertError("DownloadFailed", () => Download(server));
    }

    [Theory]
    [InlineData("file:///etc/hosts")]
    [InlineData("ftp://127.0.0.1/cifar-10-binary.tar.gz")]
    [InlineData("cifar-10-binary.tar.gz")]
    public void Only_http_addresses_are_taken(string address) =>
        AssertError("InvalidUri", () => Cache.Download(new Uri(address, UriKind.RelativeOrAbsolute), Nothing, CancellationToken.None));

    [Fact]
    public void Cancelling_ends_a_download_that_can_be_continued()
    {
        using CancellationTokenSource cancellation = new();
        using ManualResetEventSlim finished = new();
        using Server stalling = new((_, stream) =>
        {
            Send(stream, $"HTTP/1.1 200 OK\r\nContent-Length: {_archive.Length}\r\n\r\n", _archive.AsSpan(0, 100_000));
            finished.Wait();
        });

        Assert.ThrowsAny<OperationCanceledException>(() =>
            Cache.Download(stalling.Address, (_, _) => cancellation.Cancel(), cancellation.Token));
        finished.Set();
        using Server server = new(Continuing(_archive));
        Download(server);

        Assert.Contains("Range: bytes=", Assert.Single(server.Requests), StringComparison.Ordinal);
        Assert.True(Cache.IsFilled);
    }

    [Fact]
    public async Task Two_at_once_download_once_and_both_succeed()
    {
        using Server server = new(Whole(_archive));

        await Task.WhenAll(Task.Run(() => Download(server)), Task.Run(() => Download(server)));

        Assert.Single(server.Requests);
        Assert.True(Cache.IsFilled);
    }

    [Fact]
    public void Cancelling_ends_the_wait_for_another_download()
    {
        Directory.CreateDirectory(_folder["cache"]);
        using FileStream held = new(_folder[Path.Combine("cache", "download.lock")], FileMode.Create, FileAccess.ReadWrite, FileShare.None);
        using CancellationTokenSource cancellation = new(100);

        Assert.ThrowsAny<OperationCanceledException>(() => Cache.Download(new Uri("http://127.0.0.1:9/"), Nothing, cancellation.Token));
    }

    [Fact]
    public void A_folder_that_cannot_be_made_is_reported()
    {
        using Server server = new(Whole(_archive));
        Cifar10Cache below = new(Path.Combine(_folder.Write("file", []), "cache"), fake.Checksums);

        AssertError("CacheNotWritable", () => below.Download(server.Address, Nothing, CancellationToken.None));

        Assert.Empty(server.Requests);
    }

    [Fact]
    public void Paths_within_an_archive_lead_nowhere()
    {
        string[] prefixes = ["../../", "/", _folder["absolute/"], "a/../../../", "./", ""];
        string archive = fake.WriteArchive(_folder["hostile.tar.gz"],
            [.. FakeCifar10.FileNames.Zip(prefixes, (name, prefix) => (prefix + name, name)), ("../escaped.bin", "test_batch.bin")]);
        using Server server = new(Whole(File.ReadAllBytes(archive)));

        Download(server);

        Assert.Equal(FakeCifar10.FileNames.Order(), Directory.GetFiles(Cache.DataFolder).Select(Path.GetFileName).Order());
        Assert.Equal(["cifar-10-batches-bin", "download.lock"], CacheContent());
        Assert.Equal(["cache", "hostile.tar.gz"], Names(_folder.Path));
        Assert.False(File.Exists("/data_batch_2.bin"));
    }

    private void Download(Server server) => Cache.Download(server.Address, Nothing, CancellationToken.None);

    private void LeavePartial(ReadOnlySpan<byte> content)
    {
        Directory.CreateDirectory(_folder["cache"]);
        _folder.Write(Path.Combine("cache", Partial), content);
    }

    private IEnumerable<string> CacheContent() => Names(_folder["cache"]);

    private static IEnumerable<string> Names(string folder) =>
        Directory.GetFileSystemEntries(folder).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal);

    private static void Nothing(long done, long? total)
    {
    }

    /// <summary>Answers with the whole file, whichever part is requested.</summary>
    private static Action<string, NetworkStream> Whole(byte[] content, string type = "application/gzip") => (_, stream) =>
        Send(stream, $"HTTP/1.1 200 OK\r\nContent-Type: {type}\r\nContent-Length: {content.Length}\r\n\r\n", content);

    /// <summary>Answers with the requested part of a file.</summary>
    private static Action<string, NetworkStream> Continuing(byte[] content) => (head, stream) =>
    {
        int at = head.IndexOf("Range: bytes=", StringComparison.Ordinal);
        int from = at < 0 ? 0 : int.Parse(head[(at + 13)..head.IndexOf('-', at)], System.Globalization.CultureInfo.InvariantCulture);
        if (at < 0)
            Whole(content)(head, stream);
        else if (from >= content.Length)
            Send(stream, $"HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */{content.Length}\r\nContent-Length: 0\r\n\r\n");
        else
            Send(stream,
                $"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {from}-{content.Length - 1}/{content.Length}\r\n"
                + $"Content-Length: {content.Length - from}\r\n\r\n",
                content.AsSpan(from));
    };

    private static void Send(NetworkStream stream, string head, ReadOnlySpan<byte> body = default)
    {
        stream.Write(Encoding.ASCII.GetBytes(head));
        stream.Write(body);
    }

    /// <summary>A web server on this machine that closes each connection after one answer.</summary>
    private sealed class Server : IDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);

        public Server(Action<string, NetworkStream> answer)
        {
            _listener.Start();
            Address = new Uri($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/cifar-10-binary.tar.gz");
            new Thread(() => Serve(answer)) { IsBackground = true }.Start();
        }

        public Uri Address { get; }

        /// <summary>The heads of the requests.</summary>
        public ConcurrentQueue<string> Requests { get; } = [];

        public void Dispose() => _listener.Dispose();

        private void Serve(Action<string, NetworkStream> answer)
        {
            try
            {
                while (true)
                {
                    using NetworkStream stream = new(_listener.AcceptSocket(), ownsSocket: true);
                    StringBuilder head = new();
                    while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal) && stream.ReadByte() is >= 0 and int next)
                        head.Append((char)next);
                    Requests.Enqueue(head.ToString());
                    try
                    {
                        answer(head.ToString(), stream);
                    }
                    catch (IOException)
                    {
                        // The client hung up.
                    }
                }
            }
            catch (Exception e) when (e is SocketException or InvalidOperationException)
            {
                // Disposed.
            }
        }
    }
}
