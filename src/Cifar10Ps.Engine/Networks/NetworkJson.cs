using System.Text.Json;
using Cifar10Ps.Runtime;

namespace Cifar10Ps.Networks;

/// <summary>A network as text: its layers by name, each with its operation. Model files contain it in their metadata.</summary>
internal static class NetworkJson
{
    /// <summary>Writes a network.</summary>
    public static string ToJson(Network network) => JsonSerializer.Serialize(
        new Graph(network.Name, network.Description, [.. network.Layers.Select(layer =>
            new Node(layer.Name, [.. layer.Inputs.Select(input => network.Layers[input].Name)], layer.Operation))]),
        Json.Options);

    /// <summary>Reads a network.</summary>
    /// <exception cref="InvalidDataException">The text does not describe one.</exception>
    /// <exception cref="JsonException">It is not of this form.</exception>
    public static Network Parse(string json)
    {
        Graph graph = JsonSerializer.Deserialize<Graph>(json, Json.Options) ?? throw new InvalidDataException("its network is empty");
        if (graph.Layers.Length > Network.MaximumLayers)
            throw new InvalidDataException($"its network has {graph.Layers.Length:N0} layers; "
                + $"at most {Network.MaximumLayers:N0} are possible");
        Dictionary<string, int> positions = new(StringComparer.Ordinal);
        List<Layer> layers = [];
        foreach (Node node in graph.Layers)
        {
            if (node is null || node.Inputs.Any(input => input is null))
                throw new InvalidDataException("its network has an empty layer");
            layers.Add(new Layer(node.Name, node.Operation, [.. node.Inputs.Select(input => positions.GetValueOrDefault(input, -1))]));
            positions.TryAdd(node.Name, positions.Count);
        }

        return new Network(graph.Name, graph.Description, layers);
    }

    private sealed record Graph(string Name, string Description, Node[] Layers);

    private sealed record Node(string Name, string[] Inputs, Operation Operation);
}
