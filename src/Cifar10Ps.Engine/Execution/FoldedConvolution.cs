
using Cifar10Ps.Models;
using Cifar10Ps.Networks;

namespace Cifar10Ps.Execution;

/// <summary>A convolution of a network with the batch norm after it folded in: the same answers in evaluation, without the norm.</summary>
/// <param name="Operation">The convolution.</param>
/// <param name="Weight">The weight, row-major.</param>
/// <param name="Bias">A bias for each output channel.</param>
internal sealed record FoldedConvolution(Convolution Operation, float[] Weight, float[] Bias)
{
    /// <summary>Folds the convolution of a unit.</summary>
    /// <param name="network">The network.</param>
    /// <param name="unit">The unit, which begins with a convolution.</param>
    /// <param name="values">The network's values.</param>
    public static FoldedConvolution Of(Network network, Unit unit, StateDict values)
    {
        Layer layer = network.Layers[unit.Layer];
        Convolution operation = (Convolution)layer.Operation;
        int outputs = operation.OutputChannels;
        float[] weight = [.. values[layer.Tensor(TensorRole.ConvolutionWeight)!.Name]];
        float[] bias = layer.Tensor(TensorRole.ConvolutionBias) is { } own ? [.. values[own.Name]] : new float[outputs];
        if (unit.Norm is not int position)
            return new FoldedConvolution(operation, weight, bias);

        Layer norm = network.Layers[position];
        (float[] scale, float[] shift, float[] mean, float[] variance) =
            (Of(TensorRole.NormScale), Of(TensorRole.NormShift), Of(TensorRole.NormMean), Of(TensorRole.NormVariance));
        float epsilon = (float)((BatchNorm)norm.Operation).Epsilon;
        for (int output = 0; output < outputs; output++)
        {
            float factor = scale[output] / MathF.Sqrt(variance[output] + epsilon);
            foreach (ref float value in weight.AsSpan(output * (weight.Length / outputs), weight.Length / outputs))
                value *= factor;
            bias[output] = shift[output] - (mean[output] - bias[output]) * factor;
        }

        return new FoldedConvolution(operation, weight, bias);

        float[] Of(TensorRole role) => values[norm.Tensor(role)!.Name];
    }
}
