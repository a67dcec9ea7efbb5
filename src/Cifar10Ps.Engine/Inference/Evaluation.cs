using System.Globalization;
using Cifar10Ps.Inference;
using Cifar10Ps.Models;

namespace Cifar10Ps;

/// <summary>How well a classifier performs on images whose true class is known; every image counts the same.</summary>
public sealed class Evaluation
{
    internal Evaluation(string[] classes, int count, double loss, double accuracy, double top5Accuracy, int[][] confusion,
        ReliabilityBin[] reliability)
    {
        Count = count;
        Loss = loss;
        Accuracy = accuracy;
        Top5Accuracy = classes.Length > 5 ? top5Accuracy : null;
        ConfusionMatrix = new([.. confusion.Select(row => new ReadOnlyList<int>(row, " "))]);
        Classes = new(
            [.. classes.Select((name, c) => new ClassEvaluation(name, confusion[c].Sum(), confusion[c][c], confusion.Sum(row => row[c])))]);
        Reliability = new(reliability);
    }

    /// <summary>The model: the file that it was read from, or its name; null: predictions were evaluated.</summary>
    public string? Model { get; internal set; }

    /// <summary>Number of images; those of <see cref="UnknownCount"/> are not among them.</summary>
    public int Count { get; }

    /// <summary>Number of further images whose prediction was below the least confidence, so that there is no answer to evaluate.</summary>
    public int UnknownCount { get; init; }

    /// <summary>Mean cross-entropy, in nats.</summary>
    public double Loss { get; }

    /// <summary>Share of images whose best guess is right, 0 to 1.</summary>
    public double Accuracy { get; }

    /// <summary>Share of images with the truth among the five best guesses, 0 to 1; null with five classes or fewer,
    /// where it would always be 1.</summary>
    public double? Top5Accuracy { get; }

    /// <summary>Expected calibration error: by how much confidence and accuracy differ, 0 to 1.</summary>
    /// <remarks>M. P. Naeini, G. F. Cooper, M. Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015;
    /// with 15 bins of equal width.</remarks>
    public double CalibrationError => Reliability.Sum(bin => bin.Count * Math.Abs((bin.Confidence - bin.Accuracy) ?? 0)) / Count;

    /// <summary>The guesses by their confidence, in 15 bins from 0 to 1.</summary>
    public ReadOnlyList<ReliabilityBin> Reliability { get; }

    /// <summary>Figures of each class, in the order of the labels.</summary>
    public ReadOnlyList<ClassEvaluation> Classes { get; }

    /// <summary>Mean recall over the classes that images show, 0 to 1: the accuracy if each class had as many images.</summary>
    public double BalancedAccuracy => Measured.Average(c => c.Recall!.Value);

    /// <summary>Mean F1 over the classes that images show, 0 to 1: every class counts the same.</summary>
    public double MacroF1 => Measured.Average(c => c.F1!.Value);

    /// <summary>Mean F1 over the images, each with that of its class, 0 to 1: every image counts the same.</summary>
    public double WeightedF1 => Measured.Sum(c => c.Count * c.F1!.Value) / Count;

    /// <summary>The class with the lowest recall, the first of equals.</summary>
    public ClassEvaluation WeakestClass => Measured.MinBy(c => c.Recall)!;

    private IEnumerable<ClassEvaluation> Measured => Classes.Where(c => c.Count > 0);

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
        EvaluationTally tally = new(classes);
        for (int start = 0; start < images.Count; start += predictor.BatchSize)
        {
            cancellation.ThrowIfCancellationRequested();
            LabeledImage[] portion = [.. images.Skip(start).Take(predictor.BatchSize)];
            float[][] answers = predictor.Logits(portion, isPart: images.Count > 1);
            foreach ((float[] logits, LabeledImage image) in answers.Zip(portion))
                tally.Add(logits, predictor.Model.Temperature, image.Label);
            progress?.Invoke(start + portion.Length);
        }

        return tally.ToEvaluation();
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
        Prediction[] answered = [.. predictions.Where(prediction => !prediction.IsUnknown)];
        if (answered is [])
            throw new EngineException("NoImages", ErrorKind.InvalidArgument,
                $"None of the {predictions.Count:N0} predictions is an answer: all are below the least confidence. Ask for less.");
        ModelSnapshot model = predictions[0].Model;
        (string[] classes, IReadOnlyList<LabeledImage> images) =
            ClassMatching.ForMeasuring(model, [.. answered.Select(prediction => prediction.Image)], warn);
        EvaluationTally tally = new(classes);
        foreach ((Prediction prediction, LabeledImage image) in answered.Zip(images))
            tally.Add(prediction.Logits, prediction.Model.Temperature, image.Label);
        return tally.ToEvaluation(predictions.Count - answered.Length);
    }

    /// <inheritdoc/>
    public override string ToString() =>
        string.Create(CultureInfo.CurrentCulture, $"{DisplayText.Count(Count, "image")}, accuracy {Accuracy:P2}, loss {Loss:F4}");
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
