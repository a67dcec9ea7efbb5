using Cifar10Ps.Networks;

namespace Cifar10Ps.Formats;

/// <summary>The operations that change no value: flattening, and what graphs compute shapes with.</summary>
internal sealed partial class OnnxTranslator
{
    // No shape and no list of axes is longer.
    private const int MostIntegers = 64, MostDimensions = 16;

    // Exporters write one or none.
    private const int MostTranspositions = 4;

    // TensorProto.DataType.
    private static readonly long[] FractionTypes = [1, 10, 11, 16], IntegerTypes = [6, 7];

    private OnnxValue Cast(OnnxNode node) => (Value(node, 0), node.Integer("to", 1)) switch
    {
        // Only then are its values computed, which may be many.
        (OnnxConstant constant, var type) when IntegerTypes.Contains(type)
            && constant.Shape.Aggregate(1L, (product, size) => product * size) <= MostIntegers =>
            new OnnxIntegers(constant.Shape, Array.ConvertAll(constant.Values, value => (long)value)),
        (OnnxIntegers or OnnxConstant, _) => Value(node, 0),
        (var value, var type) when FractionTypes.Contains(type) => value,
        _ => throw new InvalidDataException("it makes integers of features"),
    };

    private static OnnxValue Literal(OnnxNode node)
    {
        if (node.Attributes.GetValueOrDefault("value") is { Tensor: { } tensor })
            return ToValue(tensor, node.Outputs[0]);
        foreach ((string name, OnnxAttribute setting) in node.Attributes)
            switch (name)
            {
                case "value_int": return new OnnxIntegers([], [setting.Integer]);
                case "value_ints" when setting.Integers is { Count: <= MostIntegers and var count }:
                    return new OnnxIntegers([count], [.. setting.Integers]);
                case "value_float": return new OnnxConstant(node.Outputs[0], [], new([setting.Single]));
                case "value_floats": return new OnnxConstant(node.Outputs[0], [setting.Singles.Count], new([.. setting.Singles]));
            }

        throw new InvalidDataException("its value is of a kind that is not supported");
    }

    private OnnxValue Flatten(OnnxNode node)
    {
        long axis = node.Integer("axis", 1);
        return Reshaped(node, Value(node, 0), x => axis == 1 || axis + 1 + x.Sizes.Length == 1 ? [Length(x)]
            : throw new InvalidDataException($"it flattens from the axis {axis} on, but only 1 is supported"));
    }

    private OnnxValue Reshape(OnnxNode node)
    {
        long[] target = [.. Setting(node, "shape", 1) ?? throw new InvalidDataException("it has no shape")];
        return Value(node, 0) switch
        {
            OnnxConstant constant => constant with { Shape = Resolve(target, constant.Shape) },
            OnnxIntegers integers => integers with { Shape = Resolve(target, integers.Shape) },
            var value when target.Length > 1 && IsBatch(target[0]) =>
                Reshaped(node, value, x => Resolve(target[1..], x.Sizes)),
            _ => throw new InvalidDataException($"its shape is {Text(target)}, but only one vector for each image is supported"),
        };

        bool IsBatch(long size) => size is OnnxIntegers.Batch or 0 or 1 || size == _images.Batch
            || (size == -1 && target.Count(other => other == -1) == 1);
    }

    private OnnxValue Squeeze(OnnxNode node)
    {
        IReadOnlyList<long>? axes = Setting(node, "axes", 1);
        return Value(node, 0) switch
        {
            OnnxConstant constant => constant with { Shape = Without(constant.Shape, 0) },
            OnnxIntegers integers => integers with { Shape = Without(integers.Shape, 0) },
            var value => Reshaped(node, value, x => Without(x.Sizes, 1)),
        };

        int[] Without(int[] sizes, int first)
        {
            int rank = first + sizes.Length;
            long[] dropped = axes is null ? [.. Enumerable.Range(0, sizes.Length).Where(d => sizes[d] == 1).Select(d => (long)d + first)]
                : [.. axes.Select(axis => axis < 0 ? axis + rank : axis)];
            return dropped.All(axis => axis >= first && axis < rank && sizes[axis - first] == 1)
                ? [.. sizes.Where((_, d) => !dropped.Contains(d + first))]
                : throw new InvalidDataException("it drops dimensions that have more than one value, or that of the batch");
        }
    }

    private OnnxValue Unsqueeze(OnnxNode node)
    {
        long[] axes = [.. Setting(node, "axes", 1) ?? throw new InvalidDataException("it has no axes")];
        return Value(node, 0) switch
        {
            OnnxConstant constant => constant with { Shape = With(constant.Shape, 0) },
            OnnxIntegers integers => integers with { Shape = With(integers.Shape, 0) },
            var value => Reshaped(node, value, x => With(x.Sizes, 1)),
        };

        int[] With(int[] sizes, int first)
        {
            int rank = first + sizes.Length + axes.Length;
            if (rank > MostDimensions)
                throw new InvalidDataException($"its result has more than {MostDimensions} dimensions");
            long[] added = [.. axes.Select(axis => axis < 0 ? axis + rank : axis).Order()];
            List<int> result = [.. sizes];
            foreach (long axis in added)
            {
                if (axis < first || axis - first > result.Count)
                    throw new InvalidDataException("it adds dimensions outside the existing ones");
                result.Insert((int)axis - first, 1);
            }

            return [.. result];
        }
    }

