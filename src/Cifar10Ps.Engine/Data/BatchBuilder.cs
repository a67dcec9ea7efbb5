using System.Buffers;

namespace Cifar10Ps.Data;

/// <summary>
/// Turns bytes into network input in the channels-last layout (batch, height, width, channel) in which convolutions are fastest. Crop,
/// flip and normalisation are one pass over an image; other augmentations work on a copy in floating point.
/// </summary>
internal sealed class BatchBuilder(Preprocessing preprocessing, Augmentation augmentation = Augmentation.None)
{
    private readonly float[] _table = preprocessing.LookupTable();
    private readonly Variation[] _variations = Variation.Of(augmentation);
    private readonly Mixing[] _mixings = Mixing.Of(augmentation);
    private readonly int _width = preprocessing.Width, _height = preprocessing.Height;

    /// <summary>Number of values of one image.</summary>
    public int ImageLength => 3 * _width * _height;

    /// <summary>Writes one image as it is.</summary>
    /// <param name="image">The image.</param>
    /// <param name="target"><see cref="ImageLength"/> values.</param>
    public void Write(LabeledImage image, Span<float> target) => Write(image, target, default);

    /// <summary>Whether images are mixed with others.</summary>
    public bool Mixes => _mixings is not [];

    /// <summary>Writes images as training sees them: each varied, then mixed.</summary>
    /// <inheritdoc cref="Mix"/>
    public Mixture[] WriteAugmented(IReadOnlyList<TrainingImage> images, Span<float> target, int seed)
    {
        for (int i = 0; i < images.Count; i++)
            WriteVaried(images[i], ValuesOf(target, i), seed);
        return Mix(images, target, seed);
    }

    /// <summary>Writes one image, varied by itself; any thread may do that.</summary>
    /// <param name="image">The image.</param>
    /// <param name="target"><see cref="ImageLength"/> values.</param>
    /// <param name="seed">Seed of the run.</param>
    public void WriteVaried(TrainingImage image, Span<float> target, int seed)
    {
        ImageKey key = image.Key(seed);
        switch (_variations)
        {
            case []:
                Write(image.Image, target);
                break;
            case [CropAndFlip alone]:
                Write(image.Image, target, alone.At(key));
                break;
            default:
                WriteVaried(image.Image, target, key);
                break;
        }
    }

    /// <summary>Mixes images that have been varied, if the augmentation does.</summary>
    /// <param name="images">The images; each may be mixed with any other of them.</param>
    /// <param name="target"><see cref="ImageLength"/> values for each.</param>
    /// <param name="seed">Seed of the run.</param>
    /// <returns>What each shows.</returns>
    public Mixture[] Mix(IReadOnlyList<TrainingImage> images, Span<float> target, int seed)
    {
        if (!Mixes)
            return [.. images.Select(image => new Mixture(image.Image, image.Image, 1))];
        // They are mixed as they were before any was mixed.
        float[] unmixed = ArrayPool<float>.Shared.Rent(target.Length);
        target.CopyTo(unmixed);
        Mixture[] mixtures = new Mixture[images.Count];
        for (int i = 0; i < images.Count; i++)
        {
            RandomSequence random = images[i].Key(seed).Random(RandomPurpose.Mixing);
            int partner = random.NextBelow(images.Count);
            Mixing mixing = _mixings[random.NextBelow(_mixings.Length)];
            float share = mixing.Mix(ValuesOf(target, i), ValuesOf(unmixed, partner), random, _width, _height);
            mixtures[i] = new Mixture(images[i].Image, images[partner].Image, share);
        }

        ArrayPool<float>.Shared.Return(unmixed);
        return mixtures;
    }

    private Span<float> ValuesOf(Span<float> values, int i) => values.Slice(i * ImageLength, ImageLength);

    private void WriteVaried(LabeledImage image, Span<float> target, ImageKey key)
    {
        RequireSize(image);
        PixelMap map = PixelMap.Identity;
        foreach (Variation variation in _variations)
            map = map.Then(variation.Place(key, _width, _height));
        using (BorrowedPixels pixels = image.Content.Borrow())
            map.Read(pixels.Span, target, _width, _height);
        foreach (Variation variation in _variations)
            variation.Paint(target, key, _width, _height);
        // As in the table: from its first value, that of 0, to its last one, that of 255.
        float red = _table[0], green = _table[256], blue = _table[512];
        float redScale = (_table[255] - red) / 255, greenScale = (_table[511] - green) / 255, blueScale = (_table[767] - blue) / 255;
        for (int i = 0; i < target.Length; i += 3)
        {
            target[i] = red + redScale * target[i];
            target[i + 1] = green + greenScale * target[i + 1];
            target[i + 2] = blue + blueScale * target[i + 2];
        }
    }

    /// <summary>Writes one image as it is seen shifted or mirrored; pixels beyond its border are reflected.</summary>
    /// <param name="image">The image.</param>
    /// <param name="target"><see cref="ImageLength"/> values.</param>
    /// <param name="view">How it is seen.</param>
    public void Write(LabeledImage image, Span<float> target, ImageView view)
    {
        (int dx, int dy, bool flip) = view;
        RequireSize(image);
        using BorrowedPixels borrowed = image.Content.Borrow();
        ReadOnlySpan<byte> pixels = borrowed.Span;
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

    private void RequireSize(LabeledImage image)
    {
        if (image.Width != _width || image.Height != _height)
            throw new EngineException("ImageSizeMismatch", ErrorKind.InvalidArgument,
                $"The image {image} is {image.Width} x {image.Height} pixels, but the model takes {_width} x {_height}. "
                + "Use images of that size.");
    }

    /// <summary>Mirrors a coordinate at the border pixel, which is not repeated: -1 is 1.</summary>
    private static int Reflect(int i, int length) => i < 0 ? -i : i >= length ? 2 * length - 2 - i : i;
}
