using Cifar10Ps.Models;
using Cifar10Ps.Networks;

namespace Cifar10Ps;

/// <summary>What the presets stand for.</summary>
public static class Recipes
{
    private const double ChainerEpsilon = 2e-5;

    private static readonly TrainingOptions Fast = new()
    {
        Recipe = Recipe.Fast,
        Epochs = 10,
        BatchSize = 128,
        EvenBatches = true,
        Optimizer = OptimizerKind.Muon,
        LearningRate = 0.05,
        Momentum = 0.9,
        WeightDecay = 5e-4,
        Schedule = Schedule.Linear,
        Augmentation = Augmentation.Light,
        LabelSmoothing = 0,
        Precision = Precision.Auto,
        Initialization = InitializationKind.HeNormal,
        Normalization = Normalization.Measured,
        NormEpsilon = TrainingOptions.DefaultNormEpsilon,
        ValidationCount = 0,
        Seed = 0,
    };

    /// <summary>The presets.</summary>
    private static readonly Dictionary<Recipe, TrainingOptions> Presets = new()
    {
        [Recipe.Fast] = Fast,
        [Recipe.Full] = Fast with { Recipe = Recipe.Full, Epochs = 30, Augmentation = Augmentation.Standard },
        [Recipe.Best] = Fast with { Recipe = Recipe.Best, Epochs = 100, Augmentation = Augmentation.Standard },
        [Recipe.SpeedNet] = Fast with
        {
            Recipe = Recipe.SpeedNet,
            Epochs = 9,
            BatchSize = 512,
            LearningRate = 0.12,
            DescentFactor = 440.0 / 4096,
            Momentum = 0.85,
            WeightDecay = 2e-5,
            LabelSmoothing = 0.2,
            Initialization = InitializationKind.Dirac,
        },
        [Recipe.Original] = Fast with
        {
            Recipe = Recipe.Original,
            EvenBatches = false,
            Optimizer = OptimizerKind.Adam,
            LearningRate = 1e-3,
            WeightDecay = 0,
            Schedule = Schedule.Constant,
            Augmentation = Augmentation.None,
            Initialization = InitializationKind.LeCunNormal,
            Normalization = Normalization.None,
            NormEpsilon = ChainerEpsilon,
        },
        [Recipe.FineTune] = Fast with
        {
            Recipe = Recipe.FineTune,
            Epochs = 20,
            ClassifierEpochs = 8,
            BatchSize = 32,
            Optimizer = OptimizerKind.Sgd,
            LearningRate = 0.005,
            BackboneLearningRate = 0.001,
            Freeze = Freeze.Norm,
            WeightDecay = 0.05,
            Schedule = Schedule.Cosine,
            Augmentation = Augmentation.RandomResizedCrop | Augmentation.Flip,
            LabelSmoothing = 0.1,
        },
    };

    /// <summary>Largest width and height in pixels of the images of a small network; see <see cref="ForModel"/>.</summary>
    private const int SmallSide = 64;

    /// <summary>Learning rate and weight decay that suit another update rule than a preset's: with augmentation and a schedule, without,
    /// and for fine-tuning; the last is that of the backbone of a small network.</summary>
    private static readonly Dictionary<OptimizerKind,
        (double LearningRate, double WeightDecay, double OriginalRate, double FineTuningRate, double SmallBackboneRate)> Rules = new()
    {
        [OptimizerKind.Sgd] = (0.3, 5e-4, 0.1, 0.005, 0.05),
        [OptimizerKind.Adam] = (3e-3, 0, 1e-3, 1e-3, 1e-3),
        [OptimizerKind.AdamW] = (3e-3, 0.05, 1e-3, 1e-3, 1e-3),
        [OptimizerKind.Muon] = (0.05, 5e-4, 0.05, 0.005, 0.05),
    };

    /// <summary>The options of a preset.</summary>
    /// <param name="recipe">The preset.</param>
    /// <param name="optimizer">Another update rule than the preset's, with a learning rate and decay that suit it;
    /// null: the preset's.</param>
    public static TrainingOptions Options(Recipe recipe, OptimizerKind? optimizer = null)
    {
        TrainingOptions options = Presets[recipe];
        if (optimizer is not OptimizerKind kind || kind == options.Optimizer)
            return options;
        (double learningRate, double weightDecay, double originalRate, double fineTuningRate, _) = Rules[kind];
        options = options with { Optimizer = kind };
        return recipe switch
        {
            Recipe.Original => options with { LearningRate = originalRate },
            Recipe.FineTune => options with
            {
                LearningRate = fineTuningRate,
                BackboneLearningRate = fineTuningRate * (options.BackboneLearningRate / options.LearningRate),
                WeightDecay = weightDecay,
            },
            _ => options with { LearningRate = learningRate, WeightDecay = weightDecay, Schedule = Schedule.OneCycle },
        };
    }

