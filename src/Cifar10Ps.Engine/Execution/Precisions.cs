using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using TorchSharp;

namespace Cifar10Ps.Execution;

/// <summary>What a precision means on this machine.</summary>
internal static class Precisions
{
    /// <summary>Whether the processor multiplies bf16 in hardware: AVX512_BF16 or AMX-BF16.</summary>
    /// <remarks>Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2A, CPUID, leaf 7.</remarks>
    public static bool HasFastBFloat16 { get; } = Vector512.IsHardwareAccelerated && X86Base.IsSupported
        && ((X86Base.CpuId(7, 1).Eax & 1 << 5) != 0 || (X86Base.CpuId(7, 0).Edx & 1 << 22) != 0);

    /// <summary>Resolves <see cref="Precision.Auto"/>.</summary>
    public static Precision Resolve(Precision precision) =>
        precision != Precision.Auto ? precision : HasFastBFloat16 ? Precision.BFloat16 : Precision.Float32;

    /// <summary>What to know about a precision on this processor; null: nothing.</summary>
    public static string? DoubtAbout(Precision precision) => precision != Precision.BFloat16 || HasFastBFloat16 ? null
        : "This processor has no instructions for products in bf16: convolutions are computed in single precision, and only the "
            + "activations between them are kept in bf16.";

    /// <summary>libtorch's type for a precision other than <see cref="Precision.Auto"/>.</summary>
    public static torch.ScalarType ToScalarType(this Precision precision) =>
        precision == Precision.BFloat16 ? torch.ScalarType.BFloat16 : torch.ScalarType.Float32;

    /// <summary>The type in which libtorch convolves. Without instructions for bf16, its convolutions in bf16 take many times as long as
    /// in fp32, so they are in fp32 between activations in bf16.</summary>
    /// <param name="activations">Type of the activations.</param>
    public static torch.ScalarType ConvolutionType(torch.ScalarType activations) =>
        activations == torch.ScalarType.BFloat16 && !HasFastBFloat16 ? torch.ScalarType.Float32 : activations;
}
