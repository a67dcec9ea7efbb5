using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public sealed class DepthTests
{
    [Theory]
    [InlineData(20, 269_722)]
    [InlineData(32, 464_154)]
    [InlineData(44, 658_586)]
    [InlineData(56, 853_018)]
    [InlineData(110, 1_727_962)]
    public void Networks_of_other_depths_have_the_published_number_of_parameters(int depth, int count) =>
        Assert.Equal(count, ImageClassifier.NewResNet(depth, Cifar10Reader.Classes, Shortcut.ZeroPad, seed: 0).ParameterCount);

    [Theory]
    [InlineData(-4)]
    [InlineData(2)]
    [InlineData(18)]
    [InlineData(116)]
    public void Other_depths_are_refused(int depth) =>
        AssertError("InvalidDepth", () => ImageClassifier.NewResNet(depth, ["a", "b"], Shortcut.ZeroPad, seed: 0));

    [Theory]
    [InlineData(Shortcut.Projection)]
    [InlineData(Shortcut.ZeroPad)]
    public void A_deeper_network_learns_and_answers(Shortcut shortcut)
    {
        ImageClassifier model = ImageClassifier.NewResNet(32, SyntheticImages.Classes, shortcut, seed: 1);
        ImageDataset data = SmallImages(32, 16, side: 8);

        EpochReport report = Assert.Single(Trainer.Start(model, data, TinyOptions(epochs: 1), threads: 2).RunToEnd());
        using Predictor predictor = new(model, threads: 1);

        Assert.True(double.IsFinite(report.Loss));
        Assert.All(predictor.Logits(data.Test), logits => Assert.All(logits, logit => Assert.True(float.IsFinite(logit))));
    }
}
