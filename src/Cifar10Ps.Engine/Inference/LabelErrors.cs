using Cifar10Ps.Inference;
using Cifar10Ps.Models;
using Cifar10Ps.Runtime;

namespace Cifar10Ps;

/// <summary>
/// Finds wrong labels by confident learning (<see cref="ConfidentLearning"/>), with probabilities from models that have not seen the label
/// of the image. They are calibrated with the labels first, most of which are right.
/// </summary>
public static class LabelErrors
{
    /// <summary>Finds wrong labels by predictions, each made by a model that was not trained on its image.</summary>
    /// <param name="predictions">At least one prediction; of models with the same classes, for images whose truth is known.</param>
    /// <param name="warn">Receives a sentence if the names of the classes had to be guessed; null ignores it.</param>
    /// <exception cref="EngineException"><c>ClassMismatch</c>, <c>ClassCountMismatch</c>, <c>TruthUnknown</c>, <c>NoImages</c>,
    /// <c>WeightsNotFinite</c>.</exception>
    public static IReadOnlyList<LabelError> Of(IReadOnlyList<Prediction> predictions, Action<string>? warn = null)
    {
        if (predictions.Count == 0)
            throw NoImages();
        if (!predictions.All(prediction => prediction.Model.Classes.SequenceEqual(predictions[0].Model.Classes)))
            throw new EngineException("ClassMismatch", ErrorKind.InvalidArgument,
                "The predictions come from models with different classes. Give those of models with the same ones.");
        LabeledImage[] images = [.. predictions.Select(prediction => prediction.Image)];
        (string[] classes, IReadOnlyList<LabeledImage> matched) = ClassMatching.ForMeasuring(predictions[0].Model, images, warn);
        return Doubt(classes, images, [.. matched.Select(image => image.Label)], [.. predictions.Select(prediction =>
            prediction.Logits.Select(logit => (float)(logit / prediction.Model.Temperature)).ToArray())]);
    }

    /// <summary>
    /// Finds wrong labels with a model's features: for each fold of the images, a linear classifier of them learns from the others. If the
    /// model itself was trained on the labels, it has learned their errors, and fewer are found.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="images">The images with their labels; they need not be of the model's classes.</param>
    /// <param name="folds">Number of folds, at least 2.</param>
    /// <param name="seed">Seed of the folds.</param>
    /// <param name="threads">Number of workers; null: one for each processor. It does not change the result.</param>
    /// <param name="precision">Precision of convolutions and activations.</param>
    /// <param name="progress">Called with what is being done, the number done, and that of all.</param>
    /// <param name="cancellation">Ends the search.</param>
    /// <exception cref="EngineException"><c>NoImages</c>, <c>TruthUnknown</c>, <c>ImageSizeMismatch</c>, <c>WeightsNotFinite</c>,
    /// <c>NotEnoughMemory</c>, <c>NativeBackendNotLoaded</c>.</exception>
    public static IReadOnlyList<LabelError> Find(ImageClassifier model, IReadOnlyList<LabeledImage> images, int folds, int seed,
        int? threads,
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
        using NativeWork.Scope work = NativeWork.Begin();
        using WorkerPool pool = new(threads ?? WorkerPool.DefaultCount);
        Rows.Require(images.Count, model.Network.FeatureLength, copies: 1 + LinearProbe.Copies * Math.Min(folds, pool.Count));
        using Predictor predictor = new(model.Snapshot, pool, precision, views: 2);
        List<float[]> features = [];
        foreach (LabeledImage[] portion in images.Chunk(predictor.BatchSize))
        {
            cancellation.ThrowIfCancellationRequested();
            features.AddRange(predictor.Features(portion));
            progress("Describing the images", features.Count, images.Count);
        }

        progress("Learning from the features", 0, folds);
        int[] labels = [.. images.Select(image => Array.IndexOf(classes, image.LabelName))];
        int[] foldOf = Folds(labels, classes.Length, folds, seed);
        float[][] logits = new float[images.Count][];
        pool.Run(folds, (_, fold) =>
        {
            int[] learned = [.. Places(i => foldOf[i] != fold)], judged = [.. Places(i => foldOf[i] == fold)];
            float[][] found = LinearProbe.Logits([.. learned.Select(i => features[i])], [.. learned.Select(i => labels[i])],
                classes.Length, [.. judged.Select(i => features[i])], cancellation);
            foreach ((int i, float[] values) in judged.Zip(found))
                logits[i] = values;
        });
        return Doubt(classes, images, labels, logits);

        IEnumerable<int> Places(Func<int, bool> isWanted) => Enumerable.Range(0, labels.Length).Where(isWanted);
    }

    /// <param name="classes">The names that the labels stand for.</param>
    /// <param name="images">The images as they were given, whose own labels may stand for other classes.</param>
    /// <param name="labels">A label for each.</param>
    /// <param name="logits">A logit for each class, for each image.</param>
    private static LabelError[] Doubt(string[] classes, IReadOnlyList<LabeledImage> images, int[] labels, float[][] logits)
    {
        double temperature = Calibration.TemperatureOf([.. logits.Zip(labels)]);
        double[][] probabilities = Array.ConvertAll(logits, values => Probabilities.Of(values, temperature));
        return [.. ConfidentLearning.Doubted(labels, probabilities).Select(i =>
        {
            int suggestion = Enumerable.Range(0, classes.Length).Where(c => c != labels[i]).MaxBy(c => probabilities[i][c]);
            return new LabelError(images[i], classes[labels[i]], classes[suggestion], probabilities[i][suggestion],
                probabilities[i][labels[i]]);
        })];
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
