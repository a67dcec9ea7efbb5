using System.Globalization;
using static Cifar10Ps.Tests.Mirror;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public sealed class Cifar10CacheTests(FakeCifar10 real) : IDisposable
{
    private const string Partial = "cifar-10-binary.tar.gz.partial";
    private readonly TemporaryFolder _folder = new();
    private readonly FakeCifar10 _fake = real.Small;
    private readonly byte[] _archive = File.ReadAllBytes(real.Small.Archive);

    private readonly HurriedClock _clock = new();

    private Cifar10Cache Cache => new(_folder["cache"], _fake.Checksums) { FileLength = _fake.Length, Clock = _clock };

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_download_is_checked_and_unpacked_and_leaves_nothing_else()
    {
        byte[] archive = File.ReadAllBytes(real.Archive);
        using Mirror server = new(Whole(archive));
        List<(long Done, long? Total)> progress = [];
        Cifar10Cache cache = new(_folder["cache"], real.Checksums);
        Assert.False(cache.IsFilled);

        cache.Download(server.Address, (done, total) => progress.Add((done, total)), Ignore, CancellationToken.None);

        Assert.True(cache.IsFilled);
        Assert.Null(FindDamage(cache));
        foreach (string name in FakeCifar10.FileNames)
            Assert.True(File.ReadAllBytes(Path.Combine(real.Folder, name)).AsSpan()
                .SequenceEqual(File.ReadAllBytes(Path.Combine(cache.DataFolder, name))), name);
        Assert.Equal(["cifar-10-batches-bin", "download.lock"], CacheContent());
        Assert.Equal(FakeCifar10.FileNames.Order(), Directory.GetFiles(cache.DataFolder).Select(Path.GetFileName).Order());
        Assert.Equal((archive.Length, archive.Length), progress[^1]);
        Assert.Equal(progress.Order(), progress);
    }

    [Fact]
    public void What_is_there_is_not_downloaded_again()
    {
        using Mirror server = new(Whole(_archive));
        Download(server);

        Download(server);

        Assert.Single(server.Requests);
    }

    [Fact]
    public void Files_with_other_checksums_are_refused_and_not_kept()
    {
        using Mirror server = new(Whole(_archive));
        Cifar10Cache published = new(_folder["cache"]) { FileLength = _fake.Length };

        AssertError("ChecksumMismatch", () => published.Download(server.Address, Nothing, Ignore, CancellationToken.None));

        Assert.False(published.IsFilled);
        Assert.Equal(["download.lock"], CacheContent());
    }

    [Fact]
    public void A_page_in_the_place_of_the_archive_is_refused_and_not_kept()
    {
        using Mirror server = new(Whole("<html><body>Please log in</body></html>"u8.ToArray(), "text/html"));

        AssertError("CorruptArchive", () => Download(server));

        Assert.Equal(["download.lock"], CacheContent());
    }

    [Theory]
    [InlineData("302 Found\r\nLocation: /b?token=s3cret", true)]
    [InlineData("302 Found\r\nLocation: http://127.0.0.1:PORT/b?token=s3cret", false)]
    [InlineData("302 Found\r\nLocation: ftp://user:s3cret@host/", null)]
    [InlineData("503 Busy\r\nRetry-After: 0", true)]
    public void A_password_is_sent_to_the_server_that_it_is_for_and_never_shown(string first, bool? isSentAgain)
    {
        int port = 0;
        using Mirror server = new(
            (head, stream) => Says(first.Replace("PORT", $"{port}", StringComparison.Ordinal) + "\r\nContent-Length: 0")(head, stream),
            Says("404 Not Found\r\nContent-Length: 0"));
        port = server.Address.Port;
        List<string> sentences = [];

        EngineException error = AssertError("DownloadFailed", () => Cache.Download(
            new Uri($"http://user:s3cret@127.0.0.1:{port}/a?token=s3cret"), Nothing, sentences.Add, CancellationToken.None));

        Assert.DoesNotContain("s3cret", $"{error} {string.Join(' ', sentences)}", StringComparison.Ordinal);
        Assert.Contains($"http://127.0.0.1:{port}/a could not", error.Message, StringComparison.Ordinal);
        IEnumerable<bool?> sent = server.Requests.Select(head => (bool?)head.Contains("\r\nAuthorization: Basic dXNlcjpzM2NyZXQ=\r\n",
            StringComparison.Ordinal));
        Assert.Equal(isSentAgain is null ? [true] : [true, isSentAgain], sent);
    }

    [Fact]
    public void A_server_that_does_not_answer_the_phone_is_reported()
    {
        Mirror gone = new(Whole(_archive));
        gone.Dispose();

        AssertError("DownloadFailed", () => Download(gone));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_cut_connection_keeps_what_came_and_a_later_call_asks_for_the_rest(bool reset)
    {
        int half = _archive.Length / 2;
        using Mirror cutting = new((_, stream) =>
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

        using Mirror server = new(Continuing(_archive));
        Download(server);

        Assert.Contains($"Range: bytes={have}-", Assert.Single(server.Requests), StringComparison.Ordinal);
        Assert.True(Cache.IsFilled);
        Assert.DoesNotContain(Partial, CacheContent());
    }

    [Fact]
    public void A_server_that_cannot_continue_sends_everything_anew()
    {
        LeavePartial(_archive.AsSpan(0, 1_000));
        using Mirror server = new(Whole(_archive));
        (long Done, long? Total) last = default;

        Cache.Download(server.Address, (done, total) => last = (done, total), Ignore, CancellationToken.None);

        Assert.Equal((_archive.Length, _archive.Length), last);

        Assert.True(Cache.IsFilled);
    }

    [Fact]
    public void A_partial_that_is_whole_already_is_unpacked()
    {
        LeavePartial(_archive);
        using Mirror server = new(Continuing(_archive));

        Download(server);

        Assert.True(Cache.IsFilled);
    }

    [Theory]
    [InlineData(6)]
    [InlineData(1_000_000)] // more than the archive has
    public void A_partial_of_another_file_is_dropped_and_the_archive_downloaded_from_the_start(int length)
    {
        LeavePartial(new byte[length]);
        using Mirror server = new(Continuing(_archive));
        List<string> sentences = [];

        Cache.Download(server.Address, Nothing, sentences.Add, CancellationToken.None);

        Assert.True(Cache.IsFilled);
        Assert.Equal([true, false], server.Requests.Select(head => head.Contains("Range:", StringComparison.Ordinal)));
        Assert.Contains("do not fit together", Assert.Single(sentences), StringComparison.Ordinal);
    }

    [Fact]
    public void Tries_are_some_time_apart_and_announced()
    {
        using Mirror server = new(Half(_archive), Says("503 Busy\r\nRetry-After: 7"), Says("500 Oops"), Continuing(_archive));
        List<string> sentences = [];

        Cache.Download(server.Address, Nothing, sentences.Add, CancellationToken.None);

        // 2, 4 and 8 seconds, unless the server names a time.
        Assert.Equal([2, 7, 8], _clock.Waits.Select(wait => wait.TotalSeconds));
        Assert.Equal(3, sentences.Count);
        Assert.Contains("503 Busy. It is tried again in 7 seconds.", sentences[1], StringComparison.Ordinal);
    }

    [Fact]
    public void Cancelling_ends_the_wait_between_two_tries()
    {
        using Mirror server = new(Says("503 Busy\r\nRetry-After: 60"));
        using CancellationTokenSource cancellation = new();
        Cifar10Cache cache = new(_folder["cache"], _fake.Checksums);

        Task download = Task.Run(() => cache.Download(server.Address, Nothing, _ => cancellation.CancelAfter(1), cancellation.Token));

        // Far less than a minute, far more than it takes.
        Assert.True(((IAsyncResult)download).AsyncWaitHandle.WaitOne(TimeSpan.FromSeconds(30)), "it waits for the next try");
        Assert.True(download.IsCanceled || download.Exception?.InnerException is OperationCanceledException);
        Assert.Single(server.Requests);
    }

    [Theory]
    [InlineData("file:///etc/hosts")]
    [InlineData("ftp://127.0.0.1/cifar-10-binary.tar.gz")]
    [InlineData("cifar-10-binary.tar.gz")]
    public void Only_http_addresses_are_taken(string address) =>
        AssertError("InvalidUri",
            () => Cache.Download(new Uri(address, UriKind.RelativeOrAbsolute), Nothing, Ignore, CancellationToken.None));

    [Fact]
    public void Cancelling_ends_a_download_that_can_be_continued()
    {
        using CancellationTokenSource cancellation = new();
        using ManualResetEventSlim finished = new();
        using Mirror stalling = new((_, stream) =>
        {
            Send(stream, $"HTTP/1.1 200 OK\r\nContent-Length: {_archive.Length}\r\n\r\n", _archive.AsSpan(0, 100_000));
            finished.Wait();
        });

        Assert.ThrowsAny<OperationCanceledException>(() =>
            Cache.Download(stalling.Address, (_, _) => cancellation.Cancel(), Ignore, cancellation.Token));
        finished.Set();
        using Mirror server = new(Continuing(_archive));
        Download(server);

        Assert.Contains("Range: bytes=", Assert.Single(server.Requests), StringComparison.Ordinal);
        Assert.True(Cache.IsFilled);
    }

    [Fact]
    public async Task Two_at_once_download_once_and_both_succeed()
    {
        using Mirror server = new(Whole(_archive));

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

        Assert.ThrowsAny<OperationCanceledException>(
            () => Cache.Download(new Uri("http://127.0.0.1:9/"), Nothing, Ignore, cancellation.Token));
    }

    [Theory]
    [InlineData("data_batch_3.bin", "its MD5 differs")]
    [InlineData("test_batch.bin", "has 307,299 bytes")]
    [InlineData("data_batch_1.bin", "has 307,301 bytes")]
    [InlineData("data_batch_5.bin", "has 0 bytes")]
    [InlineData("data_batch_2.bin", "is missing")]
    [InlineData("data_batch_4.bin", "cannot be read")]
    public void A_damaged_file_is_found_and_replaced_but_not_before_a_whole_one_is_there(string name, string damage)
    {
        using Culture culture = new("");
        FillCache();
        string path = Path.Combine(Cache.DataFolder, name), own = Path.Combine(Cache.DataFolder, "notes.txt");
        File.WriteAllText(own, "mine");
        Damage(path, damage);
        Mirror gone = new();
        gone.Dispose();

        string? found = FindDamage(Cache);

        Assert.StartsWith($"'{name}' in '{Cache.DataFolder}'", found, StringComparison.Ordinal);
        Assert.Contains(damage, found, StringComparison.Ordinal);
        AssertError("DownloadFailed", () => Download(gone));
        foreach (string other in FakeCifar10.FileNames.Where(other => other != name))
            Assert.Equal(_fake.Length, new FileInfo(Path.Combine(Cache.DataFolder, other)).Length);
        Assert.Equal(found, FindDamage(Cache));

        using Mirror server = new(Continuing(_archive));
        Download(server);

        Assert.Null(FindDamage(Cache));
        Assert.Equal("mine", File.ReadAllText(own));
        Assert.Equal(["cifar-10-batches-bin", "download.lock"], CacheContent());
    }

    [Fact]
    public void Of_files_that_no_image_is_taken_from_only_the_length_is_looked_at()
    {
        FillCache();
        Damage(Path.Combine(Cache.DataFolder, "data_batch_2.bin"), "its MD5 differs");

        Assert.Null(Cache.FindDamage(10_000, 1, CancellationToken.None));
        Assert.NotNull(Cache.FindDamage(10_001, 1, CancellationToken.None));
        File.Delete(Path.Combine(Cache.DataFolder, "data_batch_5.bin"));
        Assert.NotNull(Cache.FindDamage(1, 1, CancellationToken.None));
    }

    [Fact]
    public void What_processes_left_that_died_while_they_unpacked_is_removed_and_nothing_else_is()
    {
        FillCache();
        Directory.CreateDirectory(_folder["cache/unpacking-12345/below"]);
        _folder.Write("cache/unpacking-12345/test_batch.bin", [1]);
        Directory.CreateDirectory(_folder["cache/unpacking-1"]);
        Directory.CreateDirectory(_folder["cache/mine"]);
        using Mirror server = new(Says("404 Not Found"));

        Download(server);

        Assert.Empty(server.Requests);
        Assert.Equal(["cifar-10-batches-bin", "download.lock", "mine"], CacheContent());
    }

    [Fact]
    public void A_folder_that_cannot_be_made_is_reported()
    {
        using Mirror server = new(Whole(_archive));
        Cifar10Cache below = new(Path.Combine(_folder.Write("file", []), "cache"), _fake.Checksums);

        AssertError("CacheNotWritable", () => below.Download(server.Address, Nothing, Ignore, CancellationToken.None));

        Assert.Empty(server.Requests);
    }

    [Fact]
    public void Paths_within_an_archive_lead_nowhere()
    {
        string[] prefixes = ["../../", "/", _folder["absolute/"], "a/../../../", "./", ""];
        string archive = _fake.WriteArchive(_folder["hostile.tar.gz"],
            [.. FakeCifar10.FileNames.Zip(prefixes, (name, prefix) => (prefix + name, name)), ("../escaped.bin", "test_batch.bin")]);
        using Mirror server = new(Whole(File.ReadAllBytes(archive)));

        Download(server);

        Assert.Equal(FakeCifar10.FileNames.Order(), Directory.GetFiles(Cache.DataFolder).Select(Path.GetFileName).Order());
        Assert.Equal(["cifar-10-batches-bin", "download.lock"], CacheContent());
        Assert.Equal(["cache", "hostile.tar.gz"], Names(_folder.Path));
        Assert.False(File.Exists("/data_batch_2.bin"));
    }

    private void Download(Mirror server) => Cache.Download(server.Address, Nothing, Ignore, CancellationToken.None);

    private static string? FindDamage(Cifar10Cache cache) =>
        cache.FindDamage(Cifar10Reader.TrainCount, Cifar10Reader.TestCount, CancellationToken.None);

    private void FillCache()
    {
        Directory.CreateDirectory(Cache.DataFolder);
        foreach (string name in FakeCifar10.FileNames)
            File.Copy(Path.Combine(_fake.Folder, name), Path.Combine(Cache.DataFolder, name));
    }

    /// <summary>Damages a file so that it is described in these words.</summary>
    private void Damage(string path, string damage)
    {
        if (damage is "is missing" or "cannot be read")
            File.Delete(path);
        if (damage == "cannot be read")
            Directory.CreateDirectory(Path.Combine(path, "folder"));
        if (Directory.Exists(path) || !File.Exists(path))
            return;
        using FileStream file = File.OpenWrite(path);
        if (damage.Split(' ') is ["has", string bytes, ..])
            file.SetLength(int.Parse(bytes, NumberStyles.AllowThousands, CultureInfo.InvariantCulture));
        else
        {
            file.Position = _fake.Length - 1;
            file.WriteByte(1);
        }
    }

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

    private static void Ignore(string sentence)
    {
    }
}
