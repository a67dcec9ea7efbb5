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
    public static Tensor Of(Tensor activations)
    {
        // Each of them would keep the memory of the activations.
        using Tensor rows = activations.slice(2, 0, activations.shape[2], 2);
        using Tensor pixels = rows.slice(3, 0, activations.shape[3], 2);
        return ActivationMemory.ChannelsLast(pixels);
    }

    /// <summary>Adds values to these pixels.</summary>
    /// <param name="target">[batch, channels, height, width], channels-last in memory; 16 divides the channels.</param>
    /// <param name="values">[batch, channels, height / 2, width / 2], channels-last in memory.</param>
    public static void Add(Tensor target, Tensor values)
    {
        nint channels = (nint)values.shape[1], width = (nint)values.shape[3], rows = (nint)(values.shape[0] * values.shape[2]);
        byte* to = ActivationMemory.Of(target), from = ActivationMemory.Of(values);
        for (nint row = 0, i = 0; row < rows; row++)
        {
            nint start = 4 * row * width * channels;
            for (nint pixel = start; pixel < start + 2 * width * channels; pixel += 2 * channels)
                for (nint c = pixel; c < pixel + channels; c += TLanes.Count, i += TLanes.Count)
                    TElement.Store(to, c, TElement.Load<TLanes>(to, c) + TElement.Load<TLanes>(from, i));
        }
    }
}
