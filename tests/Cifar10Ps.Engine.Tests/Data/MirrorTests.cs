using System.Formats.Tar;
using System.IO.Compression;
using System.Net.Sockets;
using static Cifar10Ps.Tests.Mirror;

namespace Cifar10Ps.Tests;

/// <summary>Mirrors with all kinds of vices: none of them gets a wrong file into the cache, or spoils it for a good mirror.</summary>
public sealed class MirrorTests : IDisposable
{
    private const string Good = "", Failed = "DownloadFailed", Corrupt = "CorruptArchive";
    private readonly TemporaryFolder _folder = new();
    private readonly FakeCifar10 _fake;
    private readonly byte[] _archive;

    public MirrorTests(FakeCifar10 fake)
    {
        _fake = fake.Small;
        _archive = File.ReadAllBytes(_fake.Archive);
    }

    public static TheoryData<string> Vices => [.. MakeVices(new byte[10_000], () => []).Keys];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Vices))]
    public void A_mirror_with_a_vice_gives_the_files_or_one_error_and_does_not_spoil_the_cache(string name)
    {
        Vice vice = MakeVices(_archive, Changed)[name];
        using Mirror bad = new(vice.Answers);
        Cifar10Cache cache = new(_folder.Path, _fake.Checksums)
        {
            FileLength = _fake.Length,
            // Nothing here waits for an answer that comes: it only has to be longer than that of a good mirror.
            Patience = TimeSpan.FromMilliseconds(vice.Message == "no answer" ? 200 : 20_000),
            Clock = new HurriedClock(vice.Message == "bytes a second" ? TimeSpan.FromHours(1) : default),
        };

        Exception? error = Record.Exception(() => Download(cache, bad));

        Assert.Equal(vice.Error, error is null ? Good : Assert.IsType<EngineException>(error).ErrorId);
        Assert.True((error?.Message ?? "").Contains(vice.Message, StringComparison.Ordinal), error?.Message);
        Assert.Equal(vice.Requests, bad.Requests.Count);
        Assert.Equal(vice.Error == Good, cache.IsFilled);
        // A cache of nothing but its lock is a new one: a good mirror is only tried where more was left.
        if (vice.Error != Good && Content() is not ["download.lock"])
        {
            using Mirror good = new(Continuing(_archive));
            Download(new Cifar10Cache(_folder.Path, _fake.Checksums) { FileLength = _fake.Length }, good);
        }

        if (Content() is not ["download.lock"])
        {
            Assert.Null(cache.FindDamage(Cifar10Reader.TrainCount, Cifar10Reader.TestCount, CancellationToken.None));
            Assert.Equal(["cifar-10-batches-bin", "download.lock"], Content());
        }
    }

    private string[] Content() =>
        [.. Directory.GetFileSystemEntries(_folder.Path).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];

    private static void Download(Cifar10Cache cache, Mirror mirror) =>
        cache.Download(mirror.Address, (_, _) => { }, _ => { }, TestContext.Current.CancellationToken);

    /// <summary>The vices by their names.</summary>
    /// <param name="archive">The right archive.</param>
    /// <param name="changed">Makes one in which only the last byte of the last file is another.</param>
    private static Dictionary<string, Vice> MakeVices(byte[] archive, Func<byte[]> changed)
    {
        Action<string, NetworkStream> good = Continuing(archive), half = Half(archive);
        int middle = archive.Length / 2, length = archive.Length;
        byte[] flipped = [.. archive], other = new byte[length];
        // A pixel of the first file.
        flipped[3_000] ^= 4;
        new Random(1).NextBytes(other);
        return new()
        {
            ["404"] = new(Failed, "404", 1, Says("404 Not Found\r\nContent-Length: 0")),
            ["401"] = new(Failed, "401", 1, Says("401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0")),
            ["a reason that would write on the terminal"] = new(Failed, "\\u001b", 1, Says("404 \u001b[31mred")),
            ["204"] = new(Failed, "204", 1, Says("204 No Content")),
            ["304"] = new(Failed, "304", 1, Says("304 Not Modified")),
            ["503 for ever"] = new(Failed, "503", 4, Says("503 Service Unavailable\r\nContent-Length: 0")),
            ["500, then good"] = new(Good, "", 2, Says("500 Oops\r\nContent-Length: 0"), good),
            ["408, then good"] = new(Good, "", 2, Says("408 Request Timeout\r\nContent-Length: 0"), good),
            ["429 twice, then good"] = new(Good, "", 3,
                Says("429 Too Many Requests\r\nRetry-After: 7"), Says("429 Too Many Requests\r\nRetry-After: 0"), good),
            ["429 until tomorrow"] = new(Failed, "wait 1,440 minutes", 1, Says("429 Too Many Requests\r\nRetry-After: 86400")),
            ["503 until yesterday"] = new(Good, "", 2, Says("503 No\r\nRetry-After: Wed, 21 Oct 2015 07:28:00 GMT"), good),

            // HttpClient itself asks three times more in each of the four tries.
            ["no answer"] = new(Failed, "", 16, (_, _) => { }),
            ["half a head"] = new(Failed, "", 4, (_, stream) => Send(stream, "HTTP/1.1 200 OK\r\nContent-Le")),
            ["silence"] = new(Failed, "no answer", 4, Hanging("")),
            ["a head without an end"] = new(Failed, "no answer", 4, Hanging("HTTP/1.1 200 OK\r\n")),
            ["a head without a body"] = new(Failed, "no answer", 4, Hanging($"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n")),
            ["a head of any length"] = new(Failed, "", 1, Endless("HTTP/1.1 200 OK\r\n", $"X: {new string('x', 1_000)}\r\n")),
            ["100 for ever"] = new(Failed, "", 1, Endless("", "HTTP/1.1 100 Continue\r\n\r\n")),
            ["another protocol"] = new(Failed, "", 1, (_, stream) => Send(stream, "SSH-2.0-OpenSSH_9.9\r\n")),
            ["two lengths"] = new(Good, "", 1, Says($"200 OK\r\nContent-Length: {length}\r\nContent-Length: 5", archive)),
            ["a negative length"] = new(Good, "", 1, Says("200 OK\r\nContent-Length: -5", archive)),

            ["an empty body"] = new(Corrupt, "", 1, Says("200 OK\r\nContent-Length: 0")),
            ["a body without a length that is cut"] = new(Corrupt, "", 1, Says("200 OK", archive[..middle])),
            ["a length that is too short"] = new(Corrupt, "", 1, Says($"200 OK\r\nContent-Length: {middle}", archive)),
            ["a length that is too long"] = new(Good, "", 2, Says($"200 OK\r\nContent-Length: {length + 1}", archive), good),
            ["a terabyte"] = new(Failed, "more data", 1, Says("200 OK\r\nContent-Length: 1000000000000", archive)),
            ["chunks for ever"] = new(Failed, "more data", 1,
                Endless("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", $"100000\r\n{new string('x', 1 << 20)}\r\n")),
            ["chunks without the last"] = new(Failed, "", 4, Says("200 OK\r\nTransfer-Encoding: chunked", "3\r\nabc\r\n"u8.ToArray())),
            ["a chunk of no length"] = new(Failed, "", 1, Says("200 OK\r\nTransfer-Encoding: chunked", "zz\r\nabc\r\n"u8.ToArray())),
            ["a trickle"] = new(Failed, "bytes a second", 4, Endless($"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n", "x")),
            ["cut again and again"] = new(Good, "", 4, half, Says(
                $"206 Partial Content\r\nContent-Range: bytes {middle}-{length - 1}/{length}\r\nContent-Length: {length - middle}",
                archive[middle..(middle + 100)]), Says("502 Bad Gateway"), good),

            ["a part that nobody asked for"] = new(Failed, "another part", 4,
                Says($"206 Partial Content\r\nContent-Range: bytes 9-{length - 1}/{length}", archive[9..])),
            ["a part from elsewhere"] = new(Good, "", 3, half,
                Says($"206 Partial Content\r\nContent-Range: bytes 9-{length - 1}/{length}", archive[9..]), good),
            ["a part from nowhere"] = new(Good, "", 3, half, Says("206 Partial Content", archive[middle..]), good),
            ["a part of more than there is"] = new(Good, "", 3, half,
                Says($"206 Partial Content\r\nContent-Range: bytes {middle}-{length}/{length + 1}", archive[middle..]), good),
            ["a part of less than there is"] = new(Good, "", 3, half,
                Says($"206 Partial Content\r\nContent-Range: bytes {middle}-{middle + 8}/9", archive[middle..]), good),
            ["a part of another version"] = new(Good, "", 3,
                Says($"200 OK\r\nETag: \"1\"\r\nContent-Length: {length}", other[..middle]),
                Says($"206 Partial Content\r\nETag: \"2\"\r\nContent-Range: bytes {middle}-{length - 1}/{length}", archive[middle..]),
                good),
            ["416 in the middle"] = new(Good, "", 3, half, Says("416 Range Not Satisfiable\r\nContent-Length: 0"), good),
            ["416 for everything"] = new(Failed, "416", 1, Says("416 Range Not Satisfiable\r\nContent-Length: 0")),
            ["everything instead of a part"] = new(Good, "", 2, half, Whole(archive)),

            ["a redirection to a file"] = new(Failed, "'file:'", 1, Redirection("file:///etc/hosts")),
            ["a redirection to a script"] = new(Failed, "'javascript:'", 1, Redirection("javascript:alert(1)")),
            ["a redirection to FTP"] = new(Failed, "'ftp:'", 1, Redirection("ftp://127.0.0.1/a")),
            ["a redirection to nowhere"] = new(Failed, "nowhere", 1, Says("302 Found\r\nContent-Length: 0")),
            ["a redirection to no address"] = new(Failed, "redirects", 1, Redirection("http://[/")),
            ["a redirection to a host without a name"] = new(Failed, "redirects", 1, Redirection("http:///a")),
            ["redirections without end"] = new(Failed, "without end", 21, Redirection("/again")),
            ["a redirection within the mirror"] = new(Good, "", 2, Redirection("/moved?a=b"), good),

            ["a page"] = new(Corrupt, "", 1, Whole("<html>Please log in</html>"u8.ToArray(), "text/html")),
            ["a compressed page"] = new(Corrupt, "", 1, Whole(Compressed("<html>Please log in</html>"u8.ToArray()))),
            ["noise"] = new(Corrupt, "", 1, Whole(other)),
            ["compressed noise"] = new(Corrupt, "", 1, Late(() => Whole(Compressed(other)))),
            ["a flipped bit"] = new(Corrupt, "", 1, Whole(flipped)),
            ["a changed pixel in a faultless archive"] = new("ChecksumMismatch", "test_batch.bin", 1, Late(() => Whole(changed()))),
            ["a truncated archive"] = new(Corrupt, "", 1, Whole(archive[..^middle])),
            ["an archive that lacks only its own checksum"] = new(Good, "", 1, Whole(archive[..^8])),
            ["an archive of nothing"] = new("BatchFileMissing", "", 1, Whole(Compressed(new byte[1024]))),
            ["another data set"] = new("UnsupportedCifarVersion", "CIFAR-100", 1, Whole(Archive("cifar-100-python/train", "meta"))),
            ["a bomb"] = new(Corrupt, "more than", 1, Late(() => Whole(Bomb()))),
            ["compressed for the way, as a name for the same"] = new(Good, "", 1,
                Says($"200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {length}", archive)),
            ["compressed twice"] = new(Corrupt, "", 1, Late(() => Says("200 OK\r\nContent-Encoding: gzip", Compressed(archive)))),
        };
    }

    /// <summary>An answer that takes time to make.</summary>
    private static Action<string, NetworkStream> Late(Func<Action<string, NetworkStream>> make) => (head, stream) => make()(head, stream);

    private static Action<string, NetworkStream> Redirection(string to) => Says($"302 Found\r\nLocation: {to}\r\nContent-Length: 0");

    private static byte[] Compressed(params byte[] content)
    {
        using MemoryStream packed = new();
        using (GZipStream stream = new(packed, CompressionLevel.Fastest))
            stream.Write(content);
        return packed.ToArray();
    }

    /// <summary>Half a gigabyte of zeros.</summary>
    private static byte[] Bomb() => [.. Enumerable.Repeat(Compressed(new byte[10_000_000]), 50).SelectMany(part => part)];

    private static byte[] Archive(params string[] names)
    {
        using MemoryStream plain = new();
        using (TarWriter tar = new(plain, leaveOpen: true))
            foreach (string name in names)
                tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(new byte[100]) });
        return Compressed(plain.ToArray());
    }

    /// <summary>The right archive, but for the last byte of the last file.</summary>
    private byte[] Changed()
    {
        using MemoryStream packed = new();
        using (TarWriter tar = new(new GZipStream(packed, CompressionLevel.Fastest)))
            foreach (string name in FakeCifar10.FileNames)
            {
                byte[] content = File.ReadAllBytes(Path.Combine(_fake.Folder, name));
                content[^1] ^= (byte)(name == "test_batch.bin" ? 1 : 0);
                tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(content) });
            }

        return packed.ToArray();
    }

    /// <summary>What a mirror does, and what comes of it.</summary>
    /// <param name="Error">The id of the error, or <see cref="Good"/>.</param>
    /// <param name="Message">A part of its message.</param>
    /// <param name="Requests">How many requests are made.</param>
    /// <param name="Answers">The answers to the first, second … request.</param>
    private sealed record Vice(string Error, string Message, int Requests, params Action<string, NetworkStream>[] Answers);
}
