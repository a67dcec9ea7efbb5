using System.Text.RegularExpressions;

namespace Cifar10Ps;

/// <summary>What other programs call the tensors of a ResNet, and what this module calls them.</summary>
internal static partial class TensorNames
{
    /// <summary>The name in this module: <c>stage_1.0.conv_1.weight</c> is <c>layer1.0.conv1.weight</c>.</summary>
    public static string Canonical(string name)
    {
        name = Wrapper().Replace(name, "");
        if (name.StartsWith("linear.", StringComparison.Ordinal))
            name = "fc." + name["linear.".Length..];
        name = Stem().Replace(name, "${1}1.");
        name = Stage().Replace(name, "layer$1.");
        name = Shortcut().Replace(name, "$1downsample.");
        return Layer().Replace(name, "$1$2.");
    }

    /// <summary>Whether a tensor counts what a program did and is no weight, whatever its type is.</summary>
    public static bool IsCounter(string name) => Counter().IsMatch(name);

    /// <summary>The names of a file by those in this module.</summary>
    /// <exception cref="InvalidDataException">Two mean the same.</exception>
    public static Dictionary<string, string> Of(IEnumerable<string> names)
    {
        Dictionary<string, string> canonical = new(StringComparer.Ordinal);
        foreach (string name in names)
        {
            if (!canonical.TryAdd(Canonical(name), name))
                throw new InvalidDataException($"the tensors '{canonical[Canonical(name)]}' and '{name}' mean the same");
        }

        return canonical;
    }

    /// <summary>What PyTorch puts before the names of what it wraps, the whole network or a part: data parallel, compiled, sharded.</summary>
    [GeneratedRegex(@"(?<![^.])(module|_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")]
    private static partial Regex Wrapper();

    // PyTorch's batch norm counts batches, the profiler thop the operations of each layer.
    [GeneratedRegex(@"(^|\.)(num_batches_tracked|total_ops|total_params)$")]
    private static partial Regex Counter();

    [GeneratedRegex(@"^(conv|bn)\.")]
    private static partial Regex Stem();

    [GeneratedRegex(@"^stage_?([1-3])\.")]
    private static partial Regex Stage();

    [GeneratedRegex(@"^(layer[23]\.0\.)shortcut\.")]
    private static partial Regex Shortcut();

    [GeneratedRegex(@"\b(conv|bn)_([12])\.")]
    private static partial Regex Layer();
}
