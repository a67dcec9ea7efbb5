using System.Runtime.InteropServices;
using Cifar10Ps.Data;
using Cifar10Ps.Networks;
using Cifar10Ps.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Cifar10Ps.Models;

/// <summary>
/// The weight of a convolution that whitens: its filters are the eigenvectors of the covariance of the images' patches, each divided by the
/// root of its eigenvalue, so that their outputs are uncorrelated and of variance one; then the same filters negated, since what follows
/// treats positive and negative values differently.
/// </summary>
/// <remarks>A. Coates, A. Ng, "Learning feature representations with K-means", 2012; frozen as the first layer in D. Page, "How to train
/// your ResNet 8: bag of tricks", 2019, and K. Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU", 2024.</remarks>
internal static class Whitening
{
    /// <summary>Images that are measured at most, spread evenly over all.</summary>
    private const int ImageCount = 5000;

    private const int ChunkSize = 50;

    /// <summary>Patches of an image in each direction, about; those of larger images are spread evenly.</summary>
    private const int PatchesPerSide = 32;

    /// <summary>Keeps directions in which patches hardly vary from being blown up.</summary>
    private const double Regularization = 5e-4;

    /// <summary>Measures the weight.</summary>
    /// <param name="convolution">The convolution.</param>
    /// <param name="images">The training images.</param>
    /// <param name="preprocessing">How they become the network's input.</param>
    /// <returns>[output channels, 3, height, width].</returns>
    public static float[] Measure(Convolution convolution, IReadOnlyList<LabeledImage> images, Preprocessing preprocessing)
    {
        using NativeWork.Scope work = NativeWork.Begin();
        // As a worker pool would, but there is none yet: the order of sums must not depend on the number of processors.
        NativeBackend.Load();
        set_num_threads(1);
        using IDisposable noGradients = no_grad();
        using DisposeScope scope = NewDisposeScope();
        (int length, Extent window) = (convolution.WindowLength, convolution.Window.Size);
        int measured = Math.Min(images.Count, ImageCount);
        LabeledImage[] sample = [.. Enumerable.Range(0, measured).Select(i => images[(int)((long)i * images.Count / measured)])];
        BatchBuilder builder = new(preprocessing);
        Tensor products = zeros(length, length, ScalarType.Float64);
        long count = 0;
        foreach (LabeledImage[] chunk in sample.Chunk(ChunkSize))
        {
            using DisposeScope ofChunk = NewDisposeScope();
            Tensor pixels = empty(chunk.Length, preprocessing.Height, preprocessing.Width, 3);
            Span<float> values = MemoryMarshal.Cast<byte, float>(pixels.bytes);
            for (int i = 0; i < chunk.Length; i++)
                builder.Write(chunk[i], values.Slice(i * builder.ImageLength, builder.ImageLength));
            // [count, 3, rows, columns, height, width] as rows of one patch each.
            Tensor patches = pixels.permute(0, 3, 1, 2).unfold(2, window.Height, Step(preprocessing.Height))
                .unfold(3, window.Width, Step(preprocessing.Width))
                .permute(0, 2, 3, 1, 4, 5).reshape(-1, length).to(ScalarType.Float64);
            products.AddTensor(patches.mT.mm(patches));
            count += patches.shape[0];
        }

        (Tensor variances, Tensor directions) = linalg.eigh(products.DivideBy(count));
        Tensor filters = directions.mT.div(variances.AddNumber(Regularization).sqrt().unsqueeze(1));
        return MemoryMarshal.Cast<byte, float>(cat([filters, filters.neg()], 0).to(ScalarType.Float32).contiguous().bytes).ToArray();

        static int Step(int side) => Math.Max(1, side / PatchesPerSide);
    }
}
