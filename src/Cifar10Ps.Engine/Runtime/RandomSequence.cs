
namespace Cifar10Ps;

/// <summary>
/// A sequence of random numbers that is a pure function of its key, so that nothing of its state need ever be saved: the shuffle of an
/// epoch and the crop of an image are computed from their key.
/// </summary>
/// <remarks>
/// SplitMix64: G. L. Steele, D. Lea, C. H. Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
/// </remarks>
public struct RandomSequence
{
    private ulong _state;

    /// <summary>Creates the sequence of a key.</summary>
    /// <param name="seed">The user's seed.</param>
    /// <param name="purpose">What the numbers are for, so that no two uses share a sequence.</param>
    /// <param name="a">First coordinate, an epoch for instance.</param>
    /// <param name="b">Second coordinate, the index of an image for instance.</param>
    public RandomSequence(int seed, RandomPurpose purpose, int a = 0, int b = 0)
    {
        ulong key = Mix((uint)seed | ((ulong)purpose << 32));
        _state = Mix(key ^ Mix((uint)b | ((ulong)(uint)a << 32)));
    }

    /// <summary>64 uniform bits.</summary>
    public ulong NextBits() => Mix(_state += 0x9E3779B97F4A7C15);

    /// <summary>A uniform integer in 0..<paramref name="exclusiveLimit"/>-1.</summary>
    public int NextBelow(int exclusiveLimit) => (int)Math.BigMul(NextBits(), (ulong)exclusiveLimit, out _);

    /// <summary>A uniform number in [0, 1).</summary>
    public double NextUniform() => (NextBits() >> 11) * (1.0 / (1UL << 53));

    /// <summary>A standard normal number (Box and Muller, 1958).</summary>
    public double NextNormal()
    {
        double radius = Math.Sqrt(-2 * Math.Log(1 - NextUniform()));
        return radius * Math.Cos(2 * Math.PI * NextUniform());
    }

    /// <summary>A uniform permutation of 0..<paramref name="count"/>-1 (Fisher and Yates).</summary>
    public int[] NextPermutation(int count)
    {
        int[] order = new int[count];
        for (int i = 0; i < count; i++)
        {
            int j = NextBelow(i + 1);
            order[i] = order[j];
            order[j] = i;
        }

        return order;
    }

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}

/// <summary>What a <see cref="RandomSequence"/> is for.</summary>
public enum RandomPurpose
{
    /// <summary>Initial weights; a: number of the tensor.</summary>
    Initialization = 1,

    /// <summary>Order of the training images; a: epoch.</summary>
    Shuffle = 2,

    /// <summary>Crop; a: pass over the image, b: its index.</summary>
    Augmentation = 3,

    /// <summary>Synthetic images; a: split, b: index of the image.</summary>
    Drawing = 4,

    /// <summary>In which epochs an image is flipped; b: index of the image.</summary>
    Flip = 5,

    /// <summary>Images held out for validation; a: number of images.</summary>
    HoldOut = 6,

    /// <summary>What dropout sets to zero; a: epoch and layer, b: index of the image.</summary>
    Dropout = 7,

    /// <summary>The part of an image that is enlarged; a: pass over the image, b: its index.</summary>
    ResizedCrop = 8,

    /// <summary>The changes of RandAugment; a: pass over the image, b: its index.</summary>
    RandAugment = 9,

    /// <summary>Brightness, contrast, saturation; a: pass over the image, b: its index.</summary>
    ColorJitter = 10,

    /// <summary>The rectangle that is erased, and its noise; a: pass over the image, b: its index.</summary>
    Erasing = 11,

    /// <summary>The partner that an image is mixed with, and how; a: pass over the image, b: its index.</summary>
    Mixing = 12,

    /// <summary>Order of the images of a class where classes are drawn equally often; a: round over the class, b: class.</summary>
    Sampling = 13,

    /// <summary>Which part of a data set an image goes to; a: class.</summary>
    Division = 20,
}
