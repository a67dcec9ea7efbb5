using System.Text.Json.Serialization;

namespace Cifar10Ps.Networks;

/// <summary>A convolution: in each group of channels, every output is a weighted sum of a window of the group's inputs.</summary>
/// <param name="InputChannels">Channels that it takes.</param>
/// <param name="OutputChannels">Channels that it gives.</param>
/// <param name="Window">How it runs over its input, which is padded with zeros.</param>
/// <param name="Groups">Number of groups, which divides both.</param>
/// <param name="HasBias">Whether it adds a number to each output channel.</param>
/// <param name="IsWhitening">Whether its weight is not learned but measured on the training images, so that its outputs are not correlated
/// (<see cref="Models.Whitening"/>); it takes the images.</param>
internal sealed record Convolution(int InputChannels, int OutputChannels, Window Window, int Groups = 1,
    bool HasBias = false, bool IsWhitening = false) : Operation(LayerKind.Convolution)
{
    /// <summary>Largest width and height in pixels of a window that whitens: its values are correlated with each other.</summary>
    private const int MaximumWhitening = 8;

    /// <summary>[output channels, input channels / groups, height, width].</summary>
    [JsonIgnore]
    public int[] WeightShape => [OutputChannels, InputChannels / Groups, Window.Size.Height, Window.Size.Width];

    /// <summary>Number of values in a window of one group's inputs.</summary>
    [JsonIgnore]
    public int WindowLength => InputChannels / Groups * Window.Size.Height * Window.Size.Width;

    /// <inheritdoc/>
    public override string? Problem() => ChannelProblem(InputChannels) ?? ChannelProblem(OutputChannels) ?? Window.Problem()
        ?? (Groups < 1 || InputChannels % Groups != 0 || OutputChannels % Groups != 0
            ? $"its {Groups} groups do not divide {InputChannels} and {OutputChannels} channels" : null)
        ?? (IsWhitening && (Groups > 1 || InputChannels != Input.Channels || OutputChannels != 2 * WindowLength)
            ? "a convolution that whitens takes images, in one group, and gives two channels for each value of its window"
            : IsWhitening && Math.Max(Window.Size.Height, Window.Size.Width) > MaximumWhitening
            ? $"its window has {Window.Size} pixels; at most {MaximumWhitening} in width and height whiten" : null);

    /// <inheritdoc/>
    public override IEnumerable<LayerTensor> TensorsOf(string layer)
    {
        yield return new LayerTensor(layer + ".weight", TensorRole.ConvolutionWeight, WeightShape, IsFrozen: IsWhitening);
        if (HasBias)
            yield return new LayerTensor(layer + ".bias", TensorRole.ConvolutionBias, [OutputChannels]);
    }

    /// <inheritdoc/>
    public override Shape OutputOf(IReadOnlyList<Shape> inputs) => Window.Output(Map(inputs, InputChannels), OutputChannels);

    /// <inheritdoc/>
    public override long MultiplyAdds(Shape output) => output.Length * (InputChannels / Groups) * Window.Size.Height * Window.Size.Width;
}
