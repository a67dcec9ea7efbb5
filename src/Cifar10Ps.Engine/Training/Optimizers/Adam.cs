using Cifar10Ps.Execution;
using Cifar10Ps.Runtime;
using static TorchSharp.torch;

namespace Cifar10Ps.Training;

/// <summary>Adam, and AdamW, whose weight decay is decoupled, as PyTorch has them.</summary>
/// <param name="options">Beta1 and weight decay.</param>
/// <param name="weights">What is optimised.</param>
/// <param name="isDecoupled">Whether decay is taken off the weights instead of being added to the gradient.</param>
/// <remarks>D. Kingma, J. Ba, "Adam", ICLR 2015; I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", ICLR 2019.</remarks>
internal sealed class Adam(TrainingOptions options, NetworkWeights weights, bool isDecoupled) : Optimizer(options, weights)
{
    private const double Beta2 = 0.999, Epsilon = 1e-8;

    /// <inheritdoc/>
    private protected override void Change(Tensor gradients, double learningRate, long step)
    {
        (double beta1, double decay) = (Options.Momentum, Options.WeightDecay);
        Tensor decayed = Weights.Learned.narrow(0, 0, Weights.DecayedLength);
        if (decay > 0 && isDecoupled)
            decayed.MultiplyBy(1 - learningRate * decay);
        else if (decay > 0)
            gradients.narrow(0, 0, Weights.DecayedLength).AddScaled(decayed, decay);

        Tensor mean = Moments["exp_avg"], square = Moments["exp_avg_sq"];
        mean.MultiplyBy(beta1).AddScaled(gradients, 1 - beta1);
        square.MultiplyBy(Beta2).AddProduct(gradients, gradients, 1 - Beta2);
        Tensor deviation = square.sqrt().DivideBy(Math.Sqrt(1 - Math.Pow(Beta2, step))).AddNumber(Epsilon);
        Weights.Learned.AddQuotient(mean, deviation, -learningRate / (1 - Math.Pow(beta1, step)));
    }
}
