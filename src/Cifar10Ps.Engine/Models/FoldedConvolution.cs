namespace Cifar10Ps;

/// <summary>A convolution of a network with the batch norm after it folded in: the same answers in evaluation, without the norm.</summary>
/// <param name="Name">Name of the convolution: <c>layer1.0.conv1</c>.</param>
/// <param name="Shape">Shape of the weight: [output, input, height, width].</param>
/// <param name="Weight">The weight, row-major.</param>
/// <param name="Bias">A bias for each output channel.</param>
internal sealed record FoldedConvolution(string Name, int[] Shape, float[] Weight, float[] Bias)
{
    /// <summary>Folds all convolutions of a network, in the order of its tensors.</summary>
    public static IEnumerable<FoldedConvolution> Of(ResNetArchitecture architecture, StateDict weights)
    {
        TensorShape[] tensors = [.. architecture.Tensors()];
        for (int i = 0; i < tensors.Length; i++)
        {
            if (tensors[i] is not { Shape: [int outputs, _, _, _] } convolution)
                continue;
            // The tensors of its batch norm follow.
            (float[] scale, float[] shift, float[] mean, float[] variance) =
                (weights[tensors[i + 1].Name], weights[tensors[i + 2].Name], weights[tensors[i + 3].Name], weights[tensors[i + 4].Name]);
            float[] weight = [.. weights[convolution.Name]], bias = new float[outputs];
            for (int output = 0; output < outputs; output++)
            {
                float factor = scale[output] / MathF.Sqrt(variance[output] + (float)architecture.BatchNormEpsilon);
                foreach (ref float value in weight.AsSpan(output * (weight.Length / outputs), weight.Length / outputs))
                    value *= factor;
                bias[output] = shift[output] - mean[output] * factor;
            }

            yield return new FoldedConvolution(convolution.Name[..^".weight".Length], convolution.Shape, weight, bias);
        }
    }
}
