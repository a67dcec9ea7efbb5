using System.Collections.ObjectModel;

namespace Cifar10Ps;

/// <summary>The training, validation or test part of a data set: a read-only list of images of one size.</summary>
public sealed class ImageSplit : ReadOnlyCollection<LabeledImage>
{
    internal ImageSplit(string name, string[] classes, IList<LabeledImage> images)
        : base(images)
    {
        Name = name;
        Classes = classes;
    }

    /// <summary><c>Train</c>, <c>Validation</c> or <c>Test</c>.</summary>
    public string Name { get; }

    /// <summary>Class names, in the order of the labels.</summary>
    public string[] Classes { get; }

    /// <inheritdoc/>
    public override string ToString() => $"{Name}: {DisplayText.Count(Count, "image")}";
}
