using Cifar10Ps.Inference;
using Cifar10Ps.Runtime;

namespace Cifar10Ps;

/// <summary>
/// Finds images that are alike: to the eye, by their <see cref="Thumbnail"/>, or to a classifier, by their features. Mirror images are
/// alike in both ways.
/// </summary>
/// <param name="model">The classifier whose features are compared; null: what images look like is compared.</param>
/// <param name="threads">Number of workers; null: one for each processor. It does not change the result.</param>
/// <param name="precision">Precision of the classifier's convolutions and activations.</param>
/// <exception cref="EngineException"><c>NativeBackendNotLoaded</c>.</exception>
public sealed class ImageSimilarity(ImageClassifier? model, int? threads, Precision precision) : IDisposable
{
    private const int Digits = 6;

    /// <summary>What is rounded up to the least similarity has it too: vectors of equal images may differ in the last bits.</summary>
    private const double HalfDigit = 0.5e-6;

    private readonly WorkerPool _pool = new(threads ?? WorkerPool.DefaultCount);

    /// <summary>Finds pairs in some images.</summary>
    /// <param name="parts">The images, each with the name of its part of the data set.</param>
    /// <param name="top">At most how many of the most similar images of each image.</param>
    /// <param name="minimum">The least similarity, -1 to 1.</param>
    /// <param name="progress">Called with what is being done, the number of images done, and that of all.</param>
    /// <param name="cancellation">Ends the search.</param>
    /// <returns>The pairs, each once, the most similar first.</returns>
    /// <exception cref="EngineException"><c>ImageSizeMismatch</c>, <c>NotEnoughMemory</c>.</exception>
    public IReadOnlyList<SimilarImage> Pairs(IReadOnlyList<(LabeledImage Image, string? Split)> parts, int top, double minimum,
        Action<string, int, int> progress, CancellationToken cancellation)
    {
        float[][] vectors = Describe([.. parts.Select(part => part.Image)], progress, cancellation);
        (int Index, float Cosine)[][] found = Neighbours.Of(vectors, vectors, top, minimum - HalfDigit, _pool,
            done => progress("Comparing", done, parts.Count), cancellation);
        return [.. found.SelectMany((neighbours, i) => neighbours
                // Each of two may be a neighbour of the other.
                .Where(neighbour => i < neighbour.Index || !Array.Exists(found[neighbour.Index], other => other.Index == i))
                .Select(neighbour => (First: Math.Min(i, neighbour.Index), Second: Math.Max(i, neighbour.Index), neighbour.Cosine)))
            .OrderByDescending(pair => Rounded(pair.Cosine)).ThenBy(pair => pair.First).ThenBy(pair => pair.Second)
            .Select(pair => new SimilarImage(Rounded(pair.Cosine), parts[pair.First].Image, parts[pair.First].Split,
                parts[pair.Second].Image, parts[pair.Second].Split))];
    }

    /// <summary>Finds the images that are most similar to others.</summary>
    /// <param name="images">The others.</param>
    /// <param name="split">Where they are sought.</param>
    /// <param name="top">At most how many for each.</param>
    /// <param name="minimum">The least similarity, -1 to 1.</param>
    /// <param name="progress">Called with what is being done, the number of images done, and that of all.</param>
    /// <param name="cancellation">Ends the search.</param>
    /// <returns>For each image, in order, the most similar ones first.</returns>
    /// <exception cref="EngineException"><c>ImageSizeMismatch</c>, <c>NotEnoughMemory</c>.</exception>
    public IEnumerable<SimilarImage> Nearest(IReadOnlyList<LabeledImage> images, ImageSplit split, int top, double minimum,
        Action<string, int, int> progress, CancellationToken cancellation)
    {
        float[][] vectors = Describe(images, progress, cancellation), among = Describe(split, progress, cancellation);
        (int Index, float Cosine)[][] found = Neighbours.Of(vectors, among, top, minimum - HalfDigit, _pool,
            done => progress("Comparing", done, images.Count), cancellation);
        return found.SelectMany((neighbours, i) => neighbours.Select(neighbour =>
            new SimilarImage(Rounded(neighbour.Cosine), images[i], null, split[neighbour.Index], split.Name)));
    }

    /// <inheritdoc/>
    public void Dispose() => _pool.Dispose();

    private float[][] Describe(IReadOnlyList<LabeledImage> images, Action<string, int, int> progress, CancellationToken cancellation)
    {
        const int PortionSize = 512;
        if (model is not null)
            Rows.Require(images.Count, model.Network.FeatureLength, copies: 2);
        using Predictor? predictor = model is null ? null : new Predictor(model.Snapshot, _pool, precision, views: 2);
        List<float[]> vectors = [];
        foreach (LabeledImage[] portion in images.Chunk(predictor?.BatchSize ?? PortionSize))
        {
            cancellation.ThrowIfCancellationRequested();
            float[][] described = predictor?.Features(portion) ?? new float[portion.Length][];
            if (predictor is null)
                _pool.Run(portion.Length, (_, i) => described[i] = Thumbnail.Of(portion[i]));
            vectors.AddRange(described);
            progress("Describing", vectors.Count, images.Count);
        }

        return [.. vectors];
    }

    private static double Rounded(float cosine) => Math.Round(cosine, Digits);
}
