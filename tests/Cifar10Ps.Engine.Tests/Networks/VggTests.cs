using Cifar10Ps.Formats;
using Cifar10Ps.Networks;
using Cifar10Ps.Networks.Families;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public sealed class VggTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    /// <summary>The parameter counts of torchvision's vgg11, vgg16 and vgg19.</summary>
    [Theory]
    [InlineData(11, 132_863_336)]
    [InlineData(16, 138_357_544)]
    [InlineData(19, 143_667_240)]
    public void Networks_for_large_images_have_the_published_number_of_parameters(int depth, int count) =>
        Assert.Equal(count, Vgg.Create(depth, hasNorms: false, imageSize: 224, classes: 1000).ParameterCount);

    [Fact]
    public void Tensors_have_the_names_that_torchvision_gives_them()
    {
        string[] plain = [.. Vgg.Create(11, hasNorms: false, imageSize: 32, classes: 10).Tensors.Select(tensor => tensor.Name)];
        string[] normed = [.. Vgg.Create(11, hasNorms: true, imageSize: 32, classes: 10).Tensors.Select(tensor => tensor.Name)];

        Assert.Superset(new HashSet<string> { "features.0.weight", "features.0.bias", "features.3.weight",
            "features.18.weight", "classifier.0.weight", "classifier.3.bias", "classifier.6.weight" }, plain.ToHashSet());
        Assert.Superset(new HashSet<string> { "features.1.running_mean", "features.25.weight", "features.26.running_var" },
            normed.ToHashSet());
        Assert.DoesNotContain("features.0.bias", normed);
    }

    [Theory]
    [InlineData(8, 32, "InvalidDepth")]
    [InlineData(11, 31, "InvalidNetwork")]
    [InlineData(11, 448, "InvalidNetwork")]
    [InlineData(19, 447, "InvalidNetwork", 10_000)]
    public void What_is_no_VGG_is_refused(int depth, int imageSize, string errorId, int classes = 2) =>
        AssertError(errorId, () => Vgg.Create(depth, hasNorms: true, imageSize, classes));

    [Theory]
    [InlineData(11)]
    [InlineData(19)]
    public void The_largest_size_is_possible(int depth) =>
        Assert.True(Vgg.Create(depth, hasNorms: true, imageSize: 447, classes: 10).ParameterCount < Network.MaximumParameters);

    [Theory]
    [InlineData(true, 32)]
    [InlineData(false, 32)]
    [InlineData(true, 96)]
    public void A_state_dict_of_it_is_recognised_and_a_bias_before_a_norm_changes_nothing(bool hasNorms, int imageSize)
    {
        Network network = Vgg.Create(11, hasNorms, imageSize, classes: 3);
        ImageClassifier model = ImageClassifier.Create(network, ["a", "b", "c"], seed: 1, imageSize);
        TensorFile file = new() { Metadata = { ["preprocess"] = "input = (rgb/255 - [.485,.456,.406]) / [.229,.224,.225]" } };
        foreach (LayerTensor tensor in network.Tensors)
            file.Tensors[tensor.Name] = (tensor.Shape, model.Weights[tensor.Name]);
        if (hasNorms)
            file.Tensors["features.0.bias"] = ([64], [.. Enumerable.Repeat(0.25f, 64)]);
        Safetensors.Write(file, _folder["vgg"]);

        ImageClassifier loaded = ModelFile.Load(_folder["vgg"]);

        AssertSame(network, loaded.Network);
        Assert.Equal((imageSize, imageSize), (loaded.Preprocessing.Width, loaded.Preprocessing.Height));
        Assert.Equal(model.Weights["classifier.0.weight"], loaded.Weights["classifier.0.weight"]);
        if (hasNorms)
            Assert.Equal(-0.25f, loaded.Weights["features.1.running_mean"][0]);
    }

    public void Dispose() => _folder.Dispose();
}
