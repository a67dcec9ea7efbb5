namespace Cifar10Ps.Data;

/// <summary>
/// A random part of the image, enlarged to the size of the whole: its area is uniform, its aspect ratio log-uniform, and its place uniform.
/// </summary>
/// <remarks>
/// C. Szegedy et al., "Going deeper with convolutions", 2014, section 6, from where torchvision's transform of this name comes. Parts
/// there begin at 8 % of the area, for the million photos of ImageNet. From 35 % on, as here, few miss what the picture shows, and
/// things look less enlarged in training than when the model is used: H. Touvron et al., "Fixing the train-test resolution discrepancy",
/// 2019.
/// </remarks>
internal sealed class RandomResizedCrop : Variation
{
    private const double SmallestArea = 0.35, LargestRatio = 4.0 / 3;

    /// <inheritdoc/>
    public override PixelMap Place(ImageKey key, int width, int height)
    {
        RandomSequence random = key.Random(RandomPurpose.ResizedCrop);
        double area = SmallestArea + (1 - SmallestArea) * random.NextUniform();
        double stretch = Math.Pow(LargestRatio, random.NextUniform() - 0.5);
        double right = Math.Min(1, Math.Sqrt(area) * stretch), down = Math.Min(1, Math.Sqrt(area) / stretch);
        double left = (1 - right) * random.NextUniform() * width, top = (1 - down) * random.NextUniform() * height;
        // The middle of the first pixel is half a pixel from the border, in the part and in the image.
        return new PixelMap((float)right, 0, (float)(left + right / 2 - 0.5), 0, (float)down, (float)(top + down / 2 - 0.5));
    }
}
