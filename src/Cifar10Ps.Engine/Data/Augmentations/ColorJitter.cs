namespace Cifar10Ps.Data;

/// <summary>Brightness, contrast and saturation changed by random factors from 0.8 to 1.2, in random order.</summary>
/// <remarks>A. Howard, "Some improvements on deep convolutional neural network based image classification", 2013, section 2.2,
/// with milder factors.</remarks>
internal sealed class ColorJitter : Variation
{
    private const double Strength = 0.2;

    /// <inheritdoc/>
    public override void Paint(Span<float> pixels, ImageKey key, int width, int height)
    {
        RandomSequence random = key.Random(RandomPurpose.ColorJitter);
        foreach (int change in random.NextPermutation(3))
        {
            float factor = (float)(1 + Strength * (2 * random.NextUniform() - 1));
            switch (change)
            {
                case 0:
                    PixelColors.Brighten(pixels, factor);
                    break;
                case 1:
                    PixelColors.Contrast(pixels, factor);
                    break;
                default:
                    PixelColors.Saturate(pixels, factor);
                    break;
            }
        }
    }
}
