using System.Text.Json;

namespace Cifar10Ps.Tests;

/// <summary>The real data set and published weights against independent figures.</summary>
public class ReferenceTests
{
    [Fact]
    public void CIFAR10_has_sixty_thousand_images_that_begin_with_a_frog_and_a_cat()
    {
        ImageDataset data = Cifar10Reader.Read(RealData.Folder);

        Assert.Equal((50_000, 10_000), (data.Train.Count, data.Test.Count));
        Assert.Equal((6, "frog"), (data.Train[0].Label, data.Train[0].LabelName));
        Assert.Equal((3, "cat"), (data.Test[0].Label, data.Test[0].LabelName));
        Assert.All(data.Train.CountBy(image => image.Label), pair => Assert.Equal(5_000, pair.Value));
        Assert.All(data.Test.CountBy(image => image.Label), pair => Assert.Equal(1_000, pair.Value));
    }

    [Fact]
    public void CIFAR10_has_the_published_mean_and_deviation()
    {
        Preprocessing measured = Preprocessing.Measure(Cifar10Reader.Read(RealData.Folder).Train);

        Assert.All(measured.Mean.Zip([0.4914, 0.4822, 0.4465]), pair => Assert.Equal(pair.Second, pair.First, 1e-4));
        Assert.All(measured.StandardDeviation.Zip([0.2470, 0.2435, 0.2616]), pair => Assert.Equal(pair.Second, pair.First, 1e-4));
    }

    [Fact]
    public void Published_weights_give_the_logits_of_an_independent_implementation()
    {
        using JsonDocument all = JsonDocument.Parse(File.ReadAllText(RealData.Weights("reference-logits.json")));
        JsonElement reference = all.RootElement.GetProperty("resnet20-projection");
        float[][] expected = reference.GetProperty("logits").Deserialize<float[][]>()!;
        ImageSplit test = Cifar10Reader.Read(RealData.Folder, trainCount: 1, testCount: 16).Test;
        Assert.Equal(reference.GetProperty("labels").Deserialize<int[]>()!, test.Select(image => image.Label));
        using Predictor predictor = new(ModelFile.Load(RealData.Weights("resnet20-projection.safetensors")), precision: Precision.Float32);

        float[][] logits = predictor.Logits(test);

        Assert.All(expected.Zip(logits), image =>
            Assert.All(image.First.Zip(image.Second), logit => Assert.Equal(logit.First, logit.Second, 1e-3f)));
    }

    [Fact]
    public void Published_weights_reach_their_published_accuracy()
    {
        ImageClassifier model = ModelFile.Load(RealData.Weights("resnet20-projection.safetensors"));
        using Predictor predictor = new(model, precision: Precision.Float32);

        Evaluation evaluation =
            Evaluation.Run(predictor, Cifar10Reader.Read(RealData.Folder, trainCount: 1).Test, null, TestContext.Current.CancellationToken);

        Assert.Equal((10_000, 0.9001), (evaluation.Count, evaluation.Accuracy));
        Assert.InRange(evaluation.Top5Accuracy!.Value, 0.99, 1);
        Assert.All(evaluation.Classes, c => Assert.Equal(1_000, c.Count));
    }
}
