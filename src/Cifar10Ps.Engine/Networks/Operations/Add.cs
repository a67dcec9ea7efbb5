namespace Cifar10Ps.Networks;

/// <summary>The sum of two outputs of the same size.</summary>
internal sealed record Add() : Operation(LayerKind.Add)
{
    /// <inheritdoc/>
    public override Shape OutputOf(IReadOnlyList<Shape> inputs) =>
        inputs[0] == inputs[1] ? inputs[0]
        : throw new InvalidDataException($"it adds inputs of the same size, but gets {inputs[0]} and {inputs[1]}");
}
