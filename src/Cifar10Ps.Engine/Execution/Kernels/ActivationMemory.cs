using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Cifar10Ps.Runtime;
using static TorchSharp.torch;

namespace Cifar10Ps.Execution.Kernels;

/// <summary>Activations of shape [batch, channels, height, width] that lie channels-last in memory, as plain memory.</summary>
internal static unsafe class ActivationMemory
{
    /// <summary>The address of the values, in the order batch, height, width, channel; valid while the tensor is alive.</summary>
    public static byte* Of(Tensor activations)
    {
        using Tensor detached = activations.detach();
        using Tensor plain = detached.permute(0, 2, 3, 1);
        if (!plain.is_contiguous())
            throw new ArgumentException("The activations do not lie channels-last in memory.", nameof(activations));
        return StartOf(plain);
    }

    /// <summary>The address of the values of a tensor that lie in memory one after the other; valid while it is alive.</summary>
    public static byte* StartOf(Tensor plain)
    {
        // A span of all values could have no more than 2 GB.
        using Tensor values = plain.view(-1);
        using Tensor first = values.narrow(0, 0, 1);
        return (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(first.bytes));
    }

    /// <summary>A new tensor of the same shape and type.</summary>
    public static Tensor Like(Tensor activations) =>
        Like(activations, activations.shape[1], activations.shape[2], activations.shape[3]);

    /// <summary>A new tensor of the same batch and type, for maps of another size.</summary>
    public static Tensor Like(Tensor activations, long channels, long height, long width)
    {
        using Tensor plain = empty([activations.shape[0], height, width, channels], activations.dtype);
        return plain.permute(0, 3, 1, 2);
    }

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
}
