using System.Globalization;
using Cifar10Ps.Models;
using Cifar10Ps.Networks;

namespace Cifar10Ps.Formats;

/// <summary>The operations that have weights, and activations.</summary>
internal sealed partial class OnnxTranslator
{
    private OnnxFeatures Convolve(OnnxNode node)
    {
        OnnxConstant weight = Constant(node, 1);
        if (weight.Shape is not [int outputs, int inputs, int height, int width])
            throw new InvalidDataException($"its weight is {Text(weight.Shape)}, but only two-dimensional convolutions are supported");
        (OnnxFeatures x, Border border) = WithoutBorder(Value(node, 0), (_, value) => value == 0);
        int groups = Small(node.Integer("group", 1));
        string name = OnnxNames.Of(node, weight.Name);
        float[]? bias = Has(node, 2) ? Vector(node, 2, outputs) : null;
        Window window = WindowOf(node, new(height, width), x, border);
        // After the mean over all pixels, a 1 × 1 convolution is a linear layer.
        if (_layers.ShapeOf(x.Layer).IsVector && x.Sizes is [int length, 1, 1] && (length, height, width, groups) == (inputs, 1, 1, 1))
            return window.Padding == default ? Multiply(name, x, weight.Values, outputs, bias) with { Sizes = [outputs, 1, 1] }
                : throw new InvalidDataException("it has a border around the mean over all pixels, which is not supported");
        Convolution convolution = new(Small((long)inputs * groups), outputs, window, groups, HasBias: bias is not null);
        int layer = _layers.Add(name, convolution, [x.Layer], bias is null ? [(TensorRole.ConvolutionWeight, weight.Values)]
            : [(TensorRole.ConvolutionWeight, weight.Values), (TensorRole.ConvolutionBias, bias)]);
        return new OnnxFeatures(layer, _layers.ShapeOf(layer).Sizes);
    }

    private OnnxValue Normalise(OnnxNode node)
    {
        if (node.Integer("training_mode", 0) != 0)
            throw new InvalidDataException("it is in training mode: export the model in evaluation mode");
        if (node.Integer("spatial", 1) == 0)
            throw new InvalidDataException("it normalises each pixel by itself, which is not supported");
        OnnxFeatures x = Features(node, 0);
        int channels = x.Sizes[0];
        (float[] scale, float[] shift, float[] mean, float[] variance) =
            (Vector(node, 1, channels), Vector(node, 2, channels), Vector(node, 3, channels), Vector(node, 4, channels));
        double epsilon = Shortest(node.Single("epsilon", 1e-5f));
        if (_layers.ShapeOf(x.Layer).IsVector)
        {
            float[] factor = [.. scale.Select((value, c) => (float)(value / Math.Sqrt(variance[c] + epsilon)))];
            return new OnnxAffine(node, x, factor, [.. shift.Select((value, c) => value - mean[c] * factor[c])]);
        }

        int layer = _layers.Add(OnnxNames.Of(node, Constant(node, 1).Name), new BatchNorm(channels, epsilon), [x.Layer],
            (TensorRole.NormScale, scale), (TensorRole.NormShift, shift), (TensorRole.NormMean, mean), (TensorRole.NormVariance, variance));
        return new OnnxFeatures(layer, x.Sizes);
    }

    private OnnxFeatures Gemm(OnnxNode node)
    {
        if (node.Integer("transA", 0) != 0 || node.Single("alpha", 1) != 1 || node.Single("beta", 1) != 1)
            throw new InvalidDataException("it transposes what it takes, or scales, which is not supported");
        OnnxFeatures x = Features(node, 0);
        OnnxConstant weight = Matrix(node);
        bool isTransposed = node.Integer("transB", 0) != 0;
        int outputs = weight.Shape[isTransposed ? 0 : 1];
        float[]? bias = !Has(node, 2) ? null : Constant(node, 2).Values is [float number] && outputs > 1
            ? [.. Enumerable.Repeat(number, outputs)] : Vector(node, 2, outputs);
        return Linear(node, x, weight, isTransposed, bias);
    }

