using Cifar10Ps.Runtime;
using static TorchSharp.torch;

namespace Cifar10Ps.Execution.Kernels;

/// <summary>Activations in memory, in the order batch, height, width, channel.</summary>
/// <param name="values">The first value.</param>
/// <param name="count">Number of images.</param>
/// <param name="height">Height of an image in pixels.</param>
/// <param name="width">Width of an image in pixels.</param>
/// <param name="channels">Values of a pixel.</param>
/// <param name="rowLength">Values from one row of pixels to the next.</param>
/// <param name="size">Bytes of a value.</param>
/// <param name="pixelLength">Values from one pixel to the next.</param>
internal readonly unsafe struct Activations(
    byte* values, int count, int height, nint width, nint channels, nint rowLength, int size, nint pixelLength)
{
    /// <summary>Those of a tensor; valid while it is alive.</summary>
    /// <param name="activations">[batch, channels, height, width], channels-last in memory.</param>
    public Activations(Tensor activations)
        : this(ActivationMemory.Of(activations), (int)activations.size(0), (int)activations.size(2), (nint)activations.size(3),
            (nint)activations.size(1), (nint)(activations.size(1) * activations.size(3)), (int)activations.ElementSize,
            (nint)activations.size(1))
    {
    }

    /// <summary>The first value.</summary>
    public byte* Values { get; } = values;

    /// <summary>Number of images.</summary>
    public int Count { get; } = count;

    /// <summary>Height of an image in pixels.</summary>
    public int Height { get; } = height;

    /// <summary>Width of an image in pixels.</summary>
    public nint Width { get; } = width;

    /// <summary>Values of a pixel.</summary>
    public nint Channels { get; } = channels;

    /// <summary>Values from one pixel to the next.</summary>
    public nint PixelLength { get; } = pixelLength;

    /// <summary>Values from one row of pixels to the next.</summary>
    public nint RowLength { get; } = rowLength;

    /// <summary>Values from one image to the next.</summary>
    public nint ImageLength => Height * RowLength;

    /// <summary>Number of values, if its rows follow each other in memory.</summary>
    public nint Length => Count * ImageLength;

    /// <summary>Those of some of the images.</summary>
    public Activations Of(Piece piece) =>
        new(Values + piece.First * ImageLength * size, piece.Count, Height, Width, Channels, RowLength, size, PixelLength);

    /// <summary>Some of the channels.</summary>
    public Activations OfChannels(int first, int number) =>
        new(Values + first * size, Count, Height, Width, number, RowLength, size, PixelLength);
}
