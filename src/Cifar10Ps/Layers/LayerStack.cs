using Cifar10Ps.Networks;

namespace Cifar10Ps.Layers;

/// <summary>
/// A network under construction: gives each layer a name, and knows the size of the last output, so that a layer that does not fit is
/// refused when it is added.
/// </summary>
internal sealed class LayerStack
{
    private readonly int _classes;
    private readonly List<Layer> _layers = [new Layer("input", new Input(), [])];
    private readonly List<Shape> _shapes = [];
    private Dictionary<string, int> _numbers = new(StringComparer.Ordinal);
    private string _prefix = "";
    private int _top;
    private int? _undecided;
    private long _parameters;

    /// <summary>Begins with the images.</summary>
    /// <param name="classes">Number of classes.</param>
    /// <param name="imageSize">Width and height of the images in pixels.</param>
    public LayerStack(int classes, int imageSize)
    {
        _classes = classes;
        _shapes.Add(new Shape(Input.Channels, imageSize, imageSize));
    }

    /// <summary>Size of the last layer's output.</summary>
    public Shape Shape => _shapes[_top];

    /// <summary>Whether nothing has been added.</summary>
    public bool IsEmpty => _layers.Count == 1;

    /// <summary>Whether the classifier has been added.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>Does something completely or not at all.</summary>
    public void Attempt(Action action)
    {
        var (count, prefix, top, undecided, parameters, isComplete) = (_layers.Count, _prefix, _top, _undecided, _parameters, IsComplete);
        Dictionary<string, int> numbers = new(_numbers, _numbers.Comparer);
        try
        {
            action();
        }
        catch
        {
            (_prefix, _top, _undecided, _parameters, IsComplete, _numbers) = (prefix, top, undecided, parameters, isComplete, numbers);
            _layers.RemoveRange(count, _layers.Count - count);
            _shapes.RemoveRange(count, _shapes.Count - count);
            throw;
        }
    }

    /// <summary>Adds a layer.</summary>
    /// <param name="kind">The start of its name, which a number completes.</param>
    /// <param name="operation">What it computes.</param>
    /// <exception cref="InvalidDataException">It does not fit; the message says why.</exception>
    public void Add(string kind, Operation operation) => Push(NewName(kind), operation, _top);

    /// <summary>Adds a convolution.</summary>
    /// <param name="channels">Channels of its output.</param>
    /// <param name="window">How it runs over its input.</param>
    /// <param name="groups">Number of groups.</param>
    /// <param name="hasBias">Whether it has a bias; null: it has one unless a norm follows directly, which would cancel it.</param>
    /// <exception cref="InvalidDataException">It does not fit; the message says why.</exception>
    public void Convolution(int channels, Window window, int groups = 1, bool? hasBias = null)
    {
        Add("conv", new Convolution(Map().Channels, channels, window, groups, hasBias ?? true));
        _undecided = hasBias is null ? _top : null;
    }

    /// <summary>Adds a convolution that whitens the images, with a bias and without padding.</summary>
    /// <param name="size">Width and height of its window in pixels.</param>
    /// <exception cref="InvalidDataException">It does not fit; the message says why.</exception>
    public void Whitening(int size)
    {
        if (_top != NetworkBuilder.InputLayer)
            throw new InvalidDataException("it takes the images, so it has to be the first word");
        Window window = Window.Square(size, 1, 0);
        if (window.Problem() is { } problem)
            throw new InvalidDataException(problem);
        Add("whiten", new Convolution(Input.Channels, 2 * Input.Channels * size * size, window, HasBias: true, IsWhitening: true));
    }

    /// <summary>Adds a batch norm.</summary>
    /// <param name="epsilon">Added to the variance.</param>
    /// <param name="learnsScale">Whether training changes its scale, or only its shift.</param>
    /// <exception cref="InvalidDataException">It does not fit; the message says why.</exception>
    public void Norm(double epsilon = BatchNorm.DefaultEpsilon, bool learnsScale = true)
    {
        int? convolution = _undecided;
        Add("norm", new BatchNorm(Map().Channels, epsilon, learnsScale));
        if (convolution is int i && _layers[i] is { Operation: Convolution biased } layer)
        {
            _layers[i] = layer.With(biased with { HasBias = false });
            _parameters -= biased.OutputChannels;
        }
    }