    private OnnxFeatures MatMul(OnnxNode node) => Linear(node, Features(node, 0), Matrix(node), isTransposed: false, bias: null);

    private OnnxConstant Matrix(OnnxNode node) => Constant(node, 1) is { Shape.Length: 2 } weight ? weight
        : throw new InvalidDataException($"its weight is {Text(Constant(node, 1).Shape)}, but only a matrix is supported");

    /// <summary>A linear layer.</summary>
    /// <param name="node">The operation.</param>
    /// <param name="x">A vector.</param>
    /// <param name="weight">The matrix.</param>
    /// <param name="isTransposed">Whether its rows are outputs, as in PyTorch, instead of inputs.</param>
    /// <param name="bias">What is added; null: nothing.</param>
    private OnnxFeatures Linear(OnnxNode node, OnnxFeatures x, OnnxConstant weight, bool isTransposed, float[]? bias)
    {
        if (x.Sizes.Length != 1)
            throw new InvalidDataException($"it takes a vector, but gets {Text(x.Sizes)}");
        OnnxConstant rows = isTransposed ? weight : Transposed(weight);
        return rows.Shape[1] == x.Sizes[0] ? Multiply(OnnxNames.Of(node, weight.Name), x, rows.Values, rows.Shape[0], bias)
            : throw new InvalidDataException($"its weight is {Text(weight.Shape)}, but it gets a vector of {x.Sizes[0]:N0} values");
    }

    private OnnxFeatures Multiply(string name, OnnxFeatures x, float[] weight, int outputs, float[]? bias)
    {
        int layer = _layers.Add(name, new Linear((int)x.Length, outputs, bias is not null), [x.Layer],
            bias is null ? [(TensorRole.LinearWeight, weight)] : [(TensorRole.LinearWeight, weight), (TensorRole.LinearBias, bias)]);
        return new OnnxFeatures(layer, [outputs]);
    }

    private OnnxFeatures Clip(OnnxNode node)
    {
        float minimum = Has(node, 1) ? Vector(node, 1, 1)[0] : node.Single("min", float.NegativeInfinity);
        float maximum = Has(node, 2) ? Vector(node, 2, 1)[0] : node.Single("max", float.PositiveInfinity);
        OnnxFeatures x = Features(node, 0);
        return (minimum, maximum) switch
        {
            ( <= float.MinValue, >= float.MaxValue) => x,
            (0, >= float.MaxValue) => Add(node, new ReLU(), x),
            (0, > 0) => Add(node, new ClippedReLU(Shortest(maximum)), x),
            _ => throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture,
                $"it cuts off below {minimum} and above {maximum}, but only below 0 is supported")),
        };
    }

    private OnnxFeatures ErrorUnit(OnnxNode node) => node.Text("approximate", "none") is "none"
        ? Add(node, new Gelu(), Features(node, 0))
        : throw new InvalidDataException("it is approximated, but only the exact GELU is supported");

    private OnnxProbabilities Softmax(OnnxNode node)
    {
        OnnxValue value = Value(node, 0);
        double temperature = 1;
        // Logits that are divided by a number are those of a calibrated model.
        if (value is OnnxAffine { Scale: [float scale], Shift: [0] } divided && ModelSnapshot.IsTemperature(Shortest(1 / scale)))
            (value, temperature) = (divided.Source, Shortest(1 / scale));
        OnnxFeatures x = ToFeatures(value);
        long axis = node.Integer("axis", _model.OperatorSet < 13 ? 1 : -1);
        return axis == 1 || axis == -x.Sizes.Length ? new OnnxProbabilities(node, x, temperature)
            : throw new InvalidDataException($"it runs over the axis {axis}, but only the classes are supported");
    }

    /// <summary>A number in double precision as it was written before it was rounded to single precision: 1e-5 stays 1e-5.</summary>
    private static double Shortest(float value) =>
        double.Parse(value.ToString("R", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);

    private static int Small(long value) =>
        value is >= -MostPixels and <= MostPixels ? (int)value
        : throw new InvalidDataException($"it has the setting {value}, which is too large");

    private static string Text(IEnumerable<int> sizes) => $"[{string.Join(", ", sizes)}]";
}
