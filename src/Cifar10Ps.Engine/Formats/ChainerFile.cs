using System.Text.Json;
using Cifar10Ps.Models;
using Cifar10Ps.Networks.Families;
using Cifar10Ps.Networks;
using Cifar10Ps.Runtime;

namespace Cifar10Ps.Formats;

/// <summary>
/// A model of the original Chainer program: what <c>chainer.serializers.save_npz</c> makes of its <c>ResNet20</c>.
/// </summary>
/// <remarks>
/// Each of its nine blocks has a 1 × 1 convolution <c>conv3</c> with batch norm <c>bn3</c>, but only the two that change the size use them.
/// The other seven are ignored when a model is read, and written with initial values, because the original refuses a file without them.
/// </remarks>
internal static class ChainerFile
{
    // A model by itself, wrapped in Chainer's Classifier, or within a snapshot.
    private static readonly string[] Prefixes = ["", "predictor/", "updater/model:main/predictor/"];

    /// <summary>Parses a model, or the model within a snapshot.</summary>
    /// <exception cref="InvalidDataException">It holds no model of the original program.</exception>
    public static TensorFile Parse(byte[] content) => Parse(Npz.Parse(content)).File;

    /// <summary>Takes the model out of arrays.</summary>
    internal static (TensorFile File, ChainerLayout Layout) Parse(Dictionary<string, Npy> arrays)
    {
        string prefix = Prefixes.FirstOrDefault(p => arrays.ContainsKey(p + "fc7/W"))
            ?? throw new InvalidDataException("it has no classifier 'fc7/W', as models of the original Chainer program have, "
                + $"but {DisplayText.List([.. arrays.Keys])}");
        if (arrays[prefix + "fc7/W"].Shape is not [int classes and > 0 and <= Network.MaximumClassCount, _])
            throw new InvalidDataException("its classifier 'fc7/W' does not have a row for each class");

        ChainerLayout layout = NetworkFamily.Chainer(classes);
        TensorFile file = new();
        file.Metadata[ModelFile.NetworkKey] = NetworkJson.ToJson(layout.Network);
        file.Metadata[ModelFile.PreprocessingKey] = JsonSerializer.Serialize(Preprocessing.None, Json.Options);
        HashSet<string> known = [.. layout.Unused.Keys.Select(name => prefix + name)];
        file.Skipped.AddRange(known.Where(arrays.ContainsKey));
        // Of a snapshot: the state of the run.
        file.Skipped.AddRange(arrays.Keys.Where(name => !name.StartsWith(prefix, StringComparison.Ordinal)));
        foreach (LayerTensor tensor in layout.Network.Tensors)
        {
            string name = prefix + layout.Names[tensor.Name];
            file.Tensors[tensor.Name] = TakeTensor(arrays, name, tensor.Shape);
            known.Add(name);
        }

        // A network with more arrays would give different answers. Batch norm's counters 'N' are unused.
        string? unexpected = arrays.Keys.FirstOrDefault(name => name.StartsWith(prefix, StringComparison.Ordinal)
            && !known.Contains(name) && !name.EndsWith("/N", StringComparison.Ordinal));
        return unexpected is null
            ? (file, layout) : throw new InvalidDataException($"the original's ResNet-20 has no array '{unexpected}'");
    }

