using Cifar10Ps.Inference;
using Cifar10Ps.Models;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public class LabelErrorTests
{
    [Fact]
    public void Labels_are_doubted_as_computed_by_hand()
    {
        ModelSnapshot model = ColourModel().Snapshot with { Classes = ["a", "b", "c", "d", "e", "f"] };
        // Of class a: 0.9 and 0.8 and 0.1, so its threshold is 0.6; of b: 0.7 and 0.3, 0.5; of c: 0.5.
        Prediction[] predictions =
        [
            Predict(0, 0, 0.9, 0.1, 0), Predict(1, 0, 0.8, 0.2, 0), Predict(2, 0, 0.1, 0.55, 0.35),
            Predict(3, 1, 0.3, 0.7, 0), Predict(4, 1, 0.65, 0.3, 0.05), Predict(5, 2, 0.45, 0.05, 0.5),
        ];

        LabelError[] errors = [.. LabelErrors.Of(predictions)];

        Assert.Equal([2, 4], errors.Select(error => error.Index));
        Assert.Equal(("a", "b"), (errors[0].LabelName, errors[0].Suggestion));
        Assert.Equal(("b", "a"), (errors[1].LabelName, errors[1].Suggestion));
        Assert.Equal((0.55, 0.1, 0.45), (errors[0].Confidence, errors[0].LabelProbability, errors[0].Margin), (one, other) =>
            Math.Abs(one.Item1 - other.Item1) + Math.Abs(one.Item2 - other.Item2) + Math.Abs(one.Item3 - other.Item3) < 1e-5);
        Assert.Same(predictions[2].Image, errors[0].Image);

        Prediction Predict(int index, int label, params double[] probabilities) => new(model,
            [.. probabilities.Select(p => (float)Math.Log(p + 1e-9)), -99, -99, -99], 1,
            new LabeledImage(index, label, model.Classes[label], 1, 1, new byte[3], $"{index}.png"));
    }

    [Fact]
    public void Wrong_labels_are_found_by_the_features_of_a_model_of_other_classes()
    {
        ImageClassifier model = ColourModel();
        Random random = new(1);
        string[] names = ["red", "green", "blue"];
        // Sixty images of noisy colours; every tenth has the label of the next colour.
        LabeledImage[] images = [.. Enumerable.Range(0, 60).Select(i =>
        {
            int shown = i % 3, label = i % 10 == 7 ? (shown + 1) % 3 : shown;
            byte[] colour = [.. Enumerable.Range(0, 3).Select(c => (byte)(random.Next(60) + (c == shown ? 120 : 0)))];
            return new LabeledImage(i, label, names[label], 32, 32, Solid(0, 0, colour[0], colour[1], colour[2]).Pixels);
        })];
        List<string> progress = [];

        LabelError[] errors = [.. LabelErrors.Find(model, images, 5, 0, 2, Precision.Float32,
            (activity, done, all) => progress.Add($"{activity} {done} {all}"), default)];

        Assert.Equal([7, 17, 27, 37, 47, 57], errors.Select(error => error.Index).Order());
        Assert.All(errors, error => Assert.Equal(names[error.Index % 3], error.Suggestion));
        Assert.Equal(errors.OrderByDescending(error => error.Margin), errors);
        Assert.Equal(["Describing the images 60 60", "Learning from the features 0 5"], progress);
        Assert.Equal(errors.Select(error => error.Confidence), LabelErrors.Find(model, images, 5, 0, 1, Precision.Float32,
            (_, _, _) => { }, default).Select(error => error.Confidence));
    }

    [Fact]
    public void What_cannot_be_judged_is_refused()
    {
        ImageClassifier model = ColourModel();
        LabeledImage image = Solid(0, 0, 1, 2, 3), unknown = new(0, -1, "", 32, 32, new byte[3 * 32 * 32], "cat.png");

        AssertError("NoImages", () => LabelErrors.Of([]));
        AssertError("NoImages", () => Find());
        AssertError("NoImages", () => Find(image, image));
        AssertError("TruthUnknown", () => Find(image, image, unknown));
        AssertError("ImageSizeMismatch", () => Find(image, image, Solid(0, 0, 1, 2, 3, side: 8)));
        Assert.Empty(Find(image, image, image));

        IReadOnlyList<LabelError> Find(params LabeledImage[] images) =>
            LabelErrors.Find(model, images, 3, 0, 1, Precision.Auto, (_, _, _) => { }, default);
    }

    [Theory]
    [InlineData(2, 2)]
    [InlineData(3, 60)]
    public void A_linear_probe_learns_what_is_linear(int classes, int length)
    {
        UseTorch();
        Random random = new(5);
        (float[] Features, int Label)[] samples = [.. Enumerable.Range(0, 400).Select(i =>
        {
            float[] features = [.. Enumerable.Range(0, length).Select(_ => (float)random.NextDouble())];
            features[i % classes] += 2;
            // Large and constant features must not disturb.
            features[0] *= 1000;
            if (length > classes)
                features[^1] = 7;
            return (features, i % classes);
        })];

        double[][] probabilities = LinearProbe.Probabilities([.. samples[..300].Select(s => s.Features)],
            [.. samples[..300].Select(s => s.Label)], classes, [.. samples[300..].Select(s => s.Features)], default);

        Assert.All(probabilities, image => Assert.Equal(1, image.Sum(), 1e-5));
        int right = probabilities.Zip(samples[300..]).Count(pair => Array.IndexOf(pair.First, pair.First.Max()) == pair.Second.Label);
        Assert.InRange(right, 95, 100);
    }
}
