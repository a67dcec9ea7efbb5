namespace Cifar10Ps;

/// <summary>What to do about an error of the engine in terms of cmdlets and parameters, which the engine does not know.</summary>
internal static class ErrorAdvice
{
    private const string ModelForData = "'New-ResNet20 -Classes $data.Classes' makes such a model, with -InitialWeights from trained weights.";

    private static readonly Dictionary<string, string> Sentences = new(StringComparer.Ordinal)
    {
        ["ClassMismatch"] = ModelForData,
        ["ClassCountMismatch"] = ModelForData,
        // As the help of Start-ModelTraining has it.
        ["CheckpointMismatch"] = "On resume only -Epochs, -Threads, -OutputDirectory, -KeepCheckpoints, -EvaluateEvery, -EarlyStoppingPatience, -MaxDuration, "
            + "-OnEpochEnd and -TensorBoard may differ from the run.",
    };

    /// <summary>A sentence about an error; null: its message says all.</summary>
    public static string? Of(string errorId) => Sentences.GetValueOrDefault(errorId);
}
