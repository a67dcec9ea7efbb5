using System.Text.RegularExpressions;

namespace Cifar10Ps;

/// <summary>What other programs call the tensors of a ResNet, and what this module calls them.</summary>
internal static partial class TensorNames
{
    /// <summary>The name in this module: <c>module.stage_1.0.conv_1.weight</c> is <c>layer1.0.conv1.weight</c>.</summary>
    public static string Canonical(string name)
    {
        // PyTorch's DataParallel puts it before all names.
        if (name.StartsWith("module.", StringComparison.Ordinal))
            name = name["module.".Length..];
        if (name.StartsWith("linear.", StringComparison.Ordinal))
            name = "fc." + name["linear.".Length..];
        name = Stage().Replace(name, "layer$1.");
        name = Shortcut().Replace(name, "$1downsample.");
        return Layer().Replace(name, "$1$2.");
    }

    /// <summary>The tensors of a file by their names in this module, each with the name that it has in the file.</summary>
    /// <exception cref="InvalidDataException">Two have one name.</exception>
    public static Dictionary<string, string> Of(TensorFile file)
    {
        Dictionary<string, string> names = new(StringComparer.Ordinal);
        foreach (string name in file.Tensors.Keys)
        {
            if (!names.TryAdd(Canonical(name), name))
                throw new InvalidDataException($"the tensors '{names[Canonical(name)]}' and '{name}' mean the same");
        }

        return names;
    }

    [GeneratedRegex(@"^stage_?([1-3])\.")]
    private static partial Regex Stage();

    [GeneratedRegex(@"^(layer[23]\.0\.)shortcut\.")]
    private static partial Regex Shortcut();

    [GeneratedRegex(@"\b(conv|bn)_([12])\.")]
    private static partial Regex Layer();
}
