
namespace Cifar10Ps;

/// <summary>An update rule.</summary>
public enum OptimizerKind
{
    /// <summary>Stochastic gradient descent with Nesterov momentum.</summary>
    Sgd,

    /// <summary>Adam.</summary>
    Adam,

    /// <summary>Adam with decoupled weight decay.</summary>
    AdamW,

    /// <summary>Muon for convolutions, stochastic gradient descent with Nesterov momentum for everything else.</summary>
    Muon,
}
