using Cifar10Ps.Execution;
using Cifar10Ps.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Cifar10Ps.Training;

/// <summary>
/// The update rules of PyTorch, over one flat buffer of all parameters: a step is a handful of operations, and the
/// state is one buffer for each moment, laid out like the parameters.
/// </summary>
/// <remarks>
/// D. Kingma, J. Ba, "Adam", ICLR 2015; I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", ICLR 2019;
/// I. Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML 2013.
/// </remarks>
internal sealed class Optimizer : IDisposable
{
    /// <summary>Learning rate of what Muon leaves to gradient descent, in parts of Muon's.</summary>
    private const double DescentFactor = 2;

    private const double Beta2 = 0.999, Epsilon = 1e-8;
    private readonly OptimizerKind _kind;
    private readonly double _momentum, _weightDecay;
    private readonly int _decayedLength;
    private readonly Tensor _parameters;
    private readonly Muon? _muon;

    /// <summary>Creates the rule with its moments at zero.</summary>
    /// <param name="options">Kind, momentum and weight decay.</param>
    /// <param name="weights">What is to be optimised.</param>
    /// <param name="pool">Who helps.</param>
    public Optimizer(TrainingOptions options, NetworkWeights weights, WorkerPool pool)
    {
        _kind = options.Optimizer;
        _momentum = options.Momentum;
        _weightDecay = options.WeightDecay;
        _decayedLength = weights.DecayedLength;
        _parameters = weights.Learned;
        _muon = _kind == OptimizerKind.Muon ? new Muon(weights, pool) : null;
        Moments = MomentNames(_kind).ToDictionary(name => name, _ => zeros_like(_parameters).DetachFromDisposeScope());
    }

    /// <summary>The state, by PyTorch's names: <c>momentum</c>, or <c>exp_avg</c> and <c>exp_avg_sq</c>; laid out like the parameters.</summary>
    public IReadOnlyDictionary<string, Tensor> Moments { get; }

    /// <summary>Names of a rule's moments.</summary>
    public static string[] MomentNames(OptimizerKind kind) => kind is OptimizerKind.Sgd or OptimizerKind.Muon ? ["momentum"] : ["exp_avg", "exp_avg_sq"];

    /// <summary>Changes the parameters.</summary>
    /// <param name="gradients">Mean gradients of the batch; overwritten.</param>
    /// <param name="learningRate">Learning rate of this step.</param>
    /// <param name="step">Number of this step, from 1.</param>
    public void Step(Tensor gradients, double learningRate, long step)
    {
        using IDisposable noGradients = no_grad();
        using DisposeScope scope = NewDisposeScope();
        // Of the weights, those that are decayed come first, and of these the convolutions.
        long start = _muon?.Length ?? 0;
        Tensor decayed = From(_parameters).narrow(0, 0, _decayedLength - start);
        if (_weightDecay > 0 && _kind == OptimizerKind.AdamW)
            decayed.MultiplyBy(1 - learningRate * _weightDecay);
        else if (_weightDecay > 0)
            From(gradients).narrow(0, 0, _decayedLength - start).AddScaled(decayed, _weightDecay);

        if (_kind is OptimizerKind.Sgd or OptimizerKind.Muon)
        {
            _muon?.Step(_parameters, gradients, Moments["momentum"], learningRate);
            Tensor momentum = From(Moments["momentum"]), update = From(gradients);
            momentum.MultiplyBy(_momentum).AddTensor(update);
            From(_parameters).AddScaled(update.AddScaled(momentum, _momentum), -learningRate * (_muon is null ? 1 : DescentFactor));
        }
        else
        {
            Tensor mean = Moments["exp_avg"], square = Moments["exp_avg_sq"];
            mean.MultiplyBy(_momentum).AddScaled(gradients, 1 - _momentum);
            square.MultiplyBy(Beta2).AddProduct(gradients, gradients, 1 - Beta2);
            Tensor deviation = square.sqrt().DivideBy(Math.Sqrt(1 - Math.Pow(Beta2, step))).AddNumber(Epsilon);
            _parameters.AddQuotient(mean, deviation, -learningRate / (1 - Math.Pow(_momentum, step)));
        }

        Tensor From(Tensor values) => values.narrow(0, start, values.numel() - start);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Tensor moment in Moments.Values)
            moment.Dispose();
    }
}
