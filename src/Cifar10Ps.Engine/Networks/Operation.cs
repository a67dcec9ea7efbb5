using System.Text.Json.Serialization;

namespace Cifar10Ps.Networks;

/// <summary>What a layer computes, and with which tensors. It does not know the layer's position in a network.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "operation")]
[JsonDerivedType(typeof(Input), nameof(LayerKind.Input))]
[JsonDerivedType(typeof(MeanImage), nameof(LayerKind.MeanImage))]
[JsonDerivedType(typeof(Convolution), nameof(LayerKind.Convolution))]
[JsonDerivedType(typeof(BatchNorm), nameof(LayerKind.BatchNorm))]
[JsonDerivedType(typeof(ReLU), nameof(LayerKind.ReLU))]
[JsonDerivedType(typeof(ClippedReLU), nameof(LayerKind.ClippedReLU))]
[JsonDerivedType(typeof(Gelu), nameof(LayerKind.Gelu))]
[JsonDerivedType(typeof(Scale), nameof(LayerKind.Scale))]
[JsonDerivedType(typeof(ZeroPad), nameof(LayerKind.ZeroPad))]
[JsonDerivedType(typeof(Add), nameof(LayerKind.Add))]
[JsonDerivedType(typeof(MaxPool), nameof(LayerKind.MaxPool))]
[JsonDerivedType(typeof(AveragePool), nameof(LayerKind.AveragePool))]
[JsonDerivedType(typeof(Flatten), nameof(LayerKind.Flatten))]
[JsonDerivedType(typeof(Dropout), nameof(LayerKind.Dropout))]
[JsonDerivedType(typeof(Linear), nameof(LayerKind.Linear))]
internal abstract record Operation
{
    /// <summary>Creates an operation.</summary>
    private protected Operation(LayerKind kind) => Kind = kind;

    /// <summary>Largest number of channels in a layer.</summary>
    public const int MaximumChannels = 65_536;

    /// <summary>What it does.</summary>
    [JsonIgnore]
    public LayerKind Kind { get; }

    /// <summary>Number of layers whose outputs it takes.</summary>
    [JsonIgnore]
    public int InputCount => Kind switch { LayerKind.Input => 0, LayerKind.Add => 2, _ => 1 };

    /// <summary>Why it cannot be computed, whatever its input is; null: it can.</summary>
    public virtual string? Problem() => null;

    /// <summary>Its tensors, in PyTorch's order.</summary>
    /// <param name="layer">Name of the layer, which their names start with.</param>
    public virtual IEnumerable<LayerTensor> TensorsOf(string layer) => [];

    /// <summary>Size of its output.</summary>
    /// <param name="inputs">Sizes of its inputs, as many as <see cref="InputCount"/>.</param>
    /// <exception cref="InvalidDataException">It cannot take them; the message says why.</exception>
    public abstract Shape OutputOf(IReadOnlyList<Shape> inputs);

    /// <summary>Multiplications, each with its addition, for one image: those of convolutions and linear layers.</summary>
    /// <param name="output">Size of its output.</param>
    public virtual long MultiplyAdds(Shape output) => 0;

    /// <summary>The one input, a feature map of so many channels.</summary>
    private protected static Shape Map(IReadOnlyList<Shape> inputs, int? channels = null) =>
        inputs[0].IsVector ? throw new InvalidDataException($"it takes a feature map, but gets a vector of {inputs[0]} values")
        : channels is int wanted && inputs[0].Channels != wanted
        ? throw new InvalidDataException($"it takes {wanted} channels, but gets {inputs[0]}")
        : inputs[0];

    private protected static string? ChannelProblem(int channels) =>
        channels is > 0 and <= MaximumChannels ? null : $"it has {channels} channels; 1 to {MaximumChannels} are possible";
}
