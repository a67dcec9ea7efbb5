using Cifar10Ps.Runtime;
using static TorchSharp.torch;

namespace Cifar10Ps.Execution;

/// <summary>A worker's forward and backward pass through a network in training: it shares the parameters,
/// but has its own statistics.</summary>
internal interface ITrainingExecutor : IDisposable
{
    /// <summary>The values; after <see cref="Forward"/>, the running statistics are those of its images.</summary>
    NetworkWeights Weights { get; }

    /// <summary>Computes logits with the statistics of these images.</summary>
    /// <param name="images">Normalised images: [count, 3, height, width], fp32, channels-last in memory;
    /// features if the network's backbone is frozen: [count, features], fp32.</param>
    /// <param name="keys">What identifies the images.</param>
    /// <param name="shared">Takes what idle workers may do.</param>
    /// <returns>[count, classes], fp32.</returns>
    Tensor Forward(Tensor images, ImageKeys keys, SharedWork shared);

    /// <summary>Backward pass of the last forward pass.</summary>
    /// <param name="gradient">Gradient of the logits; may be overwritten.</param>
    /// <param name="gradients">Takes the gradients of the parameters.</param>
    /// <param name="shared">Takes what idle workers may do.</param>
    void Backward(Tensor gradient, Gradients gradients, SharedWork shared);
}
