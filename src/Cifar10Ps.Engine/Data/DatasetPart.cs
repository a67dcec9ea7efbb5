namespace Cifar10Ps.Data;

/// <summary>What images of a data set are for.</summary>
internal enum DatasetPart
{
    /// <summary>To learn from.</summary>
    Train,

    /// <summary>To choose by.</summary>
    Validation,

    /// <summary>To be tested on.</summary>
    Test,
}

/// <summary>The names of the parts, as people call them.</summary>
internal static class DatasetParts
{
    private static readonly Dictionary<string, DatasetPart> Names = new(StringComparer.OrdinalIgnoreCase)
    {
        ["train"] = DatasetPart.Train, ["training"] = DatasetPart.Train,
        ["val"] = DatasetPart.Validation, ["valid"] = DatasetPart.Validation, ["validation"] = DatasetPart.Validation,
        ["test"] = DatasetPart.Test, ["testing"] = DatasetPart.Test,
    };

    /// <summary>The part that a name stands for, in any case; null: it is not the name of one.</summary>
    public static DatasetPart? Named(string name) => Names.TryGetValue(name, out DatasetPart part) ? part : null;

    /// <summary>What a part is for, after "for": <c>training</c>.</summary>
    public static string Purpose(this DatasetPart part) => part switch
    {
        DatasetPart.Train => "training",
        DatasetPart.Validation => "validation",
        _ => "testing",
    };
}
