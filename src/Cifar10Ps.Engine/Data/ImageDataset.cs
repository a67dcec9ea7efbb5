namespace Cifar10Ps;

/// <summary>A data set for image classification: images to learn from, images to be tested on, and the class names.</summary>
public sealed class ImageDataset
{
    internal ImageDataset(string name, string source, string[] classes, IList<LabeledImage> train, IList<LabeledImage> test)
    {
        Name = DisplayText.Escape(name);
        Source = source;
        Classes = [.. classes.Select(DisplayText.Escape)];
        Train = new ImageSplit(nameof(Train), Classes, train);
        Test = new ImageSplit(nameof(Test), Classes, test);
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

    /// <inheritdoc/>
    public override string ToString() => $"{Name} ({Train.Count} + {Test.Count} images)";
}
