using Cifar10Ps.Execution;
using Cifar10Ps.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Cifar10Ps.Training;

/// <summary>
/// An update rule, over one flat buffer of all parameters: a step is a handful of operations, and the state is one buffer for each moment,
/// laid out like the parameters. To add a rule, add a file and a line to the table below.
/// </summary>
internal abstract class Optimizer : IDisposable
{
    /// <summary>The rules: the names of their moments, as PyTorch calls them, and how they are made.</summary>
    private static readonly
        Dictionary<OptimizerKind, (string[] Moments, Func<TrainingOptions, NetworkWeights, WorkerPool, Optimizer> Create)> Rules = new()
    {
        [OptimizerKind.Sgd] = (["momentum"], (options, weights, _) => new Sgd(options, weights)),
        [OptimizerKind.Adam] = (["exp_avg", "exp_avg_sq"], (options, weights, _) => new Adam(options, weights, isDecoupled: false)),
        [OptimizerKind.AdamW] = (["exp_avg", "exp_avg_sq"], (options, weights, _) => new Adam(options, weights, isDecoupled: true)),
        [OptimizerKind.Muon] = (["momentum"], (options, weights, pool) => new Muon(options, weights, pool)),
    };

    /// <summary>Prepares a rule, with its moments at zero.</summary>
    /// <param name="options">Kind, momentum and weight decay.</param>
    /// <param name="weights">What is optimised.</param>
    protected Optimizer(TrainingOptions options, NetworkWeights weights)
    {
        (Options, Weights) = (options, weights);
        BackboneFactor = options.BackboneLearningRate is double rate ? rate / options.LearningRate : 1;
        Moments = MomentNames(options.Optimizer).ToDictionary(name => name, _ => zeros_like(weights.Learned).DetachFromDisposeScope());
    }

    /// <summary>The state by its names; each moment is laid out like the parameters.</summary>
    public IReadOnlyDictionary<string, Tensor> Moments { get; }

    /// <summary>Momentum and weight decay.</summary>
    protected TrainingOptions Options { get; }

    /// <summary>What is optimised.</summary>
    protected NetworkWeights Weights { get; }

    /// <summary>Learning rate of everything but the classifier, as a multiple of the classifier's.</summary>
    protected double BackboneFactor { get; }

    /// <summary>Number of leading values to which the rule applies <see cref="BackboneFactor"/> itself.</summary>
    private protected virtual long FactoredLength => 0;

    /// <summary>Creates the rule for some options.</summary>
    /// <param name="options">Kind, momentum and weight decay.</param>
    /// <param name="weights">What is optimised.</param>
    /// <param name="pool">Workers for parallel parts.</param>
    public static Optimizer Create(TrainingOptions options, NetworkWeights weights, WorkerPool pool) =>
        Rules[options.Optimizer].Create(options, weights, pool);

    /// <summary>Names of a rule's moments.</summary>
    public static string[] MomentNames(OptimizerKind kind) => Rules[kind].Moments;

    /// <summary>Changes the parameters.</summary>
    /// <param name="gradients">Mean gradients of the batch; overwritten.</param>
    /// <param name="learningRate">Learning rate of this step.</param>
    /// <param name="step">Number of this step, from 1 for the first one with these moments.</param>
    public void Step(Tensor gradients, double learningRate, long step)
    {
        using IDisposable noGradients = no_grad();
        using DisposeScope scope = NewDisposeScope();
        Tensor? before = BackboneFactor == 1 ? null : Weights.Learned.clone();
        Change(gradients, learningRate, step);
        if (before is null)
            return;
        // A change that is proportional to the learning rate, made smaller or larger.
        foreach ((Tensor now, Tensor then) in Weights.BackboneOf(Weights.Learned, FactoredLength)
            .Zip(Weights.BackboneOf(before, FactoredLength)))
            now.AddScaled(then, -1).MultiplyBy(BackboneFactor).AddTensor(then);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Tensor moment in Moments.Values)
            moment.Dispose();
    }

    /// <inheritdoc cref="Step"/>
    private protected abstract void Change(Tensor gradients, double learningRate, long step);
}
