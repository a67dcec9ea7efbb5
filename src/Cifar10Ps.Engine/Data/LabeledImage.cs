using Cifar10Ps.Data;

namespace Cifar10Ps;

/// <summary>One picture of a data set: its pixels as bytes, and what it shows.</summary>
public sealed class LabeledImage
{
    internal LabeledImage(int index, int label, string labelName, int width, int height, ReadOnlyMemory<byte> pixels, string? path = null)
        : this(index, label, labelName, width, height, new PixelsInMemory(pixels), path)
    {
    }

    internal LabeledImage(int index, int label, string labelName, int width, int height, ImageContent content, string? path)
    {
        Index = index;
        Label = label;
        LabelName = DisplayText.Escape(labelName);
        Width = width;
        Height = height;
        Content = content;
        Path = path;
    }

    /// <summary>Position in its split, from 0.</summary>
    public int Index { get; }

    /// <summary>Index of its class, from 0.</summary>
    public int Label { get; }

    /// <summary>Whether it is known what the image shows; its label is -1 if not.</summary>
    internal bool HasKnownTruth => Label >= 0;

    /// <summary>Name of its class.</summary>
    public string LabelName { get; }

    /// <summary>Width in pixels.</summary>
    public int Width { get; }

    /// <summary>Height in pixels.</summary>
    public int Height { get; }

    /// <summary>The picture file that it came from; null if there is none.</summary>
    public string? Path { get; }

    /// <summary>The pixels, and what is known of them without reading them again.</summary>
    internal ImageContent Content { get; }

    /// <summary>Red, green and blue planes, each row-major: 3 · height · width bytes; see <see cref="ImageContent.Pixels"/>.</summary>
    /// <exception cref="EngineException">The file of the image has changed, or cannot be read any more.</exception>
    internal ReadOnlyMemory<byte> Pixels => Content.Pixels;

    /// <summary>The same picture with another index of the same class.</summary>
    internal LabeledImage WithLabel(int label) => At(Index, label);

    /// <summary>The same picture of the same class at another place.</summary>
    /// <param name="index">Its position in its split.</param>
    /// <param name="label">The index of its class.</param>
    internal LabeledImage At(int index, int label) =>
        (index, label) == (Index, Label) ? this : new(index, label, LabelName, Width, Height, Content, Path);

    /// <summary>A copy of the pixels: red, green and blue planes, each row-major: 3 · height · width bytes.</summary>
    /// <exception cref="EngineException"><c>ImageChanged</c>, <c>FileNotFound</c> and others: the image is not kept in memory, and its
    /// file has changed, or cannot be read any more.</exception>
    public byte[] GetPixels() => Pixels.ToArray();

    /// <inheritdoc/>
    public override string ToString() => $"{LabelName} ({Index})";
}