    /// <summary>Features, or the probabilities made of them, in another shape.</summary>
    private OnnxValue Reshaped(OnnxNode node, OnnxValue value, Func<OnnxFeatures, int[]> sizesOf)
    {
        OnnxFeatures x = value is OnnxProbabilities { Source: var logits } ? logits : ToFeatures(value);
        OnnxFeatures reshaped = Reshaped(node, x, sizesOf(x));
        return value is OnnxProbabilities(var origin, _, var temperature) ? new OnnxProbabilities(origin, reshaped, temperature) : reshaped;
    }

    /// <summary>Features in another shape: the same one, or that of a vector.</summary>
    private OnnxFeatures Reshaped(OnnxNode node, OnnxFeatures x, int[] sizes)
    {
        if (sizes.SequenceEqual(x.Sizes))
            return x;
        if (sizes.Length == 0 || sizes[0] != x.Length || sizes[1..].Any(size => size != 1))
            throw new InvalidDataException($"it makes {Text(sizes)} of {Text(x.Sizes)}, but only a vector is supported");
        return _layers.ShapeOf(x.Layer).IsVector ? x with { Sizes = sizes } : Add(node, new Flatten(), x) with { Sizes = sizes };
    }

    private OnnxIntegers ShapeOf(OnnxNode node)
    {
        OnnxValue x = Value(node, 0);
        if (x is OnnxIntegers or OnnxConstant)
        {
            int[] shape = x is OnnxIntegers integers ? integers.Shape : ((OnnxConstant)x).Shape;
            return Asked(new OnnxIntegers([shape.Length], Array.ConvertAll(shape, size => (long)size)));
        }

        int[] sizes = x switch
        {
            OnnxBordered or OnnxSubsampled => throw new InvalidDataException("it asks for the size of a map with a border"),
            OnnxPart part => part.Source.Sizes,
            _ => ToFeatures(x).Sizes,
        };
        return Asked(new OnnxIntegers([1 + sizes.Length], [OnnxIntegers.Batch, .. sizes]));

        OnnxIntegers Asked(OnnxIntegers shape) => Part(shape, node.Integer("start", 0), node.Integer("end", long.MaxValue), 1);
    }

    private OnnxIntegers Gather(OnnxNode node)
    {
        (long[] values, OnnxIntegers indices) = (Integers(node, 0).Values, Integers(node, 1));
        return node.Integer("axis", 0) == 0 && Integers(node, 0).Shape.Length == 1
            && indices.Values.All(i => i >= -values.Length && i < values.Length)
            ? new OnnxIntegers(indices.Shape, Array.ConvertAll(indices.Values, i => values[i < 0 ? i + values.Length : i]))
            : throw new InvalidDataException("it takes values that the shape does not have");
    }

    private OnnxIntegers Concatenate(OnnxNode node)
    {
        long[] all = [.. node.Inputs.Take(MostIntegers).SelectMany((_, i) => Value(node, i) is OnnxIntegers { Shape.Length: 1 } integers
            ? integers.Values : throw new InvalidDataException("it joins feature maps, which is not supported"))];
        return all.Length <= MostIntegers ? new OnnxIntegers([all.Length], all)
            : throw new InvalidDataException("it joins more integers than a shape has");
    }

    private OnnxValue Fill(OnnxNode node)
    {
        long[] shape = Integers(node, 0).Values;
        long count = shape is [] ? 1 : shape is [>= 0 and <= MostIntegers] ? shape[0]
            : throw new InvalidDataException($"it makes a constant of more than {MostIntegers} values, or of more than one dimension");
        OnnxTensor? given = node.Attributes.GetValueOrDefault("value")?.Tensor;
        int[] sizes = [.. shape.Select(size => (int)size)];
        return given switch
        {
            null => new OnnxIntegers(sizes, new long[count]),
            { IsInteger: true, Count: 1 } => new OnnxIntegers(sizes, [.. Enumerable.Repeat(given.ToIntegers()[0], (int)count)]),
            { Count: 1 } => new OnnxConstant(node.Outputs[0], sizes, new([.. Enumerable.Repeat(given.ToSingles()[0], (int)count)])),
            _ => throw new InvalidDataException($"it fills a constant with {given.Count:N0} values"),
        };
    }

