namespace Cifar10Ps.Networks;

/// <summary>A linear layer: a product with a matrix.</summary>
/// <param name="Inputs">Length of the vector that it takes.</param>
/// <param name="Outputs">Length of the vector that it gives.</param>
/// <param name="HasBias">Whether it adds a number to each output.</param>
internal sealed record Linear(int Inputs, int Outputs, bool HasBias = true) : Operation(LayerKind.Linear)
{
    private const int MaximumInputs = 1 << 24;

    /// <inheritdoc/>
    public override string? Problem() => ChannelProblem(Outputs)
        ?? (Inputs is > 0 and <= MaximumInputs ? null : $"it takes {Inputs} values; 1 to {MaximumInputs} are possible");

    /// <inheritdoc/>
    public override IEnumerable<LayerTensor> TensorsOf(string layer)
    {
        yield return new LayerTensor(layer + ".weight", TensorRole.LinearWeight, [Outputs, Inputs]);
        if (HasBias)
            yield return new LayerTensor(layer + ".bias", TensorRole.LinearBias, [Outputs]);
    }

    /// <inheritdoc/>
    public override Shape OutputOf(IReadOnlyList<Shape> inputs) =>
        inputs[0] == Shape.Vector(Inputs) ? Shape.Vector(Outputs) : throw new InvalidDataException(inputs[0].IsVector
            ? $"it takes a vector of {Inputs} values, but gets {inputs[0]}"
            : $"it takes a vector of {Inputs} values, but gets a feature map, {inputs[0]}");

    /// <inheritdoc/>
    public override long MultiplyAdds(Shape output) => (long)Inputs * Outputs;
}
