namespace Cifar10Ps.Data;

/// <summary>A way of mixing a training image with another one of its shard.</summary>
internal abstract class Mixing
{
    /// <summary>The augmentations; an image takes one of those that are wanted. To add one, add a file, a line here and a value of
    /// <see cref="Augmentation"/>.</summary>
    private static readonly (Augmentation Name, Mixing Mixing)[] All =
    [
        (Augmentation.Mixup, new Mixup()),
        (Augmentation.CutMix, new CutMix()),
    ];

    /// <summary>The single augmentations that it stands for.</summary>
    public static Mixing[] Of(Augmentation augmentation) =>
        [.. All.Where(item => augmentation.HasFlag(item.Name)).Select(item => item.Mixing)];

    /// <summary>Mixes another image into one.</summary>
    /// <param name="image">The image: network input, channels last.</param>
    /// <param name="other">The other image.</param>
    /// <param name="random">The random numbers of the image.</param>
    /// <param name="width">Width of both.</param>
    /// <param name="height">Height of both.</param>
    /// <returns>The share of the image that is left, 0 to 1.</returns>
    public abstract float Mix(Span<float> image, ReadOnlySpan<float> other, RandomSequence random, int width, int height);
}
