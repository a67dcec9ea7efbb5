using Cifar10Ps.Networks;

namespace Cifar10Ps.Formats;

/// <summary>What an output of an ONNX operation is, as far as the graph is translated.</summary>
internal abstract record OnnxValue;

/// <summary>The output of a layer.</summary>
/// <param name="Layer">Position of the layer.</param>
/// <param name="Sizes">Sizes of the dimensions that the graph gives it, without the batch: a vector may be [channels, 1, 1] there.</param>
/// <param name="IsShared">Whether several operations take it.</param>
internal sealed record OnnxFeatures(int Layer, int[] Sizes, bool IsShared = false) : OnnxValue
{
    /// <summary>Number of values of one image.</summary>
    public long Length => Sizes.Aggregate(1L, (product, size) => product * size);
}

/// <summary>A constant with fractions.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Shape">Sizes of its dimensions.</param>
/// <param name="Content">Its values, which are read when they are asked for.</param>
internal sealed record OnnxConstant(string Name, int[] Shape, Lazy<float[]> Content) : OnnxValue
{
    /// <summary>Its values, row-major.</summary>
    public float[] Values => Content.Value;

    /// <summary>How many transpositions it is the result of, each of which has a copy and waits for the one before.</summary>
    public int Transpositions { get; init; }
}

/// <summary>Integers: a shape, axes, the sizes of a border.</summary>
/// <param name="Shape">Sizes of its dimensions.</param>
/// <param name="Values">The integers, row-major; <see cref="Batch"/> where one is the number of images.</param>
internal sealed record OnnxIntegers(int[] Shape, long[] Values) : OnnxValue
{
    /// <summary>Stands for the number of images, which a graph computes when it runs.</summary>
    public const long Batch = long.MinValue;
}

/// <summary>A part of something that only becomes a layer together with what follows.</summary>
/// <param name="Node">The operation that gave it.</param>
/// <param name="Source">What the part is made of.</param>
internal abstract record OnnxPart(OnnxNode Node, OnnxFeatures Source) : OnnxValue;

/// <summary>scale · x + shift, in each channel.</summary>
/// <param name="Node">The operation that gave it.</param>
/// <param name="Source">x.</param>
/// <param name="Scale">A number, or one for each channel.</param>
/// <param name="Shift">As many numbers.</param>
internal sealed record OnnxAffine(OnnxNode Node, OnnxFeatures Source, float[] Scale, float[] Shift) : OnnxPart(Node, Source);

/// <summary>A part of GELU: factor · erf(x / √2), then factor · (1 + erf(x / √2)), then factor · x · (1 + erf(x / √2)).</summary>
/// <param name="Node">The operation that gave it.</param>
/// <param name="Source">x.</param>
/// <param name="Factor">The factor.</param>
/// <param name="HasOne">Whether the one is in it.</param>
/// <param name="HasSource">Whether x is in it.</param>
internal sealed record OnnxErrorFunction(OnnxNode Node, OnnxFeatures Source, float Factor, bool HasOne, bool HasSource)
    : OnnxPart(Node, Source);

/// <summary>A feature map with a border.</summary>
/// <param name="Node">The operation that gave it.</param>
/// <param name="Source">The map.</param>
/// <param name="Border">The border.</param>
/// <param name="Value">What is in the border.</param>
internal sealed record OnnxBordered(OnnxNode Node, OnnxFeatures Source, Border Border, float Value) : OnnxPart(Node, Source);

/// <summary>Some of the pixels of a feature map.</summary>
/// <param name="Node">The operation that gave it.</param>
/// <param name="Source">The map.</param>
/// <param name="Stride">Pixels from one to the next.</param>
internal sealed record OnnxSubsampled(OnnxNode Node, OnnxFeatures Source, Extent Stride) : OnnxPart(Node, Source);

/// <summary>Softmax of logits, or its logarithm, which a graph may end with.</summary>
/// <param name="Node">The operation that gave it.</param>
/// <param name="Source">The logits.</param>
/// <param name="Temperature">What they are divided by before.</param>
internal sealed record OnnxProbabilities(OnnxNode Node, OnnxFeatures Source, double Temperature) : OnnxPart(Node, Source);

/// <summary>Pictures whose channels are the last dimension.</summary>
/// <param name="Node">The operation that gave them.</param>
/// <param name="Source">The input.</param>
internal sealed record OnnxRows(OnnxNode Node, OnnxFeatures Source) : OnnxPart(Node, Source);
