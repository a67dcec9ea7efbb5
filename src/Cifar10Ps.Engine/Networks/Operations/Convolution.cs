using System.Text.Json.Serialization;

namespace Cifar10Ps.Networks;

/// <summary>A convolution: in each group of channels, every output is a weighted sum of a window of the group's inputs.</summary>
/// <param name="InputChannels">Channels that it takes.</param>
/// <param name="OutputChannels">Channels that it gives.</param>
/// <param name="Window">How it runs over its input, which is padded with zeros.</param>
/// <param name="Groups">Number of groups, which divides both.</param>
/// <param name="HasBias">Whether it adds a number to each output channel.</param>
internal sealed record Convolution(int InputChannels, int OutputChannels, Window Window, int Groups = 1,
    bool HasBias = false) : Operation(LayerKind.Convolution)
{
    /// <summary>[output channels, input channels / groups, height, width].</summary>
    [JsonIgnore]
    public int[] WeightShape => [OutputChannels, InputChannels / Groups, Window.Size.Height, Window.Size.Width];

    /// <inheritdoc/>
    public override string? Problem() => ChannelProblem(InputChannels) ?? ChannelProblem(OutputChannels) ?? Window.Problem()
        ?? (Groups < 1 || InputChannels % Groups != 0 || OutputChannels % Groups != 0
            ? $"its {Groups} groups do not divide {InputChannels} and {OutputChannels} channels" : null);

    /// <inheritdoc/>
    public override IEnumerable<LayerTensor> TensorsOf(string layer)
    {
        yield return new LayerTensor(layer + ".weight", TensorRole.ConvolutionWeight, WeightShape);
        if (HasBias)
            yield return new LayerTensor(layer + ".bias", TensorRole.ConvolutionBias, [OutputChannels]);
    }

    /// <inheritdoc/>
    public override Shape OutputOf(IReadOnlyList<Shape> inputs) => Window.Output(Map(inputs, InputChannels), OutputChannels);

    /// <inheritdoc/>
    public override long MultiplyAdds(Shape output) => output.Length * (InputChannels / Groups) * Window.Size.Height * Window.Size.Width;
}
