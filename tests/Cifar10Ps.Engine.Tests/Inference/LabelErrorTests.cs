using Cifar10Ps.Inference;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public class LabelErrorTests
{
    [Fact]
    public void Labels_are_doubted_as_computed_by_hand()
    {
        // Of class a: 0.9, 0.8 and 0.1, so its threshold is 0.6; of b: 0.7, 0.3 and 0.05, 0.35; of c: 0.5.
        double[][] probabilities =
        [
            [0.9, 0.1, 0], [0.8, 0.2, 0], [0.1, 0.55, 0.35], [0.3, 0.7, 0], [0.65, 0.3, 0.05], [0.5, 0.05, 0.45], [0.45, 0.05, 0.5],
        ];

        // The third is counted for b, the fifth for a. One of each class: of b, the sixth has the less probable label.
        Assert.Equal([5, 2], ConfidentLearning.Doubted([0, 0, 0, 1, 1, 1, 2], probabilities));
        Assert.Equal([], ConfidentLearning.Doubted([0, 1], [[0.6, 0.4, 0], [0.3, 0.7, 0]]));
        // A class without images is none to be counted for.
        Assert.Equal([], ConfidentLearning.Doubted([0, 0], [[0.1, 0.9], [0.1, 0.9]]));
    }

    [Fact]
    public void The_models_of_the_predictions_need_not_be_calibrated()
    {
        Random random = new(4);
        ImageClassifier model = ColourModel();
        // Reds and greens of different strength, guessed with more or less confidence; every twentieth has the other label.
        LabeledImage[] images = [.. Enumerable.Range(0, 200).Select(i =>
        {
            byte strength = (byte)random.Next(100, 256);
            return Solid(i, i % 20 == 3 ? i % 2 : 1 - i % 2, i % 2 == 1 ? strength : (byte)0, i % 2 == 0 ? strength : (byte)0, 0);
        })];

        List<int[]> found = [];
        foreach (double temperature in new[] { 0.1, 1, 10 })
        {
            model.Snapshot = model.Snapshot with { Temperature = temperature };
            using Predictor predictor = new(model, threads: 1, Precision.Float32);
            IReadOnlyList<LabelError> errors = LabelErrors.Of([.. predictor.Predict(images, 1)]);

            found.Add([.. errors.Select(error => error.Index)]);
            Assert.All(errors, error => Assert.Equal(error.Index % 2 == 1 ? "class 0" : "class 1", error.Suggestion));
            Assert.Equal(errors.OrderBy(error => error.LabelProbability), errors);
        }

        Assert.InRange(found[0].Length, 8, 10);
        Assert.All(found[0], index => Assert.Equal(3, index % 20));
        Assert.All(found, other => Assert.Equal(found[0], other));
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
        Assert.Equal(errors.OrderBy(error => error.LabelProbability), errors);
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

        float[][] logits = LinearProbe.Logits([.. samples[..300].Select(s => s.Features)],
            [.. samples[..300].Select(s => s.Label)], classes, [.. samples[300..].Select(s => s.Features)], default);

        int right = logits.Zip(samples[300..]).Count(pair => Array.IndexOf(pair.First, pair.First.Max()) == pair.Second.Label);
        Assert.InRange(right, 95, 100);
    }
}