    /// <summary>Writes a model so that the original program can open it. It cannot hold class names.</summary>
    /// <exception cref="EngineException"><c>FormatCannotHold</c>, <c>NotARegularFile</c>, <c>FileNotWritable</c>.</exception>
    public static void Write(ModelSnapshot model, string path)
    {
        ChainerLayout layout = NetworkFamily.Chainer(model.Network.ClassCount);
        if (!model.Network.HasSameLayers(layout.Network))
            throw CannotHold($"it is made for a {layout.Network}, but this is a {model.Network}");
        Preprocessing input = model.Preprocessing;
        if (!input.Mean.SequenceEqual(Preprocessing.None.Mean)
            || !input.StandardDeviation.SequenceEqual(Preprocessing.None.StandardDeviation) || (input.Width, input.Height) != (32, 32))
            throw CannotHold("the original takes plain pixels of 32 x 32 pictures, but this model was trained on other input");

        List<KeyValuePair<string, Npy>> arrays = [];
        foreach (Layer layer in model.Network.Layers)
        {
            Dictionary<TensorRole, float[]> layerValues = layer.Operation is BatchNorm norm
                ? WithEpsilon(layer, model.Weights, norm.Epsilon, EpsilonOf(layout, layer))
                : layer.Tensors.ToDictionary(tensor => tensor.Role, tensor => model.Weights[tensor.Name]);
            foreach (LayerTensor tensor in layer.Tensors)
            {
                string name = layout.Names[tensor.Name];
                arrays.Add(new(name, Npy.Of(tensor.Shape, layerValues[tensor.Role])));
                if (tensor.Role == TensorRole.NormScale)
                    arrays.Add(new(name[..^"gamma".Length] + "N", Npy.Of(0)));
            }
        }

        foreach ((string name, int[] shape) in layout.Unused)
        {
            float[] values = new float[shape.Aggregate(1, (product, size) => product * size)];
            if (name.EndsWith("/gamma", StringComparison.Ordinal) || name.EndsWith("/avg_var", StringComparison.Ordinal))
                values.AsSpan().Fill(1);
            arrays.Add(new(name, name.EndsWith("/N", StringComparison.Ordinal) ? Npy.Of(0) : Npy.Of(shape, values)));
        }

        Npz.Write(arrays, path);

        EngineException CannotHold(string why) => new("FormatCannotHold", ErrorKind.InvalidArgument,
            $"A file of the original Chainer program cannot hold this model: {why}.");
    }

    /// <summary>The values of a norm for another epsilon, with which it gives the same answers.</summary>
    private static Dictionary<TensorRole, float[]> WithEpsilon(Layer norm, StateDict weights, double own, double wanted)
    {
        Dictionary<TensorRole, float[]> values = norm.Tensors.ToDictionary(tensor => tensor.Role, tensor => weights[tensor.Name]);
        if (own == wanted)
            return values;
        (float[] variances, float[] scales) = (values[TensorRole.NormVariance], [.. values[TensorRole.NormScale]]);
        float[] changed = new float[variances.Length];
        for (int i = 0; i < changed.Length; i++)
        {
            changed[i] = (float)(variances[i] + own - wanted);
            if (changed[i] >= 0)
                continue;
            // There is no such variance: the scale makes up for the rest.
            changed[i] = 0;
            scales[i] *= (float)Math.Sqrt(wanted / (variances[i] + own));
        }

        (values[TensorRole.NormVariance], values[TensorRole.NormScale]) = (changed, scales);
        return values;
    }

    private static double EpsilonOf(ChainerLayout layout, Layer layer) =>
        ((BatchNorm)layout.Network.Layers.First(other => other.Name == layer.Name).Operation).Epsilon;

    /// <summary>An array's shape and values.</summary>
    /// <param name="arrays">The arrays.</param>
    /// <param name="name">Its name.</param>
    /// <param name="shape">The shape that it must have.</param>
    /// <exception cref="InvalidDataException">It is missing or holds something else.</exception>
    internal static (int[] Shape, float[] Values) TakeTensor(Dictionary<string, Npy> arrays, string name, int[] shape) =>
        Take(arrays, name, array => array.Shape.SequenceEqual(shape) ? (shape, array.ToSingles())
            : throw new InvalidDataException($"it is [{string.Join(", ", array.Shape)}], not [{string.Join(", ", shape)}]"));

    /// <summary>What an array holds.</summary>
    /// <exception cref="InvalidDataException">It is missing or holds something else.</exception>
    internal static T Take<T>(Dictionary<string, Npy> arrays, string name, Func<Npy, T> read)
    {
        if (!arrays.TryGetValue(name, out Npy? array))
            throw new InvalidDataException($"the array '{name}' is missing");
        try
        {
            return read(array);
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"the array '{name}' is not as expected: {e.Message}", e);
        }
    }
}
