namespace Cifar10Ps.Networks;

/// <summary>Subtracts an image, the same one from every input: the mean image of the training data. It is neither learned nor a
/// statistic.</summary>
/// <param name="Height">Height of the images in pixels.</param>
/// <param name="Width">Width of the images in pixels.</param>
/// <remarks>A. Krizhevsky, I. Sutskever, G. Hinton, "ImageNet classification with deep convolutional neural networks", NIPS 2012.</remarks>
internal sealed record MeanImage(int Height, int Width) : Operation(LayerKind.MeanImage)
{
    private const int MaximumSide = 1024;

    /// <inheritdoc/>
    public override string? Problem() => Height is > 0 and <= MaximumSide && Width is > 0 and <= MaximumSide ? null
        : $"its image has {Width} x {Height} pixels; 1 to {MaximumSide} are possible in width and height";

    /// <inheritdoc/>
    public override IEnumerable<LayerTensor> TensorsOf(string layer) =>
        [new(layer + ".image", TensorRole.MeanImage, [Input.Channels, Height, Width])];

    /// <inheritdoc/>
    public override Shape OutputOf(IReadOnlyList<Shape> inputs) => Map(inputs, Input.Channels) is var map
        && (map.Height, map.Width) == (Height, Width) ? map
        : throw new InvalidDataException($"it takes images of {Width} x {Height} pixels, but gets {map.Width} x {map.Height}");
}
