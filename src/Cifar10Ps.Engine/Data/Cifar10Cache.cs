using System.Diagnostics.CodeAnalysis;
using System.Net.Http.Headers;
using System.Net;
using System.Security.Cryptography;
using Cifar10Ps.Runtime;

namespace Cifar10Ps;

/// <summary>The user's copy of CIFAR-10: downloaded once, checked against the published checksums, shared by all processes.</summary>
/// <remarks>
/// A lock file lets one process at a time download; the others wait and then find the files. The archive grows in <c>.partial</c>, which a
/// later download continues, and the unpacked folder appears in one rename: the cache is never incomplete.
/// </remarks>
public sealed class Cifar10Cache
{
    private static readonly IReadOnlyList<string> PublishedChecksums =
    [
        "5dd7e06a14cb22eb9f671a540d1b7c25", "5ea93a67294ea407fff1d09f752e9692", "942cd6a4bcdd0dd3c604fbe906cb4421",
        "ae636b3ba5c66a11e91e8cb52e771fcb", "53f37980c15c3d472c316c40844f3f0d", "803d5f7f4d78ea53de84dbe85f74fb6d",
    ];

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    // The published archive is 170 MB in size.
    private const long ArchiveLimit = 300_000_000;

    private readonly string _folder;
    private readonly IReadOnlyList<string> _checksums;

    /// <summary>The cache in a folder.</summary>
    /// <param name="folder">The folder; it need not exist.</param>
    public Cifar10Cache(string folder)
        : this(folder, PublishedChecksums)
    {
    }

    internal Cifar10Cache(string folder, IReadOnlyList<string> checksums)
    {
        _folder = folder;
        _checksums = checksums;
    }

    /// <summary>Where the published archive is.</summary>
    public static Uri PublishedAddress { get; } = new("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz");

    /// <summary>
    /// The cache of the current user: <c>Cifar10Ps</c> in the folder that <c>XDG_CACHE_HOME</c> names; if it is not set, in
    /// <c>~/.cache</c>, or on Windows in <c>%LOCALAPPDATA%</c>.
    /// </summary>
    public static Cifar10Cache OfUser()
    {
        string? root = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
        if (string.IsNullOrEmpty(root) || !Path.IsPathFullyQualified(root))
        {
            root = OperatingSystem.IsWindows()
                ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
                : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
        }

        return new Cifar10Cache(Path.Combine(root, "Cifar10Ps"));
    }

    /// <summary>The folder with the six files, once <see cref="IsFilled"/>.</summary>
    public string DataFolder => Path.Combine(_folder, "cifar-10-batches-bin");

    /// <summary>Whether the files are there.</summary>
    public bool IsFilled => Directory.Exists(DataFolder);

    /// <summary>Downloads, checks and unpacks the archive, unless another process has done so meanwhile.</summary>
    /// <param name="address">An http or https address of <c>cifar-10-binary.tar.gz</c>.</param>
    /// <param name="progress">Called on the caller's thread with the bytes so far and, if the server tells it, the total.</param>
    /// <param name="cancellation">Ends the download; the received part is kept for the next attempt.</param>
    /// <exception cref="EngineException"><c>DownloadFailed</c>, <c>ChecksumMismatch</c>, <c>CorruptArchive</c>,
    /// <c>CacheNotWritable</c>, <c>InvalidUri</c>.</exception>
    public void Download(Uri address, Action<long, long?> progress, CancellationToken cancellation)
    {
        if (!address.IsAbsoluteUri || (address.Scheme != Uri.UriSchemeHttp && address.Scheme != Uri.UriSchemeHttps))
            throw new EngineException("InvalidUri", ErrorKind.InvalidArgument,
                $"'{address}' is not an http or https address.");
        try
        {
            Directory.CreateDirectory(_folder);
            using FileStream turn = WaitForTurn(cancellation);
            if (IsFilled)
                return;
            string archive = Path.Combine(_folder, "cifar-10-binary.tar.gz.partial");
            RegularFile.Require(archive);
            Fetch(address, archive, progress, cancellation);
            Unpack(archive);
            File.Delete(archive);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EngineException("CacheNotWritable", ErrorKind.WriteError,
                $"The data set cannot be stored in '{_folder}': {e.Message} Free some space, or set XDG_CACHE_HOME.", e);
        }
    }

