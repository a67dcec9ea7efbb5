using System.Numerics;
using Cifar10Ps.Execution;
using Cifar10Ps.Models;
using Cifar10Ps.Networks;
using ValuesByName = System.Collections.Generic.Dictionary<string, double[]>;

namespace Cifar10Ps.Tests;

/// <summary>
/// A network computed exactly as described: in double precision, value by value, without libtorch or any of the kernels. Every
/// executor is measured against it.
/// </summary>
/// <remarks>Values are laid out as [image, channel, row, column].</remarks>
internal sealed class Oracle
{
    /// <summary>Below this fraction of a layer's typical input, single precision may put a value on either side of a kink.</summary>
    private const double Doubtful = 1e-5;

    private readonly Network _network;
    private readonly Shape[] _shapes;
    private readonly int _count;
    private readonly ImageKeys? _keys;
    private readonly double[][] _outputs;
    private readonly Dictionary<string, double[]> _values;
    private readonly Dictionary<int, (double[] Mean, double[] Deviation)> _norms = [];
    private bool _hasDoubt;

    /// <summary>Computes logits.</summary>
    /// <param name="network">The network.</param>
    /// <param name="values">Its values.</param>
    /// <param name="images">Images: [count, 3, height, width].</param>
    /// <param name="height">Their height in pixels.</param>
    /// <param name="width">Their width in pixels.</param>
    /// <param name="keys">In training, the keys of the images; null in evaluation.</param>
    public Oracle(Network network, StateDict values, float[] images, int height, int width, ImageKeys? keys)
    {
        (_network, _keys, _shapes) = (network, keys, network.Shapes(height, width));
        _count = images.Length / (int)_shapes[0].Length;
        _values = network.Tensors.ToDictionary(tensor => tensor.Name, tensor => Doubles(values[tensor.Name]));
        _outputs = new double[network.Layers.Count][];
        _outputs[0] = Doubles(images);
        for (int i = 1; i < _outputs.Length; i++)
            _outputs[i] = Forward(i);

        static double[] Doubles(float[] values) => [.. values.Select(value => (double)value)];
    }

    /// <summary>Logits: [count, classes].</summary>
    public double[] Logits => _outputs[^1];

    /// <summary>In training, mean and unbiased variance of the images at each batch norm, by name of the running statistic.</summary>
    public ValuesByName Statistics { get; } = [];

    /// <summary>Gradients of the mean cross-entropy, by the name of the learned tensor.</summary>
    /// <param name="labels">Classes of the images.</param>
    /// <returns>
    /// The gradients, and how far off each tensor's may be where rounding alone decides on which side of a kink a value lies: there,
    /// both answers are right.
    /// </returns>
    public Dictionary<string, (double[] Values, double Doubt)> Gradients(int[] labels)
    {
        double[] ofLogits = GradientOfLogits(Logits, labels);
        ValuesByName exact = Backward(ofLogits, Side.Computed);
        ValuesByName[] others = _hasDoubt ? [Backward(ofLogits, Side.Lower), Backward(ofLogits, Side.Upper)] : [];
        return exact.Where(pair => _network.LearnedTensors.Any(tensor => tensor.Name == pair.Key))
            .ToDictionary(pair => pair.Key, pair => (pair.Value, others.Sum(other => Difference(pair.Value, other[pair.Key]))));

        static double Difference(double[] a, double[] b) => a.Zip(b, (x, y) => Math.Abs(x - y)).Max();
    }

    /// <summary>The gradient of the mean cross-entropy with respect to logits.</summary>
    public static double[] GradientOfLogits(IReadOnlyList<double> logits, int[] labels)
    {
        double[] gradient = new double[logits.Count];
        int classes = logits.Count / labels.Length;
        for (int image = 0; image < labels.Length; image++)
        {
            double[] own = [.. logits.Skip(image * classes).Take(classes)];
            double greatest = own.Max(), sum = own.Sum(logit => Math.Exp(logit - greatest));
            for (int i = 0; i < classes; i++)
                gradient[image * classes + i] = (Math.Exp(own[i] - greatest) / sum - (i == labels[image] ? 1 : 0)) / labels.Length;
        }

        return gradient;
    }

    /// <summary>The side of a kink to which a value counts that is too close to it to decide.</summary>
    private enum Side
    {
        Computed,
        Lower,
        Upper,
    }

