
using Cifar10Ps.Networks;

namespace Cifar10Ps.Execution;

/// <summary>
/// A part of a network that is computed in one go: a convolution with what follows it and nothing else (batch norm, the addition of a
/// shortcut, ReLU), or any other layer by itself. Positions are those of the network's layers.
/// </summary>
/// <param name="Layer">The convolution, or the only layer.</param>
/// <param name="Norm">The batch norm after the convolution.</param>
/// <param name="Addition">The addition after that.</param>
/// <param name="Shortcut">What the addition adds.</param>
/// <param name="Activation">The ReLU at the end.</param>
internal sealed record Unit(int Layer, int? Norm = null, int? Addition = null, int? Shortcut = null, int? Activation = null)
{
    /// <summary>The layer whose output is the unit's.</summary>
    public int Output => Activation ?? Addition ?? Norm ?? Layer;

    /// <summary>Its layers in their order.</summary>
    public IEnumerable<int> Layers => new int?[] { Layer, Norm, Addition, Activation }.OfType<int>();

    /// <summary>The units of a network, each after those that it takes its inputs from; the input itself is not part of any.</summary>
    public static IReadOnlyList<Unit> Of(Network network)
    {
        IReadOnlyList<Layer> layers = network.Layers;
        // The ends of convolutions, with their norms: the units that an addition may belong to.
        Dictionary<int, Unit> ends = [];
        for (int i = 1; i < layers.Count; i++)
        {
            if (layers[i].Kind != LayerKind.Convolution)
                continue;
            Unit unit = new(i, network.IsNormed(i) ? network.ConsumerOf(i) : null);
            ends[unit.Output] = unit;
        }

        for (int i = 1; i < layers.Count; i++)
        {
            if (layers[i].Kind != LayerKind.Add || layers[i].Inputs is not [int first, int second] || first == second)
                continue;
            // A unit has one addition: a sum is not the end of another.
            int end = Array.Find([first, second],
                input => ends.TryGetValue(input, out Unit? found) && found.Addition is null && network.ConsumerOf(input) == i);
            if (ends.Remove(end, out Unit? unit))
                ends[i] = unit with { Addition = i, Shortcut = end == first ? second : first };
        }

        List<Unit> units = [.. ends.Values.Select(unit =>
            network.ConsumerOf(unit.Output) is int next && layers[next].Kind == LayerKind.ReLU ? unit with { Activation = next } : unit)];
        HashSet<int> taken = [.. units.SelectMany(unit => unit.Layers)];
        units.AddRange(Enumerable.Range(1, layers.Count - 1).Where(i => !taken.Contains(i)).Select(i => new Unit(i)));
        return [.. units.OrderBy(unit => unit.Output)];
    }
}
