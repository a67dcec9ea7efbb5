using Cifar10Ps.Execution;
using Cifar10Ps.Inference;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

/// <summary>
/// Work in libtorch beside a thread that does nothing but collect garbage: a tensor or a number that nobody holds any more is freed while
/// libtorch still reads it, and the process ends.
/// </summary>
public sealed class GarbageTests : IDisposable
{
    private readonly CancellationTokenSource _end = new();
    private readonly Thread _collector;

    public GarbageTests()
    {
        UseTorch();
        _collector = new Thread(() =>
        {
            while (!_end.IsCancellationRequested)
            {
                GC.Collect(0);
                GC.WaitForPendingFinalizers();
            }
        });
        _collector.Start();
    }

    public void Dispose()
    {
        _end.Cancel();
        _collector.Join();
        _end.Dispose();
    }

    [Fact]
    public void Views_of_gradients_are_made()
    {
        using NetworkWeights weights = new(NewModel().Network);
        for (int i = 0; i < 300; i++)
        {
            using Gradients gradients = new(weights);
            Assert.Equal(weights.LearnedViews.Count, gradients.InOrder.Count());
        }
    }

    [Theory]
    [InlineData(OptimizerKind.Sgd)]
    [InlineData(OptimizerKind.AdamW)]
    [InlineData(OptimizerKind.Muon)]
    public void A_run_is_trained_saved_and_resumed(OptimizerKind optimizer)
    {
        using TemporaryFolder folder = new();
        OutputDirectory output = new(folder.Path, 1, replace: false);

        NewRun(TinyOptions(optimizer, epochs: 2), output).RunToEnd();
        Trainer resumed = Trainer.Resume(folder.Path, null, TinyData, options => options with { Epochs = 4 }, output, threads: 2);

        Assert.Equal(2, resumed.RunToEnd().Length);
        using Predictor predictor = new(resumed.Model);
        Assert.Equal(TinyData.Test.Count, predictor.Logits(TinyData.Test).Length);
    }

    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.BFloat16)]
    public void What_is_asked_of_a_model_is_answered(Precision precision)
    {
        ImageClassifier model = NewModel();
        ImageSplit images = SyntheticImages.Create(10, 70).Test;
        using Predictor predictor = new(model, threads: 2, precision, views: 2);
        Assert.All(predictor.Predict(images, 5, withFeatures: true), prediction => Assert.True(double.IsFinite(prediction.Confidence)));
        Assert.Equal(images.Count, ActivationMap.Of(predictor, [.. images.Select(image => (image, image.Label))]).Count());
        Assert.Equal(images.Count, Calibration.Run(model, images, 2, precision, null, default).After.Count);
        LabelErrors.Find(model, images, 5, 0, 2, precision, (_, _, _) => { }, default);
        using ImageSimilarity similarity = new(model, 2, precision);
        Assert.NotEmpty(similarity.Pairs([.. images.Select(image => (image, (string?)null))], 1, 0, (_, _, _) => { }, default));
    }

    [Fact]
    public void A_linear_classifier_is_fitted()
    {
        Random random = new(1);
        float[][] features = [.. Enumerable.Range(0, 60).Select(_ => Enumerable.Range(0, 16).Select(_ => random.NextSingle()).ToArray())];
        int[] labels = [.. Enumerable.Range(0, 60).Select(i => i % 3)];
        float[][] first = LinearProbe.Logits(features, labels, 3, features, default);
        for (int i = 0; i < 20; i++)
            Assert.Equal(first, LinearProbe.Logits(features, labels, 3, features, default));
    }

    [Fact]
    public void The_learning_rate_is_sought_and_files_of_all_formats_are_written_and_read()
    {
        using TemporaryFolder folder = new();
        ImageClassifier model = NewResNet20(SyntheticImages.Classes, Shortcut.ProjectionOnly, seed: 1);
        Assert.Equal(20, LearningRateFinder.Run(model, TinyData, TinyOptions(), highest: 0.1, steps: 20, threads: 2).Points.Count);
        foreach (ModelFormat format in Enum.GetValues<ModelFormat>())
        {
            string path = folder[$"model-{format}"];
            ModelFile.Export(model, path, format);
            Assert.Equal(model.Classes.Length, ModelFile.Load(path, PlainPixels).Classes.Length);
        }
    }
}
