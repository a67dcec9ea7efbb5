using System.Formats.Tar;
using System.IO.Compression;
using Cifar10Ps.Data;
using Cifar10Ps.Runtime;

namespace Cifar10Ps;

/// <summary>
/// Reads CIFAR-10's binary version: five training files and one test file, each with 10,000 records of a label byte
/// and 3,072 bytes of red, green and blue planes, row-major; as files of a folder or packed in a <c>.tar.gz</c>.
/// </summary>
/// <remarks>A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009;
/// <c>https://www.cs.toronto.edu/~kriz/cifar.html</c>.</remarks>
public static class Cifar10Reader
{
    /// <summary>Number of training images.</summary>
    public const int TrainCount = TrainFileCount * RecordsPerFile;

    /// <summary>Number of test images.</summary>
    public const int TestCount = RecordsPerFile;

    internal const int RecordsPerFile = 10_000;
    internal const int FileLength = RecordsPerFile * RecordLength;
    internal const string TestFile = "test_batch.bin";
    private const int TrainFileCount = 5;
    private const int Side = 32;
    private const int RecordLength = 1 + 3 * Side * Side;

    // The archive unpacks to 184 MB. Anything much larger is not CIFAR-10.
    private const long ArchiveLimit = 400_000_000;

    /// <summary>Class names, in the order of the labels.</summary>
    public static string[] Classes { get; } =
        ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

    /// <summary>The six files, training files first.</summary>
    internal static IReadOnlyList<string> FileNames { get; } =
        [.. Enumerable.Range(1, TrainFileCount).Select(i => $"data_batch_{i}.bin"), TestFile];

    /// <summary>Other versions published under the same name: files that identify them, and the folder that they unpack to.</summary>
    private static IReadOnlyList<(string Version, string Folder, string[] Files)> OtherVersions { get; } =
    [
        ("the Python version of CIFAR-10", "cifar-10-batches-py", ["data_batch_1"]),
        ("the Matlab version of CIFAR-10", "cifar-10-batches-mat", ["data_batch_1.mat"]),
        ("the Python version of CIFAR-100", "cifar-100-python", ["train", "meta"]),
        ("the Matlab version of CIFAR-100", "cifar-100-matlab", ["train.mat", "meta.mat"]),
        ("the binary version of CIFAR-100", "cifar-100-binary", ["train.bin", "fine_label_names.txt"]),
    ];

    /// <summary>Reads a folder or an archive.</summary>
    /// <param name="path">A folder that holds the six files, itself or in its folder <c>cifar-10-batches-bin</c>,
    /// or a <c>.tar.gz</c> archive.</param>
    /// <param name="trainCount">How many training images to take, 1 to 50,000: the first ones.</param>
    /// <param name="testCount">How many test images to take, 1 to 10,000: the first ones.</param>
    /// <exception cref="EngineException">
    /// <c>DatasetNotFound</c>, <c>NotAFolder</c>, <c>UnsupportedCifarVersion</c>, <c>BatchFileMissing</c>, <c>BatchFileWrongSize</c>,
    /// <c>BatchFileUnreadable</c>, <c>LabelOutOfRange</c>, <c>CorruptArchive</c>, <c>NotARegularFile</c>.
    /// </exception>
    public static ImageDataset Read(string path, int trainCount = TrainCount, int testCount = TestCount)
    {
        Dictionary<string, byte[]> files;
        if (Directory.Exists(path))
            files = ReadFolder(path, trainCount, testCount);
        else if (FileNames.Contains(Path.GetFileName(path)) && File.Exists(path))
            throw new EngineException("NotAFolder", ErrorKind.InvalidArgument,
                $"'{path}' is one of CIFAR-10's six files. Name the folder that holds them.");
        else if (OtherVersions.FirstOrDefault(other => other.Files.Contains(Path.GetFileName(path))) is { Version: string version }
            && File.Exists(path))
            throw Unsupported(path, version);
        else if (File.Exists(path))
            files = ReadArchive(path);
        else
            throw new EngineException("DatasetNotFound", ErrorKind.NotFound,
                $"There is no folder or archive '{path}'. Name a folder with CIFAR-10's .bin files, or cifar-10-binary.tar.gz.");

        LabeledImage[] train = new LabeledImage[trainCount], test = new LabeledImage[testCount];
        for (int start = 0, file = 0; start < trainCount; start += RecordsPerFile, file++)
            Parse(FileNames[file], files[FileNames[file]], train.AsSpan(start, Math.Min(RecordsPerFile, trainCount - start)), start);
        Parse(TestFile, files[TestFile], test, 0);
        return new ImageDataset("CIFAR-10", path, Classes, train, test);
    }

