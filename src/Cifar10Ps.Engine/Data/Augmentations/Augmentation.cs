namespace Cifar10Ps;

/// <summary>How training images are augmented: a preset, or several augmentations together, which are applied in the order of their
/// values.</summary>
[Flags]
public enum Augmentation
{
    /// <summary>Every image as it is.</summary>
    None = 0,

    /// <summary>A random crop of the image padded by 4 reflected pixels, and a horizontal flip in every second epoch,
    /// from the first or from the second on.</summary>
    Standard = 1,

    /// <summary>The same with 2 pixels, which works better in short runs.</summary>
    Light = 2,

    /// <summary>A horizontal flip in every second epoch, from the first or from the second on.</summary>
    Flip = 4,

    /// <summary>A random part of the image, 35 to 100 % of its area, enlarged to the size of the whole.</summary>
    RandomResizedCrop = 8,

    /// <summary>Two random changes of twelve: shear, shift, rotation, brightness, contrast, colour and others.</summary>
    RandAugment = 16,

    /// <summary>Brightness, contrast and saturation changed by up to a fifth, in random order.</summary>
    ColorJitter = 32,

    /// <summary>A random rectangle of noise over every second image.</summary>
    RandomErasing = 64,

    /// <summary>Each image faded into another one of its shard, a part of the batch; the truth is shared likewise.</summary>
    Mixup = 128,

    /// <summary>A random rectangle of each image replaced by that of another one of its shard; the truth is shared by area.</summary>
    CutMix = 256,

    /// <summary>For photos: <see cref="RandomResizedCrop"/>, <see cref="Flip"/> and <see cref="ColorJitter"/>.</summary>
    Pictures = RandomResizedCrop | Flip | ColorJitter,

    /// <summary>For photos and runs of many epochs: <see cref="RandomResizedCrop"/>, <see cref="Flip"/>, <see cref="RandAugment"/>,
    /// <see cref="RandomErasing"/>, <see cref="Mixup"/> and <see cref="CutMix"/>.</summary>
    Strong = RandomResizedCrop | Flip | RandAugment | RandomErasing | Mixup | CutMix,
}
