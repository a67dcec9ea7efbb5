using Cifar10Ps.Runtime;

namespace Cifar10Ps.Execution.Kernels;

/// <summary>A convolution of one image, with its bias, the addition of a shortcut and ReLU.</summary>
internal interface ISingleImageConvolution
{
    /// <summary>Convolves.</summary>
    /// <param name="input">The input.</param>
    /// <param name="output">Takes the result; 8 divides its width, which determines the stride.</param>
    /// <param name="adds">Whether the result is added to what is there: the shortcut.</param>
    /// <param name="activate">Whether ReLU follows.</param>
    /// <param name="shared">Takes the halves.</param>
    void Apply(FeatureMap input, FeatureMap output, bool adds, bool activate, SharedWork shared);
}
