namespace Cifar10Ps.Networks;

/// <summary>A layer of a network: an operation, and where its inputs come from.</summary>
/// <param name="name">Its name, which its tensors' names start with: <c>layer1.0.conv1</c>.</param>
/// <param name="operation">What it computes.</param>
/// <param name="inputs">Positions of the layers whose outputs it takes, all before its own.</param>
/// <param name="isFrozen">Whether training leaves it as it is.</param>
internal sealed class Layer(string name, Operation operation, IReadOnlyList<int> inputs, bool isFrozen = false)
{
    private LayerTensor[]? _tensors;

    /// <summary>Its name, which its tensors' names start with: <c>layer1.0.conv1</c>.</summary>
    public string Name => name;

    /// <summary>What it computes.</summary>
    public Operation Operation => operation;

    /// <summary>Positions of the layers whose outputs it takes, all before its own.</summary>
    public IReadOnlyList<int> Inputs => inputs;

    /// <summary>Whether training leaves it as it is: its tensors do not change, and a batch norm uses its running statistics.</summary>
    public bool IsFrozen => isFrozen;

    /// <summary>What it does.</summary>
    public LayerKind Kind => operation.Kind;

    /// <summary>Its tensors.</summary>
    public IReadOnlyList<LayerTensor> Tensors =>
        _tensors ??= [.. operation.TensorsOf(name).Select(tensor => tensor with { IsFrozen = isFrozen || tensor.IsFrozen })];

    /// <summary>Number of parameters.</summary>
    public int ParameterCount => Tensors.Where(tensor => tensor.IsLearned).Sum(tensor => tensor.Length);

    /// <summary>The tensor of a role; null: it has none.</summary>
    public LayerTensor? Tensor(TensorRole role) => Tensors.FirstOrDefault(tensor => tensor.Role == role);

    /// <summary>The same layer with another operation.</summary>
    public Layer With(Operation other) => new(name, other, inputs, isFrozen);

    /// <summary>The same layer, which training leaves as it is.</summary>
    public Layer Frozen() => new(name, operation, inputs, isFrozen: true);
}
