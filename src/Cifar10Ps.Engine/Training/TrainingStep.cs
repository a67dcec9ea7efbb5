using System.Runtime.InteropServices;
using Cifar10Ps.Data;
using Cifar10Ps.Distribution;
using Cifar10Ps.Execution;
using Cifar10Ps.Inference;
using Cifar10Ps.Models;
using Cifar10Ps.Networks;
using Cifar10Ps.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Cifar10Ps.Training;

/// <summary>Performs training steps: holds the weights, the optimizer and the shards of a batch.
/// Shared by training and the learning rate range test.</summary>
internal sealed class TrainingStep : IDisposable
{
    private readonly NetworkWeights _weights;
    private readonly Optimizer _optimizer;
    private readonly ShardedBatch _batch;
    private readonly double _maximumNorm;

    /// <summary>Prepares the first step.</summary>
    /// <param name="pool">The workers.</param>
    /// <param name="start">The model that it begins with.</param>
    /// <param name="part">Its network, with what is frozen.</param>
    /// <param name="options">What to do.</param>
    /// <param name="classWeights">How much each class counts in the loss; null: all the same.</param>
    /// <param name="features">The features of the images, if the backbone is frozen.</param>
    /// <param name="moments">The optimizer's state to resume with; null: a new run.</param>
    /// <param name="ranks">Who shares each batch; null: this process alone.</param>
    public TrainingStep(WorkerPool pool, ModelSnapshot start, Network part, TrainingOptions options, float[]? classWeights,
        FeatureTable? features = null, IReadOnlyDictionary<string, StateDict>? moments = null, Ranks? ranks = null)
    {
        _maximumNorm = options.GradientClipping;
        _weights = new NetworkWeights(part);
        _optimizer = Optimizer.Create(options, _weights, pool);
        _batch = new ShardedBatch(pool, start, _weights, options, classWeights, features, ranks);
        _weights.CopyFrom(start.Weights);
        if (moments is null)
            return;
        using DisposeScope scope = NewDisposeScope();
        foreach ((string name, StateDict values) in moments)
            foreach ((LayerTensor tensor, Tensor view) in NetworkWeights.LearnedViewsOf(part, _optimizer.Moments[name]))
                NetworkWeights.CopyIn(view, values[tensor.Name], tensor);
    }

    /// <summary>Whether weights, statistics and moments are all finite: infinity and NaN survive a sum.</summary>
    public bool IsFinite
    {
        get
        {
            using DisposeScope scope = NewDisposeScope();
            return _optimizer.Moments.Values.Append(_weights.Learned).Append(_weights.Statistics)
                .All(values => float.IsFinite(MemoryMarshal.Read<float>(values.sum().bytes)));
        }
    }

    /// <summary>Computes the gradients of a batch.</summary>
    /// <param name="images">At most as many images as the batch size of the options.</param>
    /// <param name="weight">How much the batch counts in the running statistics, 0 to 1.</param>
    /// <returns>The gradients, for <see cref="Update"/>; the sum of the losses; the number of right guesses.</returns>
    public (Tensor Gradients, double LossSum, int Correct) Compute(IReadOnlyList<TrainingImage> images, double weight) =>
        _batch.Compute(images, weight);

    /// <summary>Changes the weights.</summary>
    /// <param name="gradients">The result of <see cref="Compute"/>; overwritten.</param>
    /// <param name="learningRate">Learning rate of this step.</param>
    /// <param name="step">Number of this step, from 1 for the first one with these moments.</param>
    public void Update(Tensor gradients, double learningRate, long step)
    {
        if (_maximumNorm > 0)
            Clip(gradients);
        _optimizer.Step(gradients, learningRate, step);
    }

    /// <summary>A copy of the weights and statistics.</summary>
    public StateDict ToStateDict() => _weights.ToStateDict();

    /// <summary>A copy of the optimizer's moments, each like the learned part of the model.</summary>
    public IReadOnlyDictionary<string, StateDict> ToMoments() =>
        _optimizer.Moments.ToDictionary(moment => moment.Key, moment => Split(moment.Value));

    /// <inheritdoc/>
    public void Dispose()
    {
        _batch.Dispose();
        _optimizer.Dispose();
        _weights.Dispose();
    }

    /// <summary>Scales a gradient down to the largest norm.</summary>
    /// <remarks>R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent neural networks", ICML 2013.</remarks>
    private void Clip(Tensor gradients)
    {
        // In one order, whatever the number of threads.
        double squares = 0;
        foreach (float value in MemoryMarshal.Cast<byte, float>(gradients.bytes))
            squares += (double)value * value;
        if (Math.Sqrt(squares) > _maximumNorm)
            gradients.MultiplyBy(_maximumNorm / Math.Sqrt(squares));
    }

    private StateDict Split(Tensor flat)
    {
        using DisposeScope scope = NewDisposeScope();
        StateDict values = new();
        foreach ((LayerTensor tensor, Tensor view) in NetworkWeights.LearnedViewsOf(_weights.Network, flat))
            values[tensor.Name] = NetworkWeights.CopyOut(view);
        return values;
    }
}
