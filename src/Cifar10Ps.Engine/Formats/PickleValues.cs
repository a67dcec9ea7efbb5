namespace Cifar10Ps.Formats;

/// <summary>A dictionary of a pickle: its entries in order, whatever their keys are.</summary>
internal sealed class PickleMap
{
    /// <summary>The entries.</summary>
    public List<(object? Key, object? Value)> Items { get; } = [];
}

/// <summary>A class or function that a pickle names, and that is never looked up.</summary>
/// <param name="Module">The module: <c>argparse</c>.</param>
/// <param name="Name">The name in it, with dots where it is nested: <c>Namespace</c>.</param>
internal sealed record PickleGlobal(string Module, string Name)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Module}.{Name}";
}

/// <summary>What a pickle would create by calling a class or function: nothing was called, and the arguments are kept.</summary>
/// <param name="maker">The class or function.</param>
/// <param name="arguments">What it was given.</param>
internal sealed class PickleObject(PickleGlobal maker, object?[] arguments)
{
    /// <summary>The class or function.</summary>
    public PickleGlobal Maker { get; } = maker;

    /// <summary>What it was given.</summary>
    public object?[] Arguments { get; } = arguments;

    /// <summary>Its attributes, mostly a <see cref="PickleMap"/>; null: none.</summary>
    public object? State { get; set; }

    /// <summary>Its entries, if it is a kind of dictionary; null: none.</summary>
    public PickleMap? Entries { get; set; }

    /// <summary>Its elements, if it is a kind of list or set; null: none.</summary>
    public List<object?>? Elements { get; set; }
}
