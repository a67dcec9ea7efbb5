using System.Runtime.InteropServices;
using Cifar10Ps.Data;
using Cifar10Ps.Distribution;
using Cifar10Ps.Execution;
using Cifar10Ps.Inference;
using Cifar10Ps.Models;
using Cifar10Ps.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Cifar10Ps.Training;

/// <summary>
/// Computes the gradients of a batch in shards, on the workers of all ranks. How a batch is cut depends on its size alone, and the
/// results are added in one order, so the outcome is the same to the last bit for any number of workers and ranks.
/// </summary>
/// <remarks>
/// Batch norm sees one shard at a time ("ghost batch norm": E. Hoffer, I. Hubara, D. Soudry, "Train longer, generalize better", 2017).
/// </remarks>
internal sealed class ShardedBatch : IDisposable
{
    /// <summary>Largest number of images in a shard: about as many as fit the caches of a core.</summary>
    public const int ShardSize = 64;

    /// <summary>Weight of the newest batch in the running statistics of batch norm; PyTorch's default.</summary>
    private const double StatisticsMomentum = 0.1;

    /// <summary>Batches between two returns of free memory: seldom enough that they cost nothing.</summary>
    private const int TrimEvery = 256;

    private readonly WorkerPool _pool;
    private readonly Ranks _ranks;
    private readonly NetworkWeights _master;
    private readonly ModelSnapshot _model;
    private readonly BatchBuilder _builder;
    private readonly TrainingOptions _options;
    private readonly ITrainingExecutor?[] _executors;
    private readonly int _width, _height, _classCount;
    private readonly Tensor? _classWeights;
    private readonly FeatureTable? _features;
    private readonly Gradients?[] _shards;
    private readonly Gradients _sum;
    private long _batches;

    /// <summary>Number of shards of a batch.</summary>
    public static int ShardCount(int images) => (images + ShardSize - 1) / ShardSize;

    /// <summary>Allocates memory for the largest batch.</summary>
    /// <param name="pool">The workers.</param>
    /// <param name="model">Network and preprocessing.</param>
    /// <param name="master">Values; the executors of the workers share the learned ones.</param>
    /// <param name="options">Batch size, augmentation, label smoothing and seed.</param>
    /// <param name="classWeights">How much each class counts in the loss; null: all the same.</param>
    /// <param name="features">What the network takes instead of pixels, if its backbone is frozen.</param>
    /// <param name="ranks">Who shares the batch; null: this process alone.</param>
    public ShardedBatch(WorkerPool pool, ModelSnapshot model, NetworkWeights master, TrainingOptions options, float[]? classWeights = null,
        FeatureTable? features = null, Ranks? ranks = null)
    {
        _features = features;
        _ranks = ranks ?? Ranks.Alone(pool.Count);
        _pool = pool;
        _master = master;
        _model = model;
        _options = options;
        _builder = new BatchBuilder(model.Preprocessing, options.Augmentation);
        (_width, _height, _classCount) = (model.Preprocessing.Width, model.Preprocessing.Height, model.Network.ClassCount);
        _classWeights = classWeights is null ? null : tensor(classWeights);
        _executors = new ITrainingExecutor?[pool.Count];

        int shards = ShardCount(options.BatchSize);
        // Loss and right guesses of each shard travel with the gradients.
        _sum = new Gradients(master, 2 * shards);
        _shards = new Gradients?[shards];
    }

