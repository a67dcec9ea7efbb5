namespace Cifar10Ps;

/// <summary>How the initial weights of an untrained model are drawn.</summary>
public enum InitializationKind
{
    /// <summary>Variance 2 / fan-out for convolutions (He et al., 2015); linear layers uniform within ±1/√fan-in,
    /// as PyTorch's ResNets have it.</summary>
    HeNormal,

    /// <summary>Variance 1 / fan-in for all weights (LeCun et al., 1998), and zero biases: Chainer's default.</summary>
    LeCunNormal,

    /// <summary>Convolutions that pass their inputs on as they are (S. Zagoruyko, N. Komodakis, "DiracNets", 2017), to as many outputs as
    /// there are inputs; what else they have, and linear layers, uniform within ±1/√fan-in.</summary>
    Dirac,
}
