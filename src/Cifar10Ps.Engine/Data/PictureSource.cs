using System.Buffers;
using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Cifar10Ps.Data;
using Cifar10Ps.Runtime;

namespace Cifar10Ps;

/// <summary>Makes a data set of picture files whose classes are known: decodes each once, and holds some out if no others are
/// given.</summary>
public abstract class PictureSource
{
    /// <summary>Default of <see cref="MemoryLimit"/>: 256 MB.</summary>
    public const long DefaultMemoryLimit = 256L << 20;

    private const double DefaultValidationFraction = 0.2;

    private protected PictureSource()
    {
    }

    /// <summary>Width and height of the images in pixels: the middle of a picture is cut to a square and resized, once.</summary>
    public int ImageSize { get; init; } = 32;

    /// <summary>Share of the training pictures of each class that is held out to validate on, 0 to below 1; null: 0.2 where no pictures
    /// are given to validate or to test on.</summary>
    public double? ValidationFraction { get; init; }

    /// <summary>Share of the training pictures of each class that is held out to test on, 0 to below 1.</summary>
    public double TestFraction { get; init; }

    /// <summary>Seed of the choice of held-out pictures, which otherwise depends only on the names of the files.</summary>
    public int Seed { get; init; }

    /// <summary>How many bytes of pixels are kept in memory. The pictures beyond that, spread evenly, are decoded again whenever
    /// they are needed.</summary>
    public long MemoryLimit { get; init; } = DefaultMemoryLimit;

    /// <summary>Receives each file or folder that cannot be read, and why, on the caller's thread; null disables it.</summary>
    public Action<string, EngineException>? Skipped { get; init; }

    /// <summary>Receives warnings about the pictures (what was left out, names that look alike), one sentence each;
    /// null disables it.</summary>
    public Action<string>? Warning { get; init; }

    /// <summary>Decodes pictures, on all processors; those that cannot be read are reported and left out.</summary>
    private protected IEnumerable<ReadPicture> Decode(FoundPicture[] found, Action<string> unsupported, Action<int, int>? progress,
        CancellationToken cancellation)
    {
        long imageLength = 3L * ImageSize * ImageSize, kept = Math.Min(found.Length, MemoryLimit / imageLength);
        MachineMemory.Require(imageLength * kept, $"{kept:N0} pictures of {ImageSize} x {ImageSize} pixels");
        int done = 0;
        // They come in order, one by one, on the caller's thread.
        foreach ((FoundPicture picture, ImageContent? content, EngineException? error) in
            Partitioner.Create(found.Index(), EnumerablePartitionerOptions.NoBuffering).AsParallel().AsOrdered()
            .WithCancellation(cancellation).WithMergeOptions(ParallelMergeOptions.NotBuffered)
                .Select(item => Decode(item.Index, item.Item)))
        {
            progress?.Invoke(++done, found.Length);
            cancellation.ThrowIfCancellationRequested();
            if (content is not null)
                yield return new ReadPicture(picture, content);
            else if (error!.ErrorId == "UnsupportedImageFormat")
                unsupported(picture.Path);
            else
                Skipped?.Invoke(picture.Path, error);
        }

        (FoundPicture, ImageContent?, EngineException?) Decode(int i, FoundPicture picture)
        {
            bool isKept = (i + 1) * kept / found.Length > i * kept / found.Length;
            byte[] memory = isKept ? new byte[imageLength] : ArrayPool<byte>.Shared.Rent((int)imageLength);
            try
            {
                Span<byte> pixels = memory.AsSpan(0, (int)imageLength);
                ImageFile.Read(picture.Path, ImageSize, ImageSize, pixels);
                return (picture, isKept ? new PixelsInMemory(memory) : new PixelsInFile(picture.Path, ImageSize, ImageSize, pixels), null);
            }
            catch (EngineException e)
            {
                return (picture, null, e);
            }
            finally
            {
                if (!isKept)
                    ArrayPool<byte>.Shared.Return(memory);
            }
        }
    }

