namespace Cifar10Ps.Networks;

/// <summary>factor · x: before a classifier, it makes the logits, and with them the gradients, smaller than its weights would.</summary>
/// <param name="Factor">What it multiplies by; not 0.</param>
internal sealed record Scale(double Factor) : Operation(LayerKind.Scale)
{
    /// <inheritdoc/>
    public override string? Problem() =>
        double.IsFinite(Factor) && (float)Factor != 0 && float.IsFinite((float)Factor) ? null
            : $"its factor is {Factor}; it has to be a finite number other than 0";

    /// <inheritdoc/>
    public override Shape OutputOf(IReadOnlyList<Shape> inputs) => inputs[0];
}
