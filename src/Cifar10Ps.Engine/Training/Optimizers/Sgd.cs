using Cifar10Ps.Execution;
using Cifar10Ps.Runtime;
using static TorchSharp.torch;

namespace Cifar10Ps.Training;

/// <summary>Stochastic gradient descent with Nesterov momentum, as PyTorch has it.</summary>
/// <remarks>I. Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML 2013.</remarks>
internal sealed class Sgd(TrainingOptions options, NetworkWeights weights) : Optimizer(options, weights)
{
    /// <summary>A step of the parameters starting at one position.</summary>
    /// <param name="options">Momentum and weight decay.</param>
    /// <param name="weights">The parameters, of which the first <see cref="NetworkWeights.DecayedLength"/> decay.</param>
    /// <param name="gradients">Their gradients; overwritten.</param>
    /// <param name="momenta">Their momenta.</param>
    /// <param name="start">The first that changes.</param>
    /// <param name="learningRate">Learning rate of this step.</param>
    public static void Descend(TrainingOptions options, NetworkWeights weights, Tensor gradients, Tensor momenta, long start,
        double learningRate)
    {
        Tensor parameters = From(weights.Learned), update = From(gradients), momentum = From(momenta);
        if (options.WeightDecay > 0)
            update.narrow(0, 0, weights.DecayedLength - start)
                .AddScaled(parameters.narrow(0, 0, weights.DecayedLength - start), options.WeightDecay);
        momentum.MultiplyBy(options.Momentum).AddTensor(update);
        parameters.AddScaled(update.AddScaled(momentum, options.Momentum), -learningRate);

        Tensor From(Tensor values) => values.narrow(0, start, values.numel() - start);
    }

    /// <inheritdoc/>
    private protected override void Change(Tensor gradients, double learningRate, long step) =>
        Descend(Options, Weights, gradients, Moments["momentum"], start: 0, learningRate);
}
