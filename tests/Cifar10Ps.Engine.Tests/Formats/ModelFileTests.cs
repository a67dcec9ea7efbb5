using Cifar10Ps.Formats;
using Cifar10Ps.Networks.Families;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public sealed class ModelFileTests : IDisposable
{
    /// <summary>A network up to the inputs of its layer 'x'.</summary>
    private const string LayerX = """{"name":"n","description":"","layers":[{"name":"input","inputs":[],"operation":"""
        + """{"operation":"Input"}},{"name":"x","inputs":""";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(Shortcut.Projection)]
    [InlineData(Shortcut.ZeroPad)]
    [InlineData(Shortcut.ProjectionOnly)]
    public void A_loaded_model_is_the_saved_one(Shortcut shortcut)
    {
        ImageClassifier model = RandomModel(shortcut, classes: 3);
        model.Snapshot = model.Snapshot with
        {
            Network = model.Network.WithNormEpsilon(2e-5),
            Classes = ["Katze", "犬", "a \"quoted\" name"],
            Preprocessing = new Preprocessing([0.1, 1 / 3.0, 0.485], [0.2, 0.25, 1 / 7.0], width: 40, height: 24),
            TrainedEpochs = 12,
        };
        LabeledImage image = new(0, 0, "", 40, 24, FakeCifar10.Pixels(0, 0).AsMemory(0, 3 * 40 * 24));

        ModelFile.Save(model, _folder["model.safetensors"]);
        ImageClassifier loaded = ModelFile.Load(_folder["model.safetensors"]);

        AssertSame(model.Network, loaded.Network);
        Assert.Equal(model.Classes, loaded.Classes);
        Assert.Equal(model.Preprocessing.Mean, loaded.Preprocessing.Mean);
        Assert.Equal(model.Preprocessing.StandardDeviation, loaded.Preprocessing.StandardDeviation);
        Assert.Equal((40, 24, 12), (loaded.Preprocessing.Width, loaded.Preprocessing.Height, loaded.TrainedEpochs));
        using Predictor before = new(model, threads: 1), after = new(loaded, threads: 1);
        Assert.Equal(before.Logits([image]), after.Logits([image]));
    }

    [Fact]
    public void An_untrained_model_stays_one()
    {
        ImageClassifier model = NewResNet20(Cifar10Reader.Classes, Shortcut.Projection, seed: 9);

        ModelFile.Save(model, _folder["model"]);
        ImageClassifier loaded = ModelFile.Load(_folder["model"]);

        Assert.Equal((0, 9), (loaded.TrainedEpochs, loaded.Snapshot.Seed));
        Assert.Equal(Fingerprint(model), Fingerprint(loaded));
    }

    [Fact]
    public void A_file_from_elsewhere_takes_images_of_the_size_that_its_network_is_made_for()
    {
        Change(ImageClassifier.Create(ResNet.Create(18, 2), ["a", "b"], seed: 1), file => file.Metadata.Clear());

        Preprocessing input = ModelFile.Load(_folder["model"],
            new ImportOptions { Mean = [0, 0, 0], StandardDeviation = [1, 1, 1] }).Preprocessing;

        Assert.Equal((224, 224), (input.Width, input.Height));
    }

    [Theory]
    [InlineData(Shortcut.Projection)]
    [InlineData(Shortcut.ZeroPad)]
    public void A_file_from_elsewhere_is_recognised_by_its_tensors(Shortcut shortcut)
    {
        ImageClassifier model = RandomModel(shortcut);
        Change(model, file =>
        {
            file.Metadata.Clear();
            file.Metadata["preprocess"] = "input = (rgb/255 - [.485,.456,.406]) / [.229,.224,.225], NCHW";
            file.Metadata["bn_eps"] = "0.001";
            // Some programs give the classifier this name.
            foreach (string part in new[] { "weight", "bias" })
                if (file.Tensors.Remove("fc." + part, out var tensor))
                    file.Tensors["linear." + part] = tensor;
        });

        ImageClassifier loaded = ModelFile.Load(_folder["model"]);

        AssertSame(CifarResNet.Create(20, shortcut, 10, 0.001), loaded.Network);
        Assert.Equal(Fingerprint(model), Fingerprint(loaded));
        Assert.Equal([0.485, 0.456, 0.406], loaded.Preprocessing.Mean);
        Assert.Equal([0.229, 0.224, 0.225], loaded.Preprocessing.StandardDeviation);
        Assert.Equal(Cifar10Reader.Classes, loaded.Classes);
        Assert.True(loaded.TrainedEpochs > 0, "Its weights are worth keeping.");
    }

    [Fact]
    public void A_file_that_does_not_tell_its_preprocessing_needs_it_given()
    {
        Change(RandomModel(classes: 4), file => file.Metadata.Clear());
        ImportOptions given = new() { Mean = [0.1, 0.2, 0.3], StandardDeviation = [0.4, 0.5, 0.6] };

        EngineException error = AssertError("PreprocessingUnknown", () => ModelFile.Load(_folder["model"]));
        Assert.Contains(_folder["model"], error.Message, StringComparison.Ordinal);
        Preprocessing taken = ModelFile.Load(_folder["model"], given).Preprocessing;
        Assert.Equal((given.Mean, given.StandardDeviation), (taken.Mean, taken.StandardDeviation));
        Assert.Equal(["class 0", "class 1", "class 2", "class 3"], ModelFile.Load(_folder["model"], given).Classes);
        Assert.Equal(["a", "b", "c", "d"], ModelFile.Load(_folder["model"], given with { Classes = ["a", "b", "c", "d"] }).Classes);
        AssertError("InvalidModel", () => ModelFile.Load(_folder["model"], given with { Classes = ["a", "b", "c"] }));
    }

    [Theory]
    [InlineData("layer2.0.downsample.0.weight")]
    [InlineData("bn1.running_var")]
    [InlineData("fc.bias")]
    public void A_missing_tensor_is_named(string name)
    {
        Change(RandomModel(), file => file.Tensors.Remove(name));

        Assert.Contains($"'{name}' is missing",
            AssertError("InvalidModel", () => ModelFile.Load(_folder["model"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_tensor_of_another_shape_is_named_with_both_shapes()
    {
        Change(RandomModel(), file => file.Tensors["layer3.1.conv2.weight"] = ([64, 64, 1, 1], new float[64 * 64]));

        Assert.Contains("'layer3.1.conv2.weight' is [64, 64, 1, 1], not [64, 64, 3, 3]",
            AssertError("InvalidModel", () => ModelFile.Load(_folder["model"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_tensor_that_the_network_has_no_use_for_is_named()
    {
        Change(RandomModel(Shortcut.ZeroPad), file => file.Tensors["layer1.3.conv1.weight"] = ([1], [0]));

        Assert.Contains("'layer1.3.conv1.weight'",
            AssertError("InvalidModel", () => ModelFile.Load(_folder["model"])).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new int[0])]
    [InlineData(new[] { 0, 64 })]
    [InlineData(new[] { 1, 64 })]
    [InlineData(new[] { 10_001, 64 })]
    [InlineData(new[] { 640 })]
    public void A_classifier_of_no_use_in_a_file_from_elsewhere_is_refused(int[] shape)
    {
        Change(RandomModel(), file =>
        {
            file.Metadata.Clear();
            file.Tensors["fc.weight"] = (shape, new float[shape.Aggregate(1, (product, size) => product * size)]);
        });

        AssertError("InvalidModel", () => ModelFile.Load(_folder["model"], PlainPixels));
    }

    [Fact]
    public void A_file_of_another_kind_of_network_is_refused()
    {
        Safetensors.Write(new TensorFile { Tensors = { ["encoder.weight"] = ([2], [1, 2]) } }, _folder["model"]);

        AssertError("InvalidModel", () => ModelFile.Load(_folder["model"]));
    }

    [Theory]
    [InlineData("architecture", "null")]
    [InlineData("architecture", "[]")]
    [InlineData("architecture", "{}")]
    [InlineData("architecture", "no json")]
    [InlineData("architecture", """{"depth":9e9,"shortcut":"Projection","classCount":10,"batchNormEpsilon":1e-5}""")]
    [InlineData("architecture", """{"depth":2000000000,"shortcut":"Projection","classCount":10,"batchNormEpsilon":1e-5}""")]
    [InlineData("architecture", """{"depth":-20,"shortcut":"Projection","classCount":10,"batchNormEpsilon":1e-5}""")]
    [InlineData("architecture", """{"depth":20,"shortcut":"Other","classCount":10,"batchNormEpsilon":1e-5}""")]
    [InlineData("architecture", """{"depth":20,"shortcut":77,"classCount":10,"batchNormEpsilon":1e-5}""")]
    [InlineData("architecture", """{"depth":20,"shortcut":"Projection","classCount":-1,"batchNormEpsilon":1e-5}""")]
    [InlineData("architecture", """{"depth":20,"shortcut":"Projection","classCount":2147483647,"batchNormEpsilon":1e-5}""")]
    [InlineData("architecture", """{"depth":20,"shortcut":"Projection","classCount":9,"batchNormEpsilon":1e-5}""")]
    [InlineData("architecture", """{"depth":20,"shortcut":"Projection","classCount":10,"batchNormEpsilon":0}""")]
    [InlineData("architecture", """{"depth":20,"shortcut":"Projection","classCount":10,"batchNormEpsilon":-1}""")]
    [InlineData("architecture", """{"depth":20,"shortcut":"Projection","classCount":10,"batchNormEpsilon":1e999}""")]
    [InlineData("architecture", """{"depth":20,"shortcut":"Projection","classCount":10,"batchNormEpsilon":"NaN"}""")]
    [InlineData("network", "null")]
    [InlineData("network", "[]")]
    [InlineData("network", "{}")]
    [InlineData("network", "no json")]
    [InlineData("network", """{"name":"n","description":"","layers":null}""")]
    [InlineData("network", """{"name":"n","description":"","layers":[]}""")]
    [InlineData("network", """{"name":"n","description":"","layers":[null,null]}""")]
    [InlineData("network", LayerX + """["x"],"operation":{"operation":"ReLU"}}]}""")]
    [InlineData("network", LayerX + """["y"],"operation":{"operation":"AveragePool"}}]}""")]
    [InlineData("network", LayerX + """["input"],"operation":{"operation":"Shell"}}]}""")]
    [InlineData("network", LayerX + """["input"],"operation":{"operation":"Linear","inputs":2147483647,"outputs":2147483647}}]}""")]
    [InlineData("network", LayerX + """["input"],"operation":{"operation":"Convolution","inputChannels":3,"outputChannels":65536"""
        + ""","window":{"size":{"height":256,"width":256},"stride":{"height":0,"width":1}"""
        + ""","padding":{"top":0,"left":0,"bottom":0,"right":0}}}}]}""")]
    [InlineData("network", LayerX + """["input"],"operation":null}]}""")]
    [InlineData("classes", "null")]
    [InlineData("classes", "{}")]
    [InlineData("classes", """["a","b"]""")]
    [InlineData("classes", """[null,null,null,null,null,null,null,null,null,null]""")]
    [InlineData("classes", """["a","a","c","d","e","f","g","h","i","j"]""")]
    [InlineData("preprocessing", "null")]
    [InlineData("preprocessing", "{}")]
    [InlineData("preprocessing", """{"mean":null,"standardDeviation":[1,1,1],"width":32,"height":32}""")]
    [InlineData("preprocessing", """{"mean":[0,0,0],"standardDeviation":[1,0,1],"width":32,"height":32}""")]
    [InlineData("preprocessing", """{"mean":[0,0],"standardDeviation":[1,1,1],"width":32,"height":32}""")]
    [InlineData("preprocessing", """{"mean":[1e999,0,0],"standardDeviation":[1,1,1],"width":32,"height":32}""")]
    [InlineData("preprocessing", """{"mean":["NaN",0,0],"standardDeviation":[1,1,1],"width":32,"height":32}""")]
    [InlineData("preprocessing", """{"mean":[0,0,0],"standardDeviation":[1,1,1],"width":2000000000,"height":32}""")]
    [InlineData("preprocessing", """{"mean":[0,0,0],"standardDeviation":[1,1,1],"width":-32,"height":32}""")]
    public void Metadata_that_make_no_sense_are_refused(string key, string value)
    {
        Change(RandomModel(), file =>
        {
            // A file of version 0.1 or 0.2 has the network's options instead.
            if (key == "architecture")
                file.Metadata.Remove(ModelFile.NetworkKey);
            file.Metadata[key] = value;
        });

        Assert.Throws<EngineException>(() => ModelFile.Load(_folder["model"]));
    }

    [Theory]
    [InlineData("preprocess", "input = (rgb/255 - [.485,.456]) / [.229,.224,.225]")]
    [InlineData("preprocess", "input = (rgb/255 - [a,b,c]) / [0,0,0]")]
    [InlineData("bn_eps", "-1")]
    [InlineData("bn_eps", "NaN")]
    public void Metadata_from_elsewhere_that_make_no_sense_are_refused(string key, string value)
    {
        Change(RandomModel(), file =>
        {
            file.Metadata.Clear();
            file.Metadata[key] = value;
        });

        Assert.Throws<EngineException>(() => ModelFile.Load(_folder["model"], key == "preprocess" ? null : PlainPixels));
    }

    [Theory]
    [InlineData("architecture", "resnet20")]
    [InlineData("network", "resnet")]
    [InlineData("classes", "10")]
    [InlineData("preprocessing", "imagenet")]
    public void In_a_file_of_another_program_the_same_words_mean_nothing(string key, string value)
    {
        ImageClassifier model = RandomModel();
        Change(model, file =>
        {
            file.Metadata.Clear();
            file.Metadata[key] = value;
            // It wraps its names too.
            foreach ((string name, (int[] Shape, float[] Values) tensor) in file.Tensors.ToArray())
            {
                file.Tensors.Remove(name);
                file.Tensors["module." + name] = tensor;
            }
        });

        ImageClassifier read = ModelFile.Load(_folder["model"], PlainPixels);

        Assert.Equal(model.Weights["fc.weight"], read.Weights["fc.weight"]);
    }

    [Fact]
    public void Another_program_may_say_what_the_classes_are_and_how_pictures_become_input()
    {
        ImageClassifier model = RandomModel();
        Change(model, file =>
        {
            file.Metadata.Remove(ModelFile.NetworkKey);
            file.Metadata["architecture"] = "resnet20";
            file.Metadata.Remove("trained_epochs");
        });

        ImageClassifier read = ModelFile.Load(_folder["model"]);

        Assert.Equal(model.Classes, read.Classes);
        Assert.Equal(model.Preprocessing.ToString(), read.Preprocessing.ToString());
    }

    [Fact]
    public void Whatever_is_damaged_a_model_is_loaded_or_refused()
    {
        ModelFile.Save(RandomModel(classes: 2), _folder["model"]);
        byte[] content = File.ReadAllBytes(_folder["model"]);
        Random random = new(1);

        for (int i = 0; i < 200; i++)
        {
            // The metadata and the first tensors.
            _folder.Write("damaged", Damage(content, 1_000, random));
            Exception? error = Record.Exception(() => ModelFile.Load(_folder["damaged"]));
            Assert.True(error is null or EngineException, $"change {i}: {error}");
        }
    }

    /// <summary>Saves a model and changes the file.</summary>
    private void Change(ImageClassifier model, Action<TensorFile> change)
    {
        TensorFile file = new();
        ModelFile.Put(model.Snapshot, file);
        change(file);
        Safetensors.Write(file, _folder["model"]);
    }
}