    private double[] Forward(int i)
    {
        Layer layer = _network.Layers[i];
        double[] x = _outputs[layer.Inputs[0]];
        return layer.Operation switch
        {
            Convolution convolution => Convolve(layer, convolution, x, i),
            BatchNorm norm => Normalize(layer, norm, x, i),
            MeanImage => [.. x.Select((value, j) => value - Of(layer, TensorRole.MeanImage)[j % _shapes[0].Length])],
            ReLU => [.. x.Select(value => Math.Max(value, 0))],
            ClippedReLU clipped => [.. x.Select(value => Math.Clamp(value, 0, clipped.Maximum))],
            Gelu => [.. x.Select(value => value * Normal(value).Cumulative)],
            Scale scale => [.. x.Select(value => value * scale.Factor)],
            ZeroPad => Scattered(layer.Inputs[0], i, (from, to, y) => y[to] = x[from]),
            Add => [.. x.Zip(_outputs[layer.Inputs[1]], (a, b) => a + b)],
            MaxPool pool => [.. Windows(layer, i, pool.Window).Select(window => window.Max(place => x[place]))],
            AveragePool pool => [.. Windows(layer, i, pool.Window).Select(window => window.Sum(place => x[place]) / Divisor(pool, window))],
            Flatten => x,
            Dropout dropout => [.. x.Zip(Mask(dropout, i), (value, factor) => value * factor)],
            Linear linear => Multiply(layer, linear, x),
            _ => throw new NotSupportedException($"{layer.Kind}"),
        };
    }

    private ValuesByName Backward(double[] ofLogits, Side side)
    {
        ValuesByName found = _network.Tensors.ToDictionary(tensor => tensor.Name, tensor => new double[tensor.Length]);
        double[][] gradients = [.. _outputs.Select(output => new double[output.Length])];
        gradients[^1] = ofLogits;
        for (int i = gradients.Length - 1; i > 0; i--)
        {
            double[] g = gradients[i];
            Layer layer = _network.Layers[i];
            double[] x = _outputs[layer.Inputs[0]], target = gradients[layer.Inputs[0]];
            switch (layer.Operation)
            {
                case Convolution convolution:
                    ConvolveBackward(layer, convolution, x, g, target, found, i);
                    break;
                case BatchNorm:
                    NormalizeBackward(layer, x, g, target, found, i);
                    break;
                case MeanImage:
                    AddEach(target, g);
                    break;
                case ReLU:
                    AddProducts(target, Slopes(x, side, 0), g);
                    break;
                case ClippedReLU clipped:
                    AddProducts(target, Slopes(x, side, 0).Zip(Slopes(x, side, clipped.Maximum), (above, over) => above - over), g);
                    break;
                case Gelu:
                    AddProducts(target, x.Select(Normal).Zip(x, (normal, value) => normal.Cumulative + value * normal.Density), g);
                    break;
                case Scale scale:
                    AddEach(target, [.. g.Select(value => value * scale.Factor)]);
                    break;
                case ZeroPad:
                    Scattered(layer.Inputs[0], i, (from, to, _) => target[from] += g[to]);
                    break;
                case Add:
                    AddEach(target, g);
                    AddEach(gradients[layer.Inputs[1]], g);
                    break;
                case MaxPool pool:
                    double margin = Margin(x);
                    foreach ((int[] window, double value) in Windows(layer, i, pool.Window).Zip(g))
                    {
                        int[] order = [.. window.OrderByDescending(place => x[place]).Take(2)];
                        // Equal values are zeros that a ReLU left, which no gradient reaches.
                        bool isDoubtful = order is [int a, int b] && x[a] > x[b] && IsDoubtful(x[a] - x[b], margin);
                        target[order[isDoubtful && side == Side.Lower ? 1 : 0]] += value;
                    }

                    break;
                case AveragePool pool:
                    foreach ((int[] window, double value) in Windows(layer, i, pool.Window).Zip(g))
                        foreach (int place in window)
                            target[place] += value / Divisor(pool, window);
                    break;
                case Flatten:
                    AddEach(target, g);
                    break;
                case Dropout dropout:
                    AddProducts(target, Mask(dropout, i), g);
                    break;
                case Linear linear:
                    MultiplyBackward(layer, linear, x, g, target, found);
                    break;
                default:
                    throw new NotSupportedException($"{layer.Kind}");
            }
        }

        return found;
    }

    private static void AddEach(double[] target, double[] values) => AddProduct(target, values, 1);

