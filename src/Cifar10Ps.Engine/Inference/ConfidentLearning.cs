namespace Cifar10Ps.Inference;

/// <summary>
/// Decides by probabilities which labels are wrong. An image is counted for the most probable of the classes that are at least as probable
/// as they are, on average, for the images with their label. So many images of each class as are counted for another are doubted: those
/// whose label is least probable.
/// </summary>
/// <remarks>C. G. Northcutt, L. Jiang, I. L. Chuang, "Confident learning: estimating uncertainty in dataset labels", JAIR 2021: the
/// confident joint, and pruning by class.</remarks>
internal static class ConfidentLearning
{
    /// <summary>Finds the doubtful labels.</summary>
    /// <param name="labels">A label for each image.</param>
    /// <param name="probabilities">A probability for each class, for each image, from a classifier that has not seen its label.</param>
    /// <returns>The positions of the images, the least probable label first.</returns>
    public static int[] Doubted(IReadOnlyList<int> labels, IReadOnlyList<double[]> probabilities)
    {
        int classes = probabilities[0].Length;
        ILookup<int, int> ofClass = Enumerable.Range(0, labels.Count).ToLookup(i => labels[i]);
        // No image is counted for a class without images.
        double[] thresholds = [.. Enumerable.Range(0, classes)
            .Select(c => ofClass[c].Select(i => probabilities[i][c]).DefaultIfEmpty(double.PositiveInfinity).Average())];
        return [.. ofClass.SelectMany(same => same.OrderBy(LabelProbability).Take(same.Count(i => CountedFor(i) != same.Key)))
            .OrderBy(LabelProbability)];

        double LabelProbability(int i) => probabilities[i][labels[i]];

        int CountedFor(int i) => Enumerable.Range(0, classes).Where(c => probabilities[i][c] >= thresholds[c])
            .OrderByDescending(c => probabilities[i][c]).FirstOrDefault(labels[i]);
    }
}
