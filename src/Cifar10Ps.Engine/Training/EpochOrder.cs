using Cifar10Ps.Data;

namespace Cifar10Ps.Training;

/// <summary>The images of an epoch in the order in which they are trained on: a pure function of seed and epoch.</summary>
/// <param name="images">The training images.</param>
/// <param name="options">Sampling and seed.</param>
internal sealed class EpochOrder(IReadOnlyList<LabeledImage> images, TrainingOptions options)
{
    /// <summary>How many times as many images a class may have as another without a word about it.</summary>
    private const int TolerableRatio = 5;

    /// <summary>Positions of the images of each class, with one image or more.</summary>
    private readonly int[][] _classes = [.. images.Index().GroupBy(item => item.Item.Label, item => item.Index)
        .OrderBy(group => group.Key).Select(group => group.ToArray())];

    /// <summary>The images of an epoch.</summary>
    /// <param name="epoch">Epoch, from 1.</param>
    /// <returns>As many as there are training images.</returns>
    public TrainingImage[] At(int epoch)
    {
        TrainingImage[] drawn = options.Sampling == Sampling.Balanced ? Balanced(epoch)
            : [.. images.Select(image => new TrainingImage(image, epoch))];
        int[] order = new RandomSequence(options.Seed, RandomPurpose.Shuffle, epoch).NextPermutation(drawn.Length);
        return [.. order.Select(i => drawn[i])];
    }

    /// <summary>How much each class counts in the loss; null: all the same.</summary>
    /// <param name="names">The classes, in the order of the labels.</param>
    /// <exception cref="EngineException"><c>InvalidClassWeights</c>.</exception>
    public float[]? ClassWeights(string[] names)
    {
        double[] counts = new double[names.Length];
        foreach (int[] members in _classes)
            counts[images[members[0]].Label] = options.Sampling == Sampling.Balanced ? 1 : members.Length;
        return options.ClassWeights?.For(names, counts);
    }

    /// <summary>The largest and the smallest class, if they differ much and nothing is done about it; null otherwise.</summary>
    public (LabeledImage Largest, int Most, LabeledImage Smallest, int Least)? Imbalance()
    {
        int[] largest = _classes.MaxBy(members => members.Length)!, smallest = _classes.MinBy(members => members.Length)!;
        return largest.Length > TolerableRatio * smallest.Length && options is { Sampling: Sampling.EachImage, ClassWeights: null }
            ? (images[largest[0]], largest.Length, images[smallest[0]], smallest.Length) : null;
    }

    /// <summary>
    /// The draws of an epoch out of an endless sequence, in which the classes take turns, and the images of a class do so too: in every
    /// round all of them, in another order.
    /// </summary>
    private TrainingImage[] Balanced(int epoch)
    {
        List<TrainingImage> drawn = new(images.Count);
        for (int c = 0; c < _classes.Length; c++)
        {
            int[] members = _classes[c], order = [];
            for (long draw = DrawsBefore(epoch, c); draw < DrawsBefore(epoch + 1, c); draw++)
            {
                (int round, int place) = ((int)(draw / members.Length), (int)(draw % members.Length));
                if (order is [] || place == 0)
                    order = new RandomSequence(options.Seed, RandomPurpose.Sampling, round, c).NextPermutation(members.Length);
                drawn.Add(new TrainingImage(images[members[order[place]]], round + 1));
            }
        }

        return [.. drawn];
    }

    /// <summary>How many images of a class were drawn before an epoch.</summary>
    private long DrawsBefore(int epoch, int c) => ((epoch - 1L) * images.Count + _classes.Length - 1 - c) / _classes.Length;
}