    private static void AddProducts(double[] target, IEnumerable<double> slopes, double[] gradient)
    {
        int i = 0;
        foreach (double slope in slopes)
            target[i] += slope * gradient[i++];
    }

    /// <summary>Slopes of max(x - kink, 0).</summary>
    private IEnumerable<double> Slopes(double[] x, Side side, double kink)
    {
        double margin = Margin(x);
        return x.Select(value => IsDoubtful(Math.Abs(value - kink), margin) && side != Side.Computed ? side == Side.Upper : value > kink)
            .Select(isAbove => isAbove ? 1.0 : 0);
    }

    private bool IsDoubtful(double distance, double margin)
    {
        _hasDoubt |= distance < margin;
        return distance < margin;
    }

    private static double Margin(double[] x) => Doubtful * Math.Sqrt(x.Sum(value => value * value) / x.Length);

    /// <summary>Cumulative distribution and density of the standard normal distribution.</summary>
    /// <remarks>G. Marsaglia, "Evaluating the normal distribution", Journal of Statistical Software 11, 2004.</remarks>
    private static (double Cumulative, double Density) Normal(double x)
    {
        double density = Math.Exp(-x * x / 2) / Math.Sqrt(2 * Math.PI);
        if (Math.Abs(x) > 8)
            return (x > 0 ? 1 : 0, density);
        double sum = x, term = x;
        for (int i = 3; Math.Abs(term) > 1e-17 * Math.Abs(sum); i += 2)
            sum += term *= x * x / i;
        return (0.5 + sum * density, density);
    }

    private double[] Of(Layer layer, TensorRole role) => _values[layer.Tensor(role)!.Name];

    private double[] Convolve(Layer layer, Convolution convolution, double[] x, int i)
    {
        double[] y = new double[_count * _shapes[i].Length], weight = Of(layer, TensorRole.ConvolutionWeight);
        if (convolution.HasBias)
            ForChannels(i, (channel, start, length) => y.AsSpan(start, length).Fill(Of(layer, TensorRole.ConvolutionBias)[channel]));
        ForRows(layer, convolution, i, (place, to, from, length, step) =>
        {
            double factor = weight[place];
            if (step == 1)
                AddProduct(y.AsSpan(to, length), x.AsSpan(from, length), factor);
            else
                for (int n = 0; n < length; n++)
                    y[to + n] += factor * x[from + n * step];
        });
        return y;
    }

    private void ConvolveBackward(Layer layer, Convolution convolution, double[] x, double[] g, double[] target, ValuesByName found, int i)
    {
        double[] weight = Of(layer, TensorRole.ConvolutionWeight), ofWeight = found[layer.Tensor(TensorRole.ConvolutionWeight)!.Name];
        if (layer.Tensor(TensorRole.ConvolutionBias) is { } bias)
            ForChannels(i, (channel, start, length) => found[bias.Name][channel] += Sum(g.AsSpan(start, length)));
        ForRows(layer, convolution, i, (place, to, from, length, step) =>
        {
            double factor = weight[place], sum = 0;
            if (step == 1)
            {
                AddProduct(target.AsSpan(from, length), g.AsSpan(to, length), factor);
                sum = Product(x.AsSpan(from, length), g.AsSpan(to, length));
            }
            else
            {
                for (int n = 0; n < length; n++)
                {
                    target[from + n * step] += factor * g[to + n];
                    sum += x[from + n * step] * g[to + n];
                }
            }

            ofWeight[place] += sum;
        });
    }

    private delegate void Row(int weight, int output, int input, int length, int step);

