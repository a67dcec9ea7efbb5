using System.Globalization;
using System.Numerics;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Cifar10Ps;

/// <summary>
/// A classifier as a file: PyTorch's names for the tensors; shape of the network, class names and preprocessing as JSON
/// in the metadata. The module's own format is safetensors.
/// </summary>
public static partial class ModelFile
{
    internal const string ArchitectureKey = "architecture", PreprocessingKey = "preprocessing", EpochsKey = "trained_epochs", StepsKey = "trained_steps";
    private const string ClassesKey = "classes", SeedKey = "seed";

    // All that a model of the original Chainer program has in vain, by name.
    private const int NamedSkips = 42;

    /// <summary>Writes a classifier.</summary>
    /// <exception cref="EngineException"><c>NotARegularFile</c>, <c>FileNotWritable</c>.</exception>
    public static void Save(ImageClassifier model, string path)
    {
        TensorFile file = new();
        Put(model.Snapshot, file);
        Safetensors.Write(file, path);
    }

    /// <summary>Writes a classifier in a format that other programs read.</summary>
    /// <param name="model">The classifier.</param>
    /// <param name="path">The file.</param>
    /// <param name="format">The format.</param>
    /// <param name="includePreprocessing">Whether an ONNX graph begins with the preprocessing and ends with softmax.</param>
    /// <exception cref="EngineException"><c>FormatCannotHold</c>, <c>NotARegularFile</c>, <c>FileNotWritable</c>.</exception>
    public static void Export(ImageClassifier model, string path, ModelFormat format, bool includePreprocessing = false)
    {
        if (includePreprocessing && format != ModelFormat.Onnx)
            throw new EngineException("FormatCannotHold", ErrorKind.InvalidArgument,
                $"A {format} file holds weights, not the operations of a preprocessing. Write an ONNX graph, or leave -IncludePreprocessing out.");
        ModelSnapshot snapshot = model.Snapshot;
        TensorFile file = new();
        Put(snapshot, file);
        switch (format)
        {
            case ModelFormat.PyTorch: TorchFile.Write(file, path); break;
            case ModelFormat.Chainer: ChainerFile.Write(snapshot, path); break;
            case ModelFormat.Onnx: OnnxFile.Write(snapshot, path, includePreprocessing); break;
            default: Safetensors.Write(file, path); break;
        }
    }

    /// <summary>
    /// Reads a classifier that this module wrote, or a ResNet from elsewhere: a safetensors file, a state dict of PyTorch, or a model
    /// or snapshot of the original Chainer program.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="preprocessing">For a file that does not tell how pictures become input; null: as the file says.</param>
    /// <param name="classes">For a file that does not name its classes; null: as the file says.</param>
    /// <param name="tell">Takes a sentence about what was found; null: nobody asks.</param>
    /// <exception cref="EngineException">
    /// <c>FileNotFound</c>, <c>NotARegularFile</c>, <c>ModelFileUnreadable</c>, <c>UnknownModelFormat</c>, <c>FileDamaged</c>, <c>InvalidSafetensors</c>,
    /// <c>InvalidTorchFile</c>, <c>InvalidNpz</c>, <c>InvalidModel</c>, <c>PreprocessingUnknown</c>.
    /// </exception>
    public static ImageClassifier Load(string path, Preprocessing? preprocessing = null, string[]? classes = null, Action<string>? tell = null)
    {
        try
        {
            (ModelFormat format, TensorFile file) = ModelFormats.Read(path);
            ImageClassifier model = Take(file, preprocessing, classes);
            tell?.Invoke($"'{path}' is a file of format {format} with a {model.Name}, shortcuts {model.Architecture.Shortcut}, for {model.Classes.Length} classes. {Skipped(file)}");
            return model;
        }
        catch (Exception e) when (e is InvalidDataException or JsonException or NotSupportedException)
        {
            throw new EngineException("InvalidModel", ErrorKind.InvalidData, $"'{path}' holds no model that can be used: {e.Message.TrimEnd('.')}.", e);
        }
        catch (EngineException e) when (e.ErrorId == "PreprocessingUnknown")
        {
            throw new EngineException(e.ErrorId, e.Kind, $"'{path}' {e.Message}", e);
        }
    }

