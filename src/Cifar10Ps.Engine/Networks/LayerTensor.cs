namespace Cifar10Ps.Networks;

/// <summary>What a tensor does in its layer.</summary>
internal enum TensorRole
{
    /// <summary>Weight of a convolution: [output channels, input channels / groups, height, width].</summary>
    ConvolutionWeight,

    /// <summary>Bias of a convolution: [output channels].</summary>
    ConvolutionBias,

    /// <summary>What batch norm multiplies by: [channels].</summary>
    NormScale,

    /// <summary>What batch norm adds: [channels].</summary>
    NormShift,

    /// <summary>Running mean of batch norm, a statistic that is not learned: [channels].</summary>
    NormMean,

    /// <summary>Running variance of batch norm, a statistic that is not learned: [channels].</summary>
    NormVariance,

    /// <summary>Weight of a linear layer: [outputs, inputs].</summary>
    LinearWeight,

    /// <summary>Bias of a linear layer: [outputs].</summary>
    LinearBias,

    /// <summary>An image to subtract, neither learned nor a statistic: [channels, height, width].</summary>
    MeanImage,
}

/// <summary>A tensor of a layer.</summary>
/// <param name="Name">Name in the state dict, as PyTorch gives it: the layer's and its own, <c>layer1.0.conv1.weight</c>.</param>
/// <param name="Role">What it does in its layer.</param>
/// <param name="Shape">Sizes of its dimensions.</param>
/// <param name="IsFrozen">Whether training leaves it as it is.</param>
internal sealed record LayerTensor(string Name, TensorRole Role, int[] Shape, bool IsFrozen = false)
{
    /// <summary>Number of values.</summary>
    public int Length { get; } = Shape.Aggregate(1, (product, size) => checked(product * size));

    /// <summary>Whether an optimizer changes it.</summary>
    public bool IsLearned => !IsFrozen && Role is not (TensorRole.NormMean or TensorRole.NormVariance or TensorRole.MeanImage);

    /// <summary>Whether training measures it: a running mean or variance.</summary>
    public bool IsStatistic => !IsFrozen && Role is TensorRole.NormMean or TensorRole.NormVariance;

    /// <summary>Whether it is a matrix or a kernel, which weight decay applies to.</summary>
    public bool IsWeight => Role is TensorRole.ConvolutionWeight or TensorRole.LinearWeight;
}
