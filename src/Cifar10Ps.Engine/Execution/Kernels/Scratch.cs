using System.Runtime.InteropServices;

namespace Cifar10Ps.Execution.Kernels;

/// <summary>
/// Memory for numbers, aligned to a cache line. It belongs to the thread and is kept for the next layer: so many different sizes would
/// fragment the C library's heap.
/// </summary>
internal readonly unsafe struct Scratch
{
    /// <summary>What the memory is for; there is one block for each use.</summary>
    public enum Use
    {
        /// <summary>Transformed tiles of the input, or what windows of it cover.</summary>
        InputTiles,

        /// <summary>Transformed tiles of the output or its gradient, or some of its pixels.</summary>
        OutputTiles,

        /// <summary>Transformed weights or their gradient.</summary>
        Weights,

        /// <summary>A row of tiles of the input, partly transformed, or an image with its border.</summary>
        InputRows,

        /// <summary>A row of tiles of the output or its gradient, partly transformed.</summary>
        OutputRows,

        /// <summary>Rows of pixels at an edge.</summary>
        Edge,

        /// <summary>Columns of matrices, one after the other.</summary>
        Columns,
    }

    [ThreadStatic]
    private static AlignedMemory?[]? _rooms;

    private readonly float* _values;
    private readonly nint _length;

    /// <summary>Takes the memory; its content is left over from the last use.</summary>
    /// <param name="use">What for.</param>
    /// <param name="length">How many numbers.</param>
    public Scratch(Use use, nint length)
    {
        AlignedMemory?[] rooms = _rooms ??= new AlignedMemory?[Enum.GetValues<Use>().Length];
        AlignedMemory room = rooms[(int)use] is { } kept && kept.Length >= length ? kept
            : rooms[(int)use] = new AlignedMemory(checked((int)length));
        _values = room.At(0);
        _length = length;
    }

    /// <summary>The address of number <paramref name="i"/>.</summary>
    public float* At(nint i) => _values + i;

    /// <summary>Makes all numbers zero.</summary>
    public void Clear() => NativeMemory.Clear(_values, (nuint)_length * sizeof(float));
}
