using System.Collections.ObjectModel;

namespace Cifar10Ps;

/// <summary>A list that does not change, and whose text shows its items, as in a cell of a CSV file.</summary>
/// <typeparam name="T">What is in it.</typeparam>
/// <param name="items">The items; the list keeps the array.</param>
/// <param name="separator">What separates the items in the text; not a comma, which may be part of a number.</param>
public sealed class ReadOnlyList<T>(T[] items, string separator = "; ") : ReadOnlyCollection<T>(items)
{
    /// <inheritdoc/>
    public override string ToString() => string.Join(separator, this);
}
