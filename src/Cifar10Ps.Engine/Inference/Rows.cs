using System.Runtime.InteropServices;
using Cifar10Ps.Runtime;
using static TorchSharp.torch;

namespace Cifar10Ps.Inference;

/// <summary>Vectors as the rows of a matrix.</summary>
internal static class Rows
{
    /// <summary>Makes the matrix: [count, length].</summary>
    /// <param name="vectors">At least one; all of the same length.</param>
    public static Tensor Of(float[][] vectors)
    {
        Tensor matrix = empty(vectors.Length, vectors[0].Length);
        for (int i = 0; i < vectors.Length; i++)
        {
            // A span of all values could have no more than 2 GB.
            using Tensor row = matrix.narrow(0, i, 1);
            vectors[i].CopyTo(MemoryMarshal.Cast<byte, float>(row.bytes));
        }

        return matrix;
    }

    /// <summary>Refuses vectors that do not fit into the memory, together with the matrix.</summary>
    /// <exception cref="EngineException"><c>NotEnoughMemory</c>.</exception>
    public static void Require(int count, int length) =>
        MachineMemory.Require(2L * sizeof(float) * count * length, $"{count:N0} images as {length:N0} features each");
}