    /// <summary>All products of a convolution: for each weight and row of the output, where the values of both begin.</summary>
    private void ForRows(Layer layer, Convolution convolution, int i, Row row)
    {
        (Shape input, Shape output) = (_shapes[layer.Inputs[0]], _shapes[i]);
        // Where each pixel is a window, all rows are one.
        if (convolution.Window == Window.Square(1, 1, 0))
            (input, output) = (OneRow(input), OneRow(output));
        (Extent size, Extent stride, Border padding) = (convolution.Window.Size, convolution.Window.Stride, convolution.Window.Padding);
        int inputs = convolution.InputChannels / convolution.Groups, outputs = convolution.OutputChannels / convolution.Groups;
        for (int image = 0; image < _count; image++)
            for (int channel = 0, weight = 0; channel < output.Channels; channel++)
                for (int other = channel / outputs * inputs, end = other + inputs; other < end; other++)
                    for (int dy = 0; dy < size.Height; dy++)
                        for (int dx = 0; dx < size.Width; dx++, weight++)
                        {
                            (int first, int last) = Inside(dx - padding.Left, stride.Width, input.Width, output.Width);
                            (int top, int bottom) = Inside(dy - padding.Top, stride.Height, input.Height, output.Height);
                            (int above, int column) = (dy - padding.Top, first * stride.Width + dx - padding.Left);
                            for (int y = top; y <= bottom && first <= last; y++)
                                row(weight, Place(output, image, channel, y, first),
                                    Place(input, image, other, y * stride.Height + above, column), last - first + 1, stride.Width);
                        }

        static Shape OneRow(Shape map) => new(map.Channels, 1, map.Height * map.Width);

        // Outputs n whose input, n · stride + offset, is not in the border.
        static (int First, int Last) Inside(int offset, int stride, int inputs, int outputs)
        {
            int last = inputs - 1 < offset ? -1 : (inputs - 1 - offset) / stride;
            return ((Math.Max(-offset, 0) + stride - 1) / stride, Math.Min(outputs - 1, last));
        }
    }

    private static int Place(Shape shape, int image, int channel, int row, int column) =>
        ((image * shape.Channels + channel) * shape.Height + row) * shape.Width + column;

    private void ForChannels(int i, Action<int, int, int> run)
    {
        int area = _shapes[i].Height * _shapes[i].Width;
        for (int n = 0; n < _count * _shapes[i].Channels; n++)
            run(n % _shapes[i].Channels, n * area, area);
    }

    private double[] Normalize(Layer layer, BatchNorm norm, double[] x, int i)
    {
        double[] y = new double[x.Length], scale = Of(layer, TensorRole.NormScale), shift = Of(layer, TensorRole.NormShift);
        double[] mean = Of(layer, TensorRole.NormMean), variance = Of(layer, TensorRole.NormVariance);
        if (_keys is not null && !layer.IsFrozen)
        {
            double count = x.Length / norm.Channels;
            (mean, variance) = (new double[norm.Channels], new double[norm.Channels]);
            ForChannels(i, (channel, start, length) => mean[channel] += Sum(x.AsSpan(start, length)) / count);
            ForChannels(i, (channel, start, length) =>
            {
                foreach (double value in x.AsSpan(start, length))
                    variance[channel] += (value - mean[channel]) * (value - mean[channel]) / count;
            });
            Statistics[layer.Tensor(TensorRole.NormMean)!.Name] = mean;
            Statistics[layer.Tensor(TensorRole.NormVariance)!.Name] = [.. variance.Select(value => value * count / Math.Max(count - 1, 1))];
        }

        double[] deviation = [.. variance.Select(value => Math.Sqrt(value + norm.Epsilon))];
        _norms[i] = (mean, deviation);
        ForChannels(i, (channel, start, length) =>
        {
            for (int n = start; n < start + length; n++)
                y[n] = (x[n] - mean[channel]) / deviation[channel] * scale[channel] + shift[channel];
        });
        return y;
    }

    private void NormalizeBackward(Layer layer, double[] x, double[] g, double[] target, ValuesByName found, int i)
    {
        (double[] mean, double[] deviation) = _norms[i];
        double[] scale = Of(layer, TensorRole.NormScale);
        if (layer.IsFrozen)
        {
            ForChannels(i, (channel, start, length) =>
            {
                for (int n = start; n < start + length; n++)
                    target[n] += scale[channel] / deviation[channel] * g[n];
            });
            return;
        }

        double[] sums = found[layer.Tensor(TensorRole.NormShift)!.Name];
        double[] products = found[layer.Tensor(TensorRole.NormScale)!.Name];
        double count = x.Length / scale.Length;
        ForChannels(i, (channel, start, length) =>
        {
            for (int n = start; n < start + length; n++)
            {
                sums[channel] += g[n];
                products[channel] += g[n] * (x[n] - mean[channel]) / deviation[channel];
            }
        });
        ForChannels(i, (channel, start, length) =>
        {
            for (int n = start; n < start + length; n++)
                target[n] += scale[channel] / deviation[channel]
                    * (g[n] - sums[channel] / count - (x[n] - mean[channel]) / deviation[channel] * products[channel] / count);
        });
    }

