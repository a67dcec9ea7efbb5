using System.Globalization;
using System.Numerics;
using System.Text.Json;
using System.Text.RegularExpressions;
using Cifar10Ps.Formats;
using Cifar10Ps.Models;
using Cifar10Ps.Networks.Families;
using Cifar10Ps.Networks;
using Cifar10Ps.Runtime;

namespace Cifar10Ps;

/// <summary>
/// A classifier as a file: PyTorch's names for the tensors; shape of the network, class names and preprocessing as JSON
/// in the metadata. The module's own format is safetensors.
/// </summary>
public static partial class ModelFile
{
    internal const string NetworkKey = "network", OptionsKey = "architecture", PreprocessingKey = "preprocessing",
        EpochsKey = "trained_epochs", StepsKey = "trained_steps", TemperatureKey = "softmax_temperature";

    /// <summary>What the names of an optimizer's moments start with.</summary>
    internal const string MomentPrefix = "optimizer.";

    private const string ClassesKey = "classes", SeedKey = "seed";

    // At most this many skipped tensors are listed by name: all that the original Chainer program's model never uses.
    private const int NamedSkips = 42;

    /// <summary>Writes a classifier.</summary>
    /// <exception cref="EngineException"><c>WeightsNotFinite</c>, <c>NotARegularFile</c>, <c>FileNotWritable</c>.</exception>
    public static void Save(ImageClassifier model, string path)
    {
        TensorFile file = new();
        Put(model.Snapshot, file);
        RequireFinite(file);
        Safetensors.Write(file, path);
    }

    /// <summary>Writes a classifier in a format that other programs read.</summary>
    /// <param name="model">The classifier.</param>
    /// <param name="path">The file.</param>
    /// <param name="format">The format.</param>
    /// <param name="includePreprocessing">Whether an ONNX graph begins with the preprocessing and ends with softmax.</param>
    /// <exception cref="EngineException"><c>FormatCannotHold</c>, <c>WeightsNotFinite</c>,
    /// <c>NotARegularFile</c>, <c>FileNotWritable</c>.</exception>
    public static void Export(ImageClassifier model, string path, ModelFormat format, bool includePreprocessing = false)
    {
        FormatEntry entry = FormatEntry.Of(format);
        if (includePreprocessing && !entry.HoldsPreprocessing)
            throw new EngineException("FormatCannotHold", ErrorKind.InvalidArgument,
                $"A {format} file holds weights, but not preprocessing operations. An ONNX graph holds both.");
        ModelSnapshot snapshot = model.Snapshot;
        TensorFile file = new();
        Put(snapshot, file);
        RequireFinite(file);
        entry.Write(snapshot, file, path, includePreprocessing);
    }

    /// <summary>
    /// Reads a classifier that this module wrote, or one from elsewhere: an ONNX graph, a ResNet in a safetensors file or in a state dict
    /// of PyTorch, or a model or snapshot of the original Chainer program.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="options">What is known of the model; null: what the file says.</param>
    /// <exception cref="EngineException">
    /// <c>FileNotFound</c>, <c>NotARegularFile</c>, <c>ModelFileUnreadable</c>, <c>UnknownModelFormat</c>, <c>FileDamaged</c>,
    /// <c>InvalidSafetensors</c>, <c>InvalidTorchFile</c>, <c>InvalidNpz</c>, <c>InvalidOnnx</c>, <c>InvalidModel</c>,
    /// <c>InvalidClasses</c>, <c>SeveralNetworks</c>, <c>NetworkNotFound</c>, <c>PreprocessingUnknown</c>, <c>InvalidPreprocessing</c>.
    /// </exception>
    public static ImageClassifier Load(string path, ImportOptions? options = null)
    {
        try
        {
            (ModelFormat format, TensorFile file) = ModelFormats.Read(path, options?.Key);
            ImageClassifier model = Take(file, options);
            options?.Tell?.Invoke($"'{path}' ({format}) holds a model for {model.Classes.Length} classes: {model.Network}. "
                + $"{(file.Note is null ? "" : file.Note + " ")}{Skipped(file)}");
            foreach (string layer in DeadLayers(model))
                options?.Warn?.Invoke($"'{path}': all weights of '{layer}' are zero, so nothing passes through it. "
                    + "The file may be damaged or cut down: measure the model before you rely on it.");
            return model;
        }
        catch (Exception e) when (e is InvalidDataException or JsonException or NotSupportedException)
        {
            throw new EngineException("InvalidModel", ErrorKind.InvalidData,
                $"'{path}' contains no usable model: {e.Message.TrimEnd('.')}.", e);
        }
        catch (EngineException e) when (e.ErrorId is "PreprocessingUnknown" or "SeveralNetworks" or "NetworkNotFound" or "InvalidModel")
        {
            throw new EngineException(e.ErrorId, e.Kind, $"'{path}' {e.Message}", e);
        }
        catch (EngineException e) when (e.ErrorId is "InvalidPreprocessing" or "InvalidClasses")
        {
            throw new EngineException(e.ErrorId, e.Kind, $"'{path}': {e.Message}", e);
        }
    }

