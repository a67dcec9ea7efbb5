using System.Globalization;
using Cifar10Ps.Models;

namespace Cifar10Ps;

/// <summary>How well a classifier performs on images whose true class is known; every image counts the same.</summary>
public sealed class Evaluation
{
    internal Evaluation(string[] classes, int count, double loss, double accuracy, double top5Accuracy, int[][] confusion)
    {
        Count = count;
        Loss = loss;
        Accuracy = accuracy;
        Top5Accuracy = classes.Length > 5 ? top5Accuracy : null;
        ConfusionMatrix = new([.. confusion.Select(row => new ReadOnlyList<int>(row, " "))]);
        Classes = new(
            [.. classes.Select((name, c) => new ClassEvaluation(name, confusion[c].Sum(), confusion[c][c], confusion.Sum(row => row[c])))]);
    }

    /// <summary>Number of images.</summary>
    public int Count { get; }

    /// <summary>Mean cross-entropy, in nats.</summary>
    public double Loss { get; }

    /// <summary>Share of images whose best guess is right, 0 to 1.</summary>
    public double Accuracy { get; }

    /// <summary>Share of images with the truth among the five best guesses, 0 to 1; null with five classes or fewer,
    /// where it would always be 1.</summary>
    public double? Top5Accuracy { get; }

    /// <summary>Figures of each class, in the order of the labels.</summary>
    public ReadOnlyList<ClassEvaluation> Classes { get; }

    /// <summary>The class with the lowest recall, the first of equals.</summary>
    public ClassEvaluation WeakestClass => Classes.Where(c => c.Recall is not null).MinBy(c => c.Recall)!;

    /// <summary>Number of images by true class (first index) and guessed class (second index).</summary>
    public ReadOnlyList<ReadOnlyList<int>> ConfusionMatrix { get; }

    /// <summary>The same as rows: the number of images for each true class and guess that occur together,
    /// right guesses among them.</summary>
    public ReadOnlyList<ConfusionCount> Confusions => field ??= new([.. from truth in Enumerable.Range(0, Classes.Count)
                                                                        from guess in Enumerable.Range(0, Classes.Count)
                                                                        where ConfusionMatrix[truth][guess] > 0
                                                                        select new ConfusionCount(Classes[truth].Class,
                                                                            Classes[guess].Class, ConfusionMatrix[truth][guess])]);

    /// <summary>Evaluates a classifier.</summary>
    /// <param name="predictor">Computes the predictions.</param>
    /// <param name="images">At least one image. Their classes are matched with the model's by name; some may be missing.</param>
    /// <param name="progress">Called after each portion with the number of images done.</param>
    /// <param name="cancellation">Ends the evaluation after the current portion.</param>
    /// <param name="warn">Receives a sentence if the names of the classes had to be guessed; null ignores it.</param>
    /// <exception cref="EngineException"><c>ClassMismatch</c>, <c>ClassCountMismatch</c>, <c>TruthUnknown</c>,
    /// <c>ImageSizeMismatch</c>, <c>NoImages</c>.</exception>
    public static Evaluation Run(Predictor predictor, IReadOnlyList<LabeledImage> images, Action<int>? progress,
        CancellationToken cancellation, Action<string>? warn = null)
    {
        if (images.Count == 0)
            throw new EngineException("NoImages", ErrorKind.InvalidArgument, "There is no image to evaluate.");
        (string[] classes, images) = ClassMatching.ForMeasuring(predictor.Model, images, warn);
        int[][] confusion = [.. classes.Select(_ => new int[classes.Length])];
        double loss = 0;
        int correct = 0, amongFive = 0;
        for (int start = 0; start < images.Count; start += predictor.BatchSize)
        {
            cancellation.ThrowIfCancellationRequested();
            LabeledImage[] portion = [.. images.Skip(start).Take(predictor.BatchSize)];
            float[][] logits = predictor.Logits(portion);
            for (int i = 0; i < portion.Length; i++)
            {
                float[] values = logits[i];
                int label = portion[i].Label;
                float largest = values.Max();
                loss += Math.Log(values.Sum(v => Math.Exp(v - largest))) + largest - values[label];
                int guess = Array.IndexOf(values, largest);
                confusion[label][guess]++;
                correct += guess == label ? 1 : 0;
                amongFive += RankOf(label, values) < 5 ? 1 : 0;
            }

            progress?.Invoke(start + portion.Length);
        }

        return new Evaluation(classes, images.Count, loss / images.Count, (double)correct / images.Count,
            (double)amongFive / images.Count, confusion);
    }

