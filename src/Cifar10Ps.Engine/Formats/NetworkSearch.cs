
using Cifar10Ps.Networks.Families;

namespace Cifar10Ps.Formats;

/// <summary>A dictionary of tensors in a file.</summary>
/// <param name="Key">Where it is in the file: <c>state_dict</c>; empty: at the top.</param>
/// <param name="Shapes">The shapes of its floating-point tensors, by name.</param>
/// <param name="LeftOut">Names of its other entries.</param>
internal sealed record TensorGroup(string Key, IReadOnlyDictionary<string, int[]> Shapes, IReadOnlyList<string> LeftOut);

/// <summary>The tensors of one network in a file.</summary>
/// <param name="Group">The dictionary that they are in.</param>
/// <param name="Prefix">The common prefix of their names, with its dot; may be empty.</param>
/// <param name="Names">Their names, with the prefix.</param>
internal sealed record NetworkChoice(TensorGroup Group, string Prefix, IReadOnlyList<string> Names)
{
    /// <summary>The key that selects this network in its file.</summary>
    public string Key => NetworkSearch.Join(Group.Key, Prefix.TrimEnd('.'));

    /// <summary>Names of what else is in the dictionary.</summary>
    public IEnumerable<string> LeftOut => Group.LeftOut.Concat(Group.Shapes.Keys.Except(Names));

    /// <summary>How it was found, in sentences; null: it is all that there is.</summary>
    public string? Note => (Group.Key, Prefix) switch
    {
        ("", "") => null,
        (_, "") => $"The network is that of '{Group.Key}'.",
        ("", _) => $"The prefix '{Prefix}' was taken off the tensors' names.",
        _ => $"The network is that of '{Group.Key}', and the prefix '{Prefix}' was taken off its tensors' names.",
    };
}

/// <summary>Finds the network in a file whose tensors may be wrapped in any way: in dictionaries,
/// and under prefixes of their names.</summary>
internal static class NetworkSearch
{
    // Limits of the prefixes that are tried in a file, and of the tensors of a network. A hostile file could have any number.
    private const int PrefixLimit = 100, FewestTensors = 20, MostTensors = 2_000;

    /// <summary>Chooses a network.</summary>
    /// <param name="groups">The file's dictionaries of tensors.</param>
    /// <param name="key">Which network is meant: the name of its dictionary or the prefix of its names; null: the only one.</param>
    /// <returns>A network, or else tensors that do not belong to layers; null: there are none.</returns>
    /// <exception cref="EngineException"> <c>SeveralNetworks</c>, <c>NetworkNotFound</c>; <c>InvalidModel</c> if it is an unknown network,
    /// or if there are other tensors, which may belong to it. </exception>
    public static NetworkChoice? Choose(IEnumerable<TensorGroup> groups, string? key)
    {
        TensorGroup[] all = [.. groups];
        int left = PrefixLimit;
        (NetworkChoice Network, string? Beside)[] found = [.. all.SelectMany(group => Networks(group, ref left))];
        if (key is not null)
        {
            return found.Select(f => f.Network).FirstOrDefault(network => network.Key == key) ?? Require(Under(all, key))
                ?? throw new EngineException("NetworkNotFound", ErrorKind.InvalidArgument,
                    $"has no network '{DisplayText.Name(key)}'. "
                    + $"{(found.Length == 0 ? "It has no usable network" : $"It has {Keys()}")}.");
        }

        if (found.Length > 1)
            throw new EngineException("SeveralNetworks", ErrorKind.InvalidData,
                $"holds {found.Length:N0} networks, {Keys()}. Choose one by its key.");
        if (found is [var only])
        {
            return only.Beside is null ? only.Network : throw new EngineException("InvalidModel", ErrorKind.InvalidData,
                $"has the tensor '{DisplayText.Name(only.Beside)}' beside the network '{only.Network.Key}', whose answers it may change. "
                + "Choose the network by its key to leave the rest out.");
        }

        // An optimizer's tensors have plain names.
        return all.OrderByDescending(group => group.Shapes.Keys.Any(IsOfLayer)).ThenByDescending(group => group.Shapes.Count)
            .FirstOrDefault() is { } likeliest ? Require(Whole(likeliest, "")) : null;

        string Keys() => DisplayText.List([.. found.Select(f => f.Network.Key)], atMost: 20);
    }

