using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Cifar10Ps.Data;

namespace Cifar10Ps;

/// <summary>
/// A data set for image classification: images to learn from, images to choose by while learning, images to be tested on, and the class
/// names.
/// </summary>
public sealed class ImageDataset
{
    /// <summary>Tells a fingerprint over digests from one over pixels, which has none.</summary>
    private const string FingerprintMark = "images:";

    private readonly Lazy<string> _fingerprint;

    /// <summary>Creates a data set.</summary>
    /// <param name="name">What it is.</param>
    /// <param name="source">Where it came from.</param>
    /// <param name="classes">Class names, in the order of the labels.</param>
    /// <param name="train">The images to learn from.</param>
    /// <param name="test">The images to be tested on.</param>
    /// <param name="validation">The images to choose by; null: there are none of their own, and the test images serve.</param>
    internal ImageDataset(string name, string source, string[] classes, IList<LabeledImage> train, IList<LabeledImage> test,
        IList<LabeledImage>? validation = null)
    {
        Name = DisplayText.Escape(name);
        Source = source;
        Classes = [.. classes.Select(DisplayText.Escape)];
        Train = new ImageSplit(nameof(Train), Classes, train);
        Test = new ImageSplit(nameof(Test), Classes, test);
        Validation = validation is null ? Test : new ImageSplit(nameof(Validation), Classes, validation);
        _fingerprint = new Lazy<string>(() => FingerprintMark + Hash(image => image.Content.Digest));
    }

    /// <summary>A data set of images of others, which get their labels by the names of the classes, and new indices.</summary>
    /// <param name="name">What it is.</param>
    /// <param name="source">Where it came from.</param>
    /// <param name="classes">Class names.</param>
    /// <param name="train">The images to learn from.</param>
    /// <param name="validation">The images to choose by; none: those to be tested on serve.</param>
    /// <param name="test">The images to be tested on; none: those to choose by serve.</param>
    internal static ImageDataset Of(string name, string source, string[] classes, IReadOnlyList<LabeledImage> train,
        IReadOnlyList<LabeledImage> validation, IReadOnlyList<LabeledImage> test)
    {
        Dictionary<string, int> labels = classes.Index().ToDictionary(item => item.Item, item => item.Index);
        return new ImageDataset(name, source, classes, Renumbered(train), Renumbered(test.Count == 0 ? validation : test),
            validation.Count == 0 || test.Count == 0 ? null : Renumbered(validation));

        LabeledImage[] Renumbered(IReadOnlyList<LabeledImage> images) =>
            [.. images.Select((image, i) => image.At(i, labels[image.LabelName]))];
    }

    /// <summary>What it is: <c>CIFAR-10</c>.</summary>
    public string Name { get; }

    /// <summary>The images to learn from.</summary>
    public ImageSplit Train { get; }

    /// <summary>The images that training validates on, to choose by; those of <see cref="Test"/> where there are no others.</summary>
    public ImageSplit Validation { get; }

    /// <summary>The images to be tested on, when all choices are made.</summary>
    public ImageSplit Test { get; }

    /// <summary>Whether the images to validate on are others than those to be tested on.</summary>
    public bool HasOwnValidation => Validation != Test;

    /// <summary>Number of images to learn from.</summary>
    public int TrainCount => Train.Count;

    /// <summary>Number of images to validate on.</summary>
    public int ValidationCount => Validation.Count;

    /// <summary>Number of images to be tested on.</summary>
    public int TestCount => Test.Count;

    /// <summary>Class names, in the order of the labels.</summary>
    public string[] Classes { get; }

    /// <summary>Where it came from: a folder, an archive, or <c>synthetic</c>.</summary>
    public string Source { get; }

    /// <summary>
    /// SHA-256 over the images of all splits in their order: class name, size and SHA-256 of the pixels. It changes with the pictures,
    /// their order, a renamed class or a changed label, but not with the location of the files, the order of the classes, or what is
    /// kept in memory.
    /// </summary>
    internal string Fingerprint => _fingerprint.Value;

