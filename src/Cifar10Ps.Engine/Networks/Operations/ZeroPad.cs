namespace Cifar10Ps.Networks;

/// <summary>The shortcut without parameters: every second pixel, and twice the channels, of which the new ones,
/// half before and half after the others, are zero.</summary>
/// <remarks>K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition", CVPR 2016, option A.</remarks>
internal sealed record ZeroPad() : Operation(LayerKind.ZeroPad)
{
    /// <summary>Pixels of the input from one of the output to the next.</summary>
    public const int Stride = 2;

    /// <inheritdoc/>
    public override Shape OutputOf(IReadOnlyList<Shape> inputs) =>
        Map(inputs) is { Channels: var channels } input && channels % 2 == 0 && channels <= MaximumChannels / 2
            ? new Shape(2 * channels, (input.Height + 1) / Stride, (input.Width + 1) / Stride)
            : throw new InvalidDataException($"it takes an even number of channels, at most {MaximumChannels / 2}, but gets {inputs[0]}");
}
