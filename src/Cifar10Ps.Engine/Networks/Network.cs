using System.Runtime.CompilerServices;
using Cifar10Ps.Networks;

namespace Cifar10Ps;

/// <summary>
/// A network: an immutable graph of layers, in the order of its forward pass, from one input to one output. It is only a description: a
/// model's weights are stored separately, by the names of the layers' tensors. Everything else derives from it.
/// </summary>
public sealed class Network
{
    /// <summary>Largest number of classes.</summary>
    public const int MaximumClassCount = 10_000;

    /// <summary>Largest number of layers.</summary>
    internal const int MaximumLayers = 2_000;

    internal const int MaximumNameLength = 300;

    /// <summary>Largest number of parameters.</summary>
    internal const int MaximumParameters = 400_000_000;

    private readonly List<int>[] _consumers;
    private readonly bool[] _needsGradient;

    /// <summary>Creates a network.</summary>
    /// <param name="name">Its name: <c>ResNet-20</c>.</param>
    /// <param name="description">What distinguishes it from others of the same name: <c>Projection shortcuts</c>; empty: nothing.</param>
    /// <param name="layers">The layers, the input first, the output last.</param>
    /// <exception cref="InvalidDataException">They are not a network; the message names the layer and says why.</exception>
    internal Network(string name, string description, IReadOnlyList<Layer> layers)
    {
        if (layers.Count is < 2 or > MaximumLayers)
            throw new InvalidDataException($"the network has {layers.Count} layers; 2 to {MaximumLayers} are possible");
        (Name, Description, Layers) = (DisplayText.Escape(name), DisplayText.Escape(description), layers);
        _consumers = [.. layers.Select(_ => new List<int>())];
        HashSet<string> names = new(StringComparer.Ordinal);
        long parameters = 0;
        for (int i = 0; i < layers.Count; i++)
        {
            Layer layer = layers[i];
            string? problem = layer.Name.Length > MaximumNameLength ? $"its name has more than {MaximumNameLength} characters"
                : layer.Name.Length == 0 || DisplayText.Escape(layer.Name) != layer.Name ? "its name cannot be shown"
                : !names.Add(layer.Name) ? "there are two of this name"
                : (i == 0) != (layer.Kind == LayerKind.Input) ? "the input has to be the first layer, and the only one of its kind"
                : layer.Inputs.Count != layer.Operation.InputCount
                ? $"it takes {layer.Operation.InputCount} inputs, but gets {layer.Inputs.Count}"
                : layer.Inputs.Any(input => input < 0 || input >= i) ? "its input is not a layer before it"
                : layer.Operation is Convolution { IsWhitening: true } && layer.Inputs is not [0]
                ? "it whitens, so it has to take the images"
                : layer.Operation is Convolution { IsWhitening: true } && layers.Take(i).Any(IsWhitening)
                ? "it whitens, as another layer does; one is possible"
                : layer.Operation.Problem();
            if (problem is not null)
                throw Invalid(layer, problem);
            foreach (int input in layer.Inputs)
                _consumers[input].Add(i);
            // Sizes are bounded by now; their product need not be.
            foreach (LayerTensor tensor in Products(layer))
                if (tensor.IsLearned && (parameters += tensor.Length) > MaximumParameters)
                    throw Invalid(layer, $"with it the network has more than {MaximumParameters:N0} parameters");
        }

        if (Enumerable.Range(0, layers.Count - 1).FirstOrDefault(i => _consumers[i].Count == 0, -1) is int unused and >= 0)
            throw Invalid(layers[unused], "nothing uses its output");
        ParameterCount = (int)parameters;
        Tensors = [.. layers.SelectMany(layer => layer.Tensors)];
        if (Tensors.GroupBy(tensor => tensor.Name, StringComparer.Ordinal).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw new InvalidDataException($"the network has two tensors '{twice.Key}'");
        ClassCount = OutputLength();
        (LayerTensor Tensor, int Order)[] learned = [.. layers.SelectMany((layer, i) => layer.Tensors.Where(tensor => tensor.IsLearned)
            .Select(tensor => (tensor, !tensor.IsWeight ? 2 : NormOf(i) is int norm && !layers[norm].IsFrozen ? 0 : 1)))];
        LearnedTensors = [.. learned.OrderBy(item => item.Order).Select(item => item.Tensor)];
        NormedCount = learned.Count(item => item.Order == 0);
        _needsGradient = new bool[layers.Count];
        for (int i = 0; i < layers.Count; i++)
            _needsGradient[i] = layers[i].Inputs.Any(NeedsGradient) || layers[i].Tensors.Any(tensor => tensor.IsLearned);

        static IEnumerable<LayerTensor> Products(Layer layer)
        {
            try
            {
                return layer.Tensors;
            }
            catch (OverflowException)
            {
                throw Invalid(layer, "its weight has more values than memory can hold");
            }
        }
    }

    /// <summary>Its name: <c>ResNet-20</c>.</summary>
    public string Name { get; }

    /// <summary>What distinguishes it from others of the same name: <c>Projection shortcuts</c>; empty: nothing.</summary>
    public string Description { get; }

    /// <summary>Number of outputs.</summary>
    public int ClassCount { get; }

    /// <summary>Number of layers, the input counted.</summary>
    public int LayerCount => Layers.Count;

    /// <summary>Number of parameters (running statistics of batch norm not counted).</summary>
    public int ParameterCount { get; }

    /// <summary>The layers in the order of the forward pass.</summary>
    internal IReadOnlyList<Layer> Layers { get; }

    /// <summary>All tensors in the order of the layers.</summary>
    internal IReadOnlyList<LayerTensor> Tensors { get; }

    /// <summary>
    /// The learned tensors in the order in which they lie in memory: weights of convolutions that a batch norm follows, other weights,
    /// everything else.
    /// </summary>
    internal IReadOnlyList<LayerTensor> LearnedTensors { get; }

    /// <summary>How many of the <see cref="LearnedTensors"/> are weights of convolutions that a batch norm follows,
    /// so that their scale has no effect.</summary>
    internal int NormedCount { get; }

    /// <summary>The convolution that whitens the images; null: there is none.</summary>
    internal Layer? Whitening => Layers.FirstOrDefault(IsWhitening);

    /// <summary>The last layer, if it is linear: it is recreated for other classes.</summary>
    internal Layer? Classifier => Layers[^1].Kind == LayerKind.Linear ? Layers[^1] : null;

    /// <summary>Position of the layer whose output is the features of an image: what the classifier reads, or would read if the network
    /// had one (<see cref="WithClassCount"/>).</summary>
    internal int FeatureLayer => Classifier?.Inputs[0] ?? Layers.Count - 1;

    /// <summary>What the features have been multiplied by: a classifier's weights are as many times larger, and their gradients smaller.
    /// </summary>
    internal double FeatureScale
    {
        get
        {
            double factor = 1;
            for (int i = FeatureLayer; Layers[i].Operation is Scale or Dropout; i = Layers[i].Inputs[0])
                factor *= Layers[i].Operation is Scale scale ? scale.Factor : 1;
            return factor;
        }
    }

    /// <summary>Number of values that <see cref="FeatureLayer"/> gives.</summary>
    internal int FeatureLength => Classifier is { Operation: Linear linear } ? linear.Inputs : ClassCount;

    /// <summary>The layers that use an output.</summary>
    /// <param name="layer">Position of the layer.</param>
    internal IReadOnlyList<int> ConsumersOf(int layer) => _consumers[layer];

    /// <summary>The only layer that uses an output; null: there are several, or it is the network's.</summary>
    /// <param name="layer">Position of the layer.</param>
    internal int? ConsumerOf(int layer) => _consumers[layer] is [int only] ? only : null;

    /// <summary>Whether the output of a convolution goes through batch norm and nowhere else.</summary>
    /// <param name="layer">Position of the layer.</param>
    internal bool IsNormed(int layer) =>
        Layers[layer].Kind == LayerKind.Convolution && ConsumerOf(layer) is int norm && Layers[norm].Kind == LayerKind.BatchNorm;

    /// <summary>The batch norm that the output of a convolution goes through and nowhere else, directly or by way of a largest value, so
    /// that the scale of its weight has no effect; null: there is none.</summary>
    private int? NormOf(int layer)
    {
        int? next = Layers[layer].Kind == LayerKind.Convolution ? ConsumerOf(layer) : null;
        if (next is int pool && Layers[pool].Kind == LayerKind.MaxPool)
            next = ConsumerOf(pool);
        return next is int norm && Layers[norm].Kind == LayerKind.BatchNorm ? norm : null;
    }

    /// <summary>Whether the output of a layer depends on a parameter, so that training needs its gradient.</summary>
    /// <param name="layer">Position of the layer.</param>
    internal bool NeedsGradient(int layer) => _needsGradient[layer];

    /// <summary>Sizes of the layers' outputs.</summary>
    /// <param name="height">Height of the images in pixels.</param>
    /// <param name="width">Width of the images in pixels.</param>
    /// <exception cref="InvalidDataException">A layer cannot take what it gets; the message names it and says why.</exception>
    internal Shape[] Shapes(int height, int width)
    {
        Shape[] shapes = new Shape[Layers.Count];
        shapes[0] = new Shape(Input.Channels, height, width);
        for (int i = 1; i < shapes.Length; i++)
        {
            Layer layer = Layers[i];
            try
            {
                shapes[i] = layer.Operation.OutputOf([.. layer.Inputs.Select(input => shapes[input])]);
            }
            catch (InvalidDataException e)
            {
                throw Invalid(layer, e.Message);
            }
        }

        return shapes;
    }

    /// <summary>Refuses images of a size that a layer cannot take.</summary>
    /// <param name="height">Height of the images in pixels.</param>
    /// <param name="width">Width of the images in pixels.</param>
    /// <exception cref="EngineException"><c>InvalidNetwork</c>.</exception>
    internal void Require(int height, int width)
    {
        try
        {
            Shapes(height, width);
        }
        catch (InvalidDataException e)
        {
            throw new EngineException("InvalidNetwork", ErrorKind.InvalidArgument,
                $"A {Name} cannot take images of {width} x {height} pixels: {e.Message}.", e);
        }
    }

    /// <summary>The same network for another number of classes: with another last layer, or one more if it is not linear.</summary>
    /// <exception cref="EngineException"><c>InvalidNetwork</c>: it would be too large.</exception>
    internal Network WithClassCount(int classes)
    {
        try
        {
            return Classifier is { Operation: Linear linear } last
                ? With([.. Layers.SkipLast(1), last.With(linear with { Outputs = classes })])
                : With([.. Layers, new Layer(NewName("fc"), new Linear(ClassCount, classes), [Layers.Count - 1])]);
        }
        catch (InvalidDataException e)
        {
            throw new EngineException("InvalidNetwork", ErrorKind.InvalidArgument,
                $"There cannot be a {Name} for {classes:N0} classes: {e.Message}.", e);
        }
    }

    /// <summary>The same network with another epsilon in batch norms.</summary>
    /// <param name="epsilon">The epsilon.</param>
    /// <param name="isChanged">In which; null: in all.</param>
    internal Network WithNormEpsilon(double epsilon, Func<BatchNorm, bool>? isChanged = null) => With([.. Layers.Select(layer =>
        layer.Operation is BatchNorm norm && isChanged?.Invoke(norm) != false ? layer.With(norm with { Epsilon = epsilon }) : layer)]);

    /// <summary>Whether everything but the classifier is frozen, so that features are all that training needs.</summary>
    internal bool HasFrozenBackbone =>
        Classifier is { IsFrozen: false } && Layers.All(layer => layer == Classifier || layer.IsFrozen);

    /// <summary>The same network, of which training leaves some layers as they are.</summary>
    /// <param name="isFrozen">Which layers.</param>
    internal Network Frozen(Func<Layer, bool> isFrozen) =>
        With([.. Layers.Select(layer => isFrozen(layer) ? layer.Frozen() : layer)]);

    /// <summary>Whether another network has the same layers, regardless of its name and of the epsilon of its batch norms.</summary>
    internal bool HasSameLayers(Network other) => WithNormEpsilon(BatchNorm.DefaultEpsilon)
        .Layers.SequenceEqual(other.WithNormEpsilon(BatchNorm.DefaultEpsilon).Layers, LayerComparer.Instance);

    /// <summary>The network without its class count: <c>ResNet-20, Projection shortcuts</c>.</summary>
    public override string ToString() => Description.Length == 0 ? Name : $"{Name}, {Description}";

    private Network With(IReadOnlyList<Layer> layers) => new(Name, Description, layers);

    private string NewName(string wanted) => Layers.Any(layer => layer.Name == wanted) ? NewName(wanted + "_") : wanted;

    /// <summary>Number of outputs: that of the last layer that decides it.</summary>
    private int OutputLength()
    {
        for (int i = Layers.Count - 1; ; i = Layers[i].Inputs[0])
        {
            switch (Layers[i].Operation)
            {
                case Linear linear:
                    return linear.Outputs;
                case AveragePool { Window: null }:
                    return ChannelsOf(Layers[i].Inputs[0]);
                case ReLU or ClippedReLU or Gelu or Scale or Dropout or Flatten or Add when i > 0:
                    continue;
                default:
                    throw Invalid(Layers[^1], "the network has to end with a linear layer or with the mean over all pixels");
            }
        }
    }

    private int ChannelsOf(int layer) => Layers[layer].Operation switch
    {
        Input or MeanImage => Input.Channels,
        Convolution convolution => convolution.OutputChannels,
        BatchNorm norm => norm.Channels,
        ZeroPad => 2 * ChannelsOf(Layers[layer].Inputs[0]),
        _ => ChannelsOf(Layers[layer].Inputs[0]),
    };

    private static bool IsWhitening(Layer layer) => layer.Operation is Convolution { IsWhitening: true };

    private static InvalidDataException Invalid(Layer layer, string why) =>
        new($"the layer '{DisplayText.Name(layer.Name)}' ({layer.Kind}) cannot be computed: {why}");

    private sealed class LayerComparer : IEqualityComparer<Layer>
    {
        public static readonly LayerComparer Instance = new();

        public bool Equals(Layer? x, Layer? y) => x!.Name == y!.Name && x.Operation == y.Operation && x.Inputs.SequenceEqual(y.Inputs);

        public int GetHashCode(Layer layer) => RuntimeHelpers.GetHashCode(layer);
    }
}
