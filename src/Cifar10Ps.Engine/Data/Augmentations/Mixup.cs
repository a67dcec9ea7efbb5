namespace Cifar10Ps.Data;

/// <summary>Each image faded into another one: the share of the first is drawn from Beta(0.2, 0.2), so that most mixtures
/// are close to one of the two.</summary>
/// <remarks>H. Zhang, M. Cisse, Y. N. Dauphin, D. Lopez-Paz, "mixup: beyond empirical risk minimization", 2018; the parameter is that
/// of its ImageNet experiments.</remarks>
internal sealed class Mixup : Mixing
{
    private const double Alpha = 0.2;

    /// <inheritdoc/>
    public override float Mix(Span<float> image, ReadOnlySpan<float> other, RandomSequence random, int width, int height)
    {
        float share = (float)Beta(ref random);
        for (int i = 0; i < image.Length; i++)
            image[i] = other[i] + share * (image[i] - other[i]);
        return share;
    }

    /// <summary>M. D. Jöhnk, "Erzeugung von betaverteilten und gammaverteilten Zufallszahlen", 1964.</summary>
    private static double Beta(ref RandomSequence random)
    {
        double x, y;
        do
        {
            x = Math.Pow(random.NextUniform(), 1 / Alpha);
            y = Math.Pow(random.NextUniform(), 1 / Alpha);
        }
        while (x + y is 0 or > 1);
        return x / (x + y);
    }
}
