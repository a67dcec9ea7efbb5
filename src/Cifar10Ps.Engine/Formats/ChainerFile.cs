using System.Text.Json;

namespace Cifar10Ps;

/// <summary>
/// A model of the original Chainer program: what <c>chainer.serializers.save_npz</c> makes of its <c>ResNet20</c>.
/// </summary>
/// <remarks>
/// All of its nine blocks own a 1 × 1 convolution <c>conv3</c> with batch norm <c>bn3</c>, but only the two that change the
/// size use them. Those of the other seven are left out when a model is read, and written as those of a network that never
/// learned, since the original refuses a file without them.
/// </remarks>
internal static class ChainerFile
{
    private const double BatchNormEpsilon = 2e-5;

    // A model by itself, wrapped in Chainer's Classifier, or within a snapshot.
    private static readonly string[] Prefixes = ["", "predictor/", "updater/model:main/predictor/"];

    /// <summary>Parses a model, or the model within a snapshot.</summary>
    /// <exception cref="InvalidDataException">It holds no model of the original program.</exception>
    public static TensorFile Parse(byte[] content) => Parse(Npz.Parse(content));

    /// <summary>Takes the model out of arrays.</summary>
    internal static TensorFile Parse(Dictionary<string, Npy> arrays)
    {
        string prefix = Prefixes.FirstOrDefault(p => arrays.ContainsKey(p + "fc7/W"))
            ?? throw new InvalidDataException($"it has no classifier 'fc7/W', as models of the original Chainer program have, but {NetworkSearch.List([.. arrays.Keys])}");
        if (arrays[prefix + "fc7/W"].Shape is not [int classes, _])
            throw new InvalidDataException("its classifier 'fc7/W' has no row for each class");

        ResNetArchitecture architecture = new(20, Shortcut.ProjectionOnly, classes, BatchNormEpsilon);
        TensorFile file = new();
        file.Metadata[ModelFile.ArchitectureKey] = JsonSerializer.Serialize(architecture, Json.Options);
        file.Metadata[ModelFile.PreprocessingKey] = JsonSerializer.Serialize(Preprocessing.None, Json.Options);
        HashSet<string> known = [.. UnusedArrays().Select(array => prefix + array.Name)];
        file.Skipped.AddRange(known.Where(arrays.ContainsKey));
        // Of a snapshot: the state of the run.
        file.Skipped.AddRange(arrays.Keys.Where(name => !name.StartsWith(prefix, StringComparison.Ordinal)));
        foreach (TensorShape tensor in architecture.Tensors())
        {
            string name = prefix + NameOf(tensor.Name);
            file.Tensors[tensor.Name] = TakeTensor(arrays, name, tensor.Shape);
            known.Add(name);
        }

        // A network with more in it would give other answers than this one. The counters 'N' of batch norm are of no use to anyone.
        string? stranger = arrays.Keys.FirstOrDefault(name => name.StartsWith(prefix, StringComparison.Ordinal) && !known.Contains(name) && !name.EndsWith("/N", StringComparison.Ordinal));
        if (stranger is not null)
            throw new InvalidDataException($"the original's ResNet-20 has no array '{stranger}'");
        return file;
    }

    /// <summary>Writes a model such that the original program opens it. Class names have no place in it.</summary>
    /// <exception cref="EngineException"><c>FormatCannotHold</c>, <c>NotARegularFile</c>, <c>FileNotWritable</c>.</exception>
    public static void Write(ModelSnapshot model, string path)
    {
        if (model.Architecture is not { Depth: 20, Shortcut: Shortcut.ProjectionOnly })
            throw CannotHold($"its network has no place for {model.Architecture.Shortcut} shortcuts. Make the model with New-ResNet20 -Shortcut ProjectionOnly");
        Preprocessing input = model.Preprocessing;
        if (!input.Mean.SequenceEqual(Preprocessing.None.Mean) || !input.StandardDeviation.SequenceEqual(Preprocessing.None.StandardDeviation) || (input.Width, input.Height) != (32, 32))
            throw CannotHold("the original feeds plain pixels of 32 x 32 pictures, and this one was trained on other input. Train the model with -Recipe Original");

        List<KeyValuePair<string, Npy>> arrays = [];
        foreach (TensorShape tensor in model.Architecture.Tensors())
        {
            float[] values = model.Weights[tensor.Name];
            string name = NameOf(tensor.Name);
            // The original's epsilon is fixed: what another one lacks goes to the variances that it is added to.
            if (name.EndsWith("/avg_var", StringComparison.Ordinal) && model.Architecture.BatchNormEpsilon != BatchNormEpsilon)
                values = [.. values.Select(variance => (float)(variance + model.Architecture.BatchNormEpsilon - BatchNormEpsilon))];
            arrays.Add(new(name, Npy.Of(tensor.Shape, values)));
            if (name.EndsWith("/gamma", StringComparison.Ordinal))
                arrays.Add(new(name[..^"gamma".Length] + "N", Npy.Of(0)));
        }

        foreach (TensorShape array in UnusedArrays())
        {
            float[] values = new float[array.Length];
            if (array.Name.EndsWith("/gamma", StringComparison.Ordinal) || array.Name.EndsWith("/avg_var", StringComparison.Ordinal))
                values.AsSpan().Fill(1);
            arrays.Add(new(array.Name, array.Name.EndsWith("/N", StringComparison.Ordinal) ? Npy.Of(0) : Npy.Of(array.Shape, values)));
        }

        Npz.Write(arrays, path);

        EngineException CannotHold(string why) => new("FormatCannotHold", ErrorKind.InvalidArgument,
            $"A file of the original Chainer program cannot hold this model: {why}, or save it as safetensors.");
    }

    /// <summary>The original's name for a tensor: <c>res3/0/conv1/W</c> for <c>layer1.0.conv1.weight</c>.</summary>
    internal static string NameOf(string tensor)
    {
        int dot = tensor.LastIndexOf('.');
        string link = tensor[..dot] switch
        {
            "bn1" => "bn2",
            "fc" => "fc7",
            string part => part.Replace("layer1.", "res3/").Replace("layer2.", "res4/").Replace("layer3.", "res5/")
                .Replace("downsample.0", "conv3").Replace("downsample.1", "bn3").Replace('.', '/'),
        };
        bool isNorm = link.Contains("bn", StringComparison.Ordinal);
        return $"{link}/" + tensor[(dot + 1)..] switch
        {
            "running_mean" => "avg_mean",
            "running_var" => "avg_var",
            "weight" => isNorm ? "gamma" : "W",
            _ => isNorm ? "beta" : "b",
        };
    }

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
            throw new InvalidDataException($"the array '{name}' is not what it should be: {e.Message}", e);
        }
    }

    /// <summary>What the original's blocks own and never use.</summary>
    private static IEnumerable<TensorShape> UnusedArrays()
    {
        foreach ((int stage, int block) in from stage in Enumerable.Range(1, 3) from block in Enumerable.Range(0, 3) select (stage, block))
        {
            if (ResNetArchitecture.IsDownsampling(stage, block))
                continue;
            string prefix = $"res{stage + 2}/{block}/";
            int channels = ResNetArchitecture.Channels(stage);
            yield return new(prefix + "conv3/W", [channels, channels, 1, 1]);
            foreach (string part in (string[])["gamma", "beta", "avg_mean", "avg_var"])
                yield return new($"{prefix}bn3/{part}", [channels]);
            yield return new(prefix + "bn3/N", []);
        }
    }
}
