namespace Cifar10Ps.Formats;

/// <summary>What the layers of an ONNX graph are called: after their tensors, or else after their operations.</summary>
internal static class OnnxNames
{
    /// <summary>A name for an operation.</summary>
    /// <param name="node">The operation.</param>
    /// <param name="weight">Name of its weight; empty: it has none.</param>
    public static string Of(OnnxNode node, string weight = "")
    {
        // PyTorch calls weights that it has folded a norm into onnx::Conv_12.
        if (weight.EndsWith(".weight", StringComparison.Ordinal) && !weight.Contains("::", StringComparison.Ordinal))
            return weight[..^".weight".Length];
        string name = node.Name.Length > 0 ? node.Name : node.Outputs.FirstOrDefault("");
        return name.StartsWith('/') ? FromScopes(name, node.Type) : name;
    }

    /// <summary>
    /// The state dict's name for what PyTorch names by its scopes: <c>layer1.0.conv1</c> for <c>/layer1/layer1.0/conv1/Conv</c>.
    /// </summary>
    private static string FromScopes(string name, string type)
    {
        string[] scopes = name.Split('/', StringSplitOptions.RemoveEmptyEntries);
        // The last part is the type, with a number if there are several: the layer's own name precedes it.
        if (scopes.Length > 1 && (scopes[^1] == type || scopes[^1].StartsWith(type + "_", StringComparison.Ordinal)))
            scopes = scopes[^1] == type ? scopes[..^1] : [.. scopes[..^1], scopes[^1].ToLowerInvariant()];
        List<string> parts = [];
        foreach (string scope in scopes)
        {
            // A part of a sequence repeats the sequence's name.
            if (parts.Count > 0 && scope.StartsWith(parts[^1] + ".", StringComparison.Ordinal))
                parts.RemoveAt(parts.Count - 1);
            parts.Add(scope);
        }

        return string.Join('.', parts);
    }
}
