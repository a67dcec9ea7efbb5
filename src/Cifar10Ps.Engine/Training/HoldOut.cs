
namespace Cifar10Ps.Training;

/// <summary>Which images a run trains on and which it validates on.</summary>
internal static class HoldOut
{
    /// <summary>The options of a run in which validation chooses among the epochs: test images must not choose.</summary>
    /// <param name="options">What to do.</param>
    /// <param name="data">The data.</param>
    /// <param name="tell">Receives a sentence if images are held out.</param>
    public static TrainingOptions ForChoosing(TrainingOptions options, ImageDataset data, Action<string> tell)
    {
        if (data.HasOwnValidation || options.ValidationCount > 0 || data.TrainCount < 2)
            return options;
        int count = Math.Max(1, data.TrainCount / 10);
        tell($"The data have no validation images, and test images must not choose an epoch: {count:N0} of "
            + $"{data.TrainCount:N0} training images are held out for validation.");
        return options with { ValidationCount = count };
    }

    /// <summary>Holds images out of the training split, the last of a class only if there are no others; which ones depends on the numbers
    /// and labels alone, not on the seed of the run.</summary>
    /// <param name="data">The data.</param>
    /// <param name="count">How many are held out; 0: none, and the run validates on the validation images of the data.</param>
    /// <exception cref="EngineException"><c>NoImages</c>.</exception>
    public static (IReadOnlyList<LabeledImage> Train, IReadOnlyList<LabeledImage> Validation) Split(ImageDataset data, int count)
    {
        if (count == 0)
            return (data.Train, data.Validation);
        ImageSplit train = data.Train;
        if (count >= train.Count)
            throw new EngineException("NoImages", ErrorKind.InvalidArgument,
                $"{count} of {train.Count} training images cannot be held out: none would be left to train on.");
        int[] order = new RandomSequence(0, RandomPurpose.HoldOut, train.Count).NextPermutation(train.Count);
        // A class that is held out as a whole could not be learned.
        HashSet<int> kept = [.. Enumerable.Reverse(order).DistinctBy(i => train[i].Label)];
        order = [.. order.Where(i => !kept.Contains(i)), .. order.Where(kept.Contains)];
        return ([.. order.Skip(count).Order().Select(i => train[i])], [.. order.Take(count).Order().Select(i => train[i])]);
    }
}
