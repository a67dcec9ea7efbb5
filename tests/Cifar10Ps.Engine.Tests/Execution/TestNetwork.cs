using System.Collections.Concurrent;
using Cifar10Ps.Data;
using Cifar10Ps.Execution;
using Cifar10Ps.Models;
using Cifar10Ps.Networks.Families;
using Cifar10Ps.Networks;

namespace Cifar10Ps.Tests;

/// <summary>A network with values and images to try executors on.</summary>
/// <param name="Network">The network.</param>
/// <param name="Height">Height of the images.</param>
/// <param name="Width">Width of the images.</param>
/// <param name="Count">Number of images.</param>
/// <param name="Growth">
/// How much more it amplifies rounding errors than a shallow network: by its depth, or by norms that see few values.
/// </param>
internal sealed record TestNetwork(Network Network, int Height, int Width, int Count, double Growth = 1)
{
    private const int Classes = 5;

    /// <summary>
    /// Without shortcuts, an error in the last bit grows from layer to layer until it flips ReLUs: gradients cannot be compared.
    /// </summary>
    private const double Chaos = 10;

    /// <summary>Whether gradients can be compared.</summary>
    public bool HasSteadyGradients => Growth < Chaos;

    /// <summary>Names of the handmade networks, which are quick to compute.</summary>
    public static IEnumerable<string> Handmade =>
        All.Where(test => !test.Value.Network.Name.Contains("ResNet", StringComparison.Ordinal)).Select(test => test.Key);

    /// <summary>All networks by name: members of the families, and handmade ones for all kinds of layers and connections.</summary>
    public static IReadOnlyDictionary<string, TestNetwork> All { get; } = Create();

    /// <summary>Values for each tensor, all different from those of a new network.</summary>
    public StateDict Values => field ??= RandomValues(Network, 1);

    /// <summary>Images: [count, 3, height, width].</summary>
    public float[] Images => field ??= RandomImages(2);

    /// <summary>Classes of the images.</summary>
    public int[] Labels => [.. Enumerable.Range(0, Count).Select(i => i * 3 % Network.ClassCount)];

    /// <summary>Keys of the images.</summary>
    public ImageKeys Keys => new([.. Enumerable.Range(0, Count).Select(i => new ImageKey(Seed: 4, Pass: 3, 7 * i + 1))]);

    /// <summary>The oracle's results for it, computed once.</summary>
    public static (Oracle Evaluation, Oracle Training, Dictionary<string, (double[] Values, double Doubt)> Gradients) Truth(string name) =>
        Truths.GetOrAdd(name, _ => new(() =>
        {
            TestNetwork test = All[name];
            Oracle training = new(test.Network, test.Values, test.Images, test.Height, test.Width, test.Keys);
            Oracle evaluation = new(test.Network, test.Values, test.Images, test.Height, test.Width, keys: null);
            return (evaluation, training, training.Gradients(test.Labels));
        })).Value;

    /// <summary>Values from a uniform distribution whose activations neither vanish nor grow.</summary>
    public static StateDict RandomValues(Network network, int seed)
    {
        Random random = new(seed);
        StateDict values = new();
        foreach (LayerTensor tensor in network.Tensors)
        {
            (double low, double high) = tensor.Role switch
            {
                TensorRole.ConvolutionWeight or TensorRole.LinearWeight => Bounds(tensor.Length / tensor.Shape[0]),
                TensorRole.NormScale or TensorRole.NormVariance => (0.5, 1.5),
                _ => (-0.3, 0.5),
            };
            float[] drawn = new float[tensor.Length];
            foreach (ref float value in drawn.AsSpan())
                value = (float)(low + (high - low) * random.NextDouble());
            values[tensor.Name] = drawn;
        }

        return values;

        static (double, double) Bounds(int inputs) => (-Math.Sqrt(6.0 / inputs), Math.Sqrt(6.0 / inputs));
    }

    private static readonly ConcurrentDictionary<string, Lazy<(Oracle, Oracle, Dictionary<string, (double[], double)>)>> Truths = new();

