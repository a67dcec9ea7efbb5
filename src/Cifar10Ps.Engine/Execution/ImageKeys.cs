using Cifar10Ps.Data;

namespace Cifar10Ps.Execution;

/// <summary>What identifies the images of a shard, so that randomness in a network is a pure function of it.</summary>
/// <param name="Images">The key of each image.</param>
internal sealed record ImageKeys(ImageKey[] Images)
{
    /// <summary>The random numbers of a layer for an image.</summary>
    /// <param name="layer">Position of the layer.</param>
    /// <param name="image">Position of the image in the shard.</param>
    public RandomSequence Sequence(int layer, int image)
    {
        (int seed, int pass, int index) = Images[image];
        return new RandomSequence(seed, RandomPurpose.Dropout, pass * Network.MaximumLayers + layer, index);
    }
}
