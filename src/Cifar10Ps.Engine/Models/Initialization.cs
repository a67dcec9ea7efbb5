
using Cifar10Ps.Networks;

namespace Cifar10Ps.Models;

/// <summary>Initial weights: normal convolutions, batch norm as the identity, and a classifier.</summary>
internal sealed class Initialization
{
    /// <summary>Standard deviation of a convolution's weight, from its fan-in and fan-out; null: uniform within ±1/√fan-in.</summary>
    private readonly Func<int, int, double>? _deviation;
    private readonly bool _normalClassifier;

    private Initialization(Func<int, int, double>? deviation, bool normalClassifier)
    {
        _deviation = deviation;
        _normalClassifier = normalClassifier;
    }

    /// <summary>Variance 2 / fan-out (He et al., "Delving deep into rectifiers", 2015); uniform ±1/√fan-in classifier,
    /// as PyTorch's ResNets have it.</summary>
    public static Initialization HeNormal { get; } = new((_, fanOut) => Math.Sqrt(2.0 / fanOut), normalClassifier: false);

    /// <summary>Variance 1 / fan-in (LeCun et al., "Efficient backprop", 1998), and zero biases: Chainer's default.</summary>
    public static Initialization LeCunNormal { get; } = new((fanIn, _) => Math.Sqrt(1.0 / fanIn), normalClassifier: true);

    /// <inheritdoc cref="InitializationKind.Dirac"/>
    public static Initialization Dirac { get; } = new(deviation: null, normalClassifier: false);

    /// <summary>The initialization of a kind.</summary>
    public static Initialization Of(InitializationKind kind) => kind switch
    {
        InitializationKind.LeCunNormal => LeCunNormal,
        InitializationKind.Dirac => Dirac,
        _ => HeNormal,
    };

    /// <summary>Draws the weights of a network.</summary>
    public StateDict Create(Network network, int seed)
    {
        StateDict weights = new();
        int number = 0;
        foreach (Layer layer in network.Layers)
            foreach (LayerTensor tensor in layer.Tensors)
                weights[tensor.Name] = Values(layer, tensor, new RandomSequence(seed, RandomPurpose.Initialization, number++));
        return weights;
    }

    private float[] Values(Layer layer, LayerTensor tensor, RandomSequence random)
    {
        float[] values = new float[tensor.Length];
        // Number of values that each output of the layer sums over.
        int fanIn = layer.Tensors[0].Shape.Skip(1).Aggregate(1, (product, size) => product * size);
        if (_deviation is not null
            && (tensor.Role == TensorRole.ConvolutionWeight || (tensor.Role == TensorRole.LinearWeight && _normalClassifier)))
        {
            int area = tensor.Shape is [_, _, int height, int width] ? height * width : 1;
            double deviation = _deviation(fanIn, tensor.Shape[0] * area);
            for (int i = 0; i < values.Length; i++)
                values[i] = (float)(deviation * random.NextNormal());
        }
        else if (tensor.Role is TensorRole.LinearWeight or TensorRole.ConvolutionWeight
            || (tensor.Role is TensorRole.LinearBias or TensorRole.ConvolutionBias && !_normalClassifier))
        {
            double bound = 1 / Math.Sqrt(fanIn);
            for (int i = 0; i < values.Length; i++)
                values[i] = (float)(bound * (2 * random.NextUniform() - 1));
            if (tensor.Role == TensorRole.ConvolutionWeight)
                PassOn(values, (Convolution)layer.Operation);
        }
        else if (tensor.Role is TensorRole.NormScale or TensorRole.NormVariance)
        {
            Array.Fill(values, 1f);
        }

        return values;
    }

    /// <summary>Makes the first outputs of a convolution, or of each of its groups, copies of the inputs: a one in the middle of their own
    /// channel.</summary>
    private static void PassOn(float[] weight, Convolution convolution)
    {
        (int height, int width) = convolution.Window.Size;
        int inputs = convolution.InputChannels / convolution.Groups, outputs = convolution.OutputChannels / convolution.Groups,
            window = height * width;
        for (int group = 0; group < convolution.Groups; group++)
        {
            for (int i = 0; i < Math.Min(inputs, outputs); i++)
            {
                Span<float> output = weight.AsSpan((group * outputs + i) * inputs * window, inputs * window);
                output.Clear();
                output[i * window + height / 2 * width + width / 2] = 1;
            }
        }
    }
}