    /// <summary>The preset of a model if none is chosen: a trained one is fine-tuned.</summary>
    internal static Recipe DefaultOf(ModelSnapshot model) =>
        model.IsTrained ? Recipe.FineTune : model.Network.Whitening is not null ? Recipe.SpeedNet : Recipe.Fast;

    /// <summary>
    /// The options of a preset for a model. A network for small images has few features, which serve other classes badly, and learns fast:
    /// fine-tuning trains its backbone at the rate of a new one, with batch norm that adapts. One for large images has been trained on
    /// many more pictures than there are now: its backbone changes little, and its batch norm not at all. A classifier of scaled features
    /// learns at the rate at which it would learn from unscaled ones.
    /// </summary>
    /// <param name="recipe">The preset.</param>
    /// <param name="optimizer">Another update rule than the preset's; null: the preset's.</param>
    /// <param name="model">The model.</param>
    internal static TrainingOptions ForModel(Recipe recipe, OptimizerKind? optimizer, ModelSnapshot model)
    {
        bool isSmall = recipe == Recipe.FineTune && Math.Max(model.Preprocessing.Width, model.Preprocessing.Height) <= SmallSide;
        TrainingOptions options = Options(recipe, isSmall ? optimizer ?? OptimizerKind.Muon : optimizer);
        // Scaled features need larger weights, and give smaller gradients; Adam is indifferent to the size of gradients.
        double scale = Math.Abs(model.Network.FeatureScale);
        double shrinkage = options.Optimizer is OptimizerKind.Adam or OptimizerKind.AdamW ? scale : scale * scale;
        if (recipe == Recipe.SpeedNet)
            return options with { DescentFactor = Rate(options.DescentFactor / shrinkage) };
        if (recipe == Recipe.FineTune)
            options = options with
            {
                LearningRate = Rate(options.LearningRate / shrinkage),
                WeightDecay = Math.Min(options.WeightDecay * shrinkage, TrainingOptions.MaximumWeightDecay),
            };
        return !isSmall ? options : options with
        {
            Freeze = Freeze.None,
            BackboneLearningRate = Rules[options.Optimizer].SmallBackboneRate,
            Augmentation = Augmentation.Light,
            LabelSmoothing = 0,
        };

        static double Rate(double wanted) => Math.Clamp(wanted, TrainingOptions.MinimumLearningRate, TrainingOptions.MaximumLearningRate);
    }

    /// <summary>
    /// What a batch larger than a preset's multiplies the learning rate by: the square root of how many times larger it is, as its
    /// gradient has less noise, but there are fewer steps.
    /// </summary>
    /// <remarks>A. Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014, section 5.</remarks>
    /// <param name="recipe">The options of the preset; the original program knew no such rule.</param>
    /// <param name="batchSize">Images of one step.</param>
    internal static double RateFactor(TrainingOptions recipe, int batchSize) =>
        recipe.Recipe == Recipe.Original ? 1 : Math.Sqrt(Math.Max(1, (double)batchSize / recipe.BatchSize));

    /// <summary>A model ready for its data: an untrained one gets the initial weights and the preprocessing of the options,
    /// a trained one keeps them, but its calibration is lost.</summary>
    internal static ModelSnapshot Prepare(ModelSnapshot model, TrainingOptions options, ImageSplit train)
    {
        if (model.Temperature != 1)
            model = model with { Temperature = 1 };
        if (model.IsTrained)
            return model;
        // A norm with another epsilon than those of the presets was given it.
        Network network = model.Network.WithNormEpsilon(options.NormEpsilon,
            norm => Presets.Values.Any(preset => preset.NormEpsilon == norm.Epsilon));
        StateDict weights = Initialization.Of(options.Initialization).Create(network, model.Seed);
        Preprocessing preprocessing = options.Normalization == Normalization.None
            ? new Preprocessing([0, 0, 0], [1, 1, 1], train[0].Width, train[0].Height) : Preprocessing.Measure(train);
        network.Require(preprocessing.Height, preprocessing.Width);
        if (network.Whitening is { Operation: Convolution convolution } whitening)
            weights[whitening.Tensor(TensorRole.ConvolutionWeight)!.Name] = Whitening.Measure(convolution, train, preprocessing);
        return model with { Network = network, Weights = weights, Preprocessing = preprocessing };
    }
}
