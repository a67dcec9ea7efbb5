using Cifar10Ps.Models;
using Cifar10Ps.Networks;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public class RecipeTests
{
    [Fact]
    public void The_original_recipe_is_that_of_the_Chainer_program()
    {
        TrainingOptions options = Recipes.Options(Recipe.Original);

        ModelSnapshot model = Recipes.Prepare(NewModel().Snapshot, Recipes.Options(Recipe.Original), TinyData.Train);

        Assert.Equal((OptimizerKind.Adam, 1e-3, 0.9, 0.0),
            (options.Optimizer, options.LearningRate, options.Momentum, options.WeightDecay));
        Assert.Equal((Schedule.Constant, Augmentation.None, 128, 10),
            (options.Schedule, options.Augmentation, options.BatchSize, options.Epochs));
        Assert.Equal(2e-5, EpsilonOf(model.Network));
        Assert.Equal([0.0, 0, 0], model.Preprocessing.Mean);
        Assert.Equal([1.0, 1, 1], model.Preprocessing.StandardDeviation);
        // LeCun: the deviation of a 3 x 3 convolution of 64 channels is 1/24, and there is no bias.
        Assert.Equal(1 / 24.0, Math.Sqrt(model.Weights["layer3.2.conv2.weight"].Average(v => v * v)), 1e-3);
        Assert.Equal([0], model.Weights["fc.bias"].Distinct());
    }

    [Fact]
    public void The_fast_recipe_measures_the_training_images()
    {
        ModelSnapshot model = Recipes.Prepare(NewModel().Snapshot, Recipes.Options(Recipe.Fast), TinyData.Train);

        double[] red = [.. TinyData.Train.SelectMany(image => image.GetPixels().Take(image.Width * image.Height)).Select(v => v / 255.0)];
        Assert.Equal(red.Average(), model.Preprocessing.Mean[0], 1e-9);
        Assert.Equal(Math.Sqrt(red.Average(v => v * v) - red.Average() * red.Average()), model.Preprocessing.StandardDeviation[0], 1e-9);
        Assert.Equal(1e-5, EpsilonOf(model.Network));
        // He, by fan-out.
        Assert.Equal(Math.Sqrt(2) / 24, Math.Sqrt(model.Weights["layer3.2.conv2.weight"].Average(v => v * v)), 1e-3);
    }

    [Fact]
    public void A_norm_with_an_epsilon_of_its_own_keeps_it()
    {
        Network network = NewModel().Network;
        network = new Network("odd", "", [.. network.Layers.Select(layer => layer is { Name: "bn1", Operation: BatchNorm norm }
            ? layer.With(norm with { Epsilon = 1e-3 }) : layer)]);

        ModelSnapshot model = Recipes.Prepare(
            ImageClassifier.Create(network, TinyData.Classes, 0, 32).Snapshot, Recipes.Options(Recipe.Original), TinyData.Train);

        Assert.Equal([1e-3, 2e-5], model.Network.Layers.Select(layer => layer.Operation).OfType<BatchNorm>()
            .Select(norm => norm.Epsilon).Distinct());
    }

    [Theory]
    [InlineData(-0.5, true, OptimizerKind.AdamW)]
    [InlineData(1e-5, true, OptimizerKind.Sgd)]
    [InlineData(1e-5, false, null)]
    public void Scaled_features_give_options_that_are_possible(double factor, bool isTrained, OptimizerKind? optimizer)
    {
        Network network = NewModel().Network;
        Layer[] layers = [.. network.Layers];
        int last = layers.Length - 1;
        network = new Network("scaled", "", [.. layers[..last],
            new Layer("scale", new Scale(factor), layers[last].Inputs), new Layer("fc", layers[last].Operation, [last])]);
        ModelSnapshot model = ImageClassifier.Create(network, TinyData.Classes, 0, 32).Snapshot;
        model = model with { TrainedEpochs = isTrained ? 1 : 0 };

        TrainingOptions options = Recipes.ForModel(isTrained ? Recipe.FineTune : Recipe.SpeedNet, optimizer, model);

        Assert.Null(options.OutOfRange());
    }

    [Theory]
    [InlineData(Recipe.Full, 30)]
    [InlineData(Recipe.Best, 100)]
    public void Longer_recipes_are_the_fast_one_with_more_epochs_and_wider_crops(Recipe recipe, int epochs) => Assert.Equal(
        Recipes.Options(Recipe.Fast) with { Recipe = recipe, Epochs = epochs, Augmentation = Augmentation.Standard },
        Recipes.Options(recipe));

    [Theory]
    [InlineData(Recipe.Fast)]
    [InlineData(Recipe.Original)]
    public void A_trained_model_keeps_its_weights_its_preprocessing_and_its_classes(Recipe recipe)
    {
        ImageClassifier model = RandomModel();
        model.Snapshot = model.Snapshot with { TrainedEpochs = 1, Preprocessing = new Preprocessing([0.1, 0.2, 0.3], [0.4, 0.5, 0.6]) };

        Assert.Same(model.Snapshot, Recipes.Prepare(model.Snapshot, Recipes.Options(recipe), TinyData.Train));
    }

    [Theory]
    [InlineData(Recipe.Fast, OptimizerKind.Muon, 0.05, 5e-4)]
    [InlineData(Recipe.Fast, OptimizerKind.Sgd, 0.3, 5e-4)]
    [InlineData(Recipe.Fast, OptimizerKind.Adam, 3e-3, 0)]
    [InlineData(Recipe.Fast, OptimizerKind.AdamW, 3e-3, 0.05)]
    [InlineData(Recipe.Original, OptimizerKind.Sgd, 0.1, 0)]
    [InlineData(Recipe.Original, OptimizerKind.AdamW, 1e-3, 0)]
    public void Another_optimizer_comes_with_a_rate_and_a_decay_that_suit_it(Recipe recipe,
        OptimizerKind optimizer, double learningRate, double weightDecay)
    {
        TrainingOptions options = Recipes.Options(recipe, optimizer);

        Assert.Equal((optimizer, learningRate, weightDecay), (options.Optimizer, options.LearningRate, options.WeightDecay));
    }
}
