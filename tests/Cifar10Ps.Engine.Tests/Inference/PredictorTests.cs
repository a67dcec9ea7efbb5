using Cifar10Ps.Models;
using Cifar10Ps.Networks.Families;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public class PredictorTests
{
    [Fact]
    public void Logits_are_those_of_the_network()
    {
        using Predictor predictor = new(ColourModel(), threads: 2, Precision.Float32);

        float[][] logits = predictor.Logits([Solid(0, 0, 255, 0, 0), Solid(1, 0, 51, 102, 153)]);
        Assert.Equal([[10f, 0, 0, 1, 0.5f, 0], [2f, 4, 6, 1, 0.5f, 0]], logits, (one, other) =>
            one.Zip(other).All(pair => Math.Abs(pair.First - pair.Second) < 1e-5));
    }

    [Fact]
    public void Features_are_what_the_classifier_reads()
    {
        using Predictor predictor = new(ColourModel(), threads: 2, Precision.Float32);

        float[][] features = predictor.Features([Solid(0, 0, 255, 0, 0), Solid(1, 0, 51, 102, 153)]);

        Assert.All(features, vector => Assert.Equal(64, vector.Length));
        Assert.Equal([[1f, 0, 0], [0.2f, 0.4f, 0.6f]], features.Select(vector => vector[24..27]), (one, other) =>
            one.Zip(other).All(pair => Math.Abs(pair.First - pair.Second) < 1e-6));
        Assert.Empty(predictor.Features([]));
    }

    [Fact]
    public void A_ResNet18_for_large_pictures_has_512_features_of_each()
    {
        ImageClassifier model = ImageClassifier.Create(ResNet.Create([2, 2, 2, 2], isBottleneck: false, 5), ["a", "b", "c", "d", "e"], 1,
            224);
        LabeledImage[] images = [Solid(0, 0, 255, 0, 0, side: 224), Solid(1, 0, 51, 102, 153, side: 224)];
        using Predictor predictor = new(model, threads: 1, Precision.Float32);

        float[][] features = predictor.Features(images), logits = predictor.Logits(images);

        (float[] weight, float[] bias) = (model.Weights["fc.weight"], model.Weights["fc.bias"]);
        for (int n = 0; n < 2; n++)
            for (int c = 0; c < 5; c++)
                Assert.Equal(bias[c] + features[n].Zip(weight.Skip(c * 512), (a, b) => a * b).Sum(), logits[n][c], 1e-3);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(64)]
    [InlineData(65)]
    [InlineData(200)]
    public void Any_number_of_images_is_answered_in_order(int count)
    {
        using Predictor predictor = new(ColourModel(), threads: 2, Precision.Float32);
        LabeledImage[] images = [.. Enumerable.Range(0, count).Select(i => Solid(i, 0, (byte)i, 0, 0))];

        float[][] logits = predictor.Logits(images);

        Assert.Equal(count, logits.Length);
        for (int i = 0; i < count; i++)
            Assert.Equal(10 * i / 255.0, logits[i][0], 1e-5);
    }

    [Theory]
    [InlineData(32, 128)]
    [InlineData(512, 32)]
    [InlineData(1024, 8)]
    public void Large_images_are_computed_fewer_at_a_time(int side, int batchSize)
    {
        ImageClassifier model = new(NewModel().Snapshot with { Preprocessing = new([0, 0, 0], [1, 1, 1], side, side) });

        using Predictor predictor = new(model, threads: 2, Precision.Float32);

        Assert.Equal(batchSize, predictor.BatchSize);
    }

    [Fact]
    public void The_number_of_workers_does_not_change_a_bit()
    {
        ImageClassifier model = RandomModel();
        ImageSplit images = SyntheticImages.Create(150, 1).Train;
        using Predictor one = new(model, threads: 1, Precision.Float32), three = new(model, threads: 3, Precision.Float32);

        Assert.Equal(one.Logits(images), three.Logits(images));
    }

    [Fact]
    public void A_second_thread_does_not_change_a_bit_of_an_image_alone()
    {
        ImageClassifier model = RandomModel(Shortcut.Projection);
        LabeledImage image = SyntheticImages.Create(1, 1).Train[0];
        using Predictor one = new(model, threads: 1), two = new(model, threads: 2);
        float[] expected = one.Logits([image])[0];

        Assert.All(Enumerable.Range(0, 200), _ => Assert.Equal(expected, two.Logits([image])[0]));
    }

    [Fact]
    public void An_answer_for_several_views_is_the_mean_over_them()
    {
        ImageClassifier model = RandomModel();
        LabeledImage image = SyntheticImages.Create(1, 1).Train[0];
        using Predictor plain = new(model, threads: 1, Precision.Float32), two = new(model, threads: 1, Precision.Float32, views: 2),
            six = new(model, threads: 1, Precision.Float32, views: 6);

        float[][] seen = plain.Logits([image, Seen(0, true), Seen(1, false), Seen(1, true), Seen(-1, false), Seen(-1, true)]);

        Assert.All(two.Logits([image])[0].Index(), l => Assert.Equal((seen[0][l.Index] + seen[1][l.Index]) / 2, l.Item, 1e-4f));
        Assert.All(six.Logits([image])[0].Index(), l =>
            Assert.Equal((seen[0][l.Index] + seen[1][l.Index] + seen[2..].Average(view => view[l.Index]) * 2) / 4, l.Item, 1e-4f));

        LabeledImage Seen(int shift, bool isMirrored)
        {
            (int width, int height, byte[] pixels) = (image.Width, image.Height, image.GetPixels());
            byte[] view = new byte[pixels.Length];
            for (int i = 0; i < view.Length; i++)
            {
                (int x, int y, int plane) = (i % width, i / width % height, i / (width * height));
                x = Reflected((isMirrored ? width - 1 - x : x) + shift, width);
                view[i] = pixels[(plane * height + Reflected(y + shift, height)) * width + x];
            }

            return new LabeledImage(0, 0, "", width, height, view);
        }

        static int Reflected(int place, int length) => place < 0 ? -place : place >= length ? 2 * (length - 1) - place : place;
    }

    [Theory]
    [InlineData(Shortcut.Projection, 32, 32, Precision.Float32)]
    [InlineData(Shortcut.ZeroPad, 32, 32, Precision.Float32)]
    [InlineData(Shortcut.ProjectionOnly, 32, 32, Precision.Float32)]
    [InlineData(Shortcut.Projection, 64, 36, Precision.Float32)]
    [InlineData(Shortcut.Projection, 28, 30, Precision.Float32)]
    [InlineData(Shortcut.Projection, 32, 32, Precision.BFloat16)]
    public void The_company_of_other_images_does_not_change_an_answer(Shortcut shortcut, int width, int height, Precision precision)
    {
        ImageClassifier model = RandomModel(shortcut);
        model.Snapshot = model.Snapshot with { Preprocessing = new Preprocessing([0.4, 0.5, 0.6], [0.2, 0.3, 0.25], width, height) };
        Random random = new(1);
        LabeledImage[] images = [.. Enumerable.Range(0, 70).Select(i =>
        {
            byte[] pixels = new byte[3 * width * height];
            random.NextBytes(pixels);
            return new LabeledImage(i, 0, "", width, height, pixels);
        })];
        using Predictor predictor = new(model, threads: 2, precision);

        float[][] together = predictor.Logits(images);

        // Twice, since nothing of one image may affect the next.
        foreach (int i in new[] { 66, 3, 66 })
            Assert.All(together[i].Zip(predictor.Logits([images[i]])[0]), pair => Assert.Equal(pair.First, pair.Second, 1e-4f));
    }

    [Fact]
    public void An_image_of_another_size_is_refused_and_the_predictor_goes_on()
    {
        using Predictor predictor = new(ColourModel(), threads: 2, Precision.Float32);

        AssertError("ImageSizeMismatch", () => predictor.Logits([Solid(0, 0, 1, 2, 3), Solid(1, 0, 1, 2, 3, side: 28)]));

        Assert.Single(predictor.Logits([Solid(0, 0, 1, 2, 3)]));
    }

    [Fact]
    public void A_prediction_lists_the_best_classes_with_their_probabilities()
    {
        ImageClassifier model = ColourModel();

        Prediction prediction = new(model.Snapshot, [1, 3, -2, 2, 3, 0], top: 4, Solid(17, label: 4, 0, 0, 0));

        double sum = new double[] { 1, 3, -2, 2, 3, 0 }.Sum(Math.Exp);
        // Among equals, the first class comes first.
        Assert.Equal([1, 4, 3, 0], prediction.Top.Select(t => t.ClassIndex));
        Assert.Equal([1, 2, 3, 4], prediction.Top.Select(t => t.Rank));
        Assert.Equal(["class 1", "class 4", "class 3", "class 0"], prediction.Top.Select(t => t.Class));
        Assert.All(prediction.Top, t => Assert.Equal(Math.Exp(prediction.Logits[t.ClassIndex]) / sum, t.Probability, 1e-6));
        Assert.Equal(("class 1", prediction.Top[0].Probability), (prediction.Class, prediction.Confidence));
        Assert.Equal((17, 4, "class 4", false), (prediction.Index, prediction.Label, prediction.LabelName, prediction.IsCorrect));
        Assert.Equal(-Math.Log(Math.Exp(3) / sum), prediction.Loss!.Value, 1e-9);
        Assert.True(new Prediction(model.Snapshot, [0, 0, 0, 0, 1, 0], 1, Solid(0, label: 4, 0, 0, 0)).IsCorrect);
    }

    [Fact]
    public void Below_the_least_confidence_there_is_no_answer()
    {
        ModelSnapshot model = ColourModel().Snapshot with { Classes = ["unknown", "b", "c", "d", "e", "f"] };
        float[] sure = [9, 0, 0, 0, 0, 0], unsure = [1, 0, 0, 0, 0, 0];
        LabeledImage image = new(0, 0, "unknown", 32, 32, new byte[3 * 32 * 32]);

        Prediction answer = new(model, sure, 3, image, 0.8), none = new(model, unsure, 3, image, 0.8), asked = new(model, unsure, 3, image);

        Assert.Equal(("unknown", false, true), (answer.Class, answer.IsUnknown, answer.IsCorrect));
        Assert.Equal(("unknown", true, null), (none.Class, none.IsUnknown, none.IsCorrect));
        Assert.Equal(("unknown", false, true), (asked.Class, asked.IsUnknown, asked.IsCorrect));
        Assert.Equal(asked.Top, none.Top);
        Assert.Equal(asked.Confidence, none.Confidence);
        Assert.Equal(asked.Loss, none.Loss);
        // A probability of exactly the least confidence is an answer.
        Assert.False(new Prediction(model, [0, 0, -99, -99, -99, -99], 1, image, 0.5).IsUnknown);
    }

    [Fact]
    public void Predictions_have_features_if_they_are_asked_for()
    {
        using Predictor predictor = new(ColourModel(), threads: 2, Precision.Float32);
        LabeledImage[] images = [Solid(0, 0, 255, 0, 0), Solid(1, 0, 51, 102, 153)];

        Prediction[] with = [.. predictor.Predict(images, 1, withFeatures: true)], without = [.. predictor.Predict(images, 1)];

        Assert.Equal(predictor.Features(images), with.Select(prediction => prediction.Features!.ToArray()));
        Assert.Equal(without.Select(prediction => prediction.Logits), with.Select(prediction => prediction.Logits));
        Assert.All(without, prediction => Assert.Null(prediction.Features));
    }

    [Fact]
    public void Features_of_a_network_without_a_classifier_are_its_logits_over_any_views()
    {
        TestNetwork test = TestNetwork.All["no classifier"];
        ImageClassifier model = ImageClassifier.Create(test.Network, ["a", "b", "c", "d", "e"], 0, test.Width);
        model.Snapshot = model.Snapshot with { Weights = test.Values };
        using Predictor predictor = new(model, threads: 1, Precision.Float32, views: 2);
        LabeledImage[] images = [.. Enumerable.Range(0, 2).Select(i => Solid(i, 0, (byte)(100 * i), 50, 7, side: 16))];

        Prediction[] with = [.. predictor.Predict(images, 1, withFeatures: true)];

        Assert.Equal(predictor.Logits(images), with.Select(prediction => prediction.Logits.ToArray()));
        Assert.Equal(predictor.Logits(images), with.Select(prediction => prediction.Features!.ToArray()));
    }

    [Fact]
    public void The_prediction_of_a_file_has_a_path_and_no_truth()
    {
        LabeledImage file = new(0, -1, "", 32, 32, new byte[3 * 32 * 32], "cat.png");

        Prediction prediction = new(ColourModel().Snapshot, [0, 0, 0, 0, 1, 0], top: 9, file);

        Assert.Equal(("cat.png", null, null, null, null, null),
            (prediction.Path, prediction.Index, prediction.Label, prediction.LabelName, prediction.IsCorrect, prediction.Loss));
        Assert.Equal(6, prediction.Top.Count);
    }

    [Fact]
    public void Probabilities_of_huge_logits_are_numbers()
    {
        Prediction prediction = new(ColourModel().Snapshot, [1e30f, -1e30f, 1e30f, 500, -500, 0], top: 6, Solid(0, 0, 0, 0, 0));

        Assert.Equal([0.5f, 0.5f, 0, 0, 0, 0], prediction.Top.Select(t => t.Probability));
    }
}
