
namespace Cifar10Ps.Formats;

/// <summary>The content of an ONNX file as written there, not yet interpreted.</summary>
/// <param name="Name">Name of the network, if this module wrote the file; empty: it did not.</param>
/// <param name="OperatorSet">Version of the operators.</param>
/// <param name="Metadata">What the file says about itself.</param>
/// <param name="Nodes">The operations, in their order.</param>
/// <param name="Constants">The constants by name.</param>
/// <param name="Inputs">The inputs; in old files the constants too.</param>
/// <param name="Outputs">Names of the outputs.</param>
internal sealed record OnnxModel(
    string Name,
    long OperatorSet,
    IReadOnlyDictionary<string, string> Metadata,
    IReadOnlyList<OnnxNode> Nodes,
    IReadOnlyDictionary<string, OnnxTensor> Constants,
    IReadOnlyList<OnnxInput> Inputs,
    IReadOnlyList<string> Outputs);

/// <summary>An input of a graph.</summary>
/// <param name="Name">Its name.</param>
/// <param name="IsBytes">Whether its values are bytes.</param>
/// <param name="Shape">Sizes of its dimensions, -1 for any size; null: not given.</param>
internal sealed record OnnxInput(string Name, bool IsBytes, long[]? Shape);

/// <summary>An operation of a graph.</summary>
/// <param name="Index">Its place among the nodes.</param>
/// <param name="Name">Its name; empty: none.</param>
/// <param name="Type">What it does: <c>Conv</c>.</param>
/// <param name="Inputs">Names of what it takes; empty where something is left out.</param>
/// <param name="Outputs">Names of what it gives.</param>
/// <param name="Attributes">Its settings by name.</param>
internal sealed record OnnxNode(
    int Index,
    string Name,
    string Type,
    IReadOnlyList<string> Inputs,
    IReadOnlyList<string> Outputs,
    IReadOnlyDictionary<string, OnnxAttribute> Attributes)
{
    /// <summary>An integer.</summary>
    public long Integer(string name, long otherwise) => Attributes.GetValueOrDefault(name)?.Integer ?? otherwise;

    /// <summary>A number.</summary>
    public float Single(string name, float otherwise) => Attributes.GetValueOrDefault(name)?.Single ?? otherwise;

    /// <summary>A text.</summary>
    public string Text(string name, string otherwise) => Attributes.GetValueOrDefault(name)?.Text ?? otherwise;

    /// <summary>A list of integers; null: it is not given.</summary>
    public IReadOnlyList<long>? Integers(string name) => Attributes.GetValueOrDefault(name)?.Integers;

    /// <summary>How messages refer to it: <c>the operator 'Conv' (node 'stem')</c>.</summary>
    public override string ToString() =>
        $"the operator '{DisplayText.Name(Type)}' ({(Name.Length == 0 ? $"node {Index}" : $"node '{DisplayText.Name(Name)}'")})";
}

/// <summary>An attribute of an operation: which of its values is used depends on its name.</summary>
internal sealed record OnnxAttribute
{
    /// <summary>A number.</summary>
    public float Single { get; init; }

    /// <summary>An integer.</summary>
    public long Integer { get; init; }

    /// <summary>A text.</summary>
    public string Text { get; init; } = "";

    /// <summary>A constant; null: it is of another kind.</summary>
    public OnnxTensor? Tensor { get; init; }

    /// <summary>A list of integers.</summary>
    public IReadOnlyList<long> Integers { get; init; } = [];

    /// <summary>A list of numbers.</summary>
    public IReadOnlyList<float> Singles { get; init; } = [];
}
