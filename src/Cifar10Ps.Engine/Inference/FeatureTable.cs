using System.Numerics;
using Cifar10Ps.Distribution;
using Cifar10Ps.Models;
using Cifar10Ps.Networks;
using Cifar10Ps.Runtime;

namespace Cifar10Ps.Inference;

/// <summary>The features of images, computed once: all that a classifier reads while the rest of the network does not change.</summary>
internal sealed class FeatureTable
{
    private readonly Dictionary<LabeledImage, float[]> _features = new(ReferenceEqualityComparer.Instance);

    /// <summary>Computes the features of images, without augmentation.</summary>
    /// <param name="model">The network and its weights.</param>
    /// <param name="pool">The workers.</param>
    /// <param name="precision">Precision of convolutions and activations.</param>
    /// <param name="images">The images.</param>
    /// <param name="progress">Receives the number of images done after each portion; null disables it.</param>
    /// <param name="cancellation">Ends the computation after the current portion.</param>
    /// <param name="ranks">Who shares the work; null: this process alone.</param>
    /// <param name="processes">Number of processes of this machine that keep such a table at once.</param>
    /// <exception cref="EngineException"><c>ImageSizeMismatch</c>, <c>NotEnoughMemory</c>.</exception>
    public FeatureTable(ModelSnapshot model, WorkerPool pool, Precision precision, IReadOnlyList<LabeledImage> images,
        Action<int>? progress, CancellationToken cancellation, Ranks? ranks = null, int processes = 1)
    {
        Length = model.Network.Classifier is { Operation: Linear linear } ? linear.Inputs
            : throw new InvalidOperationException("A network without a classifier has no features to train it on.");
        MachineMemory.Require((long)sizeof(float) * Length * images.Count * processes,
            $"{images.Count:N0} images as {Length:N0} features each" + (processes > 1 ? $" in {processes} processes of this machine" : ""));
        using Predictor predictor = new(model, pool, precision, ranks: ranks);
        foreach (LabeledImage[] portion in images.Chunk(predictor.BatchSize))
        {
            cancellation.ThrowIfCancellationRequested();
            foreach ((LabeledImage image, float[] features) in portion.Zip(predictor.Features(portion)))
                _features[image] = features;
            progress?.Invoke(_features.Count);
        }
    }

    /// <summary>Number of features of an image.</summary>
    public int Length { get; }

    /// <summary>The features of one of the images.</summary>
    public ReadOnlySpan<float> this[LabeledImage image] => _features[image];

    /// <summary>What a classifier makes of the features.</summary>
    /// <param name="model">The model, of whose values only the classifier's differ from those that gave the features.</param>
    /// <param name="images">Some of the images.</param>
    /// <returns>For each image, in order: a logit for each class.</returns>
    public float[][] Logits(ModelSnapshot model, IReadOnlyList<LabeledImage> images)
    {
        Layer classifier = model.Network.Classifier!;
        float[] weight = model.Weights[classifier.Tensor(TensorRole.LinearWeight)!.Name];
        float[]? bias = classifier.Tensor(TensorRole.LinearBias) is { } tensor ? model.Weights[tensor.Name] : null;
        return [.. images.Select(image =>
        {
            float[] features = _features[image], logits = new float[weight.Length / Length];
            for (int c = 0; c < logits.Length; c++)
                logits[c] = Dot(weight.AsSpan(c * Length, Length), features) + (bias?[c] ?? 0);
            return logits;
        })];
    }

    private static float Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        Vector<float> sums = Vector<float>.Zero;
        int i = 0;
        for (; i <= a.Length - Vector<float>.Count; i += Vector<float>.Count)
            sums += new Vector<float>(a[i..]) * new Vector<float>(b[i..]);
        float sum = Vector.Sum(sums);
        for (; i < a.Length; i++)
            sum += a[i] * b[i];
        return sum;
    }
}
