using Cifar10Ps.Models;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public class EvaluationTests
{
    /// <summary>Logits of red, green and black images.</summary>
    private static readonly double[] OfRed = [10, 0, 0, 1, 0.5, 0], OfGreen = [0, 10, 0, 1, 0.5, 0], OfBlack = [0, 0, 0, 1, 0.5, 0];

    [Theory]
    [InlineData(0.01)]
    [InlineData(1)]
    [InlineData(100)]
    public void Guesses_are_ranked_by_logits_whatever_the_temperature(double temperature)
    {
        ModelSnapshot model = NewModel().Snapshot with { Temperature = temperature };
        Prediction prediction = new(model, [5, 130, 8, 9, 10, 11, 0, 0, 0, 0], 5, Red(0));

        Assert.Equal([1, 5, 4, 3, 2], prediction.Top.Select(guess => guess.ClassIndex));
    }

    [Fact]
    public void What_is_no_number_is_no_answer()
    {
        float[] logits = [.. Enumerable.Repeat(float.NaN, 10)];

        Assert.True(new Prediction(NewModel().Snapshot, logits, 5, Red(0), minimumConfidence: 0.5).IsUnknown);
    }

    [Fact]
    public void Figures_are_those_computed_by_hand()
    {
        LabeledImage[] images =
        [
            Red(0), Red(0), Red(0), Red(0), Green(0), // one of five zeros is taken for a one
            Green(1), Green(1), Black(1), // one of three ones is taken for a three
            Red(2), // the truth comes fifth: after 0, 3, 4 and, among equals, 1
            Black(3),
            Red(5), // the truth comes last
        ];

        Evaluation evaluation = Evaluate(images);

        Assert.Equal(11, evaluation.Count);
        Assert.Equal(7 / 11.0, evaluation.Accuracy, 1e-12);
        Assert.Equal(10 / 11.0, evaluation.Top5Accuracy!.Value, 1e-12);
        Assert.Equal(["4 1 0 0 0 0", "0 2 0 1 0 0", "1 0 0 0 0 0", "0 0 0 1 0 0", "0 0 0 0 0 0", "1 0 0 0 0 0"],
            evaluation.ConfusionMatrix.Select(row => $"{row}"));
        Assert.Equal(["class 0 as class 0: 4", "class 0 as class 1: 1", "class 1 as class 1: 2",
            "class 1 as class 3: 1", "class 2 as class 0: 1", "class 3 as class 3: 1", "class 5 as class 0: 1"],
            evaluation.Confusions.Select(row => $"{row}"));
        Assert.Equal("class 2", evaluation.WeakestClass.Class);
        // Over the five classes that images show: scikit-learn's balanced_accuracy_score, f1_score(average='macro') and 'weighted'.
        Assert.Equal((4 / 5.0 + 2 / 3.0 + 0 + 1 + 0) / 5, evaluation.BalancedAccuracy, 1e-12);
        Assert.Equal((8 / 11.0 + 2 / 3.0 + 0 + 2 / 3.0 + 0) / 5, evaluation.MacroF1, 1e-12);
        Assert.Equal((5 * 8 / 11.0 + 3 * 2 / 3.0 + 2 / 3.0) / 11, evaluation.WeightedF1, 1e-12);
        AssertClass(0, count: 5, precision: 4 / 6.0, recall: 4 / 5.0, f1: 8 / 11.0);
        AssertClass(1, count: 3, precision: 2 / 3.0, recall: 2 / 3.0, f1: 2 / 3.0);
        AssertClass(2, count: 1, precision: 0, recall: 0, f1: 0);
        AssertClass(3, count: 1, precision: 1 / 2.0, recall: 1, f1: 2 / 3.0);
        AssertClass(4, count: 0, precision: null, recall: null, f1: null);
        double loss = 4 * Loss(OfRed, 0) + Loss(OfGreen, 0) + 2 * Loss(OfGreen, 1)
            + Loss(OfBlack, 1) + Loss(OfRed, 2) + Loss(OfBlack, 3) + Loss(OfRed, 5);
        Assert.Equal(loss / 11, evaluation.Loss, 1e-5);

        void AssertClass(int label, int count, double? precision, double? recall, double? f1)
        {
            ClassEvaluation found = evaluation.Classes[label];
            Assert.Equal(($"class {label}", count), (found.Class, found.Count));
            Assert.Equal(Rounded(precision, recall, f1), Rounded(found.Precision, found.Recall, found.F1));
        }

        static double?[] Rounded(params double?[] figures) =>
            [.. figures.Select(figure => figure is double value ? Math.Round(value, 12) : figure)];
    }

    [Fact]
    public void Of_a_class_that_no_image_shows_there_are_no_figures_even_if_it_was_guessed()
    {
        ReadOnlyList<ClassEvaluation> classes = Evaluate([Red(1), Green(1)]).Classes;

        Assert.Equal((0, null, null, null), (classes[0].Count, classes[0].Precision, classes[0].Recall, classes[0].F1));
        Assert.Equal(2, classes[1].Count);
        Assert.Equal((1, 0.5), (classes[1].Precision, classes[1].Recall));
        // The mean over the classes that were measured.
        Assert.Equal(0.5, classes.Average(c => c.Recall));
    }

    [Theory]
    [InlineData(5, null)]
    [InlineData(6, 0.75)]
    public void Top_5_of_five_classes_says_nothing(int count, double? expected) =>
        Assert.Equal(expected, new Evaluation(ImageClassifier.PlaceholderClasses(count), 4, 1,
            0.5, 0.75, [.. Enumerable.Range(0, count).Select(_ => new int[count])], []).Top5Accuracy);

    [Fact]
    public void The_calibration_error_is_the_weighted_difference_of_confidence_and_accuracy()
    {
        // Red is nine tenths sure, black three tenths: the best logit is 1 of 1, 0.5 and four zeros.
        double red = Confidence(OfRed), black = Confidence(OfBlack);
        Evaluation evaluation = Evaluate([Red(0), Red(0), Red(0), Red(1), Black(3)]);

        Assert.Equal(15, evaluation.Reliability.Count);
        ReliabilityBin last = evaluation.Reliability[14], low = evaluation.Reliability[(int)(black * 15)];
        Assert.Equal((4, 0.75), (last.Count, last.Accuracy));
        Assert.Equal(red, last.Confidence!.Value, 1e-4);
        Assert.Equal((1, 1.0), (low.Count, low.Accuracy));
        Assert.All(evaluation.Reliability.Except([last, low]), bin =>
            Assert.Equal((0, null, null), (bin.Count, bin.Confidence, bin.Accuracy)));
        Assert.Equal(0.8 * (red - 0.75) + 0.2 * (1 - black), evaluation.CalibrationError, 1e-4);

        static double Confidence(double[] logits) => Math.Exp(logits.Max()) / logits.Sum(Math.Exp);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(0.2, 2)]
    [InlineData(0.2000001, 3)]
    [InlineData(1, 14)]
    public void A_bin_holds_the_confidences_up_to_its_end(double confidence, int bin) =>
        Assert.Equal(1, ReliabilityBin.Of([(confidence, true)])[bin].Count);

    [Fact]
    public void Predictions_without_an_answer_are_counted_and_not_evaluated()
    {
        using Predictor predictor = new(ColourModel(), threads: 1);
        LabeledImage[] images = [Red(0), Red(1), Green(1), Black(3)];
        Prediction[] predictions = [.. predictor.Predict(images, 1, minimumConfidence: 0.8)];

        Evaluation evaluation = Evaluation.Of(predictions), whole = Evaluation.Of([.. predictor.Predict(images, 1)]);

        Assert.Equal((3, 1), (evaluation.Count, evaluation.UnknownCount));
        Assert.Equal(2 / 3.0, evaluation.Accuracy, 1e-12);
        Assert.Equal((4, 0), (whole.Count, whole.UnknownCount));
        Assert.Equal(Evaluate(images).Loss, whole.Loss, 1e-3);
        AssertError("NoImages", () => Evaluation.Of([.. predictor.Predict([Black(3)], 1, minimumConfidence: 0.8)]));
    }

    [Fact]
    public void Each_prediction_is_measured_at_the_temperature_of_its_model()
    {
        ImageClassifier sure = ColourModel(), unsure = ColourModel();
        unsure.Snapshot = unsure.Snapshot with { Temperature = 2.5 };
        using Predictor first = new(sure, threads: 1), second = new(unsure, threads: 1);
        LabeledImage[] images = [Red(0), Green(1), Red(1)];
        Prediction[] predictions = [.. first.Predict(images, 1), .. second.Predict(images, 1)];

        Assert.Equal(predictions.Average(prediction => prediction.Loss!.Value), Evaluation.Of(predictions).Loss, 1e-9);
    }

    [Fact]
    public void Every_image_counts_the_same_wherever_the_portions_end()
    {
        List<int> progress = [];

        // Portions of 64, 64 and 2: a mean of means would give the last two images 32 times the weight.
        Evaluation evaluation = Evaluate([.. Enumerable.Repeat(Red(0), 129), Red(1)], progress.Add);

        Assert.Equal((129 * Loss(OfRed, 0) + Loss(OfRed, 1)) / 130, evaluation.Loss, 1e-5);
        Assert.Equal(129 / 130.0, evaluation.Accuracy, 1e-12);
        Assert.Equal([64, 128, 130], progress);
    }

    [Fact]
    public void A_label_that_the_model_does_not_know_is_refused() =>
        AssertError("ClassCountMismatch", () => Evaluate([Red(0), Red(6)]));

    [Fact]
    public void There_must_be_an_image() => AssertError("NoImages", () => Evaluate([]));

    [Fact]
    public void Cancelling_ends_an_evaluation_after_the_portion()
    {
        using CancellationTokenSource cancellation = new();
        int portions = 0;

        Assert.Throws<OperationCanceledException>(() => Evaluate([.. Enumerable.Repeat(Red(0), 130)], _ =>
        {
            portions++;
            cancellation.Cancel();
        }, cancellation.Token));

        Assert.Equal(1, portions);
    }

    private static Evaluation Evaluate(LabeledImage[] images, Action<int>? progress = null, CancellationToken cancellation = default)
    {
        ImageClassifier model = ColourModel();
        using Predictor predictor = new(model, threads: 1);
        return Evaluation.Run(predictor, images, progress, cancellation);
    }

    private static double Loss(double[] logits, int label) => Math.Log(logits.Sum(Math.Exp)) - logits[label];

    private static LabeledImage Red(int label) => Solid(0, label, 255, 0, 0);

    private static LabeledImage Green(int label) => Solid(0, label, 0, 255, 0);

    private static LabeledImage Black(int label) => Solid(0, label, 0, 0, 0);
}