    /// <summary>Adds a classifier's tensors and metadata to a file.</summary>
    internal static void Put(ModelSnapshot model, TensorFile file)
    {
        file.Metadata["format"] = "pt";
        foreach ((string key, string value) in Describe(model))
            file.Metadata[key] = value;
        foreach (TensorShape tensor in model.Architecture.Tensors())
            file.Tensors[tensor.Name] = (tensor.Shape, model.Weights[tensor.Name]);
    }

    /// <summary>What is needed to use a classifier beside its weights, as metadata.</summary>
    internal static IEnumerable<(string Key, string Value)> Describe(ModelSnapshot model) =>
    [
        (ArchitectureKey, JsonSerializer.Serialize(model.Architecture, Json.Options)),
        (ClassesKey, JsonSerializer.Serialize(model.Classes, Json.Options)),
        (PreprocessingKey, JsonSerializer.Serialize(model.Preprocessing, Json.Options)),
        (EpochsKey, model.TrainedEpochs.ToString(CultureInfo.InvariantCulture)),
        (StepsKey, model.TrainedSteps.ToString(CultureInfo.InvariantCulture)),
        (SeedKey, model.Seed.ToString(CultureInfo.InvariantCulture)),
    ];

    /// <summary>Builds the classifier that a file holds.</summary>
    /// <exception cref="InvalidDataException">It holds none.</exception>
    internal static ImageClassifier Take(TensorFile file, Preprocessing? preprocessing = null, string[]? classes = null)
    {
        ResNetArchitecture architecture = file.Metadata.TryGetValue(ArchitectureKey, out string? json)
            ? Parse<ResNetArchitecture>(json) : Recognise(file);
        if (!architecture.HasKnownDepth || architecture.ClassCount is < 2 or > ResNetArchitecture.MaximumClassCount
            || !Enum.IsDefined(architecture.Shortcut) || architecture.BatchNormEpsilon is not (> 0 and < 1))
            throw new InvalidDataException($"its architecture is none of a ResNet with 6n + 2 layers, {ResNetArchitecture.MaximumDepth} at most");

        StateDict weights = new();
        Dictionary<string, string> names = TensorNames.Of(file);
        foreach (TensorShape tensor in architecture.Tensors())
        {
            if (!names.Remove(tensor.Name, out string? name))
                throw new InvalidDataException($"the tensor '{tensor.Name}' is missing");
            (int[] shape, float[] values) = file.Tensors[name];
            if (!shape.SequenceEqual(tensor.Shape))
                throw new InvalidDataException($"the tensor '{name}' is [{string.Join(", ", shape)}], not [{string.Join(", ", tensor.Shape)}]");
            weights[tensor.Name] = values;
        }

        // A network with more in it would give other answers than this one.
        string? stranger = names.Values.FirstOrDefault(name => !name.StartsWith(Checkpoint.MomentPrefix, StringComparison.Ordinal));
        if (stranger is not null)
            throw new InvalidDataException($"a {architecture.Name} has no tensor '{stranger}'");

        classes ??= file.Metadata.TryGetValue(ClassesKey, out json) ? Parse<string[]>(json)
            : architecture.ClassCount == Cifar10Reader.Classes.Length ? Cifar10Reader.Classes
            : ImageClassifier.PlaceholderClasses(architecture.ClassCount);
        ImageClassifier.CheckClasses(classes);
        if (classes.Length != architecture.ClassCount)
            throw new InvalidDataException($"it tells {architecture.ClassCount} classes apart, but {classes.Length} names are given");
        preprocessing ??= file.Metadata.TryGetValue(PreprocessingKey, out json) ? Parse<Preprocessing>(json) : ForeignPreprocessing(file);
        return new ImageClassifier(new ModelSnapshot(architecture, classes, preprocessing, weights)
        {
            // A file that does not say is from elsewhere: its weights are worth keeping.
            TrainedEpochs = Count<int>(EpochsKey, 1),
            TrainedSteps = Count<long>(StepsKey, 0),
            Seed = Count<int>(SeedKey, 0),
        });

        T Count<T>(string key, T otherwise)
            where T : INumber<T> =>
            file.Metadata.TryGetValue(key, out string? text) && T.TryParse(text, CultureInfo.InvariantCulture, out T? count) && count >= T.Zero ? count : otherwise;
    }

