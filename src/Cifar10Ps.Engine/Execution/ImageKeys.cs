namespace Cifar10Ps.Execution;

/// <summary>What identifies the images of a shard, so that randomness in a network is a pure function of it.</summary>
/// <param name="Seed">Seed of the run.</param>
/// <param name="Epoch">Epoch, from 1.</param>
/// <param name="Indices">Positions of the images in their split.</param>
internal sealed record ImageKeys(int Seed, int Epoch, int[] Indices)
{
    /// <summary>The random numbers of a layer for an image.</summary>
    /// <param name="layer">Position of the layer.</param>
    /// <param name="image">Position of the image in the shard.</param>
    public RandomSequence Sequence(int layer, int image) =>
        new(Seed, RandomPurpose.Dropout, Epoch * Network.MaximumLayers + layer, Indices[image]);
}
