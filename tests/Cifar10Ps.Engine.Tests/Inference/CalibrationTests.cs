using Cifar10Ps.Formats;
using Cifar10Ps.Models;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public sealed class CalibrationTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(0.4)]
    [InlineData(1)]
    [InlineData(2.5)]
    public void The_temperature_is_the_one_that_the_labels_were_drawn_with(double temperature)
    {
        Random random = new(1);
        (float[], int)[] answers = [.. Enumerable.Range(0, 20_000).Select(_ =>
        {
            float[] logits = [.. Enumerable.Range(0, 5).Select(_ => (float)(6 * random.NextDouble()))];
            double[] odds = [.. logits.Select(logit => Math.Exp(logit / temperature))];
            double at = random.NextDouble() * odds.Sum();
            return (logits, Enumerable.Range(0, 5).First(c => (at -= odds[c]) <= 0 || c == 4));
        })];

        Assert.InRange(Calibration.TemperatureOf(answers) / temperature, 0.96, 1.04);
    }

    [Fact]
    public void Where_all_guesses_are_right_the_temperature_stays_near_one()
    {
        // Little can be learned from guesses that are all right, however sure they are.
        foreach (float margin in new[] { 3f, 8, 20 })
            Assert.InRange(Calibration.TemperatureOf([.. Enumerable.Repeat((new[] { margin, 0 }, 0), 120)]), 0.4, 1.01);
    }

    [Fact]
    public void Impossible_answers_have_a_temperature_too()
    {
        // Equal logits, logits that are larger than any others, and logits that are always wrong.
        Assert.Equal(1, Calibration.TemperatureOf([([2, 2, 2], 1), ([0, 0, 0], 0)]));
        Assert.InRange(Calibration.TemperatureOf([([float.MaxValue, float.MinValue], 0)]), 0.009, 100.1);
        Assert.InRange(Calibration.TemperatureOf([.. Enumerable.Repeat((new[] { 5f, 0 }, 1), 9)]), 10, ModelSnapshot.MaximumTemperature);
        AssertError("WeightsNotFinite", () => Calibration.TemperatureOf([([1, float.NaN], 0)]));
        AssertError("WeightsNotFinite", () => Calibration.TemperatureOf([([1, float.PositiveInfinity], 0)]));
    }

    [Fact]
    public void The_number_of_workers_does_not_change_a_bit()
    {
        // With one worker, one image is left over.
        ImageDataset data = SmallImages(65, 1, side: 32);
        double[] temperatures = [.. new[] { 1, 2 }.Select(threads =>
            Calibration.Run(RandomModel(), data.Train, threads, Precision.Float32, null, default).Temperature)];

        Assert.Equal(temperatures[0], temperatures[1]);
    }

    [Fact]
    public void A_calibrated_model_gives_the_same_guesses_with_other_probabilities()
    {
        ImageClassifier model = ColourModel();
        // Very sure, but wrong once in five.
        LabeledImage[] images = [.. Enumerable.Range(0, 40).Select(i => Solid(i, i % 5 == 0 ? 3 : 0, 255, 0, 0))];
        using Predictor before = new(model, threads: 1, Precision.Float32);
        List<int> progress = [];

        Calibration calibration = Calibration.Run(model, images, 1, Precision.Float32, progress.Add, default);

        using Predictor after = new(model, threads: 1, Precision.Float32);
        Prediction one = before.Predict(images, 6).First(), other = after.Predict(images, 6).First();
        Assert.Equal(one.Logits, other.Logits);
        Assert.Equal(one.Top.Select(guess => guess.Class), other.Top.Select(guess => guess.Class));
        Assert.Equal(0.8, other.Confidence, 0.03f);
        Assert.InRange(one.Confidence, 0.999f, 1);
        Assert.Equal(-Math.Log(after.Predict([images[1]], 1).Single().Confidence), after.Predict([images[1]], 1).Single().Loss!.Value,
            1e-6);
        Assert.Equal((40, calibration.Temperature), (calibration.Count, model.Temperature));
        Assert.Equal(0.2, calibration.CalibrationErrorBefore, 1e-3);
        Assert.InRange(calibration.CalibrationError, 0, 0.03);
        Assert.True(calibration.After.Loss < calibration.Before.Loss);
        Assert.Equal(40, progress[^1]);
        // Again, from a calibrated model: nothing changes.
        Calibration again = Calibration.Run(model, images, 1, Precision.Float32, null, default);
        Assert.Equal((calibration.Temperature, calibration.CalibrationError), (again.Temperature, again.CalibrationErrorBefore));
    }

    [Fact]
    public void A_model_that_cannot_be_calibrated_stays_as_it_was()
    {
        ImageClassifier model = ColourModel();
        LabeledImage[] images = [Solid(0, 0, 255, 0, 0)];
        using CancellationTokenSource cancelled = new();
        cancelled.Cancel();

        AssertError("NoImages", () => Calibration.Run(model, [], 1, Precision.Float32, null, default));
        AssertError("ClassCountMismatch", () => Calibration.Run(model, [Solid(0, 9, 0, 0, 0)], 1, Precision.Float32, null, default));
        Assert.Throws<OperationCanceledException>(() => Calibration.Run(model, images, 1, Precision.Float32, null, cancelled.Token));
        model.BeginTraining();
        AssertError("ModelInTraining", () => Calibration.Run(model, images, 1, Precision.Float32, null, default));
        model.EndTraining();

        Assert.Equal(1, model.Temperature);
        Calibration.Run(model, images, 1, Precision.Float32, null, default);
    }

    [Fact]
    public void The_temperature_is_saved_with_the_model_and_lost_by_training()
    {
        ImageClassifier model = NewModel();
        model.Snapshot = model.Snapshot with { Temperature = 1.7, TrainedEpochs = 3 };
        ModelFile.Save(model, _folder["model"]);

        ImageClassifier read = ModelFile.Load(_folder["model"]);
        Assert.Equal(1.7, read.Temperature);
        Assert.Equal(1.7, read.ForClasses(read.Classes, seed: 1).Temperature);
        Assert.Equal(1, read.ForClasses(["a", "b"], seed: 1).Temperature);

        using IEnumerator<EpochReport> run = Trainer.Start(read, SmallImages(64, 10, side: 32), TinyOptions(), threads: 1).Run()
            .GetEnumerator();
        Assert.Equal(1.7, read.Temperature);
        Assert.True(run.MoveNext());
        Assert.Equal(1, read.Temperature);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("1e9")]
    [InlineData("NaN")]
    [InlineData("∞")]
    [InlineData("warm")]
    [InlineData("")]
    public void A_file_with_an_impossible_temperature_is_refused(string text)
    {
        TensorFile file = new();
        ModelFile.Put(NewModel().Snapshot, file);
        file.Metadata[ModelFile.TemperatureKey] = text;
        Safetensors.Write(file, _folder["model"]);

        EngineException error = Assert.Throws<EngineException>(() => ModelFile.Load(_folder["model"]));

        Assert.Equal("InvalidModel", error.ErrorId);
        Assert.Contains($"its temperature is '{text}'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_that_is_not_calibrated_does_not_mention_it_in_its_file() =>
        Assert.DoesNotContain(ModelFile.Describe(NewModel().Snapshot), entry => entry.Key == ModelFile.TemperatureKey);
}