    /// <summary>Unpacks the six files of an archive into memory.</summary>
    /// <param name="path">The archive.</param>
    /// <param name="fileLength">Length of each file.</param>
    /// <param name="name">What to call it in messages; null: its path.</param>
    /// <exception cref="EngineException"><c>CorruptArchive</c>, <c>UnsupportedCifarVersion</c>, <c>BatchFileMissing</c>,
    /// <c>BatchFileWrongSize</c>, <c>BatchFileUnreadable</c>, <c>NotARegularFile</c>.</exception>
    internal static Dictionary<string, byte[]> ReadArchive(string path, int fileLength = FileLength, string? name = null)
    {
        name ??= path;
        Dictionary<string, byte[]> files = [];
        HashSet<string> others = [];
        try
        {
            using FileStream packed = RegularFile.OpenRead(path);
            using GZipStream unpacked = new(packed, CompressionMode.Decompress);
            using LimitedTarStream limited = new(unpacked, ArchiveLimit);
            using TarReader tar = new(limited);
            while (tar.GetNextEntry() is { } entry)
            {
                // Only the last part of the name is used, and nothing is written: no path can escape.
                string file = entry.Name[(entry.Name.LastIndexOf('/') + 1)..];
                if (entry.DataStream is null || !FileNames.Contains(file))
                {
                    if (OtherVersions.Any(other => other.Files.Contains(file)))
                        others.Add(file);
                    continue;
                }

                CheckLength(file, entry.Length, fileLength);
                if (files.ContainsKey(file))
                    throw new InvalidDataException($"it holds '{file}' twice.");
                byte[] content = new byte[fileLength];
                entry.DataStream.ReadExactly(content);
                files[file] = content;
            }

            // The checksum of the whole archive is at its end.
            limited.CopyTo(Stream.Null);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or (IOException and not EndOfStreamException))
        {
            throw new EngineException("BatchFileUnreadable", ErrorKind.ReadError, $"'{path}' cannot be read: {e.Message}", e);
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException or FormatException
            or InvalidOperationException or NotSupportedException or ArgumentException or OverflowException)
        {
            throw new EngineException("CorruptArchive", ErrorKind.InvalidData,
                $"'{name}' is not a complete .tar.gz archive: {e.Message}", e);
        }

        foreach (string file in FileNames)
            if (!files.ContainsKey(file))
                throw Missing(file, name, (_, other) => others.Contains(other));
        return files;
    }

    /// <summary>How many images are taken from one of <see cref="FileNames"/>.</summary>
    internal static int RecordsOf(int file, int trainCount, int testCount) =>
        FileNames[file] == TestFile ? testCount : Math.Clamp(trainCount - file * RecordsPerFile, 0, RecordsPerFile);

    private static Dictionary<string, byte[]> ReadFolder(string path, int trainCount, int testCount)
    {
        string folder = path;
        string nested = Path.Combine(path, "cifar-10-batches-bin");
        if (!FileNames.Any(name => File.Exists(Path.Combine(folder, name))) && Directory.Exists(nested))
            folder = nested;

        Dictionary<string, byte[]> files = [];
        for (int i = 0; i < FileNames.Count; i++)
        {
            string name = FileNames[i];
            int records = RecordsOf(i, trainCount, testCount);
            try
            {
                using FileStream stream = RegularFile.OpenRead(Path.Combine(folder, name));
                CheckLength(name, stream.Length, FileLength);
                byte[] content = new byte[records * RecordLength];
                stream.ReadExactly(content);
                files[name] = content;
            }
            catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
            {
                throw Missing(name, folder,
                    (below, other) => File.Exists(Path.Combine(folder, other)) || File.Exists(Path.Combine(folder, below, other)));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new EngineException("BatchFileUnreadable", ErrorKind.ReadError,
                    $"'{name}' in '{folder}' cannot be read: {e.Message}", e);
            }
        }

        return files;
    }

    /// <summary>The error where one of the six files is missing.</summary>
    /// <param name="name">The file.</param>
    /// <param name="place">The folder or archive.</param>
    /// <param name="holds">Whether the place holds a file, itself or in a folder of the given name.</param>
    private static EngineException Missing(string name, string place, Func<string, string, bool> holds) =>
        OtherVersions.FirstOrDefault(other => other.Files.All(file => holds(other.Folder, file))) is { Version: string version }
            ? Unsupported(place, version)
            : new("BatchFileMissing", ErrorKind.NotFound,
                $"'{name}' is missing from '{place}'. CIFAR-10's binary version has {string.Join(", ", FileNames)}.");

    private static EngineException Unsupported(string place, string version) =>
        new("UnsupportedCifarVersion", ErrorKind.InvalidData,
            $"'{place}' is {version}. The binary version of CIFAR-10 is read: cifar-10-binary.tar.gz, "
            + $"or a folder with {string.Join(", ", FileNames)}.");

    private static void CheckLength(string name, long length, int right)
    {
        if (length != right)
            throw new EngineException("BatchFileWrongSize", ErrorKind.InvalidData,
                $"'{name}' has {length:N0} bytes, not {right:N0}: it is cut off, or not a file of CIFAR-10's binary version. "
                + "Download it again.");
    }

    private static void Parse(string name, byte[] content, Span<LabeledImage> images, int firstIndex)
    {
        for (int i = 0; i < images.Length; i++)
        {
            int label = content[i * RecordLength];
            if (label >= Classes.Length)
                throw new EngineException("LabelOutOfRange", ErrorKind.InvalidData,
                    $"Record {i} of '{name}' has the label {label}; labels range from 0 to {Classes.Length - 1}. The file is damaged: "
                    + "download it again.");
            images[i] = new LabeledImage(firstIndex + i, label, Classes[label], Side, Side,
                content.AsMemory(i * RecordLength + 1, RecordLength - 1));
        }
    }
}
