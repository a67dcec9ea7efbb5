using System.Runtime.InteropServices;
using Cifar10Ps.Data;
using Cifar10Ps.Distribution;
using Cifar10Ps.Execution;
using Cifar10Ps.Inference;
using Cifar10Ps.Models;
using Cifar10Ps.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Cifar10Ps;

/// <summary>
/// Computes a classifier's logits, or its features, for any number of images, a shard at a time on the workers of a pool; a single image is
/// computed separately, in fp32 (<see cref="SingleImageExecutor"/>).
/// </summary>
public sealed class Predictor : IDisposable
{
    /// <summary>Images of one forward pass: about as many as fit the caches of a core.</summary>
    private const int ShardSize = 64;

    private readonly ModelSnapshot _model;
    // Both need libtorch, which an image alone does not.
    private readonly Lazy<WorkerPool> _pool;
    private readonly Lazy<FoldedExecutor>? _executor;
    private readonly Ranks _ranks;
    private readonly bool _ownsPool;
    private readonly FeatureTable? _features;
    private readonly BatchBuilder _builder;
    private readonly SingleImageExecutor? _single;
    private readonly bool _augment;

    /// <summary>Computes with a classifier as it is now, even if it is trained meanwhile.</summary>
    /// <param name="model">The classifier.</param>
    /// <param name="threads">Number of workers; by default one for each processor that this process may use.</param>
    /// <param name="precision">Precision of convolutions and activations; a single image is computed in bf16 only if that is chosen
    /// explicitly.</param>
    /// <param name="augment">Whether the logits are the mean over an image and its mirror image.</param>
    public Predictor(ImageClassifier model, int? threads = null, Precision precision = Precision.Auto, bool augment = false)
        : this(model.Snapshot, new Lazy<WorkerPool>(() => new WorkerPool(threads ?? WorkerPool.DefaultCount)), precision, augment,
            Ranks.Alone(threads ?? WorkerPool.DefaultCount)) => _ownsPool = true;

    /// <summary>Computes on another owner's workers, in the memory that they have, and on those of the other ranks.</summary>
    internal Predictor(ModelSnapshot model, WorkerPool pool, Precision precision, bool augment = false, Ranks? ranks = null)
        : this(model, new Lazy<WorkerPool>(pool), precision, augment, ranks ?? Ranks.Alone(pool.Count))
    {
    }

    /// <summary>Computes logits from features that are known, with the classifier alone.</summary>
    internal Predictor(ModelSnapshot model, WorkerPool pool, FeatureTable features)
        : this(model, new Lazy<WorkerPool>(pool), augment: false, Ranks.Alone(pool.Count)) => _features = features;

    private Predictor(ModelSnapshot model, Lazy<WorkerPool> pool, Precision precision, bool augment, Ranks ranks)
        : this(model, pool, augment, ranks)
    {
        model.Network.Require(model.Preprocessing.Height, model.Preprocessing.Width);
        _executor = new Lazy<FoldedExecutor>(() => Executors.ForInference(model, Precisions.Resolve(precision)));
        if (precision != Precision.BFloat16 && !augment)
            _single = Executors.ForOneImage(model, isShared: ranks.WorkerCount > 1);
    }

    private Predictor(ModelSnapshot model, Lazy<WorkerPool> pool, bool augment, Ranks ranks)
    {
        (_model, _pool, _augment, _ranks) = (model, pool, augment, ranks);
        _builder = new BatchBuilder(model.Preprocessing);
    }

    /// <summary>What it computes with.</summary>
    internal ModelSnapshot Model => _model;

    private Network Network => _model.Network;

    /// <summary>A suitable number of images for one call: a shard for every worker.</summary>
    public int BatchSize => ShardSize * _ranks.WorkerCount;

    /// <summary>Computes logits.</summary>
    /// <param name="images">Images of the size that the model takes.</param>
    /// <returns>For each image, in order: a logit for each class.</returns>
    /// <exception cref="EngineException"><c>ImageSizeMismatch</c>; <c>NativeBackendNotLoaded</c>.</exception>
    public float[][] Logits(IReadOnlyList<LabeledImage> images)
    {
        using NativeWork.Scope work = NativeWork.Begin();
        return _single is not null && images.Count == 1 ? [LogitsOf(images[0])] : LogitsOfPart(images);
    }

