using Cifar10Ps.Networks;

namespace Cifar10Ps.Formats;

/// <summary>Sums and products: the shortcuts of blocks, biases, scales, and the parts of GELU.</summary>
internal sealed partial class OnnxTranslator
{
    private const float Tolerance = 1e-4f;
    private const long MostAffineValues = 1 << 24;

    // In graphs that take bytes, this is the preprocessing.
    private float[] _inputScale = [1, 1, 1], _inputShift = [0, 0, 0];
    private bool _hasInputScale;
    private long _affineValues;

    private OnnxValue Sum(OnnxNode node)
    {
        (OnnxValue a, OnnxValue b) = (Value(node, 0), Value(node, 1));
        if (a is OnnxIntegers first && b is OnnxIntegers second)
            return Combine(first, second, (left, right) => left + right);
        if (IsConstant(b))
            return Sum(node, a, Constant(node, 1), 1);
        if (IsConstant(a))
            return Sum(node, b, Constant(node, 0), 1);
        (OnnxFeatures x, OnnxFeatures y) = (ToFeatures(a), ToFeatures(b));
        return x.Sizes.SequenceEqual(y.Sizes) ? Add(node, new Add(), x, y)
            : throw new InvalidDataException($"it adds {Text(x.Sizes)} and {Text(y.Sizes)}, "
                + "but only inputs of the same size are supported");
    }

    private OnnxValue Difference(OnnxNode node) =>
        Value(node, 0) is OnnxIntegers a && Value(node, 1) is OnnxIntegers b ? Combine(a, b, (left, right) => left - right)
        : IsConstant(Value(node, 1)) ? Sum(node, Value(node, 0), Constant(node, 1), -1)
        : throw new InvalidDataException("it subtracts something other than a constant");

    private OnnxValue Product(OnnxNode node)
    {
        (OnnxValue a, OnnxValue b) = (Value(node, 0), Value(node, 1));
        return a is OnnxIntegers first && b is OnnxIntegers second ? Combine(first, second, (left, right) => left * right)
            : IsConstant(b) ? Product(node, a, Constant(node, 1), value => value)
            : IsConstant(a) ? Product(node, b, Constant(node, 0), value => value)
            : WithSource(node, a, b) ?? WithSource(node, b, a)
            ?? throw new InvalidDataException("it multiplies two feature maps, which is supported only in GELU");
    }

    private OnnxValue Quotient(OnnxNode node) => IsConstant(Value(node, 1))
        ? Product(node, Value(node, 0), Constant(node, 1), value => 1 / value)
        : throw new InvalidDataException("it divides by something other than a constant");

    private OnnxErrorFunction ErrorFunction(OnnxNode node) =>
        Value(node, 0) is OnnxAffine { Scale: [float scale], Shift: [0] } affine && Math.Abs(scale - Math.Sqrt(0.5)) < Tolerance
            ? new OnnxErrorFunction(node, affine.Source, 1, HasOne: false, HasSource: false)
            : throw new InvalidDataException("it is supported only as a part of GELU");

    private OnnxValue Sum(OnnxNode node, OnnxValue value, OnnxConstant constant, float sign) =>
        value is OnnxFeatures { Layer: 0 } images && constant.Values.Length > Input.Channels
            ? Subtract(node, images, constant, -sign) : Shift(node, value, constant, sign);

    private OnnxValue Shift(OnnxNode node, OnnxValue value, OnnxConstant constant, float sign)
    {
        if (value is OnnxErrorFunction { HasOne: false } part && constant.Values is [float one]
            && Math.Abs(sign * one - part.Factor) < Tolerance)
            return part with { Node = node, HasOne = true };
        OnnxAffine affine = Affine(node, value);
        float[] added = PerChannel(node, constant, affine.Source);
        return affine with { Shift = Counted(Combine(affine.Shift, added, (shift, by) => shift + sign * by)) };
    }

    /// <summary>The images without their mean image.</summary>
    private OnnxFeatures Subtract(OnnxNode node, OnnxFeatures images, OnnxConstant constant, float sign)
    {
        if (!constant.Shape.SkipWhile(size => size == 1).SequenceEqual(images.Sizes))
            throw new InvalidDataException($"its constant is {Text(constant.Shape)}, "
                + $"but only a number, one for each channel, or an image of {Text(images.Sizes)} is supported");
        int layer = _layers.Add(OnnxNames.Of(node), new MeanImage(_images.Height, _images.Width), [images.Layer],
            (TensorRole.MeanImage, [.. constant.Values.Select(value => sign * value)]));
        return new OnnxFeatures(layer, images.Sizes);
    }

    private OnnxValue Product(OnnxNode node, OnnxValue value, OnnxConstant constant, Func<float, float> factorOf)
    {
        if (value is OnnxErrorFunction part && constant.Values is [float factor])
            return Completed(part with { Node = node, Factor = part.Factor * factorOf(factor) });
        OnnxAffine affine = Affine(node, value);
        float[] factors = [.. PerChannel(node, constant, affine.Source).Select(factorOf)];
        return affine with
        {
            Scale = Counted(Combine(affine.Scale, factors, (scale, by) => scale * by)),
            Shift = Counted(Combine(affine.Shift, factors, (shift, by) => shift * by)),
        };
    }

