using Cifar10Ps.Models;
using Cifar10Ps.Networks;

namespace Cifar10Ps.Formats;

/// <summary>
/// Reads the ResNet-18 of the package Microsoft.ML.DnnImageFeaturizer.ResNet18, which CNTK trained on ImageNet: a graph without a
/// classifier, and a second one that turns red, green, blue to blue, green, red and subtracts a mean image. They become one network.
/// </summary>
/// <remarks>Unlike the ResNet-18 of He et al., it has three blocks in its last stage.</remarks>
internal static class PretrainedNetwork
{
    /// <summary>Names of the two files.</summary>
    public const string GraphFile = "ResNet18.onnx", PreprocessingFile = "ResNetPreprocess.onnx";

    /// <summary>Blocks of each stage.</summary>
    public static readonly int[] Blocks = [2, 2, 2, 3];

    // What its makers call it.
    private const string Name = "ResNet-18";

    private const string MeanImageConstant = "MeanImage", MeanImageLayer = "mean";

    /// <summary>Reads the network.</summary>
    /// <param name="folder">The folder with both files.</param>
    /// <param name="template">A network of the same layers, for their names and for the classifier.</param>
    /// <param name="classes">Class names, as many as the template has.</param>
    /// <param name="seed">Seed of the classifier's weights.</param>
    /// <exception cref="EngineException"><c>PretrainedUnusable</c>: a file is missing, damaged, or holds something else.</exception>
    public static ImageClassifier Load(string folder, Network template, string[] classes, int seed)
    {
        try
        {
            string file = Path.Combine(folder, GraphFile);
            TensorFile graph = OnnxTranslator.Read(File.ReadAllBytes(file), file, key: null);
            OnnxModel preprocessing = OnnxReader.Parse(File.ReadAllBytes(Path.Combine(folder, PreprocessingFile)));
            if (preprocessing.Constants.GetValueOrDefault(MeanImageConstant) is not { Shape: [1, Input.Channels, int height,
                int width] } mean)
                throw new InvalidDataException($"'{PreprocessingFile}' has no mean image");
            Network found = NetworkJson.Parse(graph.Metadata[ModelFile.NetworkKey]);
            Dictionary<int, int> matches = Match(template, found);
            Network network = new(Name, template.Description,
            [
                template.Layers[0],
                new Layer(MeanImageLayer, new MeanImage(height, width), [0]),
                .. template.Layers.Skip(1).Select((layer, i) => new Layer(layer.Name,
                    matches.TryGetValue(i + 1, out int match) ? found.Layers[match].Operation : layer.Operation,
                    [.. layer.Inputs.Select(input => input + 1)])),
            ]);

            StateDict weights = Initialization.HeNormal.Create(network, seed);
            foreach ((int layer, int match) in matches)
                foreach ((LayerTensor tensor, LayerTensor source) in template.Layers[layer].Tensors.Zip(found.Layers[match].Tensors))
                    weights[tensor.Name] = graph.Tensors[source.Name].Values;
            weights[network.Layers[1].Tensors[0].Name] = Reversed(mean.ToSingles(), 1);
            LayerTensor first = network.Layers.First(layer => layer.Kind == LayerKind.Convolution).Tensor(TensorRole.ConvolutionWeight)!;
            weights[first.Name] = Reversed(weights[first.Name], first.Shape[0]);
            // A byte as it is.
            Preprocessing input = new([0, 0, 0], [1 / 255.0, 1 / 255.0, 1 / 255.0], width, height);
            return new ImageClassifier(new ModelSnapshot(network, classes, input, weights) { TrainedEpochs = 1, Seed = seed });
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            throw new EngineException("PretrainedUnusable", ErrorKind.InvalidData,
                $"The pretrained network in '{folder}' cannot be used: {e.Message.TrimEnd('.')}.", e);
        }
    }

    /// <summary>For each layer of the template but the classifier, the layer that does the same in another network, from the end
    /// on.</summary>
    private static Dictionary<int, int> Match(Network template, Network found)
    {
        Dictionary<int, int> matches = [];
        Stack<(int Wanted, int Found)> pairs = new([(template.Classifier!.Inputs[0], found.Layers.Count - 1)]);
        while (pairs.TryPop(out var pair))
        {
            (Layer wanted, Layer other) = (template.Layers[pair.Wanted], found.Layers[pair.Found]);
            if (wanted.Kind != other.Kind
                || !wanted.Tensors.Zip(other.Tensors).All(both => both.First.Shape.SequenceEqual(both.Second.Shape)))
                throw new InvalidDataException($"'{DisplayText.Name(other.Name)}' is not like '{wanted.Name}' of a {template.Name}");
            if (pair.Wanted > 0 && matches.TryAdd(pair.Wanted, pair.Found))
                foreach ((int input, int otherInput) in wanted.Inputs.Zip(other.Inputs))
                    pairs.Push((input, otherInput));
        }

        return matches;
    }

    /// <summary>Planes in reverse order: blue, green, red become red, green, blue.</summary>
    /// <param name="values">[count, channels, …].</param>
    /// <param name="count">Number of groups of planes.</param>
    private static float[] Reversed(float[] values, int count)
    {
        int plane = values.Length / count / Input.Channels;
        return [.. Enumerable.Range(0, count).SelectMany(i => values.AsMemory(i * Input.Channels * plane, Input.Channels * plane)
            .ToArray().Chunk(plane).Reverse().SelectMany(part => part))];
    }
}