    /// <summary>Reads off the tensors of a foreign file what network they belong to.</summary>
    private static ResNetArchitecture Recognise(TensorFile file)
    {
        Dictionary<string, string> names = TensorNames.Of(file);
        if (!names.TryGetValue("fc.weight", out string? classifier) || file.Tensors[classifier].Shape is not [int classes, _])
            throw new InvalidDataException("it has no classifier 'fc.weight' or 'linear.weight' with a row for each class");
        int blocks = Enumerable.Range(0, ResNetArchitecture.MaximumDepth).TakeWhile(block => names.ContainsKey($"layer1.{block}.conv1.weight")).Count();
        // Whether the other blocks add the identity cannot be seen.
        Shortcut shortcut = names.ContainsKey("layer2.0.downsample.0.weight") ? Shortcut.Projection : Shortcut.ZeroPad;
        double epsilon = file.Metadata.TryGetValue("bn_eps", out string? text) && double.TryParse(text, CultureInfo.InvariantCulture, out double value)
            ? value : ResNetArchitecture.DefaultBatchNormEpsilon;
        return new ResNetArchitecture(6 * blocks + 2, shortcut, classes, epsilon);
    }

    /// <summary>Understands the formula that converted files carry: <c>input = (rgb/255 - [.485,.456,.406]) / [.229,.224,.225]</c>.</summary>
    private static Preprocessing ForeignPreprocessing(TensorFile file)
    {
        Match formula = Formula().Match(file.Metadata.GetValueOrDefault("preprocess", ""));
        if (!formula.Success)
            throw new EngineException("PreprocessingUnknown", ErrorKind.InvalidData,
                "does not say how pictures become its input. Give -Mean and -StandardDeviation (of red, green and blue, for pixel values from 0 to 1) as it was trained with; 0,0,0 and 1,1,1 where it was trained on plain pixels.");
        return new Preprocessing(Numbers(formula.Groups["mean"].Value), Numbers(formula.Groups["deviation"].Value));

        static double[] Numbers(string list) =>
            [.. list.Split(',').Select(n => double.TryParse(n, CultureInfo.InvariantCulture, out double v) ? v : double.NaN)];
    }

    private static T Parse<T>(string json) =>
        JsonSerializer.Deserialize<T>(json, Json.Options) ?? throw new InvalidDataException("its metadata are empty");

    private static string Skipped(TensorFile file) => file.Skipped.Count switch
    {
        0 => "All of it was read.",
        <= NamedSkips => $"Left out: {string.Join(", ", file.Skipped.Select(Printable))}.",
        int count => $"Left out: {string.Join(", ", file.Skipped.Take(NamedSkips).Select(Printable))} and {count - NamedSkips:N0} more.",
    };

    /// <summary>A name from a file, safe to show on a terminal.</summary>
    private static string Printable(string name) => string.Concat(name.Take(100).Select(c => char.IsControl(c) ? '?' : c));

    [GeneratedRegex(@"\(rgb/255 - \[(?<mean>[^\]]*)\]\) / \[(?<deviation>[^\]]*)\]")]
    private static partial Regex Formula();
}
