namespace Cifar10Ps;

/// <summary>Initial weights: normal convolutions, batch norm as the identity, and a classifier.</summary>
internal sealed class Initialization
{
    private readonly Func<int, int, double> _deviation;
    private readonly bool _normalClassifier;

    private Initialization(Func<int, int, double> deviation, bool normalClassifier)
    {
        _deviation = deviation;
        _normalClassifier = normalClassifier;
    }

    /// <summary>Variance 2 / fan-out (He et al., "Delving deep into rectifiers", 2015); uniform ±1/√fan-in classifier, as PyTorch's ResNets have it.</summary>
    public static Initialization HeNormal { get; } = new((_, fanOut) => Math.Sqrt(2.0 / fanOut), normalClassifier: false);

    /// <summary>Variance 1 / fan-in (LeCun et al., "Efficient backprop", 1998), and zero biases: Chainer's default.</summary>
    public static Initialization LeCunNormal { get; } = new((fanIn, _) => Math.Sqrt(1.0 / fanIn), normalClassifier: true);

    /// <summary>Draws the weights of a network.</summary>
    public StateDict Create(ResNetArchitecture architecture, int seed)
    {
        StateDict weights = new();
        int number = 0;
        foreach (TensorShape tensor in architecture.Tensors())
        {
            float[] values = new float[tensor.Length];
            RandomSequence random = new(seed, RandomPurpose.Initialization, number++);
            if (tensor.Shape.Length == 4 || (tensor.Name == "fc.weight" && _normalClassifier))
            {
                int kernel = tensor.Shape.Length == 4 ? tensor.Shape[2] * tensor.Shape[3] : 1;
                double deviation = _deviation(tensor.Shape[1] * kernel, tensor.Shape[0] * kernel);
                for (int i = 0; i < values.Length; i++)
                    values[i] = (float)(deviation * random.NextNormal());
            }
            else if (tensor.Name is "fc.weight" or "fc.bias" && !_normalClassifier)
            {
                double bound = 1 / Math.Sqrt(ResNetArchitecture.Channels(3));
                for (int i = 0; i < values.Length; i++)
                    values[i] = (float)(bound * (2 * random.NextUniform() - 1));
            }
            else if (!tensor.Name.EndsWith(".bias", StringComparison.Ordinal) && !tensor.Name.EndsWith(".running_mean", StringComparison.Ordinal))
            {
                // The scale and the running variance of batch norm.
                Array.Fill(values, 1f);
            }

            weights[tensor.Name] = values;
        }

        return weights;
    }
}
