namespace Cifar10Ps;

/// <summary>One picture of a data set: its pixels as bytes, and what it shows.</summary>
public sealed class LabeledImage
{
    internal LabeledImage(int index, int label, string labelName, int width, int height, ReadOnlyMemory<byte> pixels, string? path = null)
    {
        Index = index;
        Label = label;
        LabelName = DisplayText.Escape(labelName);
        Width = width;
        Height = height;
        Pixels = pixels;
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

    /// <summary>Red, green and blue planes, each row-major: 3 · height · width bytes.</summary>
    internal ReadOnlyMemory<byte> Pixels { get; }

    /// <summary>The same picture with another index of the same class.</summary>
    internal LabeledImage WithLabel(int label) => label == Label ? this : new(Index, label, LabelName, Width, Height, Pixels, Path);

    /// <summary>A copy of the pixels: red, green and blue planes, each row-major: 3 · height · width bytes.</summary>
    public byte[] GetPixels() => Pixels.ToArray();

    /// <inheritdoc/>
    public override string ToString() => $"{LabelName} ({Index})";
}
