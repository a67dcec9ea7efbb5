namespace Cifar10Ps;

/// <summary>
/// An image classifier: a network's shape and weights, with the class names and the preprocessing that belong to them.
/// It is plain memory: libtorch is needed to train or use it, not to make, load or save it.
/// </summary>
public sealed class ImageClassifier
{
    private int _inTraining;

    /// <summary>Creates a classifier around weights.</summary>
    internal ImageClassifier(ResNetArchitecture architecture, string[] classes, Preprocessing preprocessing, StateDict weights)
    {
        Architecture = architecture;
        Classes = [.. classes.Select(DisplayText.Escape)];
        Preprocessing = preprocessing;
        Weights = weights;
    }

    /// <summary>Creates an untrained ResNet-20 with He-normal weights and pixels in [0, 1] as its input.</summary>
    /// <param name="classes">Class names: at least two, all different.</param>
    /// <param name="shortcut">What the blocks add.</param>
    /// <param name="seed">Seed of the initial weights.</param>
    /// <exception cref="EngineException"><c>InvalidClasses</c>.</exception>
    public static ImageClassifier NewResNet20(string[] classes, Shortcut shortcut, int seed) => NewResNet(20, classes, shortcut, seed);

    /// <summary>Creates an untrained ResNet like <see cref="NewResNet20"/>, of another depth.</summary>
    /// <param name="depth">Number of weighted layers: 6n + 2, at most 110.</param>
    /// <param name="classes">Class names: at least two, all different.</param>
    /// <param name="shortcut">What the blocks add.</param>
    /// <param name="seed">Seed of the initial weights.</param>
    /// <exception cref="EngineException"><c>InvalidClasses</c>, <c>InvalidDepth</c>.</exception>
    public static ImageClassifier NewResNet(int depth, string[] classes, Shortcut shortcut, int seed)
    {
        CheckClasses(classes);
        ResNetArchitecture architecture = new(depth, shortcut, classes.Length);
        if (!architecture.HasKnownDepth)
            throw new EngineException("InvalidDepth", ErrorKind.InvalidArgument,
                $"There is no ResNet with {depth} layers: give 6n + 2, {ResNetArchitecture.MaximumDepth} at most.");
        return new ImageClassifier(architecture, classes, Preprocessing.None, Initialization.HeNormal.Create(architecture, seed)) { Seed = seed };
    }

    /// <summary>
    /// Creates a classifier to train on: this one's weights and the preprocessing that they expect. Unless the class names are this
    /// one's, in its order, the last layer is a new one.
    /// </summary>
    /// <param name="classes">Class names: at least two, all different.</param>
    /// <param name="seed">Seed of the new last layer.</param>
    /// <exception cref="EngineException"><c>InvalidClasses</c>, <c>ModelNotTrained</c>.</exception>
    public ImageClassifier ForClasses(string[] classes, int seed)
    {
        CheckClasses(classes);
        if (TrainedEpochs == 0)
            throw new EngineException("ModelNotTrained", ErrorKind.InvalidArgument, $"The {Name} has not been trained, so its weights are no start for another. Train it for an epoch at least, or leave out -InitialWeights.");
        ResNetArchitecture architecture = Architecture with { ClassCount = classes.Length };
        StateDict fresh = Initialization.HeNormal.Create(architecture, seed), weights = new();
        bool keepsClassifier = classes.SequenceEqual(Classes);
        foreach (TensorShape tensor in architecture.Tensors())
            weights[tensor.Name] = tensor.IsClassifier && !keepsClassifier ? fresh[tensor.Name] : [.. Weights[tensor.Name]];
        return new ImageClassifier(architecture, classes, Preprocessing, weights) { TrainedEpochs = TrainedEpochs, Seed = seed };
    }

    /// <summary><c>ResNet-20</c>.</summary>
    public string Name => Architecture.Name;

    /// <summary>Shape of the network.</summary>
    public ResNetArchitecture Architecture { get; internal set; }

    /// <summary>Class names, in the order of the outputs.</summary>
    public string[] Classes { get; internal set; }

    /// <summary>How pictures become input.</summary>
    public Preprocessing Preprocessing { get; internal set; }

    /// <summary>Number of learned values (running statistics of batch norm not counted).</summary>
    public int ParameterCount => Architecture.Tensors().Where(t => !t.IsStatistic).Sum(t => t.Length);

    /// <summary>Number of epochs that it was trained for; 0 for initial weights.</summary>
    public int TrainedEpochs { get; internal set; }

    /// <summary>Seed of the initial weights.</summary>
    internal int Seed { get; set; }

    /// <summary>Whether the class names were made up from a count, and may be replaced by those of the data.</summary>
    internal bool HasPlaceholderClasses => Classes.SequenceEqual(PlaceholderClasses(Classes.Length));

    /// <summary>All values, by name.</summary>
    internal StateDict Weights { get; set; }

    /// <summary>Names for a number of classes that nobody has named: <c>class 0</c>, <c>class 1</c> …</summary>
    public static string[] PlaceholderClasses(int count) => [.. Enumerable.Range(0, count).Select(i => $"class {i}")];

    /// <summary>Claims the classifier for one training at a time.</summary>
    /// <exception cref="EngineException"><c>ModelInTraining</c>.</exception>
    internal void BeginTraining()
    {
        if (Interlocked.Exchange(ref _inTraining, 1) != 0)
            throw InTraining();
    }

    /// <summary>Ends the claim of <see cref="BeginTraining"/>.</summary>
    internal void EndTraining() => Volatile.Write(ref _inTraining, 0);

    /// <summary>Refuses a classifier that is in training.</summary>
    internal void CheckNotInTraining()
    {
        if (Volatile.Read(ref _inTraining) != 0)
            throw InTraining();
    }

    private static EngineException InTraining() => new("ModelInTraining", ErrorKind.InvalidArgument,
        "This model is being trained. Wait for that training (Wait-Job), stop it (Stop-Job), or train another model.");

    /// <summary>A classifier of its own with the same weights, which nobody changes in place.</summary>
    internal ImageClassifier Copy() => new(Architecture, Classes, Preprocessing, Weights) { TrainedEpochs = TrainedEpochs, Seed = Seed };

    /// <summary>Becomes another classifier of the same kind of network.</summary>
    internal void TakeOver(ImageClassifier other)
    {
        Architecture = other.Architecture;
        Classes = other.Classes;
        Preprocessing = other.Preprocessing;
        Weights = other.Weights;
        TrainedEpochs = other.TrainedEpochs;
        Seed = other.Seed;
    }

    /// <summary>Refuses class names that cannot be told apart.</summary>
    internal static void CheckClasses(string[] classes)
    {
        if (classes.Length is < 2 or > ResNetArchitecture.MaximumClassCount || classes.Any(string.IsNullOrWhiteSpace) || classes.Select(DisplayText.Escape).Distinct(StringComparer.Ordinal).Count() < classes.Length)
            throw new EngineException("InvalidClasses", ErrorKind.InvalidArgument,
                $"A classifier needs 2 to {ResNetArchitecture.MaximumClassCount} classes, each with a name of its own.");
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Name} ({Classes.Length} classes)";
}