    /// <summary>Adds a classifier's tensors and metadata to a file.</summary>
    internal static void Put(ModelSnapshot model, TensorFile file)
    {
        file.Metadata["format"] = "pt";
        foreach ((string key, string value) in Describe(model))
            file.Metadata[key] = value;
        foreach (LayerTensor tensor in model.Network.Tensors)
            file.Tensors[tensor.Name] = (tensor.Shape, model.Weights[tensor.Name]);
    }

    private static void RequireFinite(TensorFile file)
    {
        if (file.Tensors.FirstOrDefault(tensor => !tensor.Value.Values.All(float.IsFinite)).Key is { } name)
            throw new EngineException("WeightsNotFinite", ErrorKind.InvalidArgument,
                $"The model's weights '{name}' are not all finite, so it cannot give an answer: its training diverged. "
                + "Use the model from before, and continue training with a lower learning rate.");
    }

    /// <summary>What is needed to use a classifier besides its weights, as metadata.</summary>
    internal static IEnumerable<(string Key, string Value)> Describe(ModelSnapshot model) =>
    [
        (NetworkKey, NetworkJson.ToJson(model.Network)),
        (ClassesKey, JsonSerializer.Serialize(model.Classes, Json.Options)),
        (PreprocessingKey, JsonSerializer.Serialize(model.Preprocessing, Json.Options)),
        (EpochsKey, model.TrainedEpochs.ToString(CultureInfo.InvariantCulture)),
        (StepsKey, model.TrainedSteps.ToString(CultureInfo.InvariantCulture)),
        (SeedKey, model.Seed.ToString(CultureInfo.InvariantCulture)),
        .. model.Temperature == 1 ? [] : new[] { (TemperatureKey, model.Temperature.ToString(CultureInfo.InvariantCulture)) },
    ];

    /// <summary>Removes metadata keys that another program uses in another sense.</summary>
    /// <returns>Whether the file is one of this module.</returns>
    internal static bool RemoveForeign(Dictionary<string, string> metadata)
    {
        string? network = metadata.GetValueOrDefault(NetworkKey) ?? metadata.GetValueOrDefault(OptionsKey);
        if (network is not null && metadata.ContainsKey(PreprocessingKey) && (metadata.ContainsKey(EpochsKey) || network.StartsWith('{')))
            return true;
        metadata.Remove(NetworkKey);
        metadata.Remove(OptionsKey);
        if (metadata.TryGetValue(ClassesKey, out string? classes) && !Is<string[]>(classes))
            metadata.Remove(ClassesKey);
        if (metadata.TryGetValue(PreprocessingKey, out string? preprocessing) && !Is<Preprocessing>(preprocessing))
            metadata.Remove(PreprocessingKey);
        return false;

        static bool Is<T>(string json)
        {
            try
            {
                return Parse<T>(json) is not null;
            }
            catch (Exception e) when (e is JsonException or InvalidDataException or EngineException or NotSupportedException)
            {
                return false;
            }
        }
    }