    /// <summary>Computes logits of some of many images: those of a single one too are computed as the others' are.</summary>
    internal float[][] LogitsOfPart(IReadOnlyList<LabeledImage> images) => _features is not null ? _features.Logits(_model, images)
        : _ranks.Compute(images, ShardSize, Network.ClassCount, part => Outputs(part, Network.Layers.Count - 1)[0]);

    /// <summary>Computes features: the vector that the network's last linear layer reads, or, if it does not end with one, its
    /// outputs.</summary>
    /// <param name="images">Images of the size that the model takes.</param>
    /// <returns>For each image, in order: its features, all of the same number.</returns>
    /// <exception cref="EngineException"><c>ImageSizeMismatch</c>.</exception>
    public float[][] Features(IReadOnlyList<LabeledImage> images) =>
        _ranks.Compute(images, ShardSize, Network.FeatureLength, part => Outputs(part, Network.FeatureLayer)[0]);

    /// <summary>The outputs of some layers for each image.</summary>
    /// <param name="images">Images of the size that the model takes.</param>
    /// <param name="layers">Positions of the layers, each the last of its <see cref="Unit"/>.</param>
    /// <returns>For each layer, each image: its values, channel by channel.</returns>
    internal float[][][] Outputs(IReadOnlyList<LabeledImage> images, params int[] layers)
    {
        using NativeWork.Scope work = NativeWork.Begin();
        float[][][] outputs = [.. layers.Select(_ => new float[images.Count][])];
        WorkerPool pool = _pool.Value;
        FoldedExecutor executor = _executor!.Value;
        pool.Run((images.Count + ShardSize - 1) / ShardSize, (_, shard) =>
        {
            int start = shard * ShardSize, count = Math.Min(ShardSize, images.Count - start);
            using IDisposable noGradients = no_grad();
            using DisposeScope scope = NewDisposeScope();
            Tensor pixels = empty(count, _model.Preprocessing.Height, _model.Preprocessing.Width, 3);
            Span<float> input = MemoryMarshal.Cast<byte, float>(pixels.bytes);
            for (int i = 0; i < count; i++)
                _builder.Write(images[start + i], input.Slice(i * _builder.ImageLength, _builder.ImageLength));
            Tensor[] found = executor.Forward(pixels.permute(0, 3, 1, 2), layers);
            if (_augment)
                found = [.. found.Zip(executor.Forward(pixels.flip(2).permute(0, 3, 1, 2), layers),
                    (output, mirrored) => output.AddTensor(mirrored).MultiplyBy(0.5))];
            foreach ((float[][] output, Tensor tensor) in outputs.Zip(found))
            {
                Span<float> values = MemoryMarshal.Cast<byte, float>(tensor.to(ScalarType.Float32).contiguous().bytes);
                for (int i = 0, length = values.Length / count; i < count; i++)
                    output[start + i] = values.Slice(i * length, length).ToArray();
            }
        });
        return outputs;
    }

    private float[] LogitsOf(LabeledImage image)
    {
        float[] input = new float[_builder.ImageLength];
        _builder.Write(image, input);
        lock (_single!)
            return _single.Logits(input);
    }

    /// <summary>Predicts what images show.</summary>
    /// <param name="images">Images of the size that the model takes.</param>
    /// <param name="top">How many of the best guesses to list.</param>
    /// <param name="minimumConfidence">The least confidence of an answer, 0 to 1; below it, the class is <c>unknown</c>.</param>
    /// <param name="withFeatures">Whether the predictions have their <see cref="Prediction.Features"/>.</param>
    /// <returns>A prediction for each image, in order.</returns>
    /// <exception cref="EngineException"><c>ImageSizeMismatch</c>.</exception>
    public IEnumerable<Prediction> Predict(IReadOnlyList<LabeledImage> images, int top, double minimumConfidence = 0,
        bool withFeatures = false)
    {
        (float[][] logits, float[][]? features) = withFeatures
            && Outputs(images, Network.Layers.Count - 1, Network.FeatureLayer) is var both
            ? (both[0], both[1]) : (Logits(images), null);
        return images.Select((image, n) => new Prediction(_model, logits[n], top, image, minimumConfidence, features?[n]));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        using NativeWork.Scope work = NativeWork.Begin();
        if (_ownsPool && _pool.IsValueCreated)
            _pool.Value.Dispose();
        _single?.Dispose();
        if (_executor is { IsValueCreated: true })
            _executor.Value.Dispose();
    }
}
