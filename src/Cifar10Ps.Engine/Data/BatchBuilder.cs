namespace Cifar10Ps.Data;

/// <summary>
/// Turns bytes into network input in one pass over each image: crop, flip, normalise, and the channels-last layout
/// (batch, height, width, channel) in which convolutions are fastest.
/// </summary>
internal sealed class BatchBuilder(Preprocessing preprocessing, Augmentation augmentation = Augmentation.None)
{
    private readonly float[] _table = preprocessing.LookupTable();
    private readonly Func<int, int, int, ImageView> _view = ImageView.Of(augmentation);
    private readonly int _width = preprocessing.Width, _height = preprocessing.Height;

    /// <summary>Number of values of one image.</summary>
    public int ImageLength => 3 * _width * _height;

    /// <summary>Writes one image as it is.</summary>
    /// <param name="image">The image.</param>
    /// <param name="target"><see cref="ImageLength"/> values.</param>
    public void Write(LabeledImage image, Span<float> target) => Write(image, target, default);

    /// <summary>Writes one image with its crop and flip for this epoch, if images are augmented.</summary>
    /// <param name="image">The image.</param>
    /// <param name="target"><see cref="ImageLength"/> values.</param>
    /// <param name="seed">Seed of the run.</param>
    /// <param name="epoch">Epoch, from 1.</param>
    public void WriteAugmented(LabeledImage image, Span<float> target, int seed, int epoch) =>
        Write(image, target, _view(seed, epoch, image.Index));

    private void Write(LabeledImage image, Span<float> target, ImageView view)
    {
        (int dx, int dy, bool flip) = view;
        if (image.Width != _width || image.Height != _height)
            throw new EngineException("ImageSizeMismatch", ErrorKind.InvalidArgument,
                $"The image {image} is {image.Width} x {image.Height} pixels, but the model takes {_width} x {_height}. "
                + "Use images of that size.");

        ReadOnlySpan<byte> pixels = image.Pixels.Span;
        int plane = _width * _height;
        ReadOnlySpan<float> red = _table.AsSpan(0, 256), green = _table.AsSpan(256, 256), blue = _table.AsSpan(512, 256);
        int i = 0;
        for (int y = 0; y < _height; y++)
        {
            int row = Reflect(y + dy, _height) * _width;
            for (int x = 0; x < _width; x++, i += 3)
            {
                int source = row + Reflect((flip ? _width - 1 - x : x) + dx, _width);
                target[i] = red[pixels[source]];
                target[i + 1] = green[pixels[plane + source]];
                target[i + 2] = blue[pixels[2 * plane + source]];
            }
        }
    }

    /// <summary>Mirrors a coordinate at the border pixel, which is not repeated: -1 is 1.</summary>
    private static int Reflect(int i, int length) => i < 0 ? -i : i >= length ? 2 * length - 2 - i : i;
}
