using System.Text.Json;
using Cifar10Ps.Runtime;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public class ClassWeightsTests
{
    [Fact]
    public void Weights_are_equal_if_they_say_the_same()
    {
        ClassWeights some = new([new("cat", 2), new("dog", 3)]);

        Assert.Equal(some, new ClassWeights([new("dog", 3), new("cat", 2)]));
        Assert.Equal(some.GetHashCode(), new ClassWeights([new("dog", 3), new("cat", 2)]).GetHashCode());
        Assert.NotEqual(some, new ClassWeights([new("cat", 2)]));
        Assert.NotEqual(some, new ClassWeights([new("cat", 3), new("dog", 2)]));
        Assert.NotEqual(some, ClassWeights.Balanced);
        Assert.NotEqual(ClassWeights.Balanced, new ClassWeights([]));
        Assert.Equal(("Balanced", "cat 2; dog 3"), ($"{ClassWeights.Balanced}", $"{some}"));
    }

    [Fact]
    public void In_a_checkpoint_they_are_readable_and_in_older_ones_all_classes_count_the_same()
    {
        TrainingOptions options = TinyOptions();
        string plain = Written(options);

        Assert.Contains("\"classWeights\":null", plain, StringComparison.Ordinal);
        Assert.Contains("\"sampling\":\"EachImage\"", plain, StringComparison.Ordinal);
        Assert.Equal(options, Read(plain.Replace("\"classWeights\":null,", "", StringComparison.Ordinal)
            .Replace("\"sampling\":\"EachImage\",", "", StringComparison.Ordinal)));
        Assert.Contains("\"classWeights\":\"Balanced\"", Written(options with { ClassWeights = ClassWeights.Balanced }),
            StringComparison.Ordinal);
        foreach (ClassWeights weights in new[] { ClassWeights.Balanced, new([new("cat", 2), new("Größe", 0.1)]) })
            Assert.Equal(options with { ClassWeights = weights }, Read(Written(options with { ClassWeights = weights })));

        static string Written(TrainingOptions options) => JsonSerializer.Serialize(options, Json.Options);
        static TrainingOptions? Read(string json) => JsonSerializer.Deserialize<TrainingOptions>(json, Json.Options);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(1e7)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void A_weight_is_a_number_above_zero(double weight) =>
        Assert.Contains("'cat'", AssertError("InvalidClassWeights", () => _ = new ClassWeights([new("cat", weight)])).Message,
            StringComparison.Ordinal);

    [Fact]
    public void A_class_that_the_data_do_not_have_is_an_error_that_lists_those_they_have()
    {
        TrainingOptions options = TinyOptions() with { ClassWeights = new([new("disk", 2)]) };

        string training = AssertError("InvalidClassWeights", () => Trainer.Start(NewModel(), TinyData, options)).Message;
        string finding = AssertError("InvalidClassWeights", () => LearningRateFinder.Run(NewModel(), TinyData, options)).Message;

        Assert.All(new[] { training, finding }, message => Assert.Contains("'disk' to give a weight to. The classes are 'disc', 'ring'",
            message, StringComparison.Ordinal));
    }

    [Fact]
    public void Balanced_weights_and_balanced_draws_are_not_combined() =>
        Assert.Contains("Sampling cannot be Balanced", AssertError("OptionOutOfRange", () => Trainer.Start(NewModel(), TinyData,
            TinyOptions() with { ClassWeights = ClassWeights.Balanced, Sampling = Sampling.Balanced })).Message, StringComparison.Ordinal);
}
