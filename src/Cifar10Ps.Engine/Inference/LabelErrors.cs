using Cifar10Ps.Inference;
using Cifar10Ps.Models;
using Cifar10Ps.Runtime;

namespace Cifar10Ps;

/// <summary>
/// Finds wrong labels by confident learning: an image is counted for another class than its label's if that is as probable as it is, on average,
/// for the images with its label. The probabilities have to come from models that did not see the image's label.
/// </summary>
/// <remarks>C. G. Northcutt, L. Jiang, I. L. Chuang, "Confident learning: estimating uncertainty in dataset labels", JAIR 2021; the pairs
/// off the diagonal of the confident joint, the largest margin first.</remarks>
public static class LabelErrors
{
    /// <summary>Finds wrong labels by predictions, each made by a model that was not trained on its image.</summary>
    /// <param name="predictions">At least one prediction; of models with the same classes, for images whose truth is known.</param>
    /// <param name="warn">Receives a sentence if the names of the classes had to be guessed; null ignores it.</param>
    /// <exception cref="EngineException"><c>ClassMismatch</c>, <c>ClassCountMismatch</c>, <c>TruthUnknown</c>, <c>NoImages</c>.</exception>
    public static IReadOnlyList<LabelError> Of(IReadOnlyList<Prediction> predictions, Action<string>? warn = null)
    {
        if (predictions.Count == 0)
            throw NoImages();
        if (!predictions.All(prediction => prediction.Model.Classes.SequenceEqual(predictions[0].Model.Classes)))
            throw new EngineException("ClassMismatch", ErrorKind.InvalidArgument,
                "The predictions come from models with different classes. Give those of models with the same ones.");
        (string[] classes, IReadOnlyList<LabeledImage> images) =
            ClassMatching.ForMeasuring(predictions[0].Model, [.. predictions.Select(prediction => prediction.Image)], warn);
        return Confident(classes, images,
            [.. predictions.Select(prediction => Probabilities.Of(prediction.Logits, prediction.Model.Temperature))]);
    }

    /// <summary>
    /// Finds wrong labels with a model's features: for each fold of the images, a linear classifier of them learns from the others. If the model
    /// itself was trained on the labels, it has learned their errors, and fewer are found.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="images">The images with their labels; they need not be of the model's classes.</param>
    /// <param name="folds">Number of folds, at least 2.</param>
    /// <param name="seed">Seed of the folds.</param>
    /// <param name="threads">Number of workers; null: one for each processor. It does not change the result.</param>
    /// <param name="precision">Precision of convolutions and activations.</param>
    /// <param name="progress">Called with what is being done, the number done, and that of all.</param>
    /// <param name="cancellation">Ends the search.</param>
    /// <exception cref="EngineException"><c>NoImages</c>, <c>TruthUnknown</c>, <c>ImageSizeMismatch</c>,
    /// <c>NativeBackendNotLoaded</c>.</exception>
    public static IReadOnlyList<LabelError> Find(ImageClassifier model, IReadOnlyList<LabeledImage> images, int folds, int seed, int? threads,
        Precision precision, Action<string, int, int> progress, CancellationToken cancellation)
    {
        if (images.Count == 0)
            throw NoImages();
        if (images.Count < folds)
            throw new EngineException("NoImages", ErrorKind.InvalidArgument,
                $"{images.Count:N0} images cannot be divided into {folds} folds. Give more images, or fewer folds.");
        if (images.FirstOrDefault(image => !image.HasKnownTruth) is { } unknown)
            throw new EngineException("TruthUnknown", ErrorKind.InvalidArgument,
                $"It is not known what the image '{unknown.Path ?? $"{unknown}"}' shows. Give images of a data set.");
        string[] classes = [.. images.Select(image => image.LabelName).Distinct().Order(StringComparer.Ordinal)];
        LabeledImage[] matched = [.. images.Select(image => image.WithLabel(Array.IndexOf(classes, image.LabelName)))];
        using NativeWork.Scope work = NativeWork.Begin();
        using WorkerPool pool = new(threads ?? WorkerPool.DefaultCount);
        using Predictor predictor = new(model.Snapshot, pool, precision);
        List<float[]> features = [];
        foreach (LabeledImage[] portion in matched.Chunk(predictor.BatchSize))
        {
            cancellation.ThrowIfCancellationRequested();
            features.AddRange(predictor.Features(portion));
            progress("Describing the images", features.Count, matched.Length);
        }

        progress("Learning from the features", 0, folds);
        int[] labels = [.. matched.Select(image => image.Label)], foldOf = Folds(labels, classes.Length, folds, seed);
        double[][] probabilities = new double[matched.Length][];
        pool.Run(folds, (_, fold) =>
        {
            int[] learned = [.. Places(i => foldOf[i] != fold)], judged = [.. Places(i => foldOf[i] == fold)];
            if (judged is [])
                return;
            double[][] found = LinearProbe.Probabilities([.. learned.Select(i => features[i])], [.. learned.Select(i => labels[i])],
                classes.Length, [.. judged.Select(i => features[i])], cancellation);
            foreach ((int i, double[] values) in judged.Zip(found))
                probabilities[i] = values;
        });
        return Confident(classes, matched, probabilities);

        IEnumerable<int> Places(Func<int, bool> isWanted) => Enumerable.Range(0, labels.Length).Where(isWanted);
    }

    /// <summary>The images that are counted for another class than their label's.</summary>
    private static LabelError[] Confident(string[] classes, IReadOnlyList<LabeledImage> images, double[][] probabilities)
    {
        // Of each class: how probable it is, on average, for the images with its label.
        double[] thresholds = new double[classes.Length];
        ILookup<int, int> ofClass = Enumerable.Range(0, images.Count).ToLookup(i => images[i].Label);
        for (int c = 0; c < classes.Length; c++)
            thresholds[c] = ofClass[c].Select(i => probabilities[i][c]).DefaultIfEmpty(double.PositiveInfinity).Average();
        return [.. Enumerable.Range(0, images.Count)
            .Select(i => (Place: i, Class: Enumerable.Range(0, classes.Length).Where(c => probabilities[i][c] >= thresholds[c])
                .OrderByDescending(c => probabilities[i][c]).FirstOrDefault(images[i].Label)))
            .Where(counted => counted.Class != images[counted.Place].Label)
            .Select(counted => new LabelError(images[counted.Place], classes[images[counted.Place].Label], classes[counted.Class],
                probabilities[counted.Place][counted.Class], probabilities[counted.Place][images[counted.Place].Label]))
            .OrderByDescending(error => error.Margin)];
    }

    /// <summary>The fold of each image: the images of each class are dealt out in random order.</summary>
    private static int[] Folds(int[] labels, int classes, int count, int seed)
    {
        int[] folds = new int[labels.Length];
        int next = 0;
        for (int c = 0; c < classes; c++)
        {
            int[] places = [.. Enumerable.Range(0, labels.Length).Where(i => labels[i] == c)];
            foreach (int i in new RandomSequence(seed, RandomPurpose.Division, c).NextPermutation(places.Length))
                folds[places[i]] = next++ % count;
        }

        return folds;
    }

    private static EngineException NoImages() => new("NoImages", ErrorKind.InvalidArgument,
        "There is no image and no prediction whose label could be doubted.");
}
