namespace Cifar10Ps.Data;

/// <summary>An image as a run draws it.</summary>
/// <param name="Image">The image.</param>
/// <param name="Pass">How often the run has drawn it, this time included, from 1: with an even sampling, the epoch.</param>
internal readonly record struct TrainingImage(LabeledImage Image, int Pass)
{
    /// <summary>What everything random about it is a function of.</summary>
    /// <param name="seed">Seed of the run.</param>
    public ImageKey Key(int seed) => new(seed, Pass, Image.Index);
}

/// <summary>What everything random about a training image is a function of.</summary>
/// <param name="Seed">Seed of the run.</param>
/// <param name="Pass">How often the run has drawn the image, from 1.</param>
/// <param name="Index">Position of the image in its split.</param>
internal readonly record struct ImageKey(int Seed, int Pass, int Index)
{
    /// <summary>The random numbers for one purpose.</summary>
    public RandomSequence Random(RandomPurpose purpose) => new(Seed, purpose, Pass, Index);
}
