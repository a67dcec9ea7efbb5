using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Cifar10Ps.Models;

namespace Cifar10Ps;

/// <summary>How much the images of each class count in the loss, in relation to each other. Equal if they say the same.</summary>
[JsonConverter(typeof(JsonForm))]
public sealed class ClassWeights : IEquatable<ClassWeights>
{
    /// <summary>Largest weight of a class.</summary>
    public const double Maximum = 1e6;

    private const string BalancedName = nameof(Balanced);
    private const int ListedNames = 10;

    private readonly SortedDictionary<string, double>? _byName;

    private ClassWeights()
    {
    }

    /// <summary>Weights of some classes; all others have 1.</summary>
    /// <param name="byName">Weights by the name of the class; above 0, at most <see cref="Maximum"/>.</param>
    /// <exception cref="EngineException"><c>InvalidClassWeights</c>.</exception>
    public ClassWeights(IEnumerable<KeyValuePair<string, double>> byName)
    {
        _byName = new(StringComparer.Ordinal);
        foreach ((string name, double weight) in byName)
        {
            if (!(weight > 0 && weight <= Maximum) || !_byName.TryAdd(name, weight))
                throw Invalid($"The class '{name}' cannot have the weight {weight.ToString(CultureInfo.InvariantCulture)}: "
                    + $"each class has one number above 0, at most {Maximum:N0}.");
        }
    }

    /// <summary>
    /// Every class counts the same, however many images it has: an image has the weight n / (k · m), where n is the number of images,
    /// k that of classes with images, and m that of images of its class.
    /// </summary>
    public static ClassWeights Balanced { get; } = new();

    /// <summary>The weights for a network: of their proportions those numbers whose mean over the images that an epoch trains on is 1,
    /// so that the learning rate keeps its meaning.</summary>
    /// <param name="classes">The classes, in the order of the outputs.</param>
    /// <param name="counts">How many images of each class an epoch trains on.</param>
    /// <exception cref="EngineException"><c>InvalidClassWeights</c>: a class of that name is not there.</exception>
    internal float[] For(string[] classes, double[] counts)
    {
        double[] weights = _byName is null ? [.. counts.Select(count => count == 0 ? 1 : 1 / count)]
            : [.. Enumerable.Repeat(1.0, classes.Length)];
        foreach ((string name, double weight) in _byName ?? [])
        {
            int index = ClassMatching.IndexOf(classes, name);
            if (index < 0)
                throw Invalid($"There is no class '{name}' to give a weight to. The classes are {DisplayText.List(classes, ListedNames)}.");
            weights[index] = weight;
        }

        double mean = weights.Zip(counts, (weight, count) => weight * count).Sum() / counts.Sum();
        return [.. weights.Select(weight => (float)(weight / mean))];
    }

    /// <inheritdoc/>
    public bool Equals(ClassWeights? other) => other is not null
        && (_byName is null ? other._byName is null : other._byName is not null && _byName.SequenceEqual(other._byName));

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as ClassWeights);

    /// <inheritdoc/>
    public override int GetHashCode() => (_byName ?? []).Aggregate(0, (hash, item) => HashCode.Combine(hash, item.Key, item.Value));

    /// <inheritdoc/>
    public override string ToString() => _byName is null ? BalancedName
        : string.Join("; ", _byName.Select(item => string.Create(CultureInfo.CurrentCulture, $"{item.Key} {item.Value}")));

    private static EngineException Invalid(string message) => new("InvalidClassWeights", ErrorKind.InvalidArgument, message);

    /// <summary>In JSON: the name of a rule, or an object with a number for each class.</summary>
    private sealed class JsonForm : JsonConverter<ClassWeights>
    {
        public override ClassWeights Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            try
            {
                return reader.TokenType != JsonTokenType.String
                    ? new ClassWeights(JsonSerializer.Deserialize<Dictionary<string, double>>(ref reader, options)!)
                    : reader.GetString() == BalancedName ? Balanced : throw new JsonException("These are no class weights.");
            }
            catch (EngineException e)
            {
                throw new JsonException(e.Message, e);
            }
        }

        public override void Write(Utf8JsonWriter writer, ClassWeights value, JsonSerializerOptions options)
        {
            if (value._byName is null)
                writer.WriteStringValue(BalancedName);
            else
                JsonSerializer.Serialize(writer, value._byName, options);
        }
    }
}
