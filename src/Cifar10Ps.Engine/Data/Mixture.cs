namespace Cifar10Ps.Data;

/// <summary>What a training image shows after mixing.</summary>
/// <param name="First">The image.</param>
/// <param name="Second">What it is mixed with: itself if it is not.</param>
/// <param name="Share">Share of the first, 0 to 1.</param>
internal readonly record struct Mixture(LabeledImage First, LabeledImage Second, float Share)
{
    /// <summary>The image that makes up the larger part.</summary>
    public LabeledImage Dominant => Share >= 0.5f ? First : Second;
}
