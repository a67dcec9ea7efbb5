namespace Cifar10Ps;

/// <summary>Options of a run that the user chose; null: those of the recipe, or of the resumed run.</summary>
public sealed record RequestedOptions
{
    /// <inheritdoc cref="TrainingOptions.Recipe"/>
    public Recipe? Recipe { get; init; }

    /// <inheritdoc cref="TrainingOptions.Epochs"/>
    public int? Epochs { get; init; }

    /// <inheritdoc cref="TrainingOptions.BatchSize"/>
    public int? BatchSize { get; init; }

    /// <inheritdoc cref="TrainingOptions.Optimizer"/>
    public OptimizerKind? Optimizer { get; init; }

    /// <inheritdoc cref="TrainingOptions.LearningRate"/>
    public double? LearningRate { get; init; }

    /// <inheritdoc cref="TrainingOptions.BackboneLearningRate"/>
    public double? BackboneLearningRate { get; init; }

    /// <inheritdoc cref="TrainingOptions.ClassifierEpochs"/>
    public int? ClassifierEpochs { get; init; }

    /// <inheritdoc cref="TrainingOptions.Freeze"/>
    public Freeze? Freeze { get; init; }

    /// <inheritdoc cref="TrainingOptions.GradientClipping"/>
    public double? GradientClipping { get; init; }

    /// <inheritdoc cref="TrainingOptions.Momentum"/>
    public double? Momentum { get; init; }

    /// <inheritdoc cref="TrainingOptions.WeightDecay"/>
    public double? WeightDecay { get; init; }

    /// <inheritdoc cref="TrainingOptions.Schedule"/>
    public Schedule? Schedule { get; init; }

    /// <inheritdoc cref="TrainingOptions.Augmentation"/>
    public Augmentation? Augmentation { get; init; }

    /// <inheritdoc cref="TrainingOptions.LabelSmoothing"/>
    public double? LabelSmoothing { get; init; }

    /// <inheritdoc cref="TrainingOptions.ClassWeights"/>
    public ClassWeights? ClassWeights { get; init; }

    /// <inheritdoc cref="TrainingOptions.Sampling"/>
    public Sampling? Sampling { get; init; }

    /// <inheritdoc cref="TrainingOptions.Precision"/>
    public Precision? Precision { get; init; }

    /// <inheritdoc cref="TrainingOptions.Initialization"/>
    public InitializationKind? Initialization { get; init; }

    /// <inheritdoc cref="TrainingOptions.Normalization"/>
    public Normalization? Normalization { get; init; }

    /// <inheritdoc cref="TrainingOptions.NormEpsilon"/>
    public double? NormEpsilon { get; init; }

    /// <inheritdoc cref="TrainingOptions.ValidationCount"/>
    public int? ValidationCount { get; init; }

    /// <inheritdoc cref="TrainingOptions.LimitSteps"/>
    public int? LimitSteps { get; init; }

    /// <inheritdoc cref="TrainingOptions.Seed"/>
    public int? Seed { get; init; }

    /// <summary>The options of a new run: the recipe's, overridden by the chosen ones.</summary>
    /// <param name="model">The model, which decides the recipe if none was chosen: a trained one is fine-tuned.</param>
    public TrainingOptions Resolve(ImageClassifier model)
    {
        ArgumentNullException.ThrowIfNull(model);
        TrainingOptions recipe = Recipes.ForModel(Recipe ?? Recipes.DefaultOf(model.Snapshot), Optimizer, model.Snapshot);
        TrainingOptions options = Over(recipe);
        if (LearningRate is null)
            options = options with { LearningRate = recipe.LearningRate * Recipes.RateFactor(recipe, options.BatchSize) };
        // On features that do not change, smoothed labels only cost accuracy.
        if (LabelSmoothing is null && options is { Recipe: Cifar10Ps.Recipe.FineTune, Freeze: Cifar10Ps.Freeze.Backbone })
            options = options with { LabelSmoothing = 0 };
        // A shorter or longer run has the same share of epochs for the classifier, and another rate the same ratio.
        return options with
        {
            ClassifierEpochs = ClassifierEpochs ?? (int)Math.Round((double)recipe.ClassifierEpochs * options.Epochs / recipe.Epochs),
            BackboneLearningRate = BackboneLearningRate ?? (recipe.BackboneLearningRate is double rate
                ? Math.Max(rate * (options.LearningRate / recipe.LearningRate), TrainingOptions.MinimumLearningRate) : null),
        };
    }

    /// <summary>Options overridden by the chosen ones.</summary>
    /// <param name="options">The options of the recipe, or of the resumed run.</param>
    public TrainingOptions Over(TrainingOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return options with
        {
            Recipe = Recipe ?? options.Recipe,
            Epochs = Epochs ?? options.Epochs,
            BatchSize = BatchSize ?? options.BatchSize,
            Optimizer = Optimizer ?? options.Optimizer,
            LearningRate = LearningRate ?? options.LearningRate,
            BackboneLearningRate = BackboneLearningRate ?? options.BackboneLearningRate,
            ClassifierEpochs = ClassifierEpochs ?? options.ClassifierEpochs,
            Freeze = Freeze ?? options.Freeze,
            GradientClipping = GradientClipping ?? options.GradientClipping,
            Momentum = Momentum ?? options.Momentum,
            WeightDecay = WeightDecay ?? options.WeightDecay,
            Schedule = Schedule ?? options.Schedule,
            Augmentation = Augmentation ?? options.Augmentation,
            LabelSmoothing = LabelSmoothing ?? options.LabelSmoothing,
            ClassWeights = ClassWeights ?? options.ClassWeights,
            Sampling = Sampling ?? options.Sampling,
            Precision = Precision ?? options.Precision,
            Initialization = Initialization ?? options.Initialization,
            Normalization = Normalization ?? options.Normalization,
            NormEpsilon = NormEpsilon ?? options.NormEpsilon,
            ValidationCount = ValidationCount ?? options.ValidationCount,
            LimitSteps = LimitSteps ?? options.LimitSteps,
            Seed = Seed ?? options.Seed,
        };
    }
}
