using Cifar10Ps.Inference;
using Cifar10Ps.Models;
using Cifar10Ps.Networks;
using Cifar10Ps.Networks.Families;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public class ActivationMapTests
{
    [Theory]
    [InlineData("linear")]
    [InlineData("no bias")]
    [InlineData("dropout and flatten")]
    [InlineData("scores")]
    public void The_mean_of_a_map_is_the_logit_without_the_bias(string end)
    {
        ImageClassifier model = Model(network =>
        {
            int x = network.Add("relu", new ReLU(), network.Convolution("conv", NetworkBuilder.InputLayer, 16, 3, hasBias: true));
            x = network.Add("pool", new AveragePool(), end == "scores" ? network.Convolution("fc", x, 4, 1, hasBias: true) : x);
            if (end == "dropout and flatten")
                x = network.Add("dropout", new Dropout(0.5), network.Add("flatten", new Flatten(), x));
            if (end != "scores")
                network.Add("fc", new Linear(16, 4, HasBias: end != "no bias"), x);
        });
        LabeledImage[] images = [.. SyntheticImages.Create(130, 1).Train];
        using Predictor predictor = new(model, threads: 1, Precision.Float32);
        float[][] logits = predictor.Logits(images);

        ActivationMap[] maps = [.. ActivationMap.Of(predictor, [.. images.Select((image, i) => (image, i % 4))])];

        Assert.Equal(130, maps.Length);
        for (int i = 0; i < maps.Length; i++)
        {
            float bias = end is "scores" or "no bias" ? 0 : model.Weights["fc.bias"][i % 4];
            Assert.Equal((32, 32, 32 * 32), (maps[i].Height, maps[i].Width, maps[i].Values.Length));
            Assert.Equal(logits[i][i % 4] - bias, maps[i].Values.Average(), 1e-3f);
        }
    }

    [Fact]
    public void A_map_shows_where_in_the_image_the_class_is()
    {
        // The left half is red: class 0.
        byte[] pixels = [.. Enumerable.Range(0, 3 * 32 * 32).Select(i => (byte)(i < 1024 && i % 32 < 16 ? 255 : 0))];
        using Predictor predictor = new(ColourModel(), threads: 1, Precision.Float32);

        ActivationMap map = ActivationMap.Of(predictor, [(new LabeledImage(0, 0, "", 32, 32, pixels), 0)]).Single();

        Assert.Equal((8, 8), (map.Height, map.Width));
        Assert.All(map.Values.Chunk(8), row => Assert.True(row[..4].Min() > row[4..].Max()));
    }

    [Fact]
    public void A_network_with_another_end_cannot_be_explained()
    {
        ImageClassifier deep = Model(network => network.Add("fc2", new Linear(8, 4),
            network.Add("relu", new ReLU(), network.Add("fc1", new Linear(3, 8), network.Add("pool", new AveragePool(), 0))))),
            image = Model(network => network.Add("fc", new Linear(3, 4), network.Add("pool", new AveragePool(), 0))),
            vgg = ImageClassifier.Create(Vgg.Create(11, hasNorms: false, 32, 4), ImageClassifier.PlaceholderClasses(4), 1);

        Assert.All([deep, image, vgg], model =>
        {
            using Predictor predictor = new(model, threads: 1);
            AssertError("NoActivationMap", () => _ = ActivationMap.Of(predictor, [(Solid(0, 0, 1, 2, 3), 0)]).ToArray());
        });
    }

    private static ImageClassifier Model(Action<NetworkBuilder> layers)
    {
        NetworkBuilder builder = new();
        layers(builder);
        Network network = builder.Build("test");
        return new ImageClassifier(new ModelSnapshot(network, ImageClassifier.PlaceholderClasses(4), Preprocessing.None,
            TestNetwork.RandomValues(network, 1)));
    }
}
