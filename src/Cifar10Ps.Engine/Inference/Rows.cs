using System.Runtime.InteropServices;
using Cifar10Ps.Runtime;
using static TorchSharp.torch;

namespace Cifar10Ps.Inference;

/// <summary>Writes a row of a matrix.</summary>
/// <param name="index">Which one.</param>
/// <param name="row">Takes its values.</param>
internal delegate void RowWriter(int index, Span<float> row);

/// <summary>Vectors as the rows of a matrix.</summary>
internal static class Rows
{
    /// <summary>Makes the matrix: [count, length].</summary>
    public static Tensor Of(int count, int length, RowWriter write)
    {
        Tensor matrix = empty(count, length);
        for (int i = 0; i < count; i++)
        {
            // A span of all values could have no more than 2 GB.
            using Tensor row = matrix.narrow(0, i, 1);
            write(i, MemoryMarshal.Cast<byte, float>(row.bytes));
        }

        return matrix;
    }

    /// <summary>Refuses features that do not fit into the memory.</summary>
    /// <param name="images">Number of images.</param>
    /// <param name="length">Number of features of each.</param>
    /// <param name="copies">How many times they are in memory at once.</param>
    /// <exception cref="EngineException"><c>NotEnoughMemory</c>.</exception>
    public static void Require(int images, int length, int copies) =>
        MachineMemory.Require((long)sizeof(float) * copies * images * length, $"{images:N0} images as {length:N0} features each");
}
