using System.Runtime.InteropServices;
using Cifar10Ps.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Cifar10Ps.Inference;

/// <summary>
/// Finds the vectors with the most similar directions, by the cosine of the angle. The products are computed block by block, so that the
/// memory does not grow with the square of the number.
/// </summary>
internal static class Neighbours
{
    private const int BlockRows = 512, BlockColumns = 2048;

    /// <summary>Finds neighbours.</summary>
    /// <param name="vectors">Vectors whose neighbours are wanted.</param>
    /// <param name="among">Where they are sought; if these are the same objects, none is a neighbour of itself.</param>
    /// <param name="top">At most how many of each.</param>
    /// <param name="minimum">The least cosine.</param>
    /// <param name="pool">Workers; they do not change the result.</param>
    /// <param name="progress">Called with the number of vectors that are done, on the caller's thread.</param>
    /// <param name="cancellation">Ends the search.</param>
    /// <returns>For each vector, the positions of its neighbours and their cosines, the most similar first, the earlier ones of equals
    /// first.</returns>
    public static (int Index, float Cosine)[][] Of(float[][] vectors, float[][] among, int top, double minimum, WorkerPool pool,
        Action<int> progress, CancellationToken cancellation)
    {
        (int Index, float Cosine)[][] found = new (int, float)[vectors.Length][];
        if (vectors.Length == 0 || among.Length == 0)
            return [.. vectors.Select(_ => Array.Empty<(int, float)>())];
        using NativeWork.Scope work = NativeWork.Begin();
        bool areSame = ReferenceEquals(vectors, among);
        using Tensor all = Directions(among), wanted = areSame ? all.alias() : Directions(vectors);
        for (int start = 0; start < vectors.Length; start += BlockRows * pool.Count)
        {
            cancellation.ThrowIfCancellationRequested();
            int from = start, end = Math.Min(start + BlockRows * pool.Count, vectors.Length);
            pool.Run((end - from + BlockRows - 1) / BlockRows, (_, block) =>
                Search(wanted, all, from + block * BlockRows, Math.Min(from + (block + 1) * BlockRows, end), areSame, top, minimum, found));
            progress(end);
        }

        return found;
    }

    private static void Search(Tensor wanted, Tensor all, int first, int end, bool areSame, int top, double minimum,
        (int Index, float Cosine)[][] found)
    {
        using IDisposable noGradients = no_grad();
        List<(int Index, float Cosine)>[] best = [.. Enumerable.Range(first, end - first).Select(_ => new List<(int, float)>(top + 1))];
        float[] least = [.. best.Select(_ => MathF.BitDecrement((float)minimum))];
        for (int column = 0; column < all.shape[0]; column += BlockColumns)
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor block = all.slice(0, column, Math.Min(column + BlockColumns, all.shape[0]), 1);
            ReadOnlySpan<float> cosines = MemoryMarshal.Cast<byte, float>(wanted.slice(0, first, end, 1).matmul(block.t()).bytes);
            int width = cosines.Length / best.Length;
            for (int row = 0; row < best.Length; row++)
            {
                for (int i = 0; i < width; i++)
                {
                    float cosine = cosines[row * width + i];
                    if (cosine > least[row] && !(areSame && column + i == first + row))
                        Insert(best[row], (column + i, cosine), ref least[row]);
                }
            }
        }

        for (int row = 0; row < best.Length; row++)
            found[first + row] = [.. best[row]];

        void Insert(List<(int Index, float Cosine)> list, (int Index, float Cosine) item, ref float threshold)
        {
            int at = list.Count;
            while (at > 0 && list[at - 1].Cosine < item.Cosine)
                at--;
            list.Insert(at, item);
            if (list.Count > top)
                list.RemoveAt(top);
            if (list.Count == top)
                threshold = list[^1].Cosine;
        }
    }

    /// <summary>The vectors with length 1: [count, length].</summary>
    private static Tensor Directions(float[][] vectors)
    {
        using IDisposable noGradients = no_grad();
        return Rows.Of(vectors.Length, vectors[0].Length, (i, row) =>
        {
            float length = MathF.Sqrt(vectors[i].Sum(value => value * value));
            for (int k = 0; k < row.Length; k++)
                row[k] = length > 0 ? vectors[i][k] / length : 0;
        });
    }
}
