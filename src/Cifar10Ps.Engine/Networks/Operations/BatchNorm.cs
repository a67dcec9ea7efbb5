namespace Cifar10Ps.Networks;

/// <summary>Batch norm: channels with mean 0 and variance 1 over the batch, scaled and shifted; in evaluation,
/// by running statistics.</summary>
/// <param name="Channels">Channels that it takes and gives.</param>
/// <param name="Epsilon">Added to the variance.</param>
/// <param name="LearnsScale">Whether training changes the scale; if not, only the shift.</param>
/// <remarks>S. Ioffe, C. Szegedy, "Batch normalization", ICML 2015.</remarks>
internal sealed record BatchNorm(int Channels, double Epsilon, bool LearnsScale = true) : Operation(LayerKind.BatchNorm)
{
    /// <summary>Epsilon of PyTorch's batch norm.</summary>
    public const double DefaultEpsilon = 1e-5;

    /// <inheritdoc/>
    public override string? Problem() =>
        ChannelProblem(Channels) ?? (Epsilon is > 0 and < 1 ? null : $"its epsilon is {Epsilon}; it has to be above 0 and below 1");

    /// <inheritdoc/>
    public override IEnumerable<LayerTensor> TensorsOf(string layer) =>
    [
        new(layer + ".weight", TensorRole.NormScale, [Channels], IsFrozen: !LearnsScale),
        new(layer + ".bias", TensorRole.NormShift, [Channels]),
        new(layer + ".running_mean", TensorRole.NormMean, [Channels]),
        new(layer + ".running_var", TensorRole.NormVariance, [Channels]),
    ];

    /// <inheritdoc/>
    public override Shape OutputOf(IReadOnlyList<Shape> inputs) => Map(inputs, Channels);
}
