using System.Runtime.InteropServices;
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
        return (byte*)System.Runtime.CompilerServices.Unsafe.AsPointer(ref MemoryMarshal.GetReference(plain.bytes));
    }

    /// <summary>A new tensor of the same shape and type.</summary>
    public static Tensor Like(Tensor activations) => Like(activations, activations.shape[1]);

    /// <summary>A new tensor of the same shape and type, except for the number of channels.</summary>
    public static Tensor Like(Tensor activations, long channels)
    {
        long[] shape = activations.shape;
        using Tensor plain = empty([shape[0], shape[2], shape[3], channels], activations.dtype);
        return plain.permute(0, 3, 1, 2);
    }

    /// <summary>The same values, channels-last in memory.</summary>
    public static Tensor ChannelsLast(Tensor activations) => activations.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2);
}
