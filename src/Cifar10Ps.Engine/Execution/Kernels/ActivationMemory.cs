using System.Runtime.InteropServices;
using Cifar10Ps.Runtime;
using static TorchSharp.torch;

namespace Cifar10Ps.Execution.Kernels;

/// <summary>Activations of shape [batch, channels, height, width] that lie channels-last in memory, as plain memory.</summary>
internal static unsafe partial class ActivationMemory
{
    /// <summary>The address of the values, in the order batch, height, width, channel; valid while the tensor is alive.</summary>
    public static byte* Of(Tensor activations)
    {
        // By sizes and strides: views, whose order libtorch could be asked for, took 4 % of a training step.
        long channels = activations.size(1), row = channels * activations.size(3), image = row * activations.size(2);
        if (!Follow(1, 1) || !Follow(3, channels) || !Follow(2, row) || !Follow(0, image))
            throw new ArgumentException("The activations do not lie channels-last in memory.", nameof(activations));
        return (byte*)AddressOf(activations.Handle);

        bool Follow(int dimension, long distance) => activations.size(dimension) == 1 || activations.stride(dimension) == distance;
    }

    /// <summary>The address of the values of a tensor that lie in memory one after the other; valid while it is alive.</summary>
    public static byte* StartOf(Tensor plain) => plain.is_contiguous() ? (byte*)AddressOf(plain.Handle)
        : throw new ArgumentException("The values do not lie in memory one after the other.", nameof(plain));

    /// <summary>A new tensor of the same shape and type.</summary>
    public static Tensor Like(Tensor activations) =>
        Like(activations, activations.size(1), activations.size(2), activations.size(3));

    /// <summary>A new tensor of the same batch and type, for maps of another size.</summary>
    public static Tensor Like(Tensor activations, long channels, long height, long width) => empty_strided(
        [activations.size(0), channels, height, width], [height * width * channels, 1, width * channels, channels], activations.dtype);

    /// <summary>The same values with more channels, which are zero.</summary>
    public static Tensor WithChannels(Tensor activations, long channels)
    {
        Tensor filled = Like(activations, channels, activations.shape[2], activations.shape[3]).Clear();
        using Tensor part = filled.narrow(1, 0, activations.shape[1]);
        part.Assign(activations);
        return filled;
    }

    /// <summary>The same values, channels-last in memory.</summary>
    public static Tensor ChannelsLast(Tensor activations)
    {
        // Each of them would keep the memory.
        using Tensor rows = activations.permute(0, 2, 3, 1);
        using Tensor plain = rows.contiguous();
        return plain.permute(0, 3, 1, 2);
    }

    // TorchSharp gives the values as a span, which has no more than 2 GB.
    [LibraryImport("LibTorchSharp", EntryPoint = "THSTensor_data")]
    private static partial nint AddressOf(nint tensor);
}
