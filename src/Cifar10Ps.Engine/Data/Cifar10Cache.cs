using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using Cifar10Ps.Data;
using Cifar10Ps.Runtime;

namespace Cifar10Ps;

/// <summary>The user's copy of CIFAR-10: downloaded once, checked against the published checksums, shared by all processes.</summary>
/// <remarks>
/// A lock file lets one process at a time download; the others wait and then find the files. The archive grows in <c>.partial</c>, which a
/// later download continues, and the unpacked folder appears in one rename: the cache is never incomplete. A disk may damage it later:
/// <see cref="FindDamage"/> notices, and <see cref="Download"/> replaces the files one by one with whole ones.
/// </remarks>
public sealed class Cifar10Cache
{
    private static readonly IReadOnlyList<string> PublishedChecksums =
    [
        "5dd7e06a14cb22eb9f671a540d1b7c25", "5ea93a67294ea407fff1d09f752e9692", "942cd6a4bcdd0dd3c604fbe906cb4421",
        "ae636b3ba5c66a11e91e8cb52e771fcb", "53f37980c15c3d472c316c40844f3f0d", "803d5f7f4d78ea53de84dbe85f74fb6d",
    ];

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
            // Also a home that is not there, as of services: storing will fail then, and say where.
            string home = Environment.GetFolderPath(OperatingSystem.IsWindows() ? Environment.SpecialFolder.LocalApplicationData
                : Environment.SpecialFolder.UserProfile, Environment.SpecialFolderOption.DoNotVerify);
            root = OperatingSystem.IsWindows() ? home : Path.Combine(home, ".cache");
        }

        return new Cifar10Cache(Path.Combine(root, "Cifar10Ps"));
    }

    /// <summary>The folder with the six files, once <see cref="IsFilled"/>.</summary>
    public string DataFolder => Path.Combine(_folder, "cifar-10-batches-bin");

    /// <summary>Whether the files are there.</summary>
    public bool IsFilled => Directory.Exists(DataFolder);

    /// <summary>How long a server may be silent.</summary>
    internal TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Waits between the tries of a download and measures its rate.</summary>
    internal TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>Length of each of the six files.</summary>
    internal int FileLength { get; init; } = Cifar10Reader.FileLength;

    /// <summary>Compares the files with the published checksums. Of a file that no image is taken from, only the length is.</summary>
    /// <param name="trainCount">How many training images are taken.</param>
    /// <param name="testCount">How many test images are taken.</param>
    /// <param name="cancellation">Ends the check.</param>
    /// <returns>A sentence without a full stop about a file that is damaged, missing or unreadable; null if all are whole.</returns>
    public string? FindDamage(int trainCount, int testCount, CancellationToken cancellation)
    {
        string?[] damages = new string?[Cifar10Reader.FileNames.Count];
        // Together, because the hashes take longer than reading: 0.3 s for all six on one core.
        Parallel.For(0, damages.Length, new ParallelOptions { CancellationToken = cancellation },
            file => damages[file] = DamageOf(file, isRead: Cifar10Reader.RecordsOf(file, trainCount, testCount) > 0));
        return damages.FirstOrDefault(damage => damage is not null);
    }

    /// <summary>
    /// Downloads, checks and unpacks the archive if files are missing or damaged, unless another process has done so meanwhile. What is
    /// there is replaced only by files that are whole.
    /// </summary>
    /// <param name="address">An http or https address of <c>cifar-10-binary.tar.gz</c>.</param>
    /// <param name="progress">Called on the caller's thread with the bytes so far and, if the server tells it, the total.</param>
    /// <param name="tryingAgain">Called on the caller's thread with a sentence before each further try, and when it waits for another
    /// process.</param>
    /// <param name="cancellation">Ends the download; the received part is kept for the next attempt.</param>
    /// <exception cref="EngineException"><c>DownloadFailed</c>, <c>ChecksumMismatch</c>, <c>CorruptArchive</c>, <c>BatchFileMissing</c>,
    /// <c>BatchFileWrongSize</c>, <c>BatchFileUnreadable</c>, <c>UnsupportedCifarVersion</c>, <c>CacheNotWritable</c>,
    /// <c>NotARegularFile</c>, <c>InvalidUri</c>.
    /// </exception>
    public void Download(Uri address, Action<long, long?> progress, Action<string> tryingAgain, CancellationToken cancellation)
    {
        if (!WebAddress.IsWeb(address))
            throw new EngineException("InvalidUri", ErrorKind.InvalidArgument,
                $"'{WebAddress.Shown(address)}' is not an http or https address.");
        try
        {
            Directory.CreateDirectory(_folder);
            using FileStream turn = WaitForTurn(tryingAgain, cancellation);
            RemoveAbandoned();
            if (IsFilled && FindDamage(Cifar10Reader.TrainCount, Cifar10Reader.TestCount, cancellation) is null)
                return;
            string archive = Path.Combine(_folder, "cifar-10-binary.tar.gz.partial");
            RegularFile.Require(archive);
            FileDownload download = new(address, archive, ArchiveLimit)
                { Patience = Patience, Clock = Clock, Progress = progress, TryingAgain = tryingAgain };
            bool isJoined = download.Run(cancellation);
            try
            {
                Unpack(archive, WebAddress.Shown(address));
            }
            catch (EngineException e) when (isJoined && e.Kind is not ErrorKind.ReadError)
            {
                tryingAgain("The parts of the download do not fit together: they are of different files. It starts again.");
                download.Run(cancellation);
                Unpack(archive, WebAddress.Shown(address));
            }

            File.Delete(archive);
        }
        catch (Exception e) when (AtomicFile.IsRefusal(e))
        {
            throw new EngineException("CacheNotWritable", ErrorKind.WriteError,
                $"The data set cannot be stored in '{_folder}': {e.Message} Free some space, or set XDG_CACHE_HOME.", e);
        }
    }

    private FileStream WaitForTurn(Action<string> waiting, CancellationToken cancellation)
    {
        bool hasWaited = false;
        string path = Path.Combine(_folder, "download.lock");
        RegularFile.Require(path);
        while (true)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException e) when (IsHeld(e))
            {
                // By another process, which may finish the work.
                if (!hasWaited)
                    waiting($"Another process is filling '{_folder}': waiting for it.");
                hasWaited = true;
                cancellation.WaitHandle.WaitOne(TimeSpan.FromMilliseconds(250));
                cancellation.ThrowIfCancellationRequested();
            }
        }
    }

    /// <summary>Whether another process has the file: a sharing violation on Windows, EWOULDBLOCK on Linux and macOS.</summary>
    private static bool IsHeld(IOException error) => OperatingSystem.IsWindows()
        ? (error.HResult & 0xFFFF) is 32 or 33 : error.HResult == (OperatingSystem.IsMacOS() ? 35 : 11);

    /// <summary>Removes what processes left that died while they unpacked. Whoever unpacks holds the lock, and now that is us.</summary>
    private void RemoveAbandoned()
    {
        foreach (string folder in Directory.GetDirectories(_folder, "unpacking-*"))
        {
            try
            {
                Directory.Delete(folder, recursive: true);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Another user's. It is in nobody's way.
            }
        }
    }

    private string? DamageOf(int file, bool isRead)
    {
        string name = $"'{Cifar10Reader.FileNames[file]}' in '{DataFolder}'";
        try
        {
            using FileStream stream = RegularFile.OpenRead(Path.Combine(DataFolder, Cifar10Reader.FileNames[file]));
            return stream.Length != FileLength
                ? $"{name} has {stream.Length:N0} bytes, not {FileLength:N0}"
                : isRead && Convert.ToHexStringLower(CryptographicOperations.HashData(HashAlgorithmName.MD5, stream)) != _checksums[file]
                ? $"{name} is not the published file: its MD5 differs" : null;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return $"{name} is missing";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or EngineException)
        {
            return $"{name} cannot be read: {e.Message.TrimEnd('.')}";
        }
    }

    [SuppressMessage("Security", "CA5351", Justification = "The published checksums are MD5; they guard against damage.")]
    private void Unpack(string archive, string name)
    {
        Dictionary<string, byte[]> files;
        try
        {
            files = Cifar10Reader.ReadArchive(archive, FileLength, name);
            for (int i = 0; i < _checksums.Count; i++)
            {
                string file = Cifar10Reader.FileNames[i];
                if (Convert.ToHexStringLower(MD5.HashData(files[file])) != _checksums[i])
                    throw new EngineException("ChecksumMismatch", ErrorKind.InvalidData,
                        $"'{file}' of '{name}' is not the published file (its MD5 differs).");
            }
        }
        catch (EngineException e) when (e.Kind is not ErrorKind.ReadError)
        {
            // The next attempt must not continue or trust a bad archive.
            File.Delete(archive);
            throw;
        }

        string half = Path.Combine(_folder, $"unpacking-{Environment.ProcessId}");
        try
        {
            Directory.CreateDirectory(half);
            foreach ((string file, byte[] content) in files)
                File.WriteAllBytes(Path.Combine(half, file), content);
            if (!IsFilled)
                Directory.Move(half, DataFolder);
            else
                foreach (string file in files.Keys)
                    Replace(Path.Combine(DataFolder, file), Path.Combine(half, file));
        }
        finally
        {
            if (Directory.Exists(half))
                Directory.Delete(half, recursive: true);
        }
    }

    private static void Replace(string damaged, string whole)
    {
        // A folder by the name of a file.
        if (Directory.Exists(damaged))
            Directory.Delete(damaged, recursive: true);
        File.Move(whole, damaged, overwrite: true);
    }
}