    private float[] RandomImages(int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, Count * 3 * Height * Width).Select(_ => (float)(3.5 * random.NextDouble() - 1.75))];
    }

    private static Dictionary<string, TestNetwork> Create()
    {
        Dictionary<string, TestNetwork> all = [];
        foreach (Shortcut shortcut in Enum.GetValues<Shortcut>())
            foreach ((int depth, int count, double growth) in new[] { (8, 2, 1.0), (20, 1, 2.0) })
                all[$"CIFAR ResNet-{depth}, {shortcut}"] = new(CifarResNet.Create(depth, shortcut, Classes), 32, 32, count,
                    growth > 1 && shortcut == Shortcut.ProjectionOnly ? Chaos : growth);
        all["ResNet of basic blocks, 32 pixels"] = new(ResNet.Create([1, 1, 1, 1], isBottleneck: false, Classes), 32, 32, 6, 2);
        all["ResNet of basic blocks, 64 pixels"] = new(ResNet.Create([1, 1, 1, 1], isBottleneck: false, Classes), 64, 64, 2, 2);
        all["ResNet of bottlenecks, 64 pixels"] = new(ResNet.Create([1, 1, 1, 1], isBottleneck: true, Classes), 64, 64, 2, 2);
        // Its last norms see a single value, which equals its mean.
        all["one image, one pixel"] = new(ResNet.Create([1, 1, 1, 1], isBottleneck: false, Classes), 32, 32, 1, 2);
        Add("groups", 32, 32, 4, Groups);
        Add("borders", 31, 29, 4, Borders);
        Add("wide borders", 13, 17, 4, WideBorders);
        Add("one pixel with a wide border", 8, 8, 4, OnePixel);
        Add("pre-activation", 32, 32, 3, PreActivation);
        Add("additions", 16, 16, 4, Additions);
        Add("own input", 32, 32, 3, OwnInput);
        Add("one output for many", 16, 24, 4, Shared);
        Add("channels of all counts", 31, 29, 4, Channels);
        Add("channels to be filled", 16, 24, 4, FilledChannels);
        Add("side of the image", 16, 16, 4, SideOfImage);
        Add("few channels", 16, 16, 5, FewChannels);
        Add("many channels", 16, 16, 3, ManyChannels);
        Add("dropout", 16, 16, 6, Dropouts);
        Add("vectors", 12, 12, 5, Vectors);
        Add("no classifier", 16, 16, 4, NoClassifier);
        Add("mean image", 16, 20, 4, WithMeanImage);
        Add("whitening", 24, 18, 4, Whitening);
        all["frozen norms"] = new(CifarResNet.Create(8, Shortcut.Projection, Classes).Frozen(layer => layer.Kind == LayerKind.BatchNorm),
            32, 32, 2, 2);
        all["many channels, frozen norms"] = all["many channels"] with
        {
            Network = all["many channels"].Network.Frozen(layer => layer.Kind == LayerKind.BatchNorm),
        };
        all["ResNet of basic blocks, frozen norms"] = new(ResNet.Create([1, 1, 1, 1], isBottleneck: false, Classes)
            .Frozen(layer => layer.Kind == LayerKind.BatchNorm), 64, 64, 3, 2);
        all["frozen beginning"] = new(CifarResNet.Create(8, Shortcut.Projection, Classes)
            .Frozen(layer => layer.Name is "conv1" or "bn1" || layer.Name.StartsWith("layer1", StringComparison.Ordinal)), 32, 32, 2, 2);
        return all;

        void Add(string name, int height, int width, int count, Action<NetworkBuilder> add)
        {
            NetworkBuilder network = new();
            add(network);
            all[name] = new TestNetwork(network.Build(name), height, width, count);
        }
    }

    private static int Ended(NetworkBuilder network, int x) =>
        network.Add("fc", new Linear(network.ChannelsOf(x), Classes), network.Add("pool", new AveragePool(), x));

    private static int Activated(NetworkBuilder network, string name, int x, int channels, int size = 3, int stride = 1) =>
        network.Add(name + ".relu", new ReLU(), Normed(network, name, x, channels, size, stride));

    private static int Normed(NetworkBuilder network, string name, int x, int channels, int size = 3, int stride = 1) =>
        network.Norm(name + ".norm", network.Convolution(name, x, channels, size, stride));

    private static int Grouped(
        NetworkBuilder network, string name, int x, int channels, int groups, int size = 3, int stride = 1, bool hasBias = false)
    {
        Convolution convolution = new(network.ChannelsOf(x), channels, Window.Square(size, stride, size / 2), groups, hasBias);
        return network.Norm(name + ".norm", network.Add(name, convolution, x));
    }

    private static void Groups(NetworkBuilder network)
    {
        int x = Activated(network, "a", NetworkBuilder.InputLayer, 16);
        x = network.Add("b.clip", new ClippedReLU(0.75), Grouped(network, "b", x, 32, 4, stride: 2, hasBias: true));
        x = network.Add("c.gelu", new Gelu(), Grouped(network, "c", x, 32, 32));
        x = network.Add("d.relu", new ReLU(), Grouped(network, "d", x, 64, 2, size: 1));
        x = network.Add("e.relu", new ReLU(), Grouped(network, "e", x, 64, 64, stride: 2));
        // Three outputs for each input.
        x = network.Add("f.gelu", new Gelu(), network.Add("f", new Convolution(64, 192, Window.Square(3, 1, 1), 64, HasBias: true), x));
        Ended(network, network.Add("g.clip", new ClippedReLU(6), Grouped(network, "g", x, 48, 3)));
    }

    private static void Borders(NetworkBuilder network)
    {
        Convolution first = new(3, 16, new Window(new(3, 5), new(2, 1), new(0, 2, 1, 1)), HasBias: true);
        int x = network.Add("a", first, NetworkBuilder.InputLayer);
        x = network.Norm("a.norm", network.Add("a.relu", new ReLU(), x));
        x = network.Add("max", new MaxPool(new Window(new(3, 2), new(1, 2), new(1, 0, 0, 1))), x);
        x = network.Add("average", new AveragePool(new Window(new(3, 3), new(1, 1), new(2, 0, 0, 1)), CountsPadding: false), x);
        x = network.Add("counted", new AveragePool(new Window(new(2, 3), new(2, 1), new(0, 1, 1, 2))), x);
        x = network.Norm("b.norm", network.Add("b", new Convolution(16, 32, new Window(new(2, 3), new(1, 2), new(1, 0, 0, 2))), x));
        x = network.Add("flatten", new Flatten(), network.Add("b.gelu", new Gelu(), x));
        x = network.Add("hidden", new Linear(32 * 7 * 7, 24), x);
        // Smooth: among so few values, one ReLU that rounding to 8 bits flips would be most of the gradient.
        network.Add("fc", new Linear(24, Classes), network.Add("hidden.gelu", new Gelu(), x));
    }

    private static void WithMeanImage(NetworkBuilder network)
    {
        int x = network.Add("mean", new MeanImage(16, 20), NetworkBuilder.InputLayer);
        Ended(network, Activated(network, "b", Activated(network, "a", x, 16), 32, stride: 2));
    }

    /// <summary>What a SpeedNet consists of; its 24 channels take zeros to be whole vectors.</summary>
    private static void Whitening(NetworkBuilder network)
    {
        int x = network.Add("whiten", new Convolution(Input.Channels, 24, Window.Square(2, 1, 0), HasBias: true, IsWhitening: true),
            NetworkBuilder.InputLayer);
        x = network.Convolution("conv1", network.Add("gelu1", new Gelu(), x), 32, 3);
        x = network.Norm("norm1", network.Add("pool1", new MaxPool(Window.Square(2, 2, 0)), x), learnsScale: false);
        x = network.Convolution("conv2", network.Add("gelu2", new Gelu(), x), 64, 3);
        x = network.Add("gelu3", new Gelu(), network.Norm("norm2", x, learnsScale: false));
        x = network.Add("relu", new ReLU(), network.Norm("norm3", network.Convolution("conv3", x, 24, 3), learnsScale: false));
        x = network.Add("relu4", new ReLU(), network.Norm("norm4", network.Convolution("conv4", x, 32, 3)));
        x = network.Add("scale", new Scale(0.25), network.Add("pool2", new AveragePool(), x));
        network.Add("fc", new Linear(32, Classes, HasBias: false), x);
    }

    private static void WideBorders(NetworkBuilder network)
    {
        int x = Activated(network, "a", NetworkBuilder.InputLayer, 8);
        x = network.Add("max", new MaxPool(Window.Square(3, 2, 1)), x);
        // A border wider than half a window.
        x = network.Add("max2", new MaxPool(Window.Square(3, 1, 2)), Activated(network, "b", x, 8));
        x = network.Add("average", new AveragePool(Window.Square(3, 2, 1), CountsPadding: false), Activated(network, "c", x, 16));
        x = network.Add("average2", new AveragePool(Window.Square(3, 1, 2), CountsPadding: false), Activated(network, "d", x, 16));
        x = network.Add("average3", new AveragePool(Window.Square(3, 2, 2)), Activated(network, "e", x, 16));
        x = network.Add("f", new Convolution(16, 16, Window.Square(1, 1, 2)), x);
        Ended(network, network.Add("g", new Convolution(16, 16, Window.Square(3, 2, 4)), network.Norm("f.norm", x)));
    }

    /// <summary>To libtorch, a map of one pixel and its border lie in memory in any order.</summary>
    private static void OnePixel(NetworkBuilder network)
    {
        int x = network.Add("a", new Convolution(3, 1, Window.Square(8, 1, 0)), NetworkBuilder.InputLayer);
        x = network.Norm("b.norm", network.Add("b", new Convolution(1, 64, Window.Square(1, 1, 1)), x));
        Ended(network, Activated(network, "c", network.Add("b.relu", new ReLU(), x), 64));
    }

    private static void PreActivation(NetworkBuilder network)
    {
        int x = network.Convolution("stem", NetworkBuilder.InputLayer, 16, 3);
        x = Block("a", x, 16, 1);
        x = Block("b", x, 32, 2);
        Ended(network, network.Add("relu", new ReLU(), network.Norm("norm", Block("c", x, 32, 1))));

        int Block(string name, int x, int channels, int stride)
        {
            int active = network.Add(name + ".relu1", new ReLU(), network.Norm(name + ".norm1", x));
            int y = network.Convolution(name + ".conv1", active, channels, 3, stride);
            y = network.Add(name + ".relu2", new ReLU(), network.Norm(name + ".norm2", y));
            y = network.Convolution(name + ".conv2", y, channels, 3);
            int shortcut = stride == 1 ? x : network.Convolution(name + ".shortcut", active, channels, 1, stride);
            return network.Add(name + ".add", new Add(), shortcut, y);
        }
    }

    private static void Additions(NetworkBuilder network)
    {
        int colours = network.Convolution("colours", NetworkBuilder.InputLayer, 3, 3);
        int image = network.Add("image", new Add(), colours, NetworkBuilder.InputLayer);
        int a = Normed(network, "a", image, 16), b = Normed(network, "b", image, 16, 1);
        int x = network.Add("both.relu", new ReLU(), network.Add("both", new Add(), a, b));
        int sum = network.Add("inner", new Add(), Normed(network, "c", x, 16), x);
        int other = Normed(network, "d", x, 16);
        x = network.Add("outer.relu", new ReLU(), network.Add("outer", new Add(), sum, other));
        int second = network.Add("second", new Add(), Normed(network, "e", x, 16), Normed(network, "f", x, 16, 1));
        int third = network.Add("third", new Add(), x, second);
        x = network.Add("third.relu", new ReLU(), third);
        x = network.Add("twice", new Add(), x, x);
        int bare = network.Convolution("g", x, 16, 3, hasBias: true);
        x = network.Add("active.sum", new Add(), Activated(network, "h", x, 16), network.Add("bare", new Add(), bare, bare));
        Ended(network, x);
    }

    private static void OwnInput(NetworkBuilder network)
    {
        int x = Activated(network, "a", NetworkBuilder.InputLayer, 16);
        x = network.Add("b.relu", new ReLU(), network.Add("b.add", new Add(), Normed(network, "b", x, 16), x));
        x = network.Add("c.add", new Add(), x, network.Convolution("c", x, 16, 1, hasBias: true));
        x = network.Add("d.pad", new ZeroPad(), x);
        int long1 = Activated(network, "e", x, 32), long2 = Activated(network, "f", long1, 32, 1);
        x = network.Add("g.relu", new ReLU(), network.Add("g.add", new Add(), Normed(network, "g", long2, 32), x));
        x = network.Add("h.add", new Add(), Normed(network, "h", x, 32), long1);
        x = network.Add("pool", new AveragePool(), x);
        network.Add("fc", new Linear(32, Classes), network.Add("dropout", new Dropout(0.25), x));
    }

    private static void Shared(NetworkBuilder network)
    {
        int x = Activated(network, "a", NetworkBuilder.InputLayer, 16);
        // Two read every second pixel, two read all of them, one adds it.
        int first = Normed(network, "b", x, 32, 1, 2), second = Normed(network, "c", x, 32, 1, 2);
        int pad = network.Add("pad", new ZeroPad(), Normed(network, "d", x, 16)), other = network.Add("x.pad", new ZeroPad(), x);
        int sum = network.Add("sum.inner", new Add(), first, second), padded = network.Add("sum.pad", new Add(), pad, other);
        sum = network.Add("sum", new Add(), sum, padded);
        sum = network.Add("sum.relu", new ReLU(), sum);
        // Every second pixel alone.
        int y = Activated(network, "e", sum, 32), only = Normed(network, "f", y, 64, 1, 2);
        int bare = network.Convolution("g", only, 64, 3), normed = network.Norm("g.norm", bare);
        Ended(network, network.Add("g.add", new Add(), normed, network.Add("g.relu", new ReLU(), bare)));
    }

    private static void Channels(NetworkBuilder network)
    {
        int x = Activated(network, "a", NetworkBuilder.InputLayer, 20);
        x = Activated(network, "b", x, 48, 3, 2);
        x = Activated(network, "c", x, 64, 5, 2);
        x = Activated(network, "d", x, 96, 1);
        x = network.Add("max", new MaxPool(Window.Square(2, 2, 0)), Activated(network, "e", x, 128));
        Ended(network, Activated(network, "f", x, 7));
    }

    /// <summary>Inputs that get channels of zeros, in every kind of window.</summary>
    private static void FilledChannels(NetworkBuilder network)
    {
        int x = Activated(network, "a", NetworkBuilder.InputLayer, 24);
        x = Activated(network, "b", Activated(network, "a2", x, 48, 1), 28);
        x = Activated(network, "d", Activated(network, "c", x, 64, stride: 2), 12);
        x = network.Add("max", new MaxPool(Window.Square(2, 1, 0)), network.Convolution("e", x, 16, 5));
        x = network.Add("f.gelu", new Gelu(), network.Convolution("f", Normed(network, "e2", x, 31, 1), 32, 1));
        Ended(network, x);
    }

    /// <summary>A vector and a map that depend on no parameter.</summary>
    private static void SideOfImage(NetworkBuilder network)
    {
        int small = network.Add("small", new MaxPool(Window.Square(2, 2, 0)), NetworkBuilder.InputLayer);
        int x = network.Add("sum", new Add(), small, Normed(network, "a", small, 3));
        x = network.Add("pool", new AveragePool(), Activated(network, "b", x, 16));
        int image = network.Add("image", new AveragePool(), NetworkBuilder.InputLayer);
        x = network.Add("both", new Add(), network.Add("three", new Linear(16, 3), x), image);
        network.Add("fc", new Linear(3, Classes), x);
    }

    private static void FewChannels(NetworkBuilder network)
    {
        int x = Activated(network, "a", NetworkBuilder.InputLayer, 1);
        x = Activated(network, "b", x, 2);
        x = network.Add("c.gelu", new Gelu(), Grouped(network, "c", x, 4, 2));
        x = network.Add("d.relu", new ReLU(), network.Add("d.add", new Add(), Normed(network, "d", x, 4), x));
        x = Activated(network, "e", network.Add("pad", new ZeroPad(), x), 8);
        Ended(network, Activated(network, "f", x, 1));
    }

    /// <summary>Multiples of 64, with every path through a norm: with and without a shortcut, ReLU, a stride.</summary>
    private static void ManyChannels(NetworkBuilder network)
    {
        int x = Activated(network, "a", NetworkBuilder.InputLayer, 64), wide = Activated(network, "b", x, 128, stride: 2);
        int sum = network.Add("c.add", new Add(), Normed(network, "c", wide, 128), wide);
        x = network.Add("d.add", new Add(), Normed(network, "d", network.Add("c.relu", new ReLU(), sum), 192, 1, 2),
            Normed(network, "e", sum, 192, stride: 2));
        Ended(network, network.Add("f.relu", new ReLU(), x));
    }

    private static void Dropouts(NetworkBuilder network)
    {
        int x = Activated(network, "a", network.Add("image", new Dropout(0.1), NetworkBuilder.InputLayer), 16);
        x = network.Add("map", new Dropout(0.3), x);
        x = network.Add("none", new Dropout(0), Activated(network, "b", x, 32, 3, 2));
        x = network.Add("pool", new AveragePool(Window.Square(4, 4, 0)), x);
        x = network.Add("hidden", new Linear(128, 32), network.Add("vector", new Dropout(0.5), network.Add("flatten", new Flatten(), x)));
        x = network.Add("hidden.dropout", new Dropout(0.5), network.Add("hidden.relu", new ReLU(), x));
        network.Add("fc", new Linear(32, Classes), x);
    }

    private static void Vectors(NetworkBuilder network)
    {
        int x = network.Add("pool", new AveragePool(), Activated(network, "a", NetworkBuilder.InputLayer, 16));
        x = network.Add("hidden", new Linear(16, 16, HasBias: false), network.Add("flatten", new Flatten(), x));
        x = network.Add("sum", new Add(), network.Add("gelu", new Gelu(), x), network.Add("clip", new ClippedReLU(0.5), x));
        network.Add("fc", new Linear(16, Classes, HasBias: false), network.Add("relu", new ReLU(), x));
    }

    private static void NoClassifier(NetworkBuilder network)
    {
        int x = network.Add("max", new MaxPool(Window.Square(2, 2, 0)), NetworkBuilder.InputLayer);
        x = network.Add("image.norm.relu", new ReLU(), network.Norm("image.norm", x));
        x = Activated(network, "a", x, 16);
        network.Add("pool", new AveragePool(), network.Convolution("scores", x, Classes, 1, hasBias: true));
    }
}
