using Cifar10Ps.Networks;

namespace Cifar10Ps.Formats;

/// <summary>The operations that run a window over a feature map, and what prepares the map for them.</summary>
internal sealed partial class OnnxTranslator
{
    // No setting in pixels or channels is larger.
    private const int MostPixels = 1 << 20;

    private OnnxFeatures PoolMaximum(OnnxNode node)
    {
        // Zeros in a border change nothing if no value is below zero.
        (OnnxFeatures x, Border border) = WithoutBorder(Value(node, 0),
            (source, value) => value <= float.MinValue || (value == 0 && source is ReLU or ClippedReLU));
        return Add(node, new MaxPool(Pooled(node, x, border)), x);
    }

    private OnnxFeatures PoolAverage(OnnxNode node)
    {
        (OnnxFeatures x, Border border) = WithoutBorder(Value(node, 0), (_, value) => value == 0);
        bool counts = node.Integer("count_include_pad", 0) != 0;
        Window whole = Pooled(node, x, border);
        if (border != default && whole.Padding != border && !counts)
            throw new InvalidDataException("it has a border whose zeros count, and another whose zeros do not");
        return whole.Padding == default && x.Sizes is [_, int height, int width] && whole.Size == new Extent(height, width)
            ? PoolAll(x, node)
            : Add(node, new AveragePool(whole, counts || border != default), x);
    }

    private OnnxFeatures Mean(OnnxNode node)
    {
        OnnxFeatures x = Features(node, 0);
        HashSet<long> axes = [.. (Setting(node, "axes", 1) ?? []).Select(axis => axis < 0 ? axis + 1 + x.Sizes.Length : axis)];
        if (x.Sizes.Length != 3 || !axes.SetEquals([2, 3]))
            throw new InvalidDataException("it is a mean over something other than all pixels of a channel");
        OnnxFeatures mean = PoolAll(x, node);
        return node.Integer("keepdims", 1) != 0 ? mean : mean with { Sizes = mean.Sizes[..1] };
    }

    private OnnxFeatures PoolAll(OnnxFeatures x, OnnxNode node) => _layers.ShapeOf(x.Layer).IsVector && x.Sizes is [_, 1, 1]
        ? x : Add(node, new AveragePool(), x) with { Sizes = [x.Sizes[0], 1, 1] };

    /// <summary>The window of a pooling operation.</summary>
    private static Window Pooled(OnnxNode node, OnnxFeatures x, Border border)
    {
        Window window = WindowOf(node, Pair(node, "kernel_shape") ?? throw new InvalidDataException("it has no window"), x, border);
        if (node.Integer("ceil_mode", 0) == 0 || x.Sizes is not [_, int height, int width])
            return window;
        return (height + window.Padding.Top + window.Padding.Bottom - window.Size.Height) % window.Stride.Height == 0
            && (width + window.Padding.Left + window.Padding.Right - window.Size.Width) % window.Stride.Width == 0
            ? window : throw new InvalidDataException("it rounds the size of its output up (ceil_mode), which is not supported");
    }

    private static Window WindowOf(OnnxNode node, Extent size, OnnxFeatures x, Border border)
    {
        if (Pair(node, "dilations") is { } dilations && dilations != new Extent(1, 1))
            throw new InvalidDataException($"its dilations are {dilations}, but only 1 is supported");
        if (Pair(node, "kernel_shape") is { } given && given != size)
            throw new InvalidDataException($"its window of {given} pixels is not that of its weight, {size}");
        Extent stride = Pair(node, "strides") ?? new Extent(1, 1);
        Window window = new(size, stride, default);
        if (window.Problem() is { } problem)
            throw new InvalidDataException(problem);
        string automatic = node.Text("auto_pad", "NOTSET");
        Border own = automatic switch
        {
            "SAME_UPPER" or "SAME_LOWER" when x.Sizes is [_, int height, int width] =>
                Same(height + border.Top + border.Bottom, width + border.Left + border.Right, window, automatic == "SAME_UPPER"),
            "VALID" => default,
            "NOTSET" or "" => Padding(node),
            _ => throw new InvalidDataException($"its padding is '{DisplayText.Name(automatic)}', which is not supported"),
        };
        window = window with { Padding = Sum(own, border) };
        return window.Problem() is { } other ? throw new InvalidDataException(other) : window;
    }

    /// <summary>The border with which the output has a pixel for each step over the input.</summary>
    private static Border Same(int height, int width, Window window, bool isMoreAtEnd)
    {
        (int top, int bottom) = Sides(height, window.Size.Height, window.Stride.Height);
        (int left, int right) = Sides(width, window.Size.Width, window.Stride.Width);
        return new Border(top, left, bottom, right);

        (int, int) Sides(int length, int size, int stride)
        {
            int all = Math.Max(0, (length - 1) / stride * stride + size - length), less = all / 2;
            return isMoreAtEnd ? (less, all - less) : (all - less, less);
        }
    }