    /// <summary>
    /// Forward and backward over a batch: gradients of the mean loss into the returned buffer, running statistics of
    /// batch norm into the master's.
    /// </summary>
    /// <param name="images">At most as many images as the batch size of the options.</param>
    /// <param name="weight">How much the batch counts in the running statistics, 0 to 1: see <see cref="EpochPlan.WeightOf"/>.</param>
    /// <returns>The gradients (overwritten by the next call), the sum of the losses and the number of right guesses.</returns>
    public (Tensor Gradients, double LossSum, int Correct) Compute(IReadOnlyList<TrainingImage> images, double weight = 1)
    {
        int shards = ShardCount(images.Count);
        (int first, int end) = _ranks.PartOf(shards);
        ComputeShards(images, shards, first, end);

        // By now the workers have allocated all the memory that they need.
        if (++_batches == 3)
            NativeHeaps.UseHugePages();
        if (_batches % TrimEvery == 0)
            NativeHeaps.Trim();
        _ranks.Sum(shards, shard => Values(_shards[shard]!.All), Values(_sum.All));
        using IDisposable noGradients = no_grad();
        double momentum = StatisticsMomentum * weight;
        _master.Statistics.MultiplyBy(1 - momentum).AddScaled(_sum.Statistics, momentum / shards);
        (double loss, double correct) = (0, 0);
        foreach (float[] shard in Values(_sum.More)[..(2 * shards)].ToArray().Chunk(2))
            (loss, correct) = (loss + shard[0], correct + shard[1]);
        return (_sum.Flat, loss, (int)correct);
    }

