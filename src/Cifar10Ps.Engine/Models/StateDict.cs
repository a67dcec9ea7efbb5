namespace Cifar10Ps.Models;

/// <summary>The values of a network by name, in PyTorch's order within each tensor (row-major, last dimension fastest).</summary>
internal sealed class StateDict
{
    private readonly Dictionary<string, float[]> _values = new(StringComparer.Ordinal);

    /// <summary>The names, in the order in which they were added.</summary>
    public IEnumerable<string> Names => _values.Keys;

    /// <summary>Whether there is a tensor of this name.</summary>
    public bool Contains(string name) => _values.ContainsKey(name);

    /// <summary>The values of a tensor.</summary>
    public float[] this[string name]
    {
        get => _values[name];
        set => _values[name] = value;
    }
}
