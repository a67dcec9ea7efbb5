using Cifar10Ps.Data;

namespace Cifar10Ps.Inference;

/// <summary>
/// What an image looks like from afar, as a vector: the differences between neighbours in a grey picture of 16 × 16 places that is added to
/// its mirror image. Copies that are scaled, compressed, mirrored, lighter or darker have nearly the same direction; other images
/// have not, since differences, unlike brightness, are not shared by all pictures with a sky.
/// </summary>
internal static class Thumbnail
{
    private const int Side = 16;

    // So that images of one colour are alike, and like no others.
    private const float Flat = 0.1f;

    /// <summary>Describes an image.</summary>
    public static float[] Of(LabeledImage image)
    {
        using BorrowedPixels pixels = image.Content.Borrow();
        float[] picture = Shrink(pixels.Span, image.Width, image.Height);
        List<float> differences = [Flat];
        for (int y = 0; y < Side; y++)
        {
            for (int x = 0; x < Side / 2; x++)
            {
                if (x + 1 < Side / 2)
                    differences.Add(At(x, y) - At(x + 1, y));
                if (y + 1 < Side)
                    differences.Add(At(x, y) - At(x, y + 1));
            }
        }

        return [.. differences];

        float At(int x, int y) => picture[y * Side + x] + picture[y * Side + Side - 1 - x];
    }

    /// <summary>The mean of all colours in each place.</summary>
    private static float[] Shrink(ReadOnlySpan<byte> pixels, int width, int height)
    {
        float[] picture = new float[Side * Side];
        int plane = width * height;
        for (int i = 0; i < picture.Length; i++)
        {
            // The right half mirrors the left one, even where 16 does not divide the width.
            int column = i % Side;
            (int left, int right) = column < Side / 2 ? Range(column, width) : Mirrored(Range(Side - 1 - column, width), width);
            (int top, int bottom) = Range(i / Side, height);
            long sum = 0;
            for (int y = top; y < bottom; y++)
                for (int at = y * width + left; at < y * width + right; at++)
                    sum += pixels[at] + pixels[plane + at] + pixels[2 * plane + at];
            picture[i] = (float)sum / ((right - left) * (bottom - top));
        }

        return picture;

        static (int Start, int End) Mirrored((int Start, int End) range, int length) => (length - range.End, length - range.Start);

        // At least one pixel, also of a smaller image.
        static (int Start, int End) Range(int place, int length) =>
            (place * length / Side, Math.Max((place + 1) * length / Side, place * length / Side + 1));
    }
}
