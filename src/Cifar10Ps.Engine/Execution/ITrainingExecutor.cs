using static TorchSharp.torch;

namespace Cifar10Ps.Execution;

/// <summary>A worker's way through a network in training, forward and backward: its learned values are the master's,
/// its statistics are its own.</summary>
internal interface ITrainingExecutor : IDisposable
{
    /// <summary>The values; after <see cref="Forward"/>, the running statistics are those of its images.</summary>
    NetworkWeights Weights { get; }

    /// <summary>Computes logits with the statistics of these images.</summary>
    /// <param name="images">Normalised images: [count, 3, height, width], fp32, channels-last in memory.</param>
    /// <param name="keys">What tells the images apart.</param>
    /// <returns>[count, classes], fp32.</returns>
    Tensor Forward(Tensor images, ImageKeys keys);

    /// <summary>Back through the last forward pass.</summary>
    /// <param name="gradient">Gradient of the logits; may be overwritten.</param>
    /// <param name="gradients">Takes the gradients of the learned values.</param>
    /// <param name="shared">Takes what idle workers may do.</param>
    void Backward(Tensor gradient, Gradients gradients, SharedWork shared);
}
