namespace Cifar10Ps.Inference;

/// <summary>Counts what an evaluation says, image by image.</summary>
/// <param name="classes">Names of the classes.</param>
internal sealed class EvaluationTally(string[] classes)
{
    private readonly int[][] _confusion = [.. classes.Select(_ => new int[classes.Length])];
    private readonly List<(double Confidence, bool IsCorrect)> _guesses = [];
    private double _loss;
    private int _correct, _amongFive;

    /// <summary>Counts an image.</summary>
    /// <param name="logits">A logit for each class.</param>
    /// <param name="temperature">What they are divided by before they become probabilities.</param>
    /// <param name="label">The true class.</param>
    public void Add(IReadOnlyList<float> logits, double temperature, int label)
    {
        double[] probabilities = Probabilities.Of(logits, temperature);
        int guess = 0;
        for (int c = 1; c < logits.Count; c++)
            if (logits[c] > logits[guess])
                guess = c;
        _loss += Probabilities.Loss(logits, temperature, label);
        _confusion[label][guess]++;
        _correct += guess == label ? 1 : 0;
        _amongFive += RankOf(label, logits) < 5 ? 1 : 0;
        _guesses.Add((probabilities[guess], guess == label));
    }

    /// <summary>The evaluation of the images so far, at least one.</summary>
    /// <param name="unknownCount">Number of further images that were not answered.</param>
    public Evaluation ToEvaluation(int unknownCount = 0) => new(classes, _guesses.Count, _loss / _guesses.Count,
        (double)_correct / _guesses.Count, (double)_amongFive / _guesses.Count, _confusion, ReliabilityBin.Of(_guesses))
    {
        UnknownCount = unknownCount,
    };

    /// <summary>How many classes rank before one; of equal logits, the first class comes first.</summary>
    private static int RankOf(int label, IReadOnlyList<float> logits) =>
        logits.Where((logit, c) => logit > logits[label] || (logit == logits[label] && c < label)).Count();
}
