namespace Cifar10Ps;

/// <summary>What a layer of a network does.</summary>
public enum LayerKind
{
    /// <summary>Takes the normalised images.</summary>
    Input,

    /// <summary>Convolution without bias.</summary>
    Convolution,

    /// <summary>Batch norm.</summary>
    BatchNorm,

    /// <summary>Cuts off what is below zero.</summary>
    ReLU,

    /// <summary>Every second pixel, and twice the channels, of which the new ones are zero.</summary>
    ZeroPad,

    /// <summary>Adds the shortcut of a block.</summary>
    Add,

    /// <summary>Mean of all pixels of a channel.</summary>
    AveragePool,

    /// <summary>Linear classifier with bias.</summary>
    Linear,
}

/// <summary>A layer of a network: one operation of its forward pass.</summary>
/// <param name="Name">Its name, which its tensors' names start with: <c>layer1.0.conv1</c>.</param>
/// <param name="Kind">What it does.</param>
/// <param name="Inputs">Names of the layers whose outputs it takes.</param>
/// <param name="OutputShape">Sizes of its output for one image: channels, height, width; or channels.</param>
/// <param name="Tensors">Its tensors.</param>
/// <param name="Stride">Pixels between two neighbours of its output.</param>
internal sealed record NetworkLayer(string Name, LayerKind Kind, string[] Inputs, int[] OutputShape, TensorShape[] Tensors, int Stride)
{
    /// <summary>Number of learned values.</summary>
    public int ParameterCount => Tensors.Where(tensor => !tensor.IsStatistic).Sum(tensor => tensor.Length);

    /// <summary>Values of its output for one image.</summary>
    public long OutputLength => OutputShape.Aggregate(1L, (product, size) => product * size);

    /// <summary>Multiplications, each with its addition, for one image: those of convolutions and the classifier.</summary>
    public long MultiplyAdds => Kind switch
    {
        LayerKind.Convolution => OutputLength * Tensors[0].Shape[1] * Tensors[0].Shape[2] * Tensors[0].Shape[3],
        LayerKind.Linear => Tensors[0].Length,
        _ => 0,
    };

    /// <summary>The layers of a network in the order of its forward pass; the first one is its input.</summary>
    /// <param name="architecture">Shape of the network.</param>
    /// <param name="height">Height of the images in pixels.</param>
    /// <param name="width">Width of the images in pixels.</param>
    public static IReadOnlyList<NetworkLayer> Of(ResNetArchitecture architecture, int height, int width)
    {
        Dictionary<string, NetworkLayer> layers = new(StringComparer.Ordinal);
        ILookup<string, TensorShape> tensors = architecture.Tensors().ToLookup(tensor => tensor.Name[..tensor.Name.LastIndexOf('.')]);

        layers["input"] = new NetworkLayer("input", LayerKind.Input, [], [3, height, width], [], 1);
        string x = Convolution("conv1", "bn1", "input");
        x = Same("relu", LayerKind.ReLU, x);
        for (int stage = 1; stage <= 3; stage++)
            for (int block = 0; block < architecture.BlocksPerStage; block++)
                x = Block(stage, block, x);
        x = Add("avgpool", LayerKind.AveragePool, [x], [ResNetArchitecture.Channels(3)]);
        Add("fc", LayerKind.Linear, [x], [architecture.ClassCount]);
        return [.. layers.Values];

        string Block(int stage, int block, string x)
        {
            string prefix = $"layer{stage}.{block}.";
            bool isDownsampling = ResNetArchitecture.IsDownsampling(stage, block);
            int stride = isDownsampling ? 2 : 1;
            string y = Same(prefix + "relu1", LayerKind.ReLU, Convolution(prefix + "conv1", prefix + "bn1", x, stride));
            y = Convolution(prefix + "conv2", prefix + "bn2", y);
            string? shortcut = isDownsampling
                ? architecture.Shortcut == Shortcut.ZeroPad
                    ? Add(prefix + "shortcut", LayerKind.ZeroPad, [x], layers[y].OutputShape, stride)
                    : Convolution(prefix + "downsample.0", prefix + "downsample.1", x, stride)
                : architecture.Shortcut == Shortcut.ProjectionOnly ? null : x;
            if (shortcut is not null)
                y = Same(prefix + "add", LayerKind.Add, y, shortcut);
            return Same(prefix + "relu2", LayerKind.ReLU, y);
        }

        string Convolution(string name, string norm, string x, int stride = 1)
        {
            int[] input = layers[x].OutputShape;
            string y = Add(name, LayerKind.Convolution, [x], [tensors[name].First().Shape[0], (input[1] + stride - 1) / stride, (input[2] + stride - 1) / stride], stride);
            return Same(norm, LayerKind.BatchNorm, y);
        }

        string Same(string name, LayerKind kind, params string[] inputs) => Add(name, kind, inputs, layers[inputs[0]].OutputShape);

        string Add(string name, LayerKind kind, string[] inputs, int[] outputShape, int stride = 1)
        {
            layers.Add(name, new NetworkLayer(name, kind, inputs, outputShape, [.. tensors[name]], stride));
            return name;
        }
    }
}
