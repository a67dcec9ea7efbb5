
namespace Cifar10Ps;

/// <summary>What a residual block adds to its convolutions.</summary>
public enum Shortcut
{
    /// <summary>The identity, and a 1 × 1 convolution with batch norm where the size changes (option B of He et al.).</summary>
    Projection,

    /// <summary>The identity, and a subsampled, zero-padded copy without parameters where the size changes (option A of He et
    /// al.).</summary>
    ZeroPad,

    /// <summary>A projection where the size changes and nothing elsewhere: the network of the original Chainer program,
    /// which forgot the identity.</summary>
    ProjectionOnly,
}
