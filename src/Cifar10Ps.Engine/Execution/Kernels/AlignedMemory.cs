using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Cifar10Ps.Execution.Kernels;

/// <summary>Numbers that begin at a cache line and stay where they are.</summary>
/// <param name="length">How many.</param>
internal sealed unsafe class AlignedMemory(int length)
{
    private const int Alignment = 64;

    private readonly float[] _room = GC.AllocateUninitializedArray<float>(length + Alignment / sizeof(float), pinned: true);

    /// <summary>How many.</summary>
    public int Length { get; } = length;

    /// <summary>The address of number <paramref name="i"/>; valid while this object is alive.</summary>
    public float* At(nint i) =>
        (float*)(((nint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_room)) + Alignment - 1) & -Alignment) + i;
}
