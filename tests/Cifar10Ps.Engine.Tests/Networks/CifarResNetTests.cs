using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public sealed class CifarResNetTests
{
    [Theory]
    [InlineData(20, 269_722)]
    [InlineData(32, 464_154)]
    [InlineData(44, 658_586)]
    [InlineData(56, 853_018)]
    [InlineData(110, 1_727_962)]
    public void Networks_of_other_depths_have_the_published_number_of_parameters(int depth, int count) =>
        Assert.Equal(count, NewResNet(depth, Cifar10Reader.Classes, Shortcut.ZeroPad, seed: 0).ParameterCount);

    [Theory]
    [InlineData(-4)]
    [InlineData(2)]
    [InlineData(18)]
    [InlineData(116)]
    public void Other_depths_are_refused(int depth) =>
        AssertError("InvalidDepth", () => NewResNet(depth, ["a", "b"], Shortcut.ZeroPad, seed: 0));

    [Theory]
    [InlineData(Shortcut.Projection)]
    [InlineData(Shortcut.ZeroPad)]
    public void A_deeper_network_learns_and_answers(Shortcut shortcut)
    {
        ImageClassifier model = NewResNet(32, ["red", "green"], shortcut, seed: 1);
        ImageDataset data = new("colours", "test", model.Classes, Colours(128, seed: 1), Colours(16, seed: 2));

        TrainingOptions options =
            TinyOptions(OptimizerKind.Adam, epochs: 5) with { BatchSize = 16, LearningRate = 3e-3, Schedule = Schedule.Constant };
        EpochReport[] reports = Trainer.Start(model, data, options, threads: 2).RunToEnd();
        using Predictor predictor = new(model, threads: 1);

        Assert.True(reports[^1].Loss < 0.5 * reports[0].Loss, $"{reports[0].Loss} became {reports[^1].Loss}");
        Assert.Equal(data.Test.Select(image => image.LabelName),
            predictor.Predict(data.Test, top: 1).Select(prediction => prediction.Class));
    }

    /// <summary>Bright and dark images, alternately red and green.</summary>
    private static LabeledImage[] Colours(int count, int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(i =>
        {
            byte light = (byte)random.Next(100, 256), dark = (byte)random.Next(50);
            LabeledImage image = Solid(i, i % 2, i % 2 == 0 ? light : dark, i % 2 == 0 ? dark : light, dark, side: 8);
            return new LabeledImage(i, image.Label, i % 2 == 0 ? "red" : "green", 8, 8, image.Pixels);
        })];
    }
}