    /// <summary>Computes some shards of a batch, each into its buffer.</summary>
    private void ComputeShards(IReadOnlyList<TrainingImage> images, int shards, int first, int end)
    {
        int left = end - first, next = first - 1;
        // Always the same workers: what a shard allocates stays in the heap of its thread.
        int owners = Math.Min(_pool.Count, left);
        SharedWork shared = new(hasHelpers: owners < _pool.Count);
        _pool.Run(left == 0 ? 0 : _pool.Count, (worker, _) =>
        {
            while (worker < owners && Interlocked.Increment(ref next) is int shard && shard < end)
                Own(worker, shard);
            // Who has no shard helps the others.
            shared.Help();
        });

        void Own(int worker, int shard)
        {
            bool isDone = false;
            try
            {
                int start = Start(shard), count = Start(shard + 1) - start;
                ComputeShard(worker, shard, images, start, count, shared);
                isDone = true;
            }
            finally
            {
                if (!isDone)
                    Interlocked.Exchange(ref next, end);
                if (!isDone || Interlocked.Decrement(ref left) == 0)
                    shared.End();
            }
        }

        // Shards of a batch that cannot be cut evenly differ by one image at most.
        int Start(int shard) => (int)((long)images.Count * shard / shards);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IDisposable? part in _shards.Append(_sum).Concat<IDisposable?>(_executors))
            part?.Dispose();
        _classWeights?.Dispose();
    }

    private void ComputeShard(int worker, int shard, IReadOnlyList<TrainingImage> images, int start, int count, SharedWork shared)
    {
        // Outside the scope, since it stays.
        Gradients result = _shards[shard] ??= new Gradients(_master, (int)_sum.More.numel());
        ITrainingExecutor executor = _executors[worker]
            ??= Executors.ForTraining(_master, _model.ImageShape, Precisions.Resolve(_options.Precision));
        using WorkTrace.Scope trace = WorkTrace.Measure(WorkKind.Shard, nameof(ComputeShard));
        using DisposeScope scope = NewDisposeScope();
        TrainingImage[] own = [.. images.Skip(start).Take(count)];
        (Tensor inputs, Tensor truth, Tensor labels) = _features is null ? Pixels(own, shared) : Features(own, _features);
        ImageKeys keys = new([.. own.Select(image => image.Key(_options.Seed))]);
        Tensor logits = executor.Forward(inputs, keys, shared).detach().requires_grad_(true);
        (Tensor loss, Tensor gradient) = Loss(logits, truth, images.Count);
        executor.Backward(gradient, result, shared);
        using IDisposable noGradients = no_grad();
        result.Statistics.Assign(executor.Weights.Statistics);
        Span<float> more = Values(result.More);
        more.Clear();
        more[2 * shard] = MemoryMarshal.Read<float>(loss.bytes);
        more[2 * shard + 1] = MemoryMarshal.Read<long>(logits.argmax(1).eq(labels).sum().bytes);
    }

    private static Span<float> Values(Tensor tensor) => MemoryMarshal.Cast<byte, float>(tensor.bytes);

    /// <summary>The images of a shard as the network takes them.</summary>
    /// <returns>The pixels; what the loss compares with, which are labels or shares of classes; the labels.</returns>
    private (Tensor Inputs, Tensor Truth, Tensor Labels) Pixels(TrainingImage[] images, SharedWork shared)
    {
        Tensor pixels = empty(images.Length, _height, _width, 3);
        // Pictures that are not in memory are decoded here.
        shared.ForEachPiece(images.Length, piece =>
        {
            Span<float> values = Values(pixels);
            for (int i = piece.First; i < piece.First + piece.Count; i++)
                _builder.WriteVaried(images[i], values.Slice(i * _builder.ImageLength, _builder.ImageLength), _options.Seed);
        });
        Mixture[] mixtures = _builder.Mix(images, Values(pixels), _options.Seed);
        Tensor labels = tensor([.. mixtures.Select(mixture => (long)mixture.Dominant.Label)]);
        return (pixels.permute(0, 3, 1, 2), _builder.Mixes ? Shares(mixtures) : labels, labels);
    }

    /// <summary>The shares of the classes in mixed images: [image, class].</summary>
    private Tensor Shares(Mixture[] mixtures)
    {
        float[] shares = new float[mixtures.Length * _classCount];
        foreach ((int i, Mixture mixture) in mixtures.Index())
        {
            shares[i * _classCount + mixture.First.Label] += mixture.Share;
            shares[i * _classCount + mixture.Second.Label] += 1 - mixture.Share;
        }

        return tensor(shares, [mixtures.Length, _classCount]);
    }

    /// <summary>The features of a shard.</summary>
    private static (Tensor Inputs, Tensor Truth, Tensor Labels) Features(TrainingImage[] images, FeatureTable features)
    {
        Tensor inputs = empty(images.Length, features.Length);
        Span<float> values = MemoryMarshal.Cast<byte, float>(inputs.bytes);
        for (int i = 0; i < images.Length; i++)
            features[images[i].Image].CopyTo(values[(i * features.Length)..]);
        Tensor labels = tensor([.. images.Select(image => (long)image.Image.Label)]);
        return (inputs, labels, labels);
    }

    /// <summary>The loss summed over the images of a shard, and the gradient of the batch's mean loss.</summary>
    /// <param name="logits">[image, class].</param>
    /// <param name="truth">The class of each image, or the shares of all classes: [image, class].</param>
    /// <param name="batchSize">Number of images in the batch.</param>
    private (Tensor Sum, Tensor Gradient) Loss(Tensor logits, Tensor truth, int batchSize)
    {
        bool isWeighted = _classWeights is not null && _options.LabelSmoothing > 0;
        Tensor sum = nn.functional.cross_entropy(logits, isWeighted ? Smoothed(truth) : truth, weight: isWeighted ? null : _classWeights,
            reduction: nn.Reduction.Sum, label_smoothing: isWeighted ? 0 : _options.LabelSmoothing);
        using Scalar divisor = batchSize;
        return (sum.detach(), autograd.grad([sum / divisor], [logits])[0]);
    }

    /// <summary>
    /// Weighted targets, smoothed: each image has the weight of its class. PyTorch weights the smoothed share of every class by that class,
    /// so that a rare class, whose weight is large, would outweigh the true one in every image.
    /// </summary>
    /// <returns>[image, class].</returns>
    private Tensor Smoothed(Tensor truth)
    {
        Tensor weighted = (truth.dim() == 1 ? nn.functional.one_hot(truth, _classCount).to(float32) : truth) * _classWeights!;
        return weighted.TimesNumber(1 - _options.LabelSmoothing)
            .PlusTensor(weighted.mean([1], keepdim: true).TimesNumber(_options.LabelSmoothing));
    }
}
