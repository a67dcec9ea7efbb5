using System.Globalization;
using Cifar10Ps.Inference;
using Cifar10Ps.Models;

namespace Cifar10Ps;

/// <summary>How calibration changed what a classifier says of its confidence: its answers stay the same.</summary>
/// <remarks>C. Guo et al., "On calibration of modern neural networks", ICML 2017: temperature scaling.</remarks>
public sealed class Calibration
{
    private const int Bisections = 40;

    private Calibration(double temperature, Evaluation before, Evaluation after) =>
        (Temperature, Before, After) = (temperature, before, after);

    /// <summary>What the logits are divided by now: above 1, the classifier was too sure.</summary>
    public double Temperature { get; }

    /// <summary>Number of images.</summary>
    public int Count => After.Count;

    /// <summary>Expected calibration error on these images before, 0 to 1.</summary>
    public double CalibrationErrorBefore => Before.CalibrationError;

    /// <summary>Expected calibration error on these images now, 0 to 1.</summary>
    public double CalibrationError => After.CalibrationError;

    /// <summary>The evaluation on these images before.</summary>
    public Evaluation Before { get; }

    /// <summary>The evaluation on these images now.</summary>
    public Evaluation After { get; }

    /// <summary>Sets a classifier's temperature to that with the smallest loss on some images.</summary>
    /// <param name="model">The classifier.</param>
    /// <param name="images">At least one image that it was not trained on.</param>
    /// <param name="threads">Number of workers; null: one for each processor.</param>
    /// <param name="precision">Precision of convolutions and activations.</param>
    /// <param name="progress">Called after each portion with the number of images done; null ignores it.</param>
    /// <param name="cancellation">Ends the calibration; the classifier is as before.</param>
    /// <param name="warn">Receives a sentence if the names of the classes had to be guessed; null ignores it.</param>
    /// <exception cref="EngineException"><c>NoImages</c>, <c>ModelInTraining</c>, <c>WeightsNotFinite</c>, <c>ClassMismatch</c>,
    /// <c>ClassCountMismatch</c>, <c>TruthUnknown</c>, <c>ImageSizeMismatch</c>, <c>NativeBackendNotLoaded</c>.</exception>
    public static Calibration Run(ImageClassifier model, IReadOnlyList<LabeledImage> images, int? threads, Precision precision,
        Action<int>? progress, CancellationToken cancellation, Action<string>? warn = null)
    {
        if (images.Count == 0)
            throw new EngineException("NoImages", ErrorKind.InvalidArgument, "There is no image to calibrate with.");
        model.BeginTraining();
        try
        {
            ModelSnapshot found = model.Snapshot;
            (string[] classes, images) = ClassMatching.ForMeasuring(found, images, warn);
            using Predictor predictor = new(model, threads, precision);
            List<(float[] Logits, int Label)> answers = [];
            foreach (LabeledImage[] portion in images.Chunk(predictor.BatchSize))
            {
                cancellation.ThrowIfCancellationRequested();
                answers.AddRange(predictor.Logits(portion, isPart: images.Count > 1)
                    .Zip(portion, (logits, image) => (logits, image.Label)));
                progress?.Invoke(answers.Count);
            }

            double temperature = TemperatureOf(answers);
            Calibration calibration = new(temperature, Evaluate(found.Temperature), Evaluate(temperature));
            model.Snapshot = found with { Temperature = temperature };
            return calibration;

            Evaluation Evaluate(double divisor)
            {
                EvaluationTally tally = new(classes);
                foreach ((float[] logits, int label) in answers)
                    tally.Add(logits, divisor, label);
                return tally.ToEvaluation();
            }
        }
        finally
        {
            model.EndTraining();
        }
    }

    /// <summary>
    /// The temperature with the smallest loss: a convex function of its reciprocal, whose slope is bisected. A prior, log-normal around 1,
    /// weighs about as much as one image: it keeps the temperature of a model whose guesses are all right from becoming zero.
    /// </summary>
    /// <exception cref="EngineException"><c>WeightsNotFinite</c>.</exception>
    internal static double TemperatureOf(IReadOnlyList<(float[] Logits, int Label)> answers)
    {
        if (!answers.All(answer => Array.TrueForAll(answer.Logits, float.IsFinite)))
            throw new EngineException("WeightsNotFinite", ErrorKind.InvalidArgument,
                "The model's logits are not all finite, so it cannot be calibrated: its training diverged. Use the model from before.");
        double low = 1 / ModelSnapshot.MaximumTemperature, high = 1 / ModelSnapshot.MinimumTemperature;
        // Then every temperature is as good.
        if (answers.All(answer => answer.Logits.Min() == answer.Logits.Max()))
            return 1;
        for (int i = 0; i < Bisections; i++)
        {
            double middle = Math.Sqrt(low * high);
            (low, high) = Slope(middle) < 0 ? (middle, high) : (low, middle);
        }

        return 1 / Math.Sqrt(low * high);

        // The derivative of the loss, by how much the mean logit exceeds the target's, and that of the prior.
        double Slope(double factor) => Math.Log(factor) / factor + answers.Sum(answer =>
        {
            (float[] logits, int label) = answer;
            double[] probabilities = Probabilities.Of(logits, 1 / factor);
            return probabilities.Zip(logits, (probability, logit) => probability * logit).Sum() - logits[label];
        });
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.CurrentCulture,
        $"temperature {Temperature:F3}, calibration error {CalibrationErrorBefore:P2} before, {CalibrationError:P2} now");
}
