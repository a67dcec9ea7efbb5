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
    /// <summary>Most images of one forward pass: about as many as fit the caches of a core.</summary>
    private const int LargestShard = 64;

    /// <summary>Most bytes that a layer's outputs for them take, so that large images do not take the machine's memory.</summary>
    private const long LargestOutput = 256 << 20;

    private readonly ModelSnapshot _model;
    // Both need libtorch, which an image alone does not.
    private readonly Lazy<WorkerPool> _pool;
    private readonly Lazy<FoldedExecutor>? _executor;
    private readonly Lazy<SingleImageExecutor?>? _single;
    private readonly Ranks _ranks;
    private readonly bool _ownsPool;
    private readonly FeatureTable? _features;
    private readonly int _shardSize;
    private readonly BatchBuilder _builder;
    private readonly (ImageView View, double Share)[] _views;

    /// <summary>Computes with a classifier as it is now, even if it is trained meanwhile.</summary>
    /// <param name="model">The classifier.</param>
    /// <param name="threads">Number of workers; by default one for each processor that this process may use.</param>
    /// <param name="precision">Precision of convolutions and activations; a single image is computed in bf16 only if that is chosen
    /// explicitly.</param>
    /// <param name="views">Over how many views of an image the logits, or features, are averaged: 1, 2 with its mirror image, or 6, where
    /// half of the mean is that of both, shifted by a pixel to the upper left and to the lower right.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such number of views.</exception>
    public Predictor(ImageClassifier model, int? threads = null, Precision precision = Precision.Auto, int views = 1)
        : this(model.Snapshot, new Lazy<WorkerPool>(() => new WorkerPool(threads ?? WorkerPool.DefaultCount)), precision, views,
            Ranks.Alone(threads ?? WorkerPool.DefaultCount)) => _ownsPool = true;

    /// <summary>Computes on another owner's workers, in the memory that they have, and on those of the other ranks.</summary>
    internal Predictor(ModelSnapshot model, WorkerPool pool, Precision precision, int views = 1, Ranks? ranks = null)
        : this(model, new Lazy<WorkerPool>(pool), precision, views, ranks ?? Ranks.Alone(pool.Count))
    {
    }

    /// <summary>Computes logits from features that are known, with the classifier alone.</summary>
    internal Predictor(ModelSnapshot model, WorkerPool pool, FeatureTable features)
        : this(model, new Lazy<WorkerPool>(pool), views: 1, Ranks.Alone(pool.Count)) => _features = features;

    private Predictor(ModelSnapshot model, Lazy<WorkerPool> pool, Precision precision, int views, Ranks ranks)
        : this(model, pool, views, ranks)
    {
        _executor = new Lazy<FoldedExecutor>(() => Executors.ForInference(model, Precisions.Resolve(precision)));
        if (precision != Precision.BFloat16 && views == 1)
            _single = new Lazy<SingleImageExecutor?>(() => Executors.ForOneImage(model, isShared: ranks.WorkerCount > 1));
    }

    private Predictor(ModelSnapshot model, Lazy<WorkerPool> pool, int views, Ranks ranks)
    {
        (_model, _pool, _views, _ranks) = (model, pool, ViewsOf(views), ranks);
        model.Network.Require(model.Preprocessing.Height, model.Preprocessing.Width);
        _shardSize = ShardSizeOf(model);
        _builder = new BatchBuilder(model.Preprocessing);
    }

    /// <summary>What it computes with.</summary>
    internal ModelSnapshot Model => _model;

    private Network Network => _model.Network;

    /// <summary>A suitable number of images for one call: a shard for every worker.</summary>
    public int BatchSize => _shardSize * _ranks.WorkerCount;

    /// <summary>Images of one forward pass. It depends on the model alone, as do the bits.</summary>
    internal static int ShardSizeOf(ModelSnapshot model)
    {
        long largest = model.Network.Shapes(model.Preprocessing.Height, model.Preprocessing.Width).Max(shape => shape.Length);
        return (int)Math.Clamp(LargestOutput / (sizeof(float) * largest), 1, LargestShard);
    }

    /// <summary>Computes logits.</summary>
    /// <param name="images">Images of the size that the model takes.</param>
    /// <returns>For each image, in order: a logit for each class.</returns>
    /// <exception cref="EngineException"><c>ImageSizeMismatch</c>; <c>NativeBackendNotLoaded</c>.</exception>
    public float[][] Logits(IReadOnlyList<LabeledImage> images) => Logits(images, isPart: false);

    /// <summary>Computes logits.</summary>
    /// <param name="images">Images of the size that the model takes.</param>
    /// <param name="isPart">Whether these are some of many images: a single one too is computed as the others are.</param>
    internal float[][] Logits(IReadOnlyList<LabeledImage> images, bool isPart)
    {
        using NativeWork.Scope work = NativeWork.Begin();
        if (images.Count == 1 && !isPart && _single?.Value is { } single)
            return [LogitsOf(single, images[0])];
        return _features is not null ? _features.Logits(_model, images)
            : _ranks.Compute(images, _shardSize, Network.ClassCount, part => Outputs(part, Network.Layers.Count - 1)[0]);
    }

    /// <summary>Computes features: the vector that the network's last linear layer reads, or, if it does not end with one, its
    /// outputs.</summary>
    /// <param name="images">Images of the size that the model takes.</param>
    /// <returns>For each image, in order: its features, all of the same number.</returns>
    /// <exception cref="EngineException"><c>ImageSizeMismatch</c>.</exception>
    public float[][] Features(IReadOnlyList<LabeledImage> images) =>
        _ranks.Compute(images, _shardSize, Network.FeatureLength, part => Outputs(part, Network.FeatureLayer)[0]);

    /// <summary>The outputs of some layers for each image.</summary>
    /// <param name="images">Images of the size that the model takes.</param>
    /// <param name="layers">Positions of the layers, all different, each the last of its <see cref="Unit"/>.</param>
    /// <returns>For each layer, each image: its values, channel by channel.</returns>
    internal float[][][] Outputs(IReadOnlyList<LabeledImage> images, params int[] layers)
    {
        using NativeWork.Scope work = NativeWork.Begin();
        float[][][] outputs = [.. layers.Select(_ => new float[images.Count][])];
        WorkerPool pool = _pool.Value;
        FoldedExecutor executor = _executor!.Value;
        pool.Run((images.Count + _shardSize - 1) / _shardSize, (_, shard) =>
        {
            int start = shard * _shardSize, count = Math.Min(_shardSize, images.Count - start);
            using IDisposable noGradients = no_grad();
            using DisposeScope scope = NewDisposeScope();
            Tensor[] found = SeenAs(_views[0].View);
            if (_views.Length > 1)
                found = [.. found.Select(output => output.MultiplyBy(_views[0].Share))];
            foreach ((ImageView view, double share) in _views.Skip(1))
                found = [.. found.Zip(SeenAs(view), (sum, output) => sum.AddScaled(output, share))];

            foreach ((float[][] output, Tensor tensor) in outputs.Zip(found))
            {
                Tensor values = tensor.to(ScalarType.Float32).contiguous();
                for (int i = 0; i < count; i++)
                {
                    // A span of all of them could have no more than 2 GB.
                    using Tensor own = values.narrow(0, i, 1);
                    output[start + i] = MemoryMarshal.Cast<byte, float>(own.bytes).ToArray();
                }
            }

            Tensor[] SeenAs(ImageView view)
            {
                // One view's pixels at a time.
                using DisposeScope seen = NewDisposeScope();
                Tensor pixels = empty(count, _model.Preprocessing.Height, _model.Preprocessing.Width, 3);
                Span<float> input = MemoryMarshal.Cast<byte, float>(pixels.bytes);
                for (int i = 0; i < count; i++)
                    _builder.Write(images[start + i], input.Slice(i * _builder.ImageLength, _builder.ImageLength), view);
                return [.. executor.Forward(pixels.permute(0, 3, 1, 2), layers).Select(output => output.MoveToOuterDisposeScope())];
            }
        });
        return outputs;
    }

    /// <summary>The views of an image, and their shares of the mean.</summary>
    /// <remarks>K. Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU", 2024, section 3.5.</remarks>
    private static (ImageView View, double Share)[] ViewsOf(int count) => count switch
    {
        1 => [(default, 1)],
        2 => [(default, 0.5), (new ImageView(0, 0, true), 0.5)],
        6 =>
        [
            (default, 0.25), (new ImageView(0, 0, true), 0.25),
            (new ImageView(1, 1, false), 0.125), (new ImageView(1, 1, true), 0.125),
            (new ImageView(-1, -1, false), 0.125), (new ImageView(-1, -1, true), 0.125),
        ],
        _ => throw new ArgumentOutOfRangeException(nameof(count), count, "There are 1, 2 or 6 views."),
    };

    private float[] LogitsOf(SingleImageExecutor single, LabeledImage image)
    {
        float[] input = new float[_builder.ImageLength];
        _builder.Write(image, input);
        lock (single)
            return single.Logits(input);
    }

    /// <summary>Predicts what images show.</summary>
    /// <param name="images">Images of the size that the model takes.</param>
    /// <param name="top">How many of the best guesses to list.</param>
    /// <param name="minimumConfidence">The least confidence of an answer, 0 to 1; below it, the class is <c>unknown</c>.</param>
    /// <param name="withFeatures">Whether the predictions have their <see cref="Prediction.Features"/>.</param>
    /// <param name="isPart">Whether these are some of many images: a single one too is computed as the others are.</param>
    /// <returns>A prediction for each image, in order.</returns>
    /// <exception cref="EngineException"><c>ImageSizeMismatch</c>.</exception>
    public IEnumerable<Prediction> Predict(IReadOnlyList<LabeledImage> images, int top, double minimumConfidence = 0,
        bool withFeatures = false, bool isPart = false)
    {
        int last = Network.Layers.Count - 1, feature = Network.FeatureLayer;
        (float[][] logits, float[][]? features) = !withFeatures ? (Logits(images, isPart), null)
            : feature == last && Outputs(images, last)[0] is var same ? (same, same)
            : Outputs(images, last, feature) is var both ? (both[0], both[1]) : default;
        return images.Select((image, n) => new Prediction(_model, logits[n], top, image, minimumConfidence, features?[n]));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        using NativeWork.Scope work = NativeWork.Begin();
        if (_ownsPool && _pool.IsValueCreated)
            _pool.Value.Dispose();
        if (_single is { IsValueCreated: true })
            _single.Value?.Dispose();
        if (_executor is { IsValueCreated: true })
            _executor.Value.Dispose();
    }
}
