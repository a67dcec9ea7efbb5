

using Cifar10Ps.Networks;
using Cifar10Ps.Networks.Families;

namespace Cifar10Ps.Formats;

/// <summary>Which tensors of a file are which of a network.</summary>
/// <param name="Network">The network.</param>
/// <param name="Names">The names in the file, by those in the network.</param>
/// <param name="Biases">Names in the file of biases of convolutions that the network does not have, by the norm that cancels them.</param>
/// <param name="ImageSize">Width and height in pixels of the images that a network of another program is made for;
/// null: the file says.</param>
internal sealed record NetworkTensors(
    Network Network, IReadOnlyDictionary<string, string> Names, IReadOnlyDictionary<Layer, string> Biases, int? ImageSize)
{
    /// <summary>Finds a network in tensors that hold it and nothing else.</summary>
    /// <param name="shapes">The tensors' shapes, by their names in the file.</param>
    /// <param name="network">The network; null: it is derived from the tensors.</param>
    /// <exception cref="InvalidDataException">They are not a network, or contain more, which would give different answers;
    /// the message names a tensor.</exception>
    public static NetworkTensors Of(IReadOnlyDictionary<string, int[]> shapes, Network? network = null)
    {
        Dictionary<string, int[]> bare = new(StringComparer.Ordinal);
        Dictionary<string, string> original = new(StringComparer.Ordinal);
        foreach ((string name, int[] shape) in shapes)
        {
            string inner = TensorNames.WithoutWrappers(name);
            if (!original.TryAdd(inner, name))
                throw new InvalidDataException($"the tensors '{original[inner]}' and '{name}' mean the same");
            bare[inner] = shape;
        }

        Dictionary<string, string> names;
        int? imageSize = null;
        if (network is null)
            (network, names, imageSize) = NetworkFamily.Recognise(bare);
        else
            // A described network's names are taken literally, whatever they mean in a family.
            names = network.Tensors.All(tensor => bare.ContainsKey(tensor.Name))
                ? bare.Keys.ToDictionary(name => name, StringComparer.Ordinal)
                : NetworkFamily.Canonical(network, bare.Keys);

        HashSet<string> known = new(StringComparer.Ordinal);
        Dictionary<Layer, string> biases = [];
        for (int i = 0; i < network.Layers.Count; i++)
        {
            Layer layer = network.Layers[i];
            foreach (LayerTensor tensor in layer.Tensors)
                Require(tensor.Name, tensor.Shape);
            string bias = layer.Name + ".bias";
            if (layer.Operation is Convolution { HasBias: false } convolution
                && network.IsNormed(i) && names.TryGetValue(bias, out string? inFile))
            {
                Require(bias, [convolution.OutputChannels]);
                biases[network.Layers[network.ConsumerOf(i)!.Value]] = original[inFile];
            }
        }

        return names.Keys.FirstOrDefault(name => !known.Contains(name)) is { } unexpected
            ? throw new InvalidDataException($"a {network.Name} has no tensor '{original[names[unexpected]]}'")
            : new NetworkTensors(network,
                names.ToDictionary(pair => pair.Key, pair => original[pair.Value], StringComparer.Ordinal), biases, imageSize);

        void Require(string name, int[] shape)
        {
            if (!names.TryGetValue(name, out string? found))
                throw new InvalidDataException($"the tensor '{name}' is missing");
            if (!bare[found].SequenceEqual(shape))
                throw new InvalidDataException($"the tensor '{original[found]}' is [{string.Join(", ", bare[found])}], "
                    + $"not [{string.Join(", ", shape)}]");
            known.Add(name);
        }
    }
}
