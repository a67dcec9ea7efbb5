using System.Text.RegularExpressions;

namespace Cifar10Ps;

/// <summary>Which tensors of a file are which of a network.</summary>
/// <param name="Architecture">Shape of the network.</param>
/// <param name="Names">The names in the file, by those in this module.</param>
internal sealed partial record NetworkTensors(ResNetArchitecture Architecture, IReadOnlyDictionary<string, string> Names)
{
    /// <summary>Finds a network in tensors that hold it and nothing else.</summary>
    /// <param name="shapes">The tensors' shapes, by their names in the file.</param>
    /// <param name="architecture">Shape of the network; null: it is read off the tensors.</param>
    /// <exception cref="InvalidDataException">They are none, or have more in them, which would give other answers; the message names a tensor.</exception>
    public static NetworkTensors Of(IReadOnlyDictionary<string, int[]> shapes, ResNetArchitecture? architecture = null)
    {
        Dictionary<string, string> names = TensorNames.Of(shapes.Keys);
        string[] strangers = [.. names.Where(pair => !KnownName().IsMatch(pair.Key)).Select(pair => pair.Value)];
        if (strangers.Length > 0)
            throw new InvalidDataException($"it is another network: a ResNet for small pictures (conv1, bn1, layer1.0.conv1 …, fc) has no {NetworkSearch.List(strangers)}");
        architecture ??= Recognise(names, shapes);
        if (!architecture.HasKnownDepth || architecture.ClassCount is < 2 or > ResNetArchitecture.MaximumClassCount
            || !Enum.IsDefined(architecture.Shortcut) || architecture.BatchNormEpsilon is not (> 0 and < 1))
            throw new InvalidDataException($"its architecture is none of a ResNet with 6n + 2 layers, {ResNetArchitecture.MaximumDepth} at most");

        HashSet<string> known = new(StringComparer.Ordinal);
        foreach (TensorShape tensor in architecture.Tensors())
        {
            Require(tensor.Name, tensor.Shape);
            known.Add(tensor.Name);
            if (tensor.Shape.Length == 4 && BiasOf(tensor.Name) is { } bias && names.ContainsKey(bias))
            {
                Require(bias, [tensor.Shape[0]]);
                known.Add(bias);
            }
        }

        return names.Keys.FirstOrDefault(name => !known.Contains(name)) is { } stranger
            ? throw new InvalidDataException($"a {architecture.Name} has no tensor '{names[stranger]}'")
            : new NetworkTensors(architecture, names);

        void Require(string name, int[] shape)
        {
            if (!names.TryGetValue(name, out string? found))
                throw new InvalidDataException($"the tensor '{name}' is missing");
            if (!shapes[found].SequenceEqual(shape))
                throw new InvalidDataException($"the tensor '{found}' is [{string.Join(", ", shapes[found])}], not [{string.Join(", ", shape)}]");
        }
    }

    /// <summary>What a convolution's bias is called, which this module's networks do not have.</summary>
    public static string BiasOf(string weight) => weight[..^"weight".Length] + "bias";

    /// <summary>The norm that follows a convolution: <c>bn1</c> after <c>conv1</c>, <c>downsample.1</c> after <c>downsample.0</c>.</summary>
    public static string NormOf(string convolution) => convolution.EndsWith("downsample.0", StringComparison.Ordinal)
        ? convolution[..^1] + "1" : convolution[..^"conv1".Length] + "bn" + convolution[^1];

    private static ResNetArchitecture Recognise(Dictionary<string, string> names, IReadOnlyDictionary<string, int[]> shapes)
    {
        if (!names.TryGetValue("fc.weight", out string? classifier) || shapes[classifier] is not [int classes, _])
            throw new InvalidDataException("it has no classifier 'fc.weight' or 'linear.weight' with a row for each class");
        int blocks = Enumerable.Range(0, ResNetArchitecture.MaximumDepth).TakeWhile(block => names.ContainsKey($"layer1.{block}.conv1.weight")).Count();
        // Whether the other blocks add the identity cannot be seen.
        Shortcut shortcut = names.ContainsKey("layer2.0.downsample.0.weight") ? Shortcut.Projection : Shortcut.ZeroPad;
        return new ResNetArchitecture(6 * blocks + 2, shortcut, classes);
    }

    [GeneratedRegex(@"^((conv1|layer[123]\.\d+\.(conv[12]|downsample\.0)|fc)\.(weight|bias)|(bn1|layer[123]\.\d+\.(bn[12]|downsample\.1))\.(weight|bias|running_mean|running_var))$")]
    private static partial Regex KnownName();
}
