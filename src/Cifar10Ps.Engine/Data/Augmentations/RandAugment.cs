namespace Cifar10Ps.Data;

/// <summary>Two random changes, of the paper's magnitude 9 of 30.</summary>
/// <remarks>
/// E. D. Cubuk, B. Zoph, J. Shlens, Q. V. Le, "RandAugment: practical automated data augmentation with a reduced search space", 2019.
/// Twelve of its 14 changes: equalisation and sharpness, which look at more than a pixel, are left out. The largest values are
/// torchvision's. An image is mirrored at its border, where the paper fills with grey.
/// </remarks>
internal sealed class RandAugment : Variation
{
    private const int Changes = 2, Kinds = 12;
    private const float Magnitude = 9f / 30, Shear = 0.3f * Magnitude, Shift = 150f / 331 * Magnitude, Enhancement = 0.9f * Magnitude;
    private const float Rotation = 30 * Magnitude * MathF.PI / 180, Threshold = 255 * (1 - Magnitude);
    private const int Bits = 7;

    /// <inheritdoc/>
    public override PixelMap Place(ImageKey key, int width, int height)
    {
        PixelMap map = PixelMap.Identity;
        foreach ((int kind, int sign) in ChangesOf(key))
            map = map.Then(kind switch
            {
                0 => PixelMap.AroundMiddle(1, sign * Shear, 0, 1, width, height),
                1 => PixelMap.AroundMiddle(1, 0, sign * Shear, 1, width, height),
                2 => new PixelMap(1, 0, sign * Shift * width, 0, 1, 0),
                3 => new PixelMap(1, 0, 0, 0, 1, sign * Shift * height),
                4 => PixelMap.AroundMiddle(MathF.Cos(Rotation), -sign * MathF.Sin(Rotation), sign * MathF.Sin(Rotation),
                    MathF.Cos(Rotation), width, height),
                _ => PixelMap.Identity,
            });
        return map;
    }

    /// <inheritdoc/>
    public override void Paint(Span<float> pixels, ImageKey key, int width, int height)
    {
        foreach ((int kind, int sign) in ChangesOf(key))
        {
            switch (kind)
            {
                case 5:
                    PixelColors.Brighten(pixels, 1 + sign * Enhancement);
                    break;
                case 6:
                    PixelColors.Contrast(pixels, 1 + sign * Enhancement);
                    break;
                case 7:
                    PixelColors.Saturate(pixels, 1 + sign * Enhancement);
                    break;
                case 8:
                    PixelColors.Posterize(pixels, Bits);
                    break;
                case 9:
                    PixelColors.Solarize(pixels, Threshold);
                    break;
                case 10:
                    PixelColors.StretchContrast(pixels);
                    break;
            }
        }
    }

    /// <summary>The changes of an image, each with its direction; the last kind is no change.</summary>
    private static (int Kind, int Sign)[] ChangesOf(ImageKey key)
    {
        RandomSequence random = key.Random(RandomPurpose.RandAugment);
        (int, int)[] changes = new (int, int)[Changes];
        for (int i = 0; i < Changes; i++)
            changes[i] = (random.NextBelow(Kinds), 2 * random.NextBelow(2) - 1);
        return changes;
    }
}