    /// <summary>Makes the data set. Classes come in the order of their names, the pictures in theirs.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="source">Where the pictures came from.</param>
    /// <param name="pictures">The pictures of at least two classes.</param>
    /// <param name="given">The parts that were given, even if no picture of them could be read.</param>
    /// <exception cref="EngineException"><c>NoImages</c>, and those of <see cref="HeldOutShares"/>.</exception>
    private protected ImageDataset Assemble(string name, string source, IReadOnlyList<ReadPicture> pictures,
        IReadOnlyCollection<DatasetPart> given)
    {
        string[] classes = [.. pictures.Select(picture => picture.File.Class).Distinct().Order(StringComparer.Ordinal)];
        (double validation, double test) = HeldOutShares(given);
        ILookup<string, ReadPicture> byClass = pictures.ToLookup(picture => picture.File.Class);
        Dictionary<DatasetPart, List<LabeledImage>> parts = new()
        {
            [DatasetPart.Train] = [], [DatasetPart.Validation] = [], [DatasetPart.Test] = [],
        };
        foreach ((int label, string @class) in classes.Index())
        {
            ReadPicture[] ofClass = [.. byClass[@class]];
            Dictionary<FoundPicture, DatasetPart> heldOut = HoldOut(ofClass, validation, test);
            foreach ((FoundPicture file, ImageContent content) in ofClass)
            {
                List<LabeledImage> part = parts[heldOut.GetValueOrDefault(file, file.Part)];
                part.Add(new LabeledImage(part.Count, label, @class, ImageSize, ImageSize, content, file.Path));
            }
        }

        if (parts[DatasetPart.Train] is [])
            throw new EngineException("NoImages", ErrorKind.InvalidData, $"'{source}' has no pictures for training that can be read.");
        bool hasValidation = given.Contains(DatasetPart.Validation) || validation > 0, hasTest = given.Contains(DatasetPart.Test)
            || test > 0;
        ImageDataset data = new(name, source, classes, parts[DatasetPart.Train],
            hasTest ? parts[DatasetPart.Test] : parts[DatasetPart.Validation],
            hasTest && hasValidation ? parts[DatasetPart.Validation] : null);
        if (data.DifferentClasses() is string different)
            Warning?.Invoke(different);
        if (given.Count > 1 && data.SharedImages() is string shared)
            Warning?.Invoke(shared);
        foreach (IGrouping<string, string> alike in classes.GroupBy(Folded, StringComparer.OrdinalIgnoreCase)
            .Where(group => group.Count() > 1))
            Warning?.Invoke($"The classes '{string.Join("', '", alike)}' of '{source}' have names that differ only in case, "
                + "spaces or the form of their characters. If they are one class, use one spelling.");
        return data;

        static string Folded(string name) => name.Normalize(NormalizationForm.FormKC).Trim();
    }

    /// <summary>The name of a folder; of the root of a drive, its path.</summary>
    private protected static string NameOf(string folder) => Path.GetFileName(folder) is { Length: > 0 } name ? name : folder;

    /// <summary>A name in Unicode's composed form; <see cref="DisplayText.Escape"/> also removes what has none.</summary>
    private protected static string Composed(string name) => DisplayText.Escape(name).Normalize();

    /// <summary>The shares that are held out of the training pictures.</summary>
    /// <param name="given">The parts that are given.</param>
    /// <exception cref="EngineException"><c>InvalidFractions</c>, <c>PartGivenTwice</c>.</exception>
    private protected (double Validation, double Test) HeldOutShares(IReadOnlyCollection<DatasetPart> given)
    {
        bool hasOthers = given.Any(part => part != DatasetPart.Train);
        double validation = ValidationFraction ?? (hasOthers || TestFraction >= 1 - DefaultValidationFraction ? 0
            : DefaultValidationFraction);
        if (validation + TestFraction >= 1)
            throw new EngineException("InvalidFractions", ErrorKind.InvalidArgument, string.Create(CultureInfo.CurrentCulture,
                $"With {validation:P0} of the pictures held out to validate and {TestFraction:P0} to test, none are left to train on."));
        foreach ((DatasetPart part, double fraction) in new[] { (DatasetPart.Validation, validation), (DatasetPart.Test, TestFraction) })
            if (fraction > 0 && given.Contains(part))
                throw new EngineException("PartGivenTwice", ErrorKind.InvalidArgument,
                    $"There are pictures for {part.Purpose()} already, so none can be held out for it.");
        return (validation, TestFraction);
    }

    /// <summary>
    /// The training pictures of a class that are held out: those whose names have the lowest hashes, the first of them to validate on, the
    /// next to test on. Adding or removing a picture moves at most one other if one part is held out. With two parts, at most three move:
    /// one into or out of validation, two into or out of training.
    /// </summary>
    private Dictionary<FoundPicture, DatasetPart> HoldOut(ReadPicture[] ofClass, double validation, double test)
    {
        FoundPicture[] order = [.. ofClass.Select(picture => picture.File).Where(file => file.Part == DatasetPart.Train)
            .OrderBy(Hash, StringComparer.Ordinal)];
        int validationCount = Count(validation, order.Length - 1), testCount = Count(test, order.Length - 1 - validationCount);
        Dictionary<FoundPicture, DatasetPart> heldOut = order.Take(validationCount).ToDictionary(file => file, _ => DatasetPart.Validation);
        foreach (FoundPicture file in order.Skip(validationCount).Take(testCount))
            heldOut[file] = DatasetPart.Test;
        return heldOut;

        // At least one, unless that would leave none to train on.
        int Count(double fraction, int most) =>
            fraction > 0 && most > 0 ? Math.Clamp((int)Math.Round(order.Length * fraction), 1, most) : 0;

        string Hash(FoundPicture file) => Convert.ToHexString(
            SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{Seed}/{file.Name}"))));
    }

    /// <summary>A picture file.</summary>
    /// <param name="Part">What it is for.</param>
    /// <param name="Class">Name of its class.</param>
    /// <param name="Name">Its path from the folder of its part, in composed form and with slashes, the same on every file system.</param>
    /// <param name="Path">Its full path.</param>
    private protected sealed record FoundPicture(DatasetPart Part, string Class, string Name, string Path);

    /// <summary>A picture that could be read.</summary>
    private protected sealed record ReadPicture(FoundPicture File, ImageContent Content);
}
