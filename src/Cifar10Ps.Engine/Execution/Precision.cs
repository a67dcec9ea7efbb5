using System.Diagnostics.CodeAnalysis;

namespace Cifar10Ps;

/// <summary>The numbers that convolutions and the activations between them are computed in; everything else is fp32.</summary>
public enum Precision
{
    /// <summary>bf16 where the processor multiplies it in hardware, fp32 elsewhere.</summary>
    Auto,

    /// <summary>Single precision.</summary>
    [SuppressMessage("Naming", "CA1720", Justification = "The name of the format in this field.")]
    Float32,

    /// <summary>bfloat16: the range of single precision, 8 bits of significand.</summary>
    BFloat16,
}
