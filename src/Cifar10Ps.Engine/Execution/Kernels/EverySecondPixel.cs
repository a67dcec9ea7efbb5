using Cifar10Ps.Runtime;
using static TorchSharp.torch;

namespace Cifar10Ps.Execution.Kernels;

/// <summary>
/// The pixels that a 1 × 1 convolution with stride two reads: every second one of every second row. On these alone it is a plain matrix
/// product, about twice as fast as libtorch's with a stride.
/// </summary>
/// <typeparam name="TElement">How activations are stored in memory.</typeparam>
/// <typeparam name="TLanes">The vectors of the kernels.</typeparam>
internal static unsafe class EverySecondPixel<TElement, TLanes>
    where TElement : struct, IElement
    where TLanes : struct, ILanes<TLanes>
{
    /// <summary>A copy of these pixels: [batch, channels, height / 2, width / 2], channels-last in memory.</summary>
    /// <param name="activations">[batch, channels, height, width], channels-last in memory; even height and width.</param>
    /// <param name="shared">Takes the pieces.</param>
    public static Tensor Of(Tensor activations, SharedWork shared)
    {
        Tensor pixels = ActivationMemory.Like(activations, activations.shape[1], activations.shape[2] / 2, activations.shape[3] / 2);
        Activations all = new(activations), every = new(pixels);
        long length = (long)every.Channels * TElement.Size;
        shared.ForEachPiece(all.Count, piece =>
        {
            byte* from = all.Of(piece).Values, to = every.Of(piece).Values;
            for (nint row = 0, rows = (nint)piece.Count * every.Height; row < rows; row++, from += 2 * every.Width * length)
                for (nint pixel = 0; pixel < every.Width; pixel++, from += 2 * length, to += length)
                    Buffer.MemoryCopy(from, to, length, length);
        });
        return pixels;
    }

    /// <summary>Adds values to these pixels.</summary>
    /// <param name="target">[batch, channels, height, width], channels-last in memory; 16 divides the channels.</param>
    /// <param name="values">[batch, channels, height / 2, width / 2], channels-last in memory.</param>
    /// <param name="shared">Takes the pieces.</param>
    public static void Add(Tensor target, Tensor values, SharedWork shared)
    {
        Activations all = new(target), every = new(values);
        shared.ForEachPiece(all.Count, piece =>
        {
            byte* to = all.Of(piece).Values, from = every.Of(piece).Values;
            for (nint row = 0, i = 0, rows = (nint)piece.Count * every.Height; row < rows; row++)
            {
                nint start = 2 * row * all.RowLength;
                for (nint pixel = start; pixel < start + all.RowLength; pixel += 2 * all.Channels)
                    for (nint c = pixel; c < pixel + all.Channels; c += TLanes.Count, i += TLanes.Count)
                        TElement.Store(to, c, TElement.Load<TLanes>(to, c) + TElement.Load<TLanes>(from, i));
            }
        });
    }
}
