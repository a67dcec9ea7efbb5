namespace Cifar10Ps.Data;

/// <summary>A rectangle of noise over every second image, 2 to 40 % of its area, of a side ratio from 0.3 to 1/0.3.</summary>
/// <remarks>Z. Zhong, L. Zheng, G. Kang, S. Li, Y. Yang, "Random erasing data augmentation", 2017 (RE-R, the variant that the paper
/// found best).</remarks>
internal sealed class RandomErasing : Variation
{
    private const double Probability = 0.5, SmallestArea = 0.02, LargestArea = 0.4, LargestRatio = 1 / 0.3;

    /// <inheritdoc/>
    public override void Paint(Span<float> pixels, ImageKey key, int width, int height)
    {
        RandomSequence random = key.Random(RandomPurpose.Erasing);
        if (random.NextUniform() >= Probability)
            return;
        double side = Math.Sqrt(SmallestArea + (LargestArea - SmallestArea) * random.NextUniform());
        double stretch = Math.Pow(LargestRatio, random.NextUniform() - 0.5);
        PixelRectangle hole = PixelRectangle.Random(ref random, side * stretch, side / stretch, width, height);
        for (int y = hole.Top; y < hole.Bottom; y++)
            foreach (ref float value in pixels[(3 * (y * width + hole.Left))..(3 * (y * width + hole.Right))])
                value = random.NextBelow(256);
    }
}
