using Cifar10Ps.Execution;
using Cifar10Ps.Models;
using Cifar10Ps.Runtime;

namespace Cifar10Ps.Training;

/// <summary>How much memory a run takes.</summary>
internal static class TrainingMemory
{
    // Measured from 32 to 128 pixels, with a quarter to spare: how often the output of each convolution is held in training, with
    // norms, gradients and temporaries, fused or not; how often the largest one is in a forward pass alone; and libtorch itself.
    private const int TrainingCopies = 5, ForwardCopies = 4;
    private const long Fixed = 300_000_000;

    /// <summary>Refuses a run that does not fit into the memory that is free.</summary>
    /// <exception cref="EngineException"><c>NotEnoughMemory</c>.</exception>
    public static void Require(ModelSnapshot model, TrainingOptions options, int threads, int shards, int processes, int sums = 0) =>
        MachineMemory.Require(processes * Estimate(model, options, threads, shards, sums),
            $"Training a {model.Name} on images of {model.Preprocessing.Width} x {model.Preprocessing.Height} pixels"
            + (processes > 1 ? $" in {processes} processes of this machine" : ""));

    /// <summary>Approximate peak memory of training with these options in bytes, without the images of the data set.</summary>
    /// <param name="model">The model.</param>
    /// <param name="options">What to do.</param>
    /// <param name="threads">Number of workers.</param>
    /// <param name="shards">Number of a batch's shards that this process computes.</param>
    /// <param name="sums">Number of sums of shards that it exchanges: see <see cref="Distribution.Ranks.SumCount"/>.</param>
    public static long Estimate(ModelSnapshot model, TrainingOptions options, int threads, int shards, int sums = 0)
    {
        (int width, int height) = (model.Preprocessing.Width, model.Preprocessing.Height);
        int valueSize = Precisions.Resolve(options.Precision) == Precision.BFloat16 ? 2 : 4;
        long together = (long)Math.Min(threads, shards) * Math.Min(options.BatchSize, ShardedBatch.ShardSize);
        long[] convolutions = [.. model.Network.Layers.Zip(model.Network.Shapes(height, width))
            .Where(layer => layer.First.Kind == LayerKind.Convolution).Select(layer => layer.Second.Length)];
        Network part = TrainedPart.Of(model.Network, options, options.Epochs);
        // A classifier alone is trained on features.
        long training = part.HasFrozenBackbone ? 0 : together * convolutions.Sum() * valueSize * TrainingCopies;
        long validation = (long)threads * Predictor.ShardSizeOf(model) * convolutions.DefaultIfEmpty().Max() * valueSize * ForwardCopies;
        // Each shard has its own gradients, each worker with a shard its own copy; there are the weights, the optimizer's state, and more.
        long parameters = ((long)(shards + Math.Min(threads, shards)) * part.ParameterCount + 8L * model.ParameterCount) * sizeof(float);
        // What is sent and what is received, each once more where MPI reads and writes.
        long exchanged = 4L * sums * part.ParameterCount * sizeof(float);
        return Fixed + parameters + exchanged + Math.Max(training, validation);
    }
}
