namespace Cifar10Ps.Inference;

/// <summary>Probabilities of the classes: softmax of logits that are divided by a model's temperature.</summary>
internal static class Probabilities
{
    /// <summary>A probability for each class.</summary>
    public static double[] Of(IReadOnlyList<float> logits, double temperature)
    {
        (float largest, double sum) = Denominator(logits, temperature);
        return [.. logits.Select(logit => Math.Exp((logit - largest) / temperature) / sum)];
    }

    /// <summary>Cross-entropy in nats: minus the logarithm of a class's probability.</summary>
    public static double Loss(IReadOnlyList<float> logits, double temperature, int label)
    {
        (float largest, double sum) = Denominator(logits, temperature);
        return Math.Log(sum) + largest / temperature - logits[label] / temperature;
    }

    private static (float Largest, double Sum) Denominator(IReadOnlyList<float> logits, double temperature)
    {
        float largest = logits.Max();
        return (largest, logits.Sum(logit => Math.Exp((logit - largest) / temperature)));
    }
}
