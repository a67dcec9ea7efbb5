using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public class FineTuningTests
{
    private static readonly string[] Classes = ["one", "two", "three"];

    [Fact]
    public void All_is_taken_over_but_the_last_layer()
    {
        ImageClassifier source = Trained();

        ImageClassifier model = source.ForClasses(Classes, seed: 4);

        Assert.Equal(Classes, model.Classes);
        Assert.Equal(source.Preprocessing, model.Preprocessing);
        AssertSame(source.Network.WithClassCount(3), model.Network);
        Assert.Equal(source.Weights.Names, model.Weights.Names);
        foreach (string name in source.Weights.Names.Where(name => !name.StartsWith("fc.", StringComparison.Ordinal)))
        {
            Assert.Equal(source.Weights[name], model.Weights[name]);
            Assert.NotSame(source.Weights[name], model.Weights[name]);
        }

        Assert.Equal((3 * 64, 3), (model.Weights["fc.weight"].Length, model.Weights["fc.bias"].Length));
        Assert.All(model.Weights["fc.weight"], value => Assert.InRange(Math.Abs(value), 0, 1 / 8f));
        Assert.Equal(model.Weights["fc.weight"], source.ForClasses(Classes, seed: 4).Weights["fc.weight"]);
        Assert.NotEqual(model.Weights["fc.weight"], source.ForClasses(Classes, seed: 5).Weights["fc.weight"]);
    }

    [Fact]
    public void The_same_classes_keep_the_last_layer_and_the_same_ones_in_another_order_do_not()
    {
        ImageClassifier source = Trained();

        Assert.Equal(Fingerprint(source), Fingerprint(source.ForClasses([.. source.Classes], seed: 4)));
        Assert.NotEqual(source.Weights["fc.weight"], source.ForClasses([.. source.Classes.Reverse()], seed: 4).Weights["fc.weight"]);
    }

    [Theory]
    [InlineData(Recipe.Fast)]
    [InlineData(Recipe.Original)]
    public void Training_leaves_the_weights_and_the_preprocessing_as_they_are(Recipe recipe)
    {
        ImageClassifier source = Trained(), model = source.ForClasses(SyntheticImages.Classes, seed: 4);

        Assert.Same(model.Snapshot, Recipes.Prepare(model.Snapshot, Recipes.Options(recipe), TinyData.Train));
        Assert.Equal(source.Preprocessing, model.Preprocessing);
    }

    [Fact]
    public void A_model_in_fine_tuning_can_be_stopped_and_resumed()
    {
        using TemporaryFolder folder = new();
        TrainingOptions options = TinyOptions() with { LearningRate = 0.01 };
        ImageClassifier whole = Trained().ForClasses(SyntheticImages.Classes, 4), parts = Trained().ForClasses(SyntheticImages.Classes, 4);

        Trainer.Start(whole, TinyData, options, threads: 2).RunToEnd();
        Assert.Equal(1, Trainer.Start(parts, TinyData, options,
            new OutputDirectory(folder.Path, 1, replace: false), threads: 2).Run().First().Epoch);
        Trainer.Resume(folder.Path, parts, TinyData, given => given, threads: 2).RunToEnd();

        Assert.Equal(Fingerprint(whole), Fingerprint(parts));
        Assert.Equal(5, parts.TrainedEpochs);
    }

    [Fact]
    public void A_model_that_was_never_trained_is_no_start() =>
        AssertError("ModelNotTrained", () => NewModel().ForClasses(Classes, 0));

    [Theory]
    [InlineData("one")]
    [InlineData("one", "one")]
    public void Bad_classes_are_refused(params string[] classes) =>
        AssertError("InvalidClasses", () => Trained().ForClasses(classes, 0));

    [Fact]
    public void Images_of_another_size_than_that_of_the_weights_are_refused_before_the_first_step() =>
        AssertError("ImageSizeMismatch", () =>
            Trainer.Start(Trained().ForClasses(SyntheticImages.Classes, 4), SmallImages(20, 20, side: 8), TinyOptions()).RunToEnd());

    private static ImageClassifier Trained()
    {
        ImageClassifier model = RandomModel();
        model.Snapshot = model.Snapshot with
        {
            TrainedEpochs = 3,
            Preprocessing = new Preprocessing([0.1, 0.2, 0.3], [0.4, 0.5, 0.6], 16, 16),
        };
        return model;
    }
}
