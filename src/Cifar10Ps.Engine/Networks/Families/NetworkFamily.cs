using System.Text.Json;

namespace Cifar10Ps.Networks.Families;

/// <summary>
/// A family of networks: how model files of other programs name the tensors of its members, and how a member is recognised by them. To add
/// a family, add a file and a line to <see cref="All"/>.
/// </summary>
internal abstract class NetworkFamily
{
    /// <summary>All families, in the order in which tensors are tried.</summary>
    private static readonly NetworkFamily[] All = [CifarResNet.Family, ResNet.Family, Vgg.Family, SpeedNet.Family];

    /// <summary>Names that classifiers have in files of other programs, without <c>.weight</c>.</summary>
    public static IEnumerable<string> ClassifierNames => All.SelectMany(family => family.Classifiers).Distinct();

    /// <summary>The network of the original Chainer program, and what it is called there.</summary>
    /// <param name="classes">Number of classes.</param>
    public static ChainerLayout Chainer(int classes) => CifarResNet.ChainerLayoutOf(classes);

    /// <summary>The network for the options that files of version 0.1 and 0.2 contain instead of a network.</summary>
    /// <exception cref="InvalidDataException">There is no such network.</exception>
    /// <exception cref="JsonException">They are not of this form.</exception>
    public static Network FromOptions(string json) => CifarResNet.FromOptions(json);

    /// <summary>Finds the network that tensors belong to.</summary>
    /// <param name="shapes">Their shapes, by their names in the file, without what all names begin with.</param>
    /// <returns>The network, the names in the file by those in the network, and the width and height of the images for which it is
    /// made.</returns>
    /// <exception cref="InvalidDataException">They do not belong to any; the message says why.</exception>
    public static (Network Network, Dictionary<string, string> Names, int ImageSize) Recognise(IReadOnlyDictionary<string, int[]> shapes)
    {
        // The family whose names match best reports the problem.
        (NetworkFamily family, Dictionary<string, string> names, string[] unexpected) = All
            .Select(family => family.Match(shapes.Keys)).MinBy(match => match.Unexpected.Length);
        if (unexpected.Length > 0)
            throw new InvalidDataException($"it is a different network: {family.Trait} has no {DisplayText.List(unexpected)}");
        (Network network, int imageSize) = family.Read(name => names.TryGetValue(name, out string? found) ? shapes[found] : null);
        return (network, names, imageSize);
    }

    /// <summary>The names in a file by those in a network of whatever family.</summary>
    /// <exception cref="InvalidDataException">Two mean the same.</exception>
    public static Dictionary<string, string> Canonical(Network network, IEnumerable<string> names) =>
        All.Select(family => family.NamesOf(names)).MaxBy(found => network.Tensors.Count(tensor => found.ContainsKey(tensor.Name)))!;

    /// <summary>The family and the names of its tensors, for a message.</summary>
    private protected abstract string Trait { get; }

    /// <summary>Names of its classifiers, without <c>.weight</c>.</summary>
    private protected virtual IEnumerable<string> Classifiers => ["fc"];

    /// <summary>The name in this module of a tensor of another program.</summary>
    private protected virtual string Canonical(string name) => name;

    /// <summary>Whether members have a tensor of this name, or a bias that a norm cancels.</summary>
    private protected abstract bool Knows(string name);

    /// <summary>The network that tensors of known names belong to, and the width and height of the images that it is made for.</summary>
    /// <param name="shapeOf">Finds the shape of a tensor; null: it is missing.</param>
    /// <exception cref="InvalidDataException">There is no such network.</exception>
    private protected abstract (Network Network, int ImageSize) Read(Func<string, int[]?> shapeOf);

    private (NetworkFamily Family, Dictionary<string, string> Names, string[] Unexpected) Match(IEnumerable<string> names)
    {
        Dictionary<string, string> canonical = NamesOf(names);
        return (this, canonical, [.. canonical.Where(pair => !Knows(pair.Key)).Select(pair => pair.Value)]);
    }

    private Dictionary<string, string> NamesOf(IEnumerable<string> names)
    {
        Dictionary<string, string> canonical = new(StringComparer.Ordinal);
        foreach (string name in names)
        {
            if (!canonical.TryAdd(Canonical(name), name))
                throw new InvalidDataException($"the tensors '{canonical[Canonical(name)]}' and '{name}' mean the same");
        }

        return canonical;
    }
}

/// <summary>A network as the original Chainer program keeps it.</summary>
/// <param name="Network">The network.</param>
/// <param name="Names">The names of its tensors there, by those here.</param>
/// <param name="Unused">Shapes of the arrays that the original has but never uses, by their names there.</param>
internal sealed record ChainerLayout(Network Network, IReadOnlyDictionary<string, string> Names, IReadOnlyDictionary<string, int[]> Unused);