    /// <summary>Evaluates predictions that have been made.</summary>
    /// <param name="predictions">At least one prediction; of models with the same classes, for images whose truth is known.</param>
    /// <param name="warn">Receives a sentence if the names of the classes had to be guessed; null ignores it.</param>
    /// <exception cref="EngineException"><c>ClassMismatch</c>, <c>ClassCountMismatch</c>, <c>TruthUnknown</c>, <c>NoImages</c>.</exception>
    public static Evaluation Of(IReadOnlyList<Prediction> predictions, Action<string>? warn = null)
    {
        if (predictions.Count == 0)
            throw new EngineException("NoImages", ErrorKind.InvalidArgument,
                "There is nothing to evaluate: no images and no predictions. Give images of a data set, or predictions for them.");
        if (!predictions.All(prediction => prediction.Model.Classes.SequenceEqual(predictions[0].Model.Classes)))
            throw new EngineException("ClassMismatch", ErrorKind.InvalidArgument,
                "The predictions come from models with different classes. Evaluate those of one model at a time.");
        (string[] classes, IReadOnlyList<LabeledImage> images) =
            ClassMatching.ForMeasuring(predictions[0].Model, [.. predictions.Select(prediction => prediction.Image)], warn);
        int[][] confusion = [.. classes.Select(_ => new int[classes.Length])];
        int amongFive = 0;
        foreach ((Prediction prediction, LabeledImage image) in predictions.Zip(images))
        {
            confusion[image.Label][prediction.Top[0].ClassIndex]++;
            amongFive += RankOf(image.Label, prediction.Logits) < 5 ? 1 : 0;
        }

        return new Evaluation(classes, predictions.Count, predictions.Average(prediction => prediction.Loss!.Value),
            predictions.Average(prediction => prediction.IsCorrect == true ? 1.0 : 0),
            (double)amongFive / predictions.Count, confusion);
    }

    /// <summary>How many classes rank before one; of equal logits, the first class comes first.</summary>
    private static int RankOf(int label, IReadOnlyList<float> logits) =>
        logits.Where((logit, c) => logit > logits[label] || (logit == logits[label] && c < label)).Count();

    /// <inheritdoc/>
    public override string ToString() =>
        string.Create(CultureInfo.CurrentCulture, $"{Count:N0} images, accuracy {Accuracy:P2}, loss {Loss:F4}");
}

/// <summary>How many images of one true class were guessed to be of one class.</summary>
/// <param name="Truth">Name of the true class.</param>
/// <param name="Guess">Name of the guessed class.</param>
/// <param name="Count">Number of images, above zero.</param>
public sealed record ConfusionCount(string Truth, string Guess, int Count)
{
    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.CurrentCulture, $"{Truth} as {Guess}: {Count:N0}");
}

/// <summary>How well a classifier performs on one class.</summary>
public sealed class ClassEvaluation
{
    internal ClassEvaluation(string name, int count, int correct, int guessed)
    {
        Class = name;
        Count = count;
        // Nothing was measured for a class that no image shows.
        if (count == 0)
            return;
        Precision = guessed == 0 ? 0 : (double)correct / guessed;
        Recall = (double)correct / count;
        F1 = 2.0 * correct / (count + guessed);
    }

    /// <summary>Name of the class.</summary>
    public string Class { get; }

    /// <summary>Number of images that show it.</summary>
    public int Count { get; }

    /// <summary>Share of the images guessed to show it that do, 0 to 1; 0 if none was guessed, null if no image shows it.</summary>
    public double? Precision { get; }

    /// <summary>Share of the images that show it that were found, 0 to 1; null if no image shows it.</summary>
    public double? Recall { get; }

    /// <summary>Harmonic mean of precision and recall, 0 to 1; null if no image shows it.</summary>
    public double? F1 { get; }

    /// <inheritdoc/>
    public override string ToString() =>
        Recall is double recall ? string.Create(CultureInfo.CurrentCulture, $"{Class} {recall:P1}") : Class;
}
