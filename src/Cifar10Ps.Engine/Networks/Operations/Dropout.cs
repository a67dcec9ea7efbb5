namespace Cifar10Ps.Networks;

/// <summary>In training, a random subset of the values becomes zero and the others are scaled to preserve the mean;
/// in evaluation nothing changes.</summary>
/// <param name="Rate">Probability of becoming zero, 0 to below 1.</param>
/// <remarks>N. Srivastava et al., "Dropout", JMLR 2014.</remarks>
internal sealed record Dropout(double Rate) : Operation(LayerKind.Dropout)
{
    /// <inheritdoc/>
    public override string? Problem() => Rate is >= 0 and < 1 ? null : $"its rate is {Rate}; it has to be at least 0 and below 1";

    /// <inheritdoc/>
    public override Shape OutputOf(IReadOnlyList<Shape> inputs) => inputs[0];
}