    /// <summary>Whether a tensor's name is that of a part of something: <c>conv1.weight</c>.</summary>
    public static bool IsOfLayer(string name) => name.Contains('.', StringComparison.Ordinal);

    /// <summary>Two parts of a key with a dot between, where both are there.</summary>
    public static string Join(string first, string second) =>
        first.Length == 0 || second.Length == 0 ? first + second : $"{first}.{second}";

    /// <summary>The networks in a dictionary, each with a tensor that belongs to none of them, if there is one.</summary>
    /// <param name="group">The dictionary.</param>
    /// <param name="left">How many more prefixes may be tried; one always may.</param>
    private static IEnumerable<(NetworkChoice, string?)> Networks(TensorGroup group, ref int left)
    {
        if (group.Shapes.Count < FewestTensors)
            return [];
        HashSet<string> rest = [.. group.Shapes.Keys.Where(name => !TensorNames.IsCounter(name))];
        string[] prefixes = [.. rest.Select(PrefixOf).OfType<string>().Distinct().Take(Math.Max(left, 1))];
        left -= prefixes.Length;
        List<NetworkChoice> found = [];
        // The longest first, so that a network without a prefix is what remains.
        foreach (string prefix in prefixes.OrderByDescending(prefix => prefix.Length))
        {
            NetworkChoice candidate = new(group, prefix, [.. rest.Where(name => name.StartsWith(prefix, StringComparison.Ordinal))]);
            if (!IsNetwork(candidate))
                continue;
            found.Add(candidate);
            rest.ExceptWith(candidate.Names);
        }

        return found.Select(network => (network, rest.FirstOrDefault()));
    }

    /// <summary>What a key means that does not name a complete network: everything in a dictionary, or with a prefix.</summary>
    private static NetworkChoice? Under(TensorGroup[] groups, string key)
    {
        foreach (TensorGroup group in groups)
        {
            if (group.Key == key)
                return Whole(group, "");
            string prefix = group.Key.Length == 0 ? key + "."
                : key.StartsWith(group.Key + ".", StringComparison.Ordinal) ? key[(group.Key.Length + 1)..] + "." : "";
            if (prefix.Length > 1 && Whole(group, prefix) is { Names.Count: > 0 } choice)
                return choice;
        }

        return null;
    }

    private static NetworkChoice Whole(TensorGroup group, string start)
    {
        string[] names = [.. group.Shapes.Keys
            .Where(name => name.StartsWith(start, StringComparison.Ordinal) && !TensorNames.IsCounter(name))];
        if (names is [])
            return new NetworkChoice(group, start, names);
        // No further than to the last dot that all names have in common.
        int common = names.Min(name => name.AsSpan().CommonPrefixLength(names[0]));
        return new NetworkChoice(group, names[0][..Math.Max(start.Length, names[0].AsSpan(0, common).LastIndexOf('.') + 1)], names);
    }

    private static bool IsNetwork(NetworkChoice choice) =>
        choice.Names.Count is >= FewestTensors and <= MostTensors && WhyNot(choice) is null;

    /// <summary>Says what is wrong with an unsupported network before its values are read, which may be many.</summary>
    private static NetworkChoice? Require(NetworkChoice? choice) =>
        choice is not null && choice.Names.Any(IsOfLayer) && WhyNot(choice) is { } reason
            ? throw new EngineException("InvalidModel", ErrorKind.InvalidData, $"contains no usable model: {reason}.") : choice;

    private static string? WhyNot(NetworkChoice choice)
    {
        try
        {
            NetworkTensors.Of(choice.Names.ToDictionary(name => name[choice.Prefix.Length..], name => choice.Group.Shapes[name],
                StringComparer.Ordinal));
            return null;
        }
        catch (InvalidDataException e)
        {
            return e.Message;
        }
    }

    private static string? PrefixOf(string name) => NetworkFamily.ClassifierNames.Select(classifier => classifier + ".weight")
        .Where(classifier => name == classifier || name.EndsWith("." + classifier, StringComparison.Ordinal))
        .Select(classifier => name[..^classifier.Length]).FirstOrDefault();
}
