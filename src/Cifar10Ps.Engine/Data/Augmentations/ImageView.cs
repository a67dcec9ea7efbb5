namespace Cifar10Ps.Data;

/// <summary>How a training image is seen in an epoch.</summary>
/// <param name="Right">Pixels by which it is moved to the left; below 0: to the right.</param>
/// <param name="Down">Pixels by which it is moved up; below 0: down.</param>
/// <param name="IsFlipped">Whether it is mirrored horizontally.</param>
internal readonly record struct ImageView(int Right, int Down, bool IsFlipped)
{
    /// <summary>The augmentations: how an image is seen, by seed, epoch and index. To add an augmentation,
    /// add a file and a line here.</summary>
    private static readonly Dictionary<Augmentation, Func<int, int, int, ImageView>> Augmentations = new()
    {
        [Augmentation.None] = (_, _, _) => default,
        [Augmentation.Standard] = new CropAndFlip(padding: 4).At,
        [Augmentation.Light] = new CropAndFlip(padding: 2).At,
    };

    /// <summary>How images are seen with an augmentation: a pure function of seed, epoch (from 1) and index of the image.</summary>
    public static Func<int, int, int, ImageView> Of(Augmentation augmentation) => Augmentations[augmentation];
}
