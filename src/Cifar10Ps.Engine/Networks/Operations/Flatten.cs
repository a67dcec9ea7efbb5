namespace Cifar10Ps.Networks;

/// <summary>A feature map as a vector: channel by channel, row by row.</summary>
internal sealed record Flatten() : Operation(LayerKind.Flatten)
{
    /// <inheritdoc/>
    public override Shape OutputOf(IReadOnlyList<Shape> inputs) =>
        inputs[0].Length <= int.MaxValue
        ? Shape.Vector((int)inputs[0].Length) : throw new InvalidDataException($"it gets {inputs[0]}, which is too large for a vector");
}