    private static Border Padding(OnnxNode node) => node.Integers("pads") switch
    {
        null or [] => default,
        [long top, long left, long bottom, long right] => new Border(Small(top), Small(left), Small(bottom), Small(right)),
        var other => throw new InvalidDataException($"its padding has {other.Count} numbers, not 4"),
    };

    private static Extent? Pair(OnnxNode node, string name) => node.Integers(name) switch
    {
        null or [] => null,
        [long height, long width] => new Extent(Small(height), Small(width)),
        var other => throw new InvalidDataException(
            $"its setting '{name}' has {other.Count} numbers, but only two dimensions are supported"),
    };

    private static Border Sum(Border a, Border b) => new(a.Top + b.Top, a.Left + b.Left, a.Bottom + b.Bottom, a.Right + b.Right);

    /// <summary>The source of a border that can become the window's padding, and the border.</summary>
    /// <param name="value">What the operation takes.</param>
    /// <param name="suits">Whether such a value in the border of such a layer's output equals the window's padding.</param>
    private (OnnxFeatures X, Border Border) WithoutBorder(OnnxValue value, Func<Operation, float, bool> suits) =>
        value is OnnxBordered bordered && suits(_layers[bordered.Source.Layer], bordered.Value)
            ? (bordered.Source, bordered.Border) : (ToFeatures(value), default);

    private OnnxValue Pad(OnnxNode node)
    {
        OnnxValue value = Value(node, 0);
        OnnxFeatures x = value is OnnxSubsampled part ? part.Source : ToFeatures(value);
        if (node.Text("mode", "constant") is not "constant")
            throw new InvalidDataException(
                $"its border is '{DisplayText.Name(node.Text("mode", ""))}', but only a constant one is supported");
        if (Has(node, 3))
            throw new InvalidDataException("it pads some axes only, which is not supported");
        float filling = Has(node, 2) ? Vector(node, 2, 1)[0] : node.Single("value", 0);
        int[] pads = [.. (Setting(node, "pads", 1) ?? node.Integers("paddings") ?? []).Select(Small)];
        if (pads.All(pad => pad == 0))
            return value;
        if (pads is not [0, int before, int top, int left, 0, int after, int bottom, int right] || x.Sizes.Length != 3
            || pads.Any(pad => pad < 0))
            throw new InvalidDataException($"its border is {Text(pads)}; 4 dimensions, the first without, are supported");
        if ((before, after) == (0, 0) && value is not OnnxSubsampled)
            return new OnnxBordered(node, x, new Border(top, left, bottom, right), filling);
        return value is OnnxSubsampled { Stride: { Height: ZeroPad.Stride, Width: ZeroPad.Stride } }
            && (top, left, bottom, right, filling) == (0, 0, 0, 0, 0) && before == after && 2 * before == x.Sizes[0]
            ? Add(node, new ZeroPad(), x)
            : throw new InvalidDataException("it adds channels, which is supported only for twice the channels of every second pixel");
    }

    private OnnxValue Slice(OnnxNode node)
    {
        OnnxValue value = Value(node, 0);
        long[] starts = [.. Setting(node, "starts", 1) ?? []], ends = [.. Setting(node, "ends", 2) ?? []];
        long[] axes = [.. Setting(node, "axes", 3) ?? Enumerable.Range(0, starts.Length).Select(axis => (long)axis)];
        long[] steps = [.. (Has(node, 4) ? Integers(node, 4).Values : null) ?? Enumerable.Repeat(1L, starts.Length)];
        if (ends.Length != starts.Length || axes.Length != starts.Length || steps.Length != starts.Length)
            throw new InvalidDataException("its numbers of starts, ends, axes and steps differ");
        if (value is OnnxIntegers integers)
            return starts.Length == 1 && (axes[0] == 0 || axes[0] == -integers.Shape.Length) ? Part(integers, starts[0], ends[0], steps[0])
                : throw new InvalidDataException("it takes parts of several dimensions of a constant");
        Extent stride = value is OnnxSubsampled part ? part.Stride : new Extent(1, 1);
        OnnxFeatures x = value is OnnxSubsampled before ? before.Source : ToFeatures(value);
        for (int i = 0; i < starts.Length; i++)
        {
            int axis = (int)Math.Clamp(axes[i] < 0 ? axes[i] + 1 + x.Sizes.Length : axes[i], -1, int.MaxValue);
            bool isWhole = axis >= 1 && axis <= x.Sizes.Length && starts[i] == 0 && ends[i] >= x.Sizes[axis - 1];
            if (!isWhole || steps[i] < 1 || (steps[i] > 1 && (axis < 2 || x.Sizes.Length != 3)))
                throw new InvalidDataException("it cuts a part out, but only every second (third ...) pixel is supported");
            int step = Small(steps[i]);
            stride = axis == 2 ? stride with { Height = Small((long)stride.Height * step) }
                : axis == 3 ? stride with { Width = Small((long)stride.Width * step) } : stride;
        }

        return stride == new Extent(1, 1) ? x : new OnnxSubsampled(node, x, stride);
    }
}
