namespace Cifar10Ps.Data;

/// <summary>A rectangle of each image replaced by that of another one; the share of the first is uniform.</summary>
/// <remarks>S. Yun, D. Han, S. J. Oh, S. Chun, J. Choe, Y. Yoo, "CutMix: regularization strategy to train strong classifiers with
/// localizable features", 2019.</remarks>
internal sealed class CutMix : Mixing
{
    /// <inheritdoc/>
    public override float Mix(Span<float> image, ReadOnlySpan<float> other, RandomSequence random, int width, int height)
    {
        double side = Math.Sqrt(random.NextUniform());
        PixelRectangle patch = PixelRectangle.Random(ref random, side, side, width, height);
        for (int y = patch.Top; y < patch.Bottom; y++)
        {
            Range row = (3 * (y * width + patch.Left))..(3 * (y * width + patch.Right));
            other[row].CopyTo(image[row]);
        }

        return 1 - (float)patch.Area / (width * height);
    }
}
