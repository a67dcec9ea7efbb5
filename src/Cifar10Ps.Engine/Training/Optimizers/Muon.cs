using Cifar10Ps.Execution;
using Cifar10Ps.Runtime;
using static TorchSharp.torch;

namespace Cifar10Ps.Training;

/// <summary>Muon for convolutions that a batch norm follows (<see cref="OrthogonalSteps"/>),
/// gradient descent for everything else.</summary>
/// <param name="options">Momentum and weight decay of gradient descent.</param>
/// <param name="weights">What is optimised.</param>
/// <param name="pool">Workers for parallel parts.</param>
internal sealed class Muon(TrainingOptions options, NetworkWeights weights, WorkerPool pool) : Optimizer(options, weights)
{
    private readonly OrthogonalSteps _steps = new(weights, pool);

    /// <inheritdoc/>
    private protected override long FactoredLength => _steps.Length;

    /// <inheritdoc/>
    private protected override void Change(Tensor gradients, double learningRate, long step)
    {
        _steps.Step(Weights.Learned, gradients, Moments["momentum"], learningRate * BackboneFactor);
        Sgd.Descend(Options, Weights, gradients, Moments["momentum"], _steps.Length, learningRate * Options.DescentFactor);
    }
}
