namespace Cifar10Ps;

/// <summary>
/// A small data set that is generated, not downloaded: ten kinds of shapes and patterns in random places, sizes and colours, 32 × 32
/// pixels, with noise. Each image is a pure function of its split and index.
/// </summary>
public static class SyntheticImages
{
    /// <summary>Default number of training images.</summary>
    public const int DefaultTrainCount = 2_000;

    /// <summary>Default number of test images.</summary>
    public const int DefaultTestCount = 500;

    private const int Side = 32;
    private const int Seed = 10;

    /// <summary>Class names, in the order of the labels.</summary>
    public static string[] Classes { get; } =
        ["disc", "ring", "square", "triangle", "cross", "horizontal stripes", "vertical stripes", "diagonal stripes",
            "checkerboard", "dots"];

    /// <summary>Draws the data set.</summary>
    /// <param name="trainCount">Number of training images.</param>
    /// <param name="testCount">Number of test images.</param>
    public static ImageDataset Create(int trainCount = DefaultTrainCount, int testCount = DefaultTestCount) =>
        new("Synthetic", "synthetic", Classes, DrawSplit(1, trainCount), DrawSplit(2, testCount));

    private static LabeledImage[] DrawSplit(int split, int count)
    {
        LabeledImage[] images = new LabeledImage[count];
        for (int i = 0; i < count; i++)
        {
            int label = i % Classes.Length;
            images[i] = new LabeledImage(i, label, Classes[label], Side, Side,
                Draw(label, new RandomSequence(Seed, RandomPurpose.Drawing, split, i)));
        }

        return images;
    }

    private static byte[] Draw(int label, RandomSequence random)
    {
        Span<double> ink = stackalloc double[3], paper = stackalloc double[3];
        do
        {
            for (int c = 0; c < 3; c++)
            {
                ink[c] = 255 * random.NextUniform();
                paper[c] = 255 * random.NextUniform();
            }
        }
        while (Math.Abs(ink[0] - paper[0]) + Math.Abs(ink[1] - paper[1]) + Math.Abs(ink[2] - paper[2]) < 200);

        double centerX = Side / 2.0 + 8 * (random.NextUniform() - 0.5), centerY = Side / 2.0 + 8 * (random.NextUniform() - 0.5);
        double size = 7 + 5 * random.NextUniform();
        double angle = 0.5 * (random.NextUniform() - 0.5);
        double cos = Math.Cos(angle), sin = Math.Sin(angle);

        byte[] pixels = new byte[3 * Side * Side];
        for (int y = 0; y < Side; y++)
        {
            for (int x = 0; x < Side; x++)
            {
                double dx = x - centerX, dy = y - centerY;
                bool inside = IsInk(label, (cos * dx + sin * dy) / size, (cos * dy - sin * dx) / size);
                for (int c = 0; c < 3; c++)
                {
                    double value = (inside ? ink[c] : paper[c]) + 12 * random.NextNormal();
                    pixels[(c * Side + y) * Side + x] = (byte)Math.Clamp(value, 0, 255);
                }
            }
        }

        return pixels;
    }

    /// <summary>Whether a point is part of the drawing; the shape spans about -1 to 1.</summary>
    private static bool IsInk(int label, double u, double v) => label switch
    {
        0 => u * u + v * v < 1,
        1 => u * u + v * v is < 1 and > 0.4,
        2 => Math.Max(Math.Abs(u), Math.Abs(v)) < 0.9,
        3 => v is > -0.9 and < 0.8 && Math.Abs(u) < 0.6 * (v + 0.9),
        4 => Math.Min(Math.Abs(u), Math.Abs(v)) < 0.3 && Math.Max(Math.Abs(u), Math.Abs(v)) < 1,
        5 => Wave(v),
        6 => Wave(u),
        7 => Wave((u + v) / Math.Sqrt(2)),
        8 => Wave(u) ^ Wave(v),
        _ => Math.Pow(Fraction(u), 2) + Math.Pow(Fraction(v), 2) < 0.07,
    };

    private static bool Wave(double t) => Math.Sin(2 * Math.PI * t) > 0;

    /// <summary>Distance to the nearest multiple of 0.8, in units of 0.8.</summary>
    private static double Fraction(double t) => t / 0.8 - Math.Round(t / 0.8);
}
