using System.Text.RegularExpressions;

namespace Cifar10Ps.Formats;

/// <summary>What other programs add to the tensors of any network.</summary>
internal static partial class TensorNames
{
    /// <summary>The name without the prefixes of PyTorch's wrappers: <c>module.conv1.weight</c> is <c>conv1.weight</c>.</summary>
    public static string WithoutWrappers(string name) => Wrapper().Replace(name, "");

    /// <summary>Whether a tensor is a counter and not a weight, whatever its type is.</summary>
    public static bool IsCounter(string name) => Counter().IsMatch(name);

    // The whole network or a part: data parallel, compiled, sharded.
    [GeneratedRegex(@"(?<![^.])(module|_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")]
    private static partial Regex Wrapper();

    // PyTorch's batch norm counts batches, the profiler thop the operations of each layer.
    [GeneratedRegex(@"(^|\.)(num_batches_tracked|total_ops|total_params)$")]
    private static partial Regex Counter();
}