    /// <summary>Bounds the memory that small operations take with the many channels of another one.</summary>
    private float[] Counted(float[] values) => (_affineValues += values.Length) <= MostAffineValues ? values
        : throw new InvalidDataException("with it the graph has more scales and shifts than any supported network");

    /// <summary>The product of a part of GELU and its x; null: it is a different product.</summary>
    private OnnxValue? WithSource(OnnxNode node, OnnxValue value, OnnxValue x)
    {
        if (value is not OnnxErrorFunction { HasOne: true, HasSource: false } part)
            return null;
        float? factor = x switch
        {
            OnnxFeatures features when features.Layer == part.Source.Layer => 1,
            OnnxAffine { Scale: [float scale], Shift: [0] } affine when affine.Source.Layer == part.Source.Layer => scale,
            _ => null,
        };
        return factor is float found ? Completed(part with { Node = node, HasSource = true, Factor = part.Factor * found }) : null;
    }

    private OnnxValue Completed(OnnxErrorFunction part) =>
        part.HasSource && Math.Abs(part.Factor - 0.5f) < Tolerance ? Add(part.Node, new Gelu(), part.Source) : part;

    private OnnxAffine Affine(OnnxNode node, OnnxValue value) =>
        value is OnnxAffine affine ? affine with { Node = node } : new OnnxAffine(node, ToFeatures(value), [1], [0]);

    /// <summary>
    /// The scaled value as the output of a layer: the layer before it, if it can absorb the numbers, or a product with one number, or a
    /// depthwise 1 × 1 convolution.
    /// </summary>
    private OnnxFeatures Scale(OnnxAffine affine)
    {
        (OnnxFeatures x, float[] scale, float[] shift) = (affine.Source, affine.Scale, affine.Shift);
        bool isScaled = scale.Any(value => value != 1);
        if (!isScaled && shift.All(value => value == 0))
            return x;
        int channels = x.Sizes[0];
        float[] each = new float[channels];
        (scale, shift) = (Combine(scale, each, (value, _) => value), Combine(shift, each, (value, _) => value));
        if (x.Layer == 0 && _images.AreBytes && !_hasInputScale && !x.IsShared)
        {
            (_inputScale, _inputShift, _hasInputScale) = (scale, shift, true);
            return x;
        }

        switch (_layers[x.Layer])
        {
            case Convolution convolution when !x.IsShared:
                Fold(convolution with { HasBias = true }, convolution.HasBias, TensorRole.ConvolutionWeight, TensorRole.ConvolutionBias);
                return x;
            case Linear linear when !x.IsShared:
                Fold(linear with { HasBias = true }, linear.HasBias, TensorRole.LinearWeight, TensorRole.LinearBias);
                return x;
            case var _ when shift.All(value => value == 0) && scale[0] != 0 && scale.All(value => value == scale[0]):
                return Add(affine.Node, new Scale(scale[0]), x);
            case var _ when _layers.ShapeOf(x.Layer).IsVector:
                throw new InvalidDataException(
                    $"it takes the result of {affine.Node}, which is supported only for feature maps, and after linear layers");
            default:
                Convolution factors = new(channels, channels, Window.Square(1, 1, 0), channels, HasBias: true);
                int layer = _layers.Add(OnnxNames.Of(affine.Node), factors, [x.Layer],
                    (TensorRole.ConvolutionWeight, scale), (TensorRole.ConvolutionBias, shift));
                return new OnnxFeatures(layer, x.Sizes);
        }

        void Fold(Operation operation, bool hasBias, TensorRole weight, TensorRole bias)
        {
            float[] sums = hasBias ? [.. _layers.ValuesOf(x.Layer, bias).Select((value, c) => value * scale[c] + shift[c])] : shift;
            float[] values = _layers.ValuesOf(x.Layer, weight);
            int length = values.Length / channels;
            if (isScaled)
                values = [.. values.Select((value, i) => value * scale[i / length])];
            _layers.Change(x.Layer, operation, (weight, values), (bias, sums));
        }
    }

    /// <summary>The values of a constant that is broadcast to a feature map or a vector: one, or one for each channel.</summary>
    private static float[] PerChannel(OnnxNode node, OnnxConstant constant, OnnxFeatures x)
    {
        if (constant.Shape.All(size => size == 1))
            return constant.Values;
        int rank = 1 + x.Sizes.Length;
        // Before operator set 7 a setting says where the constant's dimensions begin; since then they are the last ones.
        int before = node.Attributes.ContainsKey("axis") ? Small(node.Integer("axis", 0)) : rank - constant.Shape.Length;
        int after = rank - before - constant.Shape.Length;
        if (before >= 0 && after >= 0)
        {
            int[] shape = [.. Enumerable.Repeat(1, before), .. constant.Shape, .. Enumerable.Repeat(1, after)];
            if (shape[0] == 1 && shape[1] == x.Sizes[0] && shape[2..].All(size => size == 1))
                return constant.Values;
        }

        throw new InvalidDataException($"its constant is {Text(constant.Shape)}, but only a number or one for each channel is supported");
    }

    private static bool IsConstant(OnnxValue value) => value is OnnxConstant or OnnxIntegers;

    private static float[] Combine(float[] a, float[] b, Func<float, float, float> combine) =>
        [.. Enumerable.Range(0, Math.Max(a.Length, b.Length)).Select(i => combine(a[a.Length == 1 ? 0 : i], b[b.Length == 1 ? 0 : i]))];
}