    /// <inheritdoc/>
    public override string ToString() =>
        $"{Name} ({Train.Count}{(HasOwnValidation ? $" + {Validation.Count}" : "")} + {Test.Count} images)";

    /// <summary>The same images with the labels of another order of the classes.</summary>
    /// <param name="classes">The classes in that order.</param>
    /// <param name="labels">For each class of this data set its index there.</param>
    internal ImageDataset Relabel(string[] classes, int[] labels)
    {
        if (labels.SequenceEqual(Enumerable.Range(0, classes.Length)))
            return this;
        return new ImageDataset(Name, Source, classes, Moved(Train), Moved(Test), HasOwnValidation ? Moved(Validation) : null);

        LabeledImage[] Moved(ImageSplit split) => [.. split.Select(image => image.WithLabel(labels[image.Label]))];
    }

    /// <summary>Says which classes some of the parts lack; null: all parts that have images have all classes.</summary>
    internal string? DifferentClasses()
    {
        List<string> lacks = [];
        foreach ((ImageSplit split, string purpose) in HasOwnValidation
            ? new[] { (Train, "training"), (Validation, "validation"), (Test, "testing") }
            : [(Train, "training"), (Test, "validation and testing")])
        {
            string[] lacking = [.. Classes.Except(split.Select(image => image.LabelName))];
            if (split.Count > 0 && lacking is not [])
                lacks.Add($"the images for {purpose} show no {DisplayText.List(lacking)}"
                    + (split == Train ? ", which cannot be learned" : ""));
        }

        return lacks is [] ? null : $"The parts of '{Name}' have different classes: {string.Join("; ", lacks)}.";
    }

    /// <summary>Says that images are in several parts; null: none.</summary>
    internal string? SharedImages()
    {
        LabeledImage[] shared = [.. Splits.SelectMany(split => split
                .Select(image => (Key: Convert.ToHexString(image.Content.Digest), Image: image)).DistinctBy(image => image.Key))
            .GroupBy(image => image.Key).Where(group => group.Count() > 1).Select(group => group.First().Image)];
        return shared is [] ? null
            : $"{(shared.Length == 1 ? "1 image is" : $"{shared.Length:N0} images are")} in more than one part, "
                + $"such as '{shared[0].Path ?? $"{shared[0]}"}': "
                + "figures that are measured on them say little.";
    }

    /// <summary>How many images are in memory, in a sentence.</summary>
    internal string DescribeMemory()
    {
        LabeledImage[] images = [.. Splits.SelectMany(split => split)];
        int kept = images.Count(image => image.Content is PixelsInMemory);
        return kept == images.Length ? $"All {kept:N0} images are in memory."
            : $"{kept:N0} of {images.Length:N0} images are in memory; the others are decoded whenever they are needed.";
    }

    /// <summary>The splits: two, or three with a validation of its own.</summary>
    internal IEnumerable<ImageSplit> Splits => HasOwnValidation ? [Train, Test, Validation] : [Train, Test];

    /// <summary>Whether a fingerprint is that of this data set. Earlier versions hashed the pixels themselves.</summary>
    internal bool IsOf(string fingerprint) => fingerprint == Fingerprint
        || (!fingerprint.StartsWith(FingerprintMark, StringComparison.Ordinal) && fingerprint == Hash(image => image.Pixels.Span));

    private string Hash(Func<LabeledImage, ReadOnlySpan<byte>> content)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        // A name ends with a zero, which it cannot contain.
        byte[][] names = [.. Classes.Select(name => Encoding.UTF8.GetBytes(name + '\0'))];
        foreach (ImageSplit split in Splits)
        {
            AppendNumbers(split.Count);
            foreach (LabeledImage image in split)
            {
                hash.AppendData(names[image.Label]);
                AppendNumbers(image.Width, image.Height);
                hash.AppendData(content(image));
            }
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());

        void AppendNumbers(params ReadOnlySpan<int> numbers) => hash.AppendData(MemoryMarshal.AsBytes(numbers));
    }
}
