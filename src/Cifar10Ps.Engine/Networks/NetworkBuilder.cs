namespace Cifar10Ps.Networks;

/// <summary>A network under construction: layers are added one by one, each to the output of earlier ones.</summary>
internal sealed class NetworkBuilder
{
    private readonly List<Layer> _layers = [new Layer("input", new Input(), [])];
    private readonly List<int> _channels = [Input.Channels];

    /// <summary>Position of the input.</summary>
    public const int InputLayer = 0;

    /// <summary>Channels of a layer's output; of a vector, its length; 0 if it depends on the size of the images.</summary>
    public int ChannelsOf(int layer) => _channels[layer];

    /// <summary>Adds a layer.</summary>
    /// <param name="name">Its name, which no other layer has.</param>
    /// <param name="operation">What it computes.</param>
    /// <param name="inputs">Positions of the layers whose outputs it takes.</param>
    /// <returns>Its position.</returns>
    public int Add(string name, Operation operation, params int[] inputs)
    {
        _layers.Add(new Layer(name, operation, inputs));
        _channels.Add(operation switch
        {
            Convolution convolution => convolution.OutputChannels,
            Linear linear => linear.Outputs,
            ZeroPad => 2 * _channels[inputs[0]],
            Flatten => 0,
            _ => _channels[inputs[0]],
        });
        return _layers.Count - 1;
    }

    /// <summary>Adds a square convolution.</summary>
    /// <returns>Its position.</returns>
    public int Convolution(string name, int input, int channels, int size, int stride = 1, int? padding = null, bool hasBias = false) =>
        Add(name, new Convolution(ChannelsOf(input), channels, Window.Square(size, stride, padding ?? size / 2), HasBias: hasBias), input);

    /// <summary>Adds a batch norm.</summary>
    /// <returns>Its position.</returns>
    public int Norm(string name, int input, double epsilon = BatchNorm.DefaultEpsilon, bool learnsScale = true) =>
        Add(name, new BatchNorm(ChannelsOf(input), epsilon, learnsScale), input);

    /// <summary>Ends the network; its output is that of the last layer.</summary>
    /// <exception cref="InvalidDataException">The layers are not a network.</exception>
    public Network Build(string name, string description = "") => new(name, description, _layers);
}
