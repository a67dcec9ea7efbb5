namespace Cifar10Ps;

/// <summary>What the caller knows about a model that its file may not say, and who receives messages.</summary>
public sealed record ImportOptions
{
    /// <summary>Which network to read from a file that contains several: the name of its state dict, or the prefix of its tensors;
    /// null: the only one.</summary>
    public string? Key { get; init; }

    /// <summary>Mean of red, green, blue for pixels from 0 to 1, in place of the file's; null: as the file says.</summary>
    public double[]? Mean { get; init; }

    /// <summary>Standard deviation of red, green, blue for pixels from 0 to 1, in place of the file's; null: as the file says.</summary>
    public double[]? StandardDeviation { get; init; }

    /// <summary>Class names in place of the file's; null: as the file says.</summary>
    public string[]? Classes { get; init; }

    /// <summary>Receives a sentence about what was found; null disables it.</summary>
    public Action<string>? Tell { get; init; }

    /// <summary>Receives each warning about what was found; null disables it.</summary>
    public Action<string>? Warn { get; init; }
}
