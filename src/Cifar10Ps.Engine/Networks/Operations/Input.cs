namespace Cifar10Ps.Networks;

/// <summary>The normalised image.</summary>
internal sealed record Input() : Operation(LayerKind.Input)
{
    /// <summary>Red, green and blue.</summary>
    public const int Channels = 3;

    /// <inheritdoc/>
    public override Shape OutputOf(IReadOnlyList<Shape> inputs) => throw new NotSupportedException("Its size is that of the images.");
}
