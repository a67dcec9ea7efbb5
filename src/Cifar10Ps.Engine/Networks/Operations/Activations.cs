namespace Cifar10Ps.Networks;

/// <summary>max(x, 0).</summary>
internal sealed record ReLU() : Operation(LayerKind.ReLU)
{
    /// <inheritdoc/>
    public override Shape OutputOf(IReadOnlyList<Shape> inputs) => inputs[0];
}

/// <summary>min(max(x, 0), maximum).</summary>
/// <param name="Maximum">Largest output, above 0: 6 in MobileNets.</param>
internal sealed record ClippedReLU(double Maximum) : Operation(LayerKind.ClippedReLU)
{
    /// <summary>What bf16 can represent too.</summary>
    private const double LargestMaximum = 1e38;

    /// <inheritdoc/>
    public override string? Problem() =>
        Maximum is >= float.Epsilon and <= LargestMaximum ? null
            : $"its largest output is {Maximum}; it has to be above 0 and at most {LargestMaximum:G1}";

    /// <inheritdoc/>
    public override Shape OutputOf(IReadOnlyList<Shape> inputs) => inputs[0];
}

/// <summary>x · Φ(x), with the cumulative distribution function Φ of the standard normal distribution.</summary>
/// <remarks>D. Hendrycks, K. Gimpel, "Gaussian error linear units", 2016; exact, by the error function.</remarks>
internal sealed record Gelu() : Operation(LayerKind.Gelu)
{
    /// <inheritdoc/>
    public override Shape OutputOf(IReadOnlyList<Shape> inputs) => inputs[0];
}
