namespace Cifar10Ps.Data;

/// <summary>
/// Where the pixels of a variant come from: the pixel (x, y) is the image at (Xx · x + Xy · y + X0, Yx · x + Yy · y + Y0), where whole
/// numbers are the middles of pixels.
/// </summary>
internal readonly record struct PixelMap(float Xx, float Xy, float X0, float Yx, float Yy, float Y0)
{
    /// <summary>Every pixel stays.</summary>
    public static PixelMap Identity { get; } = new(1, 0, 0, 0, 1, 0);

    /// <summary>A linear map that keeps the middle of the image where it is.</summary>
    public static PixelMap AroundMiddle(float xx, float xy, float yx, float yy, int width, int height)
    {
        float x = (width - 1) / 2f, y = (height - 1) / 2f;
        return new PixelMap(xx, xy, x - xx * x - xy * y, yx, yy, y - yx * x - yy * y);
    }

    /// <summary>Another map applied to the variant that this one gives.</summary>
    public PixelMap Then(PixelMap next) => new(
        Xx * next.Xx + Xy * next.Yx, Xx * next.Xy + Xy * next.Yy, Xx * next.X0 + Xy * next.Y0 + X0,
        Yx * next.Xx + Yy * next.Yx, Yx * next.Xy + Yy * next.Yy, Yx * next.X0 + Yy * next.Y0 + Y0);

    /// <summary>Reads an image through the map, between pixels by bilinear interpolation; the image is mirrored at its border.</summary>
    /// <param name="planes">Red, green and blue planes, each row-major.</param>
    /// <param name="target">The variant: channels last, 0 to 255.</param>
    /// <param name="width">Width of both.</param>
    /// <param name="height">Height of both.</param>
    public void Read(ReadOnlySpan<byte> planes, Span<float> target, int width, int height)
    {
        int plane = width * height, i = 0;
        ReadOnlySpan<byte> red = planes[..plane], green = planes.Slice(plane, plane), blue = planes.Slice(2 * plane, plane);
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++, i += 3)
            {
                float sourceX = Xx * x + Xy * y + X0, sourceY = Yx * x + Yy * y + Y0;
                int left = (int)MathF.Floor(sourceX), top = (int)MathF.Floor(sourceY);
                float shareX = sourceX - left, shareY = sourceY - top;
                int right = Mirror(left + 1, width), bottom = Mirror(top + 1, height) * width;
                left = Mirror(left, width);
                top = Mirror(top, height) * width;
                int a = top + left, b = top + right, c = bottom + left, d = bottom + right;
                target[i] = Between(red[a], red[b], red[c], red[d]);
                target[i + 1] = Between(green[a], green[b], green[c], green[d]);
                target[i + 2] = Between(blue[a], blue[b], blue[c], blue[d]);

                float Between(float a, float b, float c, float d)
                {
                    float above = a + shareX * (b - a), below = c + shareX * (d - c);
                    return above + shareY * (below - above);
                }
            }
        }
    }

    /// <summary>Mirrors a coordinate at the border pixel, which is not repeated: -1 is 1.</summary>
    private static int Mirror(int i, int length)
    {
        i = Math.Abs(i);
        // No variation moves an image by more than its own size.
        return Math.Clamp(i < length ? i : 2 * length - 2 - i, 0, length - 1);
    }
}
