
using Cifar10Ps.Models;
using Cifar10Ps.Networks;

namespace Cifar10Ps;

/// <summary>
/// An image classifier: a network and its weights, with the class names and the preprocessing that belong to them. It is plain memory:
/// libtorch is needed to train or use it, not to create, load or save it. Training replaces all of it at once
/// (<see cref="ModelSnapshot"/>), so that readers always see a consistent model.
/// </summary>
public sealed class ImageClassifier
{
    private int _inTraining;
    private volatile ModelSnapshot _snapshot;

    /// <summary>Creates a classifier.</summary>
    internal ImageClassifier(ModelSnapshot snapshot) => _snapshot = snapshot;

    /// <summary>Creates an untrained classifier with He-normal weights and pixels in [0, 1] as its input.</summary>
    /// <param name="network">The network, with an output for each class.</param>
    /// <param name="classes">Class names: at least two, all different.</param>
    /// <param name="seed">Seed of the initial weights.</param>
    /// <param name="imageSize">Width and height of its input in pixels; training uses those of its data.</param>
    /// <exception cref="EngineException"><c>InvalidClasses</c>, <c>InvalidNetwork</c>.</exception>
    internal static ImageClassifier Create(Network network, string[] classes, int seed, int imageSize = 32)
    {
        CheckClasses(classes);
        Preprocessing input = new(Preprocessing.None.Mean, Preprocessing.None.StandardDeviation, imageSize, imageSize);
        network.Require(input.Height, input.Width);
        return new ImageClassifier(
            new ModelSnapshot(network, classes, input, Initialization.HeNormal.Create(network, seed)) { Seed = seed });
    }

    /// <summary>
    /// Creates a classifier to train on: this one's weights and the preprocessing that they expect. The last layer is new unless the class
    /// names are the same, in the same order.
    /// </summary>
    /// <param name="classes">Class names: at least two, all different.</param>
    /// <param name="seed">Seed of the new last layer.</param>
    /// <exception cref="EngineException"><c>InvalidClasses</c>, <c>ModelNotTrained</c>.</exception>
    public ImageClassifier ForClasses(string[] classes, int seed)
    {
        CheckClasses(classes);
        ModelSnapshot source = Snapshot;
        if (!source.IsTrained)
            throw new EngineException("ModelNotTrained", ErrorKind.InvalidArgument,
                $"The {Name} has not been trained, so another cannot start from its weights.");
        bool keepsClassifier = classes.SequenceEqual(source.Classes);
        Network network = keepsClassifier ? source.Network : source.Network.WithClassCount(classes.Length);
        StateDict fresh = Initialization.HeNormal.Create(network, seed), weights = new();
        foreach (LayerTensor tensor in network.Tensors)
            weights[tensor.Name] = !keepsClassifier && network.Classifier!.Tensors.Contains(tensor)
                ? fresh[tensor.Name] : [.. source.Weights[tensor.Name]];
        return new ImageClassifier(source with
        {
            Network = network,
            Classes = classes,
            Weights = weights,
            Seed = seed,
            Temperature = keepsClassifier ? source.Temperature : 1,
        });
    }

    /// <summary><c>ResNet-20</c>.</summary>
    public string Name => Snapshot.Name;

    /// <summary>The network.</summary>
    public Network Network => Snapshot.Network;

    /// <summary>Class names, in the order of the outputs.</summary>
    public string[] Classes => Snapshot.Classes;

    /// <summary>How pictures become input.</summary>
    public Preprocessing Preprocessing => Snapshot.Preprocessing;

    /// <summary>Number of parameters (running statistics of batch norm not counted).</summary>
    public int ParameterCount => Snapshot.ParameterCount;

    /// <summary>Number of finished epochs that it was trained for; 0 for initial weights.</summary>
    public int TrainedEpochs => Snapshot.TrainedEpochs;

    /// <summary>Number of optimizer steps that it was trained for, those of an unfinished epoch too; 0 for initial weights,
    /// and for files that do not say.</summary>
    public long TrainedSteps => Snapshot.TrainedSteps;

    /// <summary>What the logits are divided by before they become probabilities: 1 until the model is calibrated, and again after any
    /// training.</summary>
    public double Temperature => Snapshot.Temperature;

    /// <summary>Whether the weights were trained, even if only for part of an epoch.</summary>
    internal bool IsTrained => Snapshot.IsTrained;

    /// <summary>The model as it is now. Code that needs more than one part of it reads this once.</summary>
    internal ModelSnapshot Snapshot
    {
        get => _snapshot;
        set => _snapshot = value;
    }

    /// <summary>All values, by name.</summary>
    internal StateDict Weights => Snapshot.Weights;

    /// <summary>Placeholder names for a number of classes: <c>class 0</c>, <c>class 1</c> …</summary>
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

    /// <summary>Refuses a classifier that another training has changed since a run was prepared.</summary>
    internal void CheckUnchanged(ModelSnapshot found)
    {
        if (!ReferenceEquals(Snapshot, found))
            throw new EngineException("ModelInTraining", ErrorKind.InvalidArgument,
                "Another run has trained this model since this run was prepared. Start again.");
    }

    private static EngineException InTraining() => new("ModelInTraining", ErrorKind.InvalidArgument,
        "This model is being trained.");

    /// <summary>Refuses class names that cannot be distinguished.</summary>
    internal static void CheckClasses(string[] classes)
    {
        if (classes.Length is < 2 or > Network.MaximumClassCount || classes.Any(string.IsNullOrWhiteSpace)
            || classes.Select(DisplayText.Escape).Distinct(StringComparer.Ordinal).Count() < classes.Length)
            throw new EngineException("InvalidClasses", ErrorKind.InvalidArgument,
                $"A classifier needs 2 to {Network.MaximumClassCount} classes, each with a unique name.");
    }

    /// <inheritdoc/>
    public override string ToString() => Snapshot.ToString();
}
