using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace Cifar10Ps;

/// <summary>A data set for image classification: images to learn from, images to be tested on, and the class names.</summary>
public sealed class ImageDataset
{
    private readonly Lazy<string> _fingerprint;

    internal ImageDataset(string name, string source, string[] classes, IList<LabeledImage> train, IList<LabeledImage> test)
    {
        Name = DisplayText.Escape(name);
        Source = source;
        Classes = [.. classes.Select(DisplayText.Escape)];
        Train = new ImageSplit(nameof(Train), Classes, train);
        Test = new ImageSplit(nameof(Test), Classes, test);
        _fingerprint = new Lazy<string>(Hash);
    }

    /// <summary>What it is: <c>CIFAR-10</c>.</summary>
    public string Name { get; }

    /// <summary>The images to learn from.</summary>
    public ImageSplit Train { get; }

    /// <summary>The images to be tested on.</summary>
    public ImageSplit Test { get; }

    /// <summary>Number of images to learn from.</summary>
    public int TrainCount => Train.Count;

    /// <summary>Number of images to be tested on.</summary>
    public int TestCount => Test.Count;

    /// <summary>Class names, in the order of the labels.</summary>
    public string[] Classes { get; }

    /// <summary>Where it came from: a folder, an archive, or <c>synthetic</c>.</summary>
    public string Source { get; }

    /// <summary>
    /// SHA-256 over the images of both splits in their order: class name, size and pixels. It changes with the pictures, their order, a
    /// renamed class or a changed label, but not with the location of the files or the order of the classes.
    /// </summary>
    internal string Fingerprint => _fingerprint.Value;

    /// <inheritdoc/>
    public override string ToString() => $"{Name} ({Train.Count} + {Test.Count} images)";

    /// <summary>The same images with the labels of another order of the classes.</summary>
    /// <param name="classes">The classes in that order.</param>
    /// <param name="labels">For each class of this data set its index there.</param>
    internal ImageDataset Relabel(string[] classes, int[] labels)
    {
        if (labels.SequenceEqual(Enumerable.Range(0, classes.Length)))
            return this;
        return new ImageDataset(Name, Source, classes, Moved(Train), Moved(Test));

        LabeledImage[] Moved(ImageSplit split) => [.. split.Select(image => image.WithLabel(labels[image.Label]))];
    }

    private string Hash()
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        // A name ends with a zero, which it cannot contain.
        byte[][] names = [.. Classes.Select(name => Encoding.UTF8.GetBytes(name + '\0'))];
        foreach (ImageSplit split in (ImageSplit[])[Train, Test])
        {
            AppendNumbers(split.Count);
            foreach (LabeledImage image in split)
            {
                hash.AppendData(names[image.Label]);
                AppendNumbers(image.Width, image.Height);
                hash.AppendData(image.Pixels.Span);
            }
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());

        void AppendNumbers(params ReadOnlySpan<int> numbers) => hash.AppendData(MemoryMarshal.AsBytes(numbers));
    }
}