    /// <summary>Adds a linear layer; a feature map is flattened first.</summary>
    /// <param name="outputs">Number of outputs; null: it is the classifier, with one for each class.</param>
    /// <exception cref="InvalidDataException">It does not fit; the message says why.</exception>
    public void Linear(int? outputs)
    {
        if (outputs is null && _prefix.Length > 0)
            throw new InvalidDataException("without a number it is the classifier, which cannot be in a residual block; give it a number");
        if (!Shape.IsVector)
            Add("flatten", new Flatten());
        Push(outputs is null ? "fc" : NewName("linear"), new Linear(Shape.Channels, outputs ?? _classes), _top);
        IsComplete = outputs is null;
    }

    /// <summary>Adds layers, and then the shortcut's output to theirs.</summary>
    /// <param name="main">Adds the layers.</param>
    /// <param name="shortcut">Adds those of the shortcut; null: the input is added, or its projection where the size changes.</param>
    /// <exception cref="InvalidDataException">It does not fit; the message says why.</exception>
    public void Residual(Action main, Action? shortcut)
    {
        string outer = _prefix, own = NewName("residual") + ".";
        int start = _top;
        _undecided = null;
        _prefix = own;
        main();
        int end = _top;
        if (end == start)
            throw new InvalidDataException("its block has no layers");
        (_top, _prefix, _undecided) = (start, own + "shortcut.", null);
        if (shortcut is not null)
            shortcut();
        else if (_shapes[start] != _shapes[end])
            Project(_shapes[end]);
        Push(own + "add", new Add(), end, _top);
        _prefix = outer;
    }

    /// <summary>The finished network.</summary>
    /// <param name="name">What it is called.</param>
    /// <exception cref="InvalidDataException">The layers are not a network.</exception>
    public Network Build(string name)
    {
        NetworkBuilder network = new();
        foreach (Layer layer in _layers.Skip(1))
            network.Add(layer.Name, layer.Operation, [.. layer.Inputs]);
        return network.Build(name);
    }

    /// <summary>Brings the input of a residual block to the size of its output: a convolution of one pixel, and a norm.</summary>
    private void Project(Shape wanted)
    {
        Shape input = Shape;
        if (input.IsVector || wanted.IsVector
            || Stride(input.Height, wanted.Height) is not int down || Stride(input.Width, wanted.Width) is not int across)
            throw new InvalidDataException($"its block gives {wanted}, and no convolution of one pixel gives that for the shortcut; "
                + "keep the size, or give the shortcut as a second block");
        Convolution(wanted.Channels, new Window(new Extent(1, 1), new Extent(down, across), default));
        Norm();

        static int? Stride(int input, int output) =>
            (input + output - 1) / output is int stride && (input - 1) / stride + 1 == output ? stride : null;
    }

    private Shape Map() => Shape.IsVector ? throw new InvalidDataException("it takes a feature map, but gets a vector") : Shape;

    private string NewName(string kind)
    {
        _numbers[_prefix + kind] = _numbers.GetValueOrDefault(_prefix + kind) + 1;
        return $"{_prefix}{kind}{_numbers[_prefix + kind]}";
    }

    private void Push(string name, Operation operation, params int[] inputs)
    {
        if (IsComplete)
            throw new InvalidDataException("it comes after a Linear without a number, which is the classifier and has to be the last word");
        if (_layers.Count >= Network.MaximumLayers)
            throw new InvalidDataException($"a network has {Network.MaximumLayers:N0} layers at most");
        if (name.Length > Network.MaximumNameLength)
            throw new InvalidDataException("there are too many residual blocks around it, one in the other");
        if (operation.Problem() is string problem)
            throw new InvalidDataException(problem);
        Shape shape = operation.OutputOf([.. inputs.Select(input => _shapes[input])]);
        Layer layer = new(name, operation, inputs);
        try
        {
            _parameters += layer.ParameterCount;
        }
        catch (OverflowException)
        {
            _parameters = long.MaxValue;
        }

        if (_parameters > Network.MaximumParameters)
            throw new InvalidDataException($"with it the network has more than {Network.MaximumParameters:N0} parameters");
        _layers.Add(layer);
        _shapes.Add(shape);
        (_top, _undecided) = (_layers.Count - 1, null);
    }
}
