namespace Cifar10Ps.Data;

/// <summary>A way of varying a training image by itself. All that is random in it is a pure function of the image's key.</summary>
internal abstract class Variation
{
    /// <summary>The augmentations, in the order in which they are applied. To add one, add a file, a line here and a value of
    /// <see cref="Augmentation"/>.</summary>
    private static readonly (Augmentation Name, Variation Variation)[] All =
    [
        (Augmentation.Standard, new CropAndFlip(padding: 4)),
        (Augmentation.Light, new CropAndFlip(padding: 2)),
        (Augmentation.Flip, new CropAndFlip(padding: 0)),
        (Augmentation.RandomResizedCrop, new RandomResizedCrop()),
        (Augmentation.RandAugment, new RandAugment()),
        (Augmentation.ColorJitter, new ColorJitter()),
        (Augmentation.RandomErasing, new RandomErasing()),
    ];

    /// <summary>The single augmentations that it stands for.</summary>
    public static Variation[] Of(Augmentation augmentation) =>
        [.. All.Where(item => augmentation.HasFlag(item.Name)).Select(item => item.Variation)];

    /// <summary>Why the names of an augmentation do not go together; null: they do.</summary>
    public static string? Conflict(Augmentation augmentation)
    {
        Augmentation crops = augmentation & (Augmentation.Standard | Augmentation.Light | Augmentation.RandomResizedCrop);
        return (augmentation & ~Enum.GetValues<Augmentation>().Aggregate((all, value) => all | value)) != 0 ? "it has no such value"
            : !int.IsPow2((int)crops) && crops != 0 ? $"{crops} crop differently, and a run takes one of them"
            : crops is Augmentation.Standard or Augmentation.Light && augmentation.HasFlag(Augmentation.Flip)
                ? $"{crops} flips images already"
            : null;
    }

    /// <summary>Moves pixels.</summary>
    /// <param name="key">Key of the image.</param>
    /// <param name="width">Width of the image.</param>
    /// <param name="height">Height of the image.</param>
    /// <returns>Where each pixel comes from.</returns>
    public virtual PixelMap Place(ImageKey key, int width, int height) => PixelMap.Identity;

    /// <summary>Changes colours.</summary>
    /// <param name="pixels">The moved pixels, channels last, 0 to 255.</param>
    /// <param name="key">Key of the image.</param>
    /// <param name="width">Width of the image.</param>
    /// <param name="height">Height of the image.</param>
    public virtual void Paint(Span<float> pixels, ImageKey key, int width, int height)
    {
    }
}