    /// <summary>Builds the classifier that a file holds.</summary>
    /// <exception cref="InvalidDataException">It holds none.</exception>
    internal static ImageClassifier Take(TensorFile file, ImportOptions? options = null)
    {
        // A checkpoint's optimizer has tensors of its own; a network with more in it would give different answers.
        Dictionary<string, int[]> shapes = file.Tensors
            .Where(tensor => !tensor.Key.StartsWith(MomentPrefix, StringComparison.Ordinal) && !TensorNames.IsCounter(tensor.Key))
            .ToDictionary(tensor => tensor.Key, tensor => tensor.Value.Shape, StringComparer.Ordinal);
        Network? described = NetworkOf(file);
        NetworkTensors found = NetworkTensors.Of(shapes, described);
        Network network = found.Network;
        if (described is null && file.Metadata.TryGetValue("bn_eps", out string? text))
        {
            network = network.WithNormEpsilon(double.TryParse(text, CultureInfo.InvariantCulture, out double epsilon)
                && epsilon is > 0 and < 1
                ? epsilon : throw new InvalidDataException($"its batch norm has the epsilon '{text}'"));
        }

        if (network.ClassCount is < 2 or > Network.MaximumClassCount)
            throw new InvalidDataException(
                $"a classifier has 2 to {Network.MaximumClassCount} outputs, one for each class, but this has {network.ClassCount}");
        string[] classes = options?.Classes ?? (file.Metadata.TryGetValue(ClassesKey, out string? json) ? Parse<string[]>(json)
            : network.ClassCount == Cifar10Reader.Classes.Length ? Cifar10Reader.Classes
            : ImageClassifier.PlaceholderClasses(network.ClassCount));
        ImageClassifier.CheckClasses(classes);
        if (classes.Length != network.ClassCount)
            throw new InvalidDataException($"it has {network.ClassCount} classes, but {classes.Length} names are given");
        Preprocessing preprocessing = PreprocessingOf(file, found.ImageSize, options);
        network.Shapes(preprocessing.Height, preprocessing.Width);
        return new ImageClassifier(new ModelSnapshot(network, classes, preprocessing, WeightsOf(file, found))
        {
            // A file that does not say is from another program: its weights count as trained.
            TrainedEpochs = Count<int>(EpochsKey, 1),
            TrainedSteps = Count<long>(StepsKey, 0),
            Seed = Count<int>(SeedKey, 0),
            Temperature = TemperatureOf(file),
        });

        T Count<T>(string key, T otherwise)
            where T : INumber<T> =>
            file.Metadata.TryGetValue(key, out string? text)
            && T.TryParse(text, CultureInfo.InvariantCulture, out T? count) && count >= T.Zero ? count : otherwise;
    }

    /// <summary>The network that a file of this module describes; null: it does not.</summary>
    private static Network? NetworkOf(TensorFile file) =>
        file.Metadata.TryGetValue(NetworkKey, out string? json) ? NetworkJson.Parse(json)
        : file.Metadata.TryGetValue(OptionsKey, out json) ? NetworkFamily.FromOptions(json) : null;

    /// <summary>What a file of this module says that logits are divided by; 1 if it does not.</summary>
    private static double TemperatureOf(TensorFile file) => !file.Metadata.TryGetValue(TemperatureKey, out string? text) ? 1
        : double.TryParse(text, CultureInfo.InvariantCulture, out double value) && ModelSnapshot.IsTemperature(value) ? value
        : throw new InvalidDataException($"its temperature is '{DisplayText.Name(text)}'; it has to be from "
            + string.Create(CultureInfo.InvariantCulture, $"{ModelSnapshot.MinimumTemperature} to {ModelSnapshot.MaximumTemperature}"));