    private FileStream WaitForTurn(CancellationToken cancellation)
    {
        string path = Path.Combine(_folder, "download.lock");
        RegularFile.Require(path);
        while (true)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (File.Exists(path))
            {
                // Held by another process, which may finish the work.
                cancellation.WaitHandle.WaitOne(TimeSpan.FromMilliseconds(250));
                cancellation.ThrowIfCancellationRequested();
            }
        }
    }

    private static void Fetch(Uri address, string archive, Action<long, long?> progress, CancellationToken cancellation)
    {
        using SocketsHttpHandler handler = new() { ConnectTimeout = Patience };
        using HttpClient client = new(handler) { Timeout = Timeout.InfiniteTimeSpan };
        using CancellationTokenSource silence = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        try
        {
            long have = File.Exists(archive) ? new FileInfo(archive).Length : 0;
            using HttpRequestMessage request = new(HttpMethod.Get, address);
            if (have > 0)
                request.Headers.Range = new RangeHeaderValue(have, null);
            silence.CancelAfter(Patience);
            using HttpResponseMessage response = client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, silence.Token)
                .GetAwaiter().GetResult();
            if (response.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable)
            {
                // The last attempt received all of it.
                return;
            }

            response.EnsureSuccessStatusCode();
            bool continued = response.StatusCode == HttpStatusCode.PartialContent;
            if (!continued)
                have = 0;
            long? total = response.Content.Headers.ContentLength is long length ? have + length : null;
            using FileStream file = new(archive, continued ? FileMode.Append : FileMode.Create, FileAccess.Write, FileShare.None);
            using Stream body = response.Content.ReadAsStream(cancellation);
            byte[] buffer = new byte[1 << 17];
            while (true)
            {
                silence.CancelAfter(Patience);
                // Blocks here, so that progress is reported on the caller's thread.
                int read = ReadPart(body, buffer, silence.Token);
                if (read == 0)
                    break;
                have += read;
                if (have > ArchiveLimit)
                    throw new HttpRequestException("it sends more data than the archive has");
                file.Write(buffer, 0, read);
                progress(have, total);
            }

            if (total > have)
                throw new HttpRequestException("the connection ended early");
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw Failed($"no answer for {Patience.TotalSeconds} seconds", null);
        }
        catch (HttpRequestException e)
        {
            throw Failed(e.Message, e);
        }

        EngineException Failed(string why, Exception? cause) =>
            new("DownloadFailed", ErrorKind.ResourceUnavailable,
                $"{address} could not be downloaded: {why.TrimEnd('.')}.", cause);
    }

    private static int ReadPart(Stream body, byte[] buffer, CancellationToken cancellation)
    {
        try
        {
            return body.ReadAsync(buffer, cancellation).AsTask().GetAwaiter().GetResult();
        }
        catch (IOException e)
        {
            // From the connection, not from the disk.
            throw new HttpRequestException(e.Message, e);
        }
    }

    [SuppressMessage("Security", "CA5351", Justification = "The published checksums are MD5; they guard against damage.")]
    private void Unpack(string archive)
    {
        Dictionary<string, byte[]> files;
        try
        {
            files = Cifar10Reader.ReadArchive(archive);
            for (int i = 0; i < _checksums.Count; i++)
            {
                string name = Cifar10Reader.FileNames[i];
                if (Convert.ToHexStringLower(MD5.HashData(files[name])) != _checksums[i])
                    throw new EngineException("ChecksumMismatch", ErrorKind.InvalidData,
                        $"'{name}' of the download is not the published file (its MD5 differs).");
            }
        }
        catch (EngineException)
        {
            // The next attempt must not continue or trust a bad archive.
            File.Delete(archive);
            throw;
        }

        string half = Path.Combine(_folder, $"unpacking-{Environment.ProcessId}");
        try
        {
            Directory.CreateDirectory(half);
            foreach ((string name, byte[] content) in files)
                File.WriteAllBytes(Path.Combine(half, name), content);
            Directory.Move(half, DataFolder);
        }
        finally
        {
            if (Directory.Exists(half))
                Directory.Delete(half, recursive: true);
        }
    }
}
