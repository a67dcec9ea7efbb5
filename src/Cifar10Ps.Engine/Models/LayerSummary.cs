using System.Globalization;
using Cifar10Ps.Models;
using Cifar10Ps.Networks;

namespace Cifar10Ps;

/// <summary>A layer of a model in figures, for one image.</summary>
public sealed record LayerSummary
{
    private LayerSummary(ModelSummary model, Layer layer, Shape output)
    {
        Model = model;
        Name = layer.Name;
        Kind = layer.Kind;
        OutputShape = $"{output}";
        Parameters = layer.ParameterCount;
        MultiplyAdds = layer.Operation.MultiplyAdds(output);
        ActivationMemory = output.Length * sizeof(float);
    }

    /// <summary>The figures of the whole model.</summary>
    public ModelSummary Model { get; }

    /// <summary>Name, which the names of its tensors in the model file start with.</summary>
    public string Name { get; }

    /// <summary>What it does.</summary>
    public LayerKind Kind { get; }

    /// <summary>Sizes of its output: channels, height, width; or channels alone. <c>16 x 32 x 32</c>.</summary>
    public string OutputShape { get; }

    /// <summary>Number of parameters.</summary>
    public int Parameters { get; }

    /// <summary>Multiplications, each with its addition: those of convolutions and the classifier.</summary>
    public long MultiplyAdds { get; }

    /// <summary>Bytes of its output in single precision.</summary>
    public long ActivationMemory { get; }

    /// <inheritdoc/>
    public override string ToString() => $"{Name} ({Kind}, {OutputShape})";

    /// <summary>The layers of a model in the order of its forward pass.</summary>
    public static IReadOnlyList<LayerSummary> Of(ImageClassifier model)
    {
        ArgumentNullException.ThrowIfNull(model);
        ModelSnapshot snapshot = model.Snapshot;
        Network network = snapshot.Network;
        network.Require(snapshot.Preprocessing.Height, snapshot.Preprocessing.Width);
        Shape[] shapes = network.Shapes(snapshot.Preprocessing.Height, snapshot.Preprocessing.Width);
        ModelSummary whole = new(snapshot.Name, network.ParameterCount,
            network.Layers.Zip(shapes, (layer, output) => layer.Operation.MultiplyAdds(output)).Sum(),
            sizeof(float) * shapes.Sum(shape => shape.Length));
        return [.. network.Layers.Zip(shapes, (layer, output) => new LayerSummary(whole, layer, output))];
    }
}

/// <summary>The figures of a model for one image.</summary>
/// <param name="Name"><c>ResNet-20</c>.</param>
/// <param name="Parameters">Number of parameters.</param>
/// <param name="MultiplyAdds">Multiplications, each with its addition: those of convolutions and the classifier.</param>
/// <param name="ActivationMemory">Bytes of the outputs of all layers in single precision.</param>
public sealed record ModelSummary(string Name, int Parameters, long MultiplyAdds, long ActivationMemory)
{
    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.CurrentCulture,
        $"{Name}: {Parameters:N0} parameters, {MultiplyAdds / 1e6:N1} M mult-adds, {ActivationMemory / 1048576.0:N1} MB an image");
}
