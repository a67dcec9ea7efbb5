using static TorchSharp.torch;

namespace Cifar10Ps.Execution;

/// <summary>Computes a network's outputs in evaluation.</summary>
internal interface IExecutor : IDisposable
{
    /// <summary>Computes logits.</summary>
    /// <param name="images">Normalised images: [count, 3, height, width], fp32, channels-last in memory.</param>
    /// <returns>[count, classes], fp32.</returns>
    Tensor Forward(Tensor images);
}