    private static StateDict WeightsOf(TensorFile file, NetworkTensors network)
    {
        StateDict weights = new();
        foreach (LayerTensor tensor in network.Network.Tensors)
            weights[tensor.Name] = Finite(network.Names[tensor.Name], tensor.Role == TensorRole.NormVariance);
        // A norm subtracts the mean of its input, and with it a constant that a convolution adds.
        foreach ((Layer norm, string bias) in network.Biases)
        {
            string mean = norm.Tensor(TensorRole.NormMean)!.Name;
            weights[mean] = [.. weights[mean].Zip(Finite(bias, isVariance: false), (m, b) => m - b)];
        }

        return weights;

        float[] Finite(string name, bool isVariance)
        {
            float[] values = file.Tensors[name].Values;
            int wrong = Array.FindIndex(values, value => !float.IsFinite(value) || (isVariance && value < 0));
            return wrong < 0 ? values : throw new InvalidDataException($"the tensor '{name}' has the value "
                + $"{values[wrong].ToString(CultureInfo.InvariantCulture)}, with which a network cannot give an answer: "
                + "the training that wrote it had diverged, or the file is damaged");
        }
    }

    /// <summary>The layers whose weights are all zero.</summary>
    private static IEnumerable<string> DeadLayers(ImageClassifier model)
    {
        StateDict weights = model.Weights;
        return model.Network.Tensors.Where(tensor => tensor.IsWeight && !weights[tensor.Name].AsSpan().ContainsAnyExcept(0f))
            .Select(tensor => tensor.Name[..^".weight".Length]);
    }

    /// <summary>How pictures become input: from the options, and otherwise from the file.</summary>
    private static Preprocessing PreprocessingOf(TensorFile file, int? imageSize, ImportOptions? options)
    {
        (double[]? mean, double[]? deviation) = (options?.Mean, options?.StandardDeviation);
        if (file.Metadata.TryGetValue(PreprocessingKey, out string? json))
        {
            Preprocessing own = Parse<Preprocessing>(json);
            return new Preprocessing(mean ?? own.Mean, deviation ?? own.StandardDeviation, own.Width, own.Height);
        }

        // The formula that converted files carry: input = (rgb/255 - [.485,.456,.406]) / [.229,.224,.225].
        Match formula = Formula().Match(file.Metadata.GetValueOrDefault("preprocess", ""));
        if (!formula.Success && (mean is null || deviation is null))
            throw new EngineException("PreprocessingUnknown", ErrorKind.InvalidData,
                "does not say how pictures become its input: the mean and standard deviation of the pixels that it was trained with.");
        Extent size = file.ImageSize ?? (imageSize is int side ? new Extent(side, side)
            : new Extent(Preprocessing.None.Height, Preprocessing.None.Width));
        return new Preprocessing(mean ?? Numbers("mean"), deviation ?? Numbers("deviation"), size.Width, size.Height);

        double[] Numbers(string part) =>
            [.. formula.Groups[part].Value.Split(',')
                .Select(n => double.TryParse(n, CultureInfo.InvariantCulture, out double v) ? v : double.NaN)];
    }

    private static T Parse<T>(string json) =>
        JsonSerializer.Deserialize<T>(json, Json.Options) ?? throw new InvalidDataException("its metadata are empty");

    private static string Skipped(TensorFile file)
    {
        // Counters of batch norm say nothing about the model, and there are many.
        string[] names = [.. file.Skipped.Where(name => !TensorNames.IsCounter(name)).Select(DisplayText.Name)];
        return names.Length switch
        {
            0 => "Everything was read.",
            <= NamedSkips => $"Left out: {string.Join(", ", names)}.",
            int count => $"Left out: {string.Join(", ", names.Take(NamedSkips))} and {count - NamedSkips:N0} more.",
        };
    }

    [GeneratedRegex(@"\(rgb/255 - \[(?<mean>[^\]]*)\]\) / \[(?<deviation>[^\]]*)\]")]
    private static partial Regex Formula();
}