    /// <summary>For each value of a pooling layer's output, its positions in the input, without those in the border.</summary>
    private IEnumerable<int[]> Windows(Layer layer, int i, Window? window)
    {
        Shape input = _shapes[layer.Inputs[0]];
        window ??= new Window(new(input.Height, input.Width), new(1, 1), default);
        Shape output = window.Output(input, input.Channels);
        for (int map = 0; map < _count * input.Channels; map++)
            for (int y = 0; y < output.Height; y++)
                for (int x = 0; x < output.Width; x++)
                    yield return [.. from row in Enumerable.Range(y * window.Stride.Height - window.Padding.Top, window.Size.Height)
                                     where row >= 0 && row < input.Height
                                     from column in Enumerable.Range(x * window.Stride.Width - window.Padding.Left, window.Size.Width)
                                     where column >= 0 && column < input.Width
                                     select Place(input, 0, map, row, column)];
    }

    private static double Divisor(AveragePool pool, int[] window) =>
        pool is { Window: { } all, CountsPadding: true } ? all.Size.Height * all.Size.Width : window.Length;

    /// <summary>Visits the nonzero values of the shortcut that has no parameters.</summary>
    private double[] Scattered(int input, int i, Action<int, int, double[]> visit)
    {
        (Shape from, Shape to) = (_shapes[input], _shapes[i]);
        double[] y = new double[_count * to.Length];
        for (int image = 0; image < _count; image++)
            for (int c = 0; c < from.Channels; c++)
                for (int row = 0; row < to.Height; row++)
                    for (int column = 0; column < to.Width; column++)
                        visit(Place(from, image, c, 2 * row, 2 * column), Place(to, image, from.Channels / 2 + c, row, column), y);
        return y;
    }

    private IEnumerable<double> Mask(Dropout dropout, int i)
    {
        for (int image = 0; image < _count; image++)
        {
            RandomSequence random = _keys?.Sequence(i, image) ?? default;
            for (long n = 0; n < _shapes[i].Length; n++)
                yield return _keys is null ? 1 : random.NextUniform() < dropout.Rate ? 0 : 1 / (1 - dropout.Rate);
        }
    }

    private double[] Multiply(Layer layer, Linear linear, double[] x)
    {
        double[] y = new double[_count * linear.Outputs], weight = Of(layer, TensorRole.LinearWeight);
        for (int n = 0; n < y.Length; n++)
        {
            (int image, int output) = Math.DivRem(n, linear.Outputs);
            y[n] = Product(x.AsSpan(image * linear.Inputs, linear.Inputs), weight.AsSpan(output * linear.Inputs, linear.Inputs))
                + (linear.HasBias ? Of(layer, TensorRole.LinearBias)[output] : 0);
        }

        return y;
    }

    private void MultiplyBackward(Layer layer, Linear linear, double[] x, double[] g, double[] target, ValuesByName found)
    {
        double[] weight = Of(layer, TensorRole.LinearWeight), ofWeight = found[layer.Tensor(TensorRole.LinearWeight)!.Name];
        for (int n = 0; n < g.Length; n++)
        {
            (int image, int output) = Math.DivRem(n, linear.Outputs);
            AddProduct(target.AsSpan(image * linear.Inputs, linear.Inputs), weight.AsSpan(output * linear.Inputs, linear.Inputs), g[n]);
            AddProduct(ofWeight.AsSpan(output * linear.Inputs, linear.Inputs), x.AsSpan(image * linear.Inputs, linear.Inputs), g[n]);
            if (layer.Tensor(TensorRole.LinearBias) is { } bias)
                found[bias.Name][output] += g[n];
        }
    }

    /// <summary>target + values · factor.</summary>
    private static void AddProduct(Span<double> target, ReadOnlySpan<double> values, double factor)
    {
        int n = 0;
        for (; n <= target.Length - Vector<double>.Count; n += Vector<double>.Count)
            (new Vector<double>(target[n..]) + new Vector<double>(values[n..]) * factor).CopyTo(target[n..]);
        for (; n < target.Length; n++)
            target[n] += values[n] * factor;
    }

    private static double Product(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        Vector<double> sums = default;
        int n = 0;
        for (; n <= a.Length - Vector<double>.Count; n += Vector<double>.Count)
            sums += new Vector<double>(a[n..]) * new Vector<double>(b[n..]);
        double sum = Vector.Sum(sums);
        for (; n < a.Length; n++)
            sum += a[n] * b[n];
        return sum;
    }

    private static double Sum(ReadOnlySpan<double> values)
    {
        double sum = 0;
        foreach (double value in values)
            sum += value;
        return sum;
    }
}