    private OnnxValue Transpose(OnnxNode node)
    {
        IReadOnlyList<long>? order = node.Integers("perm");
        return Value(node, 0) switch
        {
            OnnxRows rows when order is [0, 3, 1, 2] => rows.Source,
            OnnxConstant { Shape.Length: 2 } matrix when order is null or [1, 0] => Transposed(matrix),
            OnnxIntegers { Shape: [int height, int width] } matrix when order is null or [1, 0] =>
                new OnnxIntegers([width, height], [.. matrix.Values.Select((_, i) => matrix.Values[i % height * width + i / height])]),
            var value when order?.SequenceEqual(Enumerable.Range(0, order.Count).Select(axis => (long)axis)) == true => value,
            _ => throw new InvalidDataException("it changes the order of dimensions of features, which is not supported"),
        };
    }

    private static OnnxConstant Transposed(OnnxConstant matrix) => matrix.Transpositions == MostTranspositions
        ? throw new InvalidDataException($"it transposes a matrix more than {MostTranspositions} times")
        : new(matrix.Name, [matrix.Shape[1], matrix.Shape[0]], new(() =>
    {
        (int height, int width, float[] values) = (matrix.Shape[0], matrix.Shape[1], matrix.Values);
        float[] transposed = new float[values.Length];
        for (int row = 0; row < height; row++)
            for (int column = 0; column < width; column++)
                transposed[column * height + row] = values[row * width + column];
        return transposed;
    })) { Transpositions = matrix.Transpositions + 1 };

    /// <summary>A shape with its zeros taken from another, and -1 replaced with the remaining size.</summary>
    private static int[] Resolve(long[] target, int[] from)
    {
        long[] sizes = [.. target.Select((size, d) => size == 0 && d < from.Length ? from[d] : size)];
        long all = from.Aggregate(1L, (product, size) => product * size), known = 1;
        foreach (long size in sizes.Where(size => size != -1))
            known = size is >= 0 and <= int.MaxValue && known <= int.MaxValue ? known * size : -1;
        int open = Array.IndexOf(sizes, -1L);
        if (open >= 0 && known > 0 && all % known == 0)
            (sizes[open], known) = (all / known, all);
        return known == all && !sizes.Contains(-1) ? [.. sizes.Select(size => (int)size)] : throw new InvalidDataException(
            $"its shape {Text(target)} does not suit {Text(from)}");
    }

    /// <summary>Some of the rows of a table of integers, or of the integers of a list.</summary>
    private static OnnxIntegers Part(OnnxIntegers integers, long start, long end, long step)
    {
        if (integers.Shape is not [int length, .. int[] rest] || step is 0 or < -MostIntegers or > MostIntegers)
            throw new InvalidDataException("it takes a part of a single integer, or none of it");
        int row = rest.Aggregate(1, (product, size) => product * size);
        (start, end) = (Clamp(start), Clamp(end));
        List<long> part = [];
        int count = 0;
        for (long i = step < 0 ? Math.Min(start, length - 1) : start; step > 0 ? i < end : i > end; i += step, count++)
            part.AddRange(integers.Values.AsSpan((int)i * row, row));
        return new OnnxIntegers([count, .. rest], [.. part]);

        // With a negative step, the position before the first one is a valid end.
        long Clamp(long place) => Math.Clamp(place < 0 ? Math.Max(place, -length - 1) + length : place, step < 0 ? -1 : 0, length);
    }

    /// <summary>Arithmetic on integers, as graphs compute shapes and borders with.</summary>
    private static OnnxIntegers Combine(OnnxIntegers a, OnnxIntegers b, Func<long, long, long> combine)
    {
        int count = Math.Max(a.Values.Length, b.Values.Length);
        if ((a.Values.Length != count && a.Values.Length != 1) || (b.Values.Length != count && b.Values.Length != 1)
            || a.Values.Concat(b.Values).Contains(OnnxIntegers.Batch))
            throw new InvalidDataException("it computes with shapes that do not suit each other, or with the number of images");
        return new OnnxIntegers(a.Values.Length == count ? a.Shape : b.Shape,
            [.. Enumerable.Range(0, count).Select(i => combine(At(a, i), At(b, i)))]);

        static long At(OnnxIntegers integers, int i) => integers.Values[integers.Values.Length == 1 ? 0 : i];
    }

    /// <summary>Integers that an operation takes.</summary>
    private OnnxIntegers Integers(OnnxNode node, int input) =>
        Value(node, input) as OnnxIntegers
        ?? throw new InvalidDataException($"its input '{DisplayText.Name(node.Inputs[input])}' has to be a constant shape");

    /// <summary>Integers that are an attribute in old operator sets and an input in new ones; null: not given.</summary>
    private IReadOnlyList<long>? Setting(OnnxNode node, string attribute, int input) =>
        node.Integers(attribute) ?? (Has(node, input) ? Integers(node, input).Values : null);

    private static int Length(OnnxFeatures x) =>
        x.Length <= int.MaxValue ? (int)x.Length : throw new InvalidDataException("its input is too large for a vector");

    private static string Text(IEnumerable<long> sizes) =>
        $"[{string.Join(", ", sizes.Select(size => size == OnnxIntegers.Batch ? "batch" : $"{size}"))}]";
}
