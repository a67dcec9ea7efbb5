using Cifar10Ps.Models;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public sealed class ClassMatchingTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly List<string> _warnings = [];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Labels_of_classes_in_another_order_become_the_outputs_of_the_model()
    {
        ImageDataset data = Data("c", "a", "b");

        (ModelSnapshot model, ImageDataset matched) = ClassMatching.ForTraining(Model("a", "b", "c"), data, _warnings.Add);

        Assert.Equal(["a", "b", "c"], model.Classes);
        Assert.Equal(["a", "b", "c"], matched.Classes);
        Assert.All(matched.Train.Concat(matched.Test), image => Assert.Equal(model.Classes[image.Label], image.LabelName));
        Assert.Equal(data.Train.Select(image => image.LabelName), matched.Train.Select(image => image.LabelName));
        Assert.Equal(data.Train.Select(image => image.GetPixels()), matched.Train.Select(image => image.GetPixels()));
        Assert.Empty(_warnings);
    }

    [Fact]
    public void A_class_that_is_called_like_a_placeholder_is_none_of_the_models()
    {
        ModelSnapshot model = Model(ImageClassifier.PlaceholderClasses(3)) with { TrainedEpochs = 1 };
        LabeledImage image = Data("a", "b", "c", model.Classes[1]).Test.First(image => image.Label == 3);

        Assert.Equal(-1, ClassMatching.IndexOf(model, image));
        Assert.StartsWith("The model has no class", ClassMatching.Doubt(model, [image]), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Training_measuring_and_guessing_go_by_name_whatever_order_the_classes_have(bool isReversed)
    {
        string[] names = ["red", "green", "blue", "x", "y", "z"];
        LabeledImage[] images = [.. Enumerable.Range(0, 30).Select(i => i % 3).Select(c =>
            Named(names[c], c, c == 0 ? (byte)255 : (byte)0, c == 1 ? (byte)255 : (byte)0, c == 2 ? (byte)255 : (byte)0))];
        ImageDataset data = new("", "", names, images, images), shown = isReversed ? Reversed(data) : data;
        ImageClassifier model = Named(ColourModel(), names);
        model.Snapshot = model.Snapshot with { TrainedEpochs = 1 };
        TrainingOptions still = TinyOptions(epochs: 1) with { LearningRate = 1e-12, Schedule = Schedule.Constant, WeightDecay = 0 };

        using Predictor predictor = new(model, threads: 1, Precision.Float32);
        Evaluation evaluation = Evaluation.Run(predictor, shown.Test, null, TestContext.Current.CancellationToken);
        Prediction[] predictions = [.. predictor.Predict(shown.Test, 1)];
        EpochReport report = Assert.Single(Trainer.Start(model, shown, still, threads: 1).RunToEnd());

        Assert.Equal((1.0, 1.0), (evaluation.Accuracy, report.Accuracy));
        Assert.All(predictions, prediction => Assert.Equal((prediction.LabelName, true), (prediction.Class, prediction.IsCorrect)));
        Assert.Equal(evaluation.Loss, predictions.Average(prediction => prediction.Loss!.Value), 1e-5);
        Assert.Equal(names, evaluation.Classes.Select(c => c.Class));
        Assert.Equal(names, model.Classes);
    }

    [Fact]
    public void A_measured_split_may_lack_classes()
    {
        LabeledImage[] images = [Named("class 2", 0, 0, 0, 255), Named("class 1", 1, 0, 255, 0), Named("class 1", 1, 255, 0, 0)];

        Evaluation evaluation = Measure(Named(ColourModel(), "red", "class 1", "class 2", "x", "y", "z"), images);

        Assert.Equal(2 / 3.0, evaluation.Accuracy, 1e-12);
        Assert.Equal([0, 2, 1, 0, 0, 0], evaluation.Classes.Select(c => c.Count));
    }

    [Fact]
    public void Training_measuring_and_the_search_for_a_rate_refuse_other_classes_and_list_them()
    {
        ImageClassifier model = NewModel();
        ImageDataset other = Renamed(TinyData, ("disc", "tiger"), ("ring", "boat"));
        string weights = Fingerprint(model);
        Action[] uses =
        [
            () => Trainer.Start(model, other, TinyOptions()),
            () => LearningRateFinder.Run(model, other, TinyOptions(), steps: 2, threads: 1),
            () => Measure(model, Renamed(SyntheticImages.Create(1, 20), ("disc", "tiger"), ("ring", "boat")).Test),
        ];

        Assert.All(uses, use =>
        {
            string message = AssertError("ClassMismatch", use).Message;
            Assert.Contains("'tiger'", message, StringComparison.Ordinal);
            Assert.Contains("'boat'", message, StringComparison.Ordinal);
            Assert.DoesNotContain("'square'", message, StringComparison.Ordinal);
        });
        Assert.Equal(weights, Fingerprint(model));
    }

    [Fact]
    public void Training_needs_all_classes_of_the_model()
    {
        string message = AssertError("ClassMismatch", () => ClassMatching.ForTraining(Model("a", "b", "c"), Data("a", "b"))).Message;

        Assert.Contains("only the model has 'c'", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Names_that_differ_in_case_are_other_classes_and_spellings_of_one_name_are_not()
    {
        AssertError("ClassMismatch", () => ClassMatching.ForTraining(Model("Cat", "dog"), Data("cat", "dog")));

        (_, ImageDataset matched) = ClassMatching.ForTraining(Model("dog", "caf\u00e9"), Data("cafe\u0301", "dog"));

        Assert.Equal([1, 0], matched.Train.Select(image => image.Label));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_model_without_names_takes_those_of_the_data_and_says_so_if_it_is_trained(bool isTrained)
    {
        ModelSnapshot model = Model(ImageClassifier.PlaceholderClasses(2)) with { TrainedSteps = isTrained ? 1 : 0 };

        (ModelSnapshot named, _) = ClassMatching.ForTraining(model, Data("cat", "dog"), _warnings.Add);

        Assert.Equal(["cat", "dog"], named.Classes);
        Assert.Equal(isTrained ? 1 : 0, _warnings.Count);
        Assert.All(_warnings, warning => Assert.Contains("'cat', 'dog'", warning, StringComparison.Ordinal));
        AssertError("ClassCountMismatch", () => ClassMatching.ForTraining(model, Data("cat", "dog", "cow")));
    }

    [Fact]
    public void A_model_without_names_is_measured_by_position_under_the_names_of_the_data()
    {
        Evaluation evaluation = Measure(Trained(ColourModel()), [Named("red", 0, 255, 0, 0), Named("blue", 2, 0, 0, 255)]);

        Assert.Equal(1, evaluation.Accuracy);
        Assert.Equal(["red", "class 1", "blue", "class 3", "class 4", "class 5"], evaluation.Classes.Select(c => c.Class));
        Assert.Contains("'red'", Assert.Single(_warnings), StringComparison.Ordinal);
        AssertError("ClassCountMismatch", () => Measure(ColourModel(), [Named("ten", 10, 0, 0, 0)]));
    }

    [Fact]
    public void An_image_whose_truth_is_not_known_cannot_be_measured() =>
        AssertError("TruthUnknown", () => Measure(ColourModel(), [new LabeledImage(0, -1, "", 32, 32, new byte[3 * 32 * 32], "cat.png")]));

    [Fact]
    public void A_guess_about_a_class_that_the_model_does_not_have_is_wrong_and_doubted()
    {
        ModelSnapshot model = Model("cat", "dog");
        LabeledImage cow = Named("cow", 1, 0, 0, 0);

        Prediction prediction = new(model, [0, 1], 1, cow);

        Assert.Equal((false, null), (prediction.IsCorrect, prediction.Loss));
        Assert.Contains("'cow'", ClassMatching.Doubt(model, [cow, Named("cat", 0, 0, 0, 0)]), StringComparison.Ordinal);
        Assert.Null(ClassMatching.Doubt(model, [Named("dog", 0, 0, 0, 0)]));
        Assert.Contains("by position", ClassMatching.Doubt(Trained(ColourModel()).Snapshot, [cow]), StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_goes_on_with_its_own_data_only()
    {
        OutputDirectory output = new(_folder.Path, 0, replace: false);
        ImageDataset data = SmallImages(40, 20, side: 16);
        Trainer run = Trainer.Start(NewModel(), data, TinyOptions(epochs: 1), output, threads: 1);
        run.RunToEnd();
        ImageDataset otherPixel =
            Changed(data, image => image.Index == 7, image => new(image.Index, image.Label, image.LabelName, 16, 16, Flipped(image)));
        ImageDataset otherLabel =
            Changed(data, image => image.Index == 7, image => new(image.Index, 3, data.Classes[3], 16, 16, image.GetPixels()));

        Assert.Contains("other images",
            AssertError("CheckpointMismatch", () => Resume(SmallImages(40, 19, side: 16))).Message, StringComparison.Ordinal);
        AssertError("CheckpointMismatch", () => Resume(otherPixel));
        AssertError("CheckpointMismatch", () => Resume(otherLabel));
        AssertError("ClassMismatch", () => Resume(Renamed(data, ("disc", "tiger"))));
        // The same images, regardless of their source and of the order of their classes.
        Assert.True(Resume(SmallImages(40, 20, side: 16)).IsComplete);
        Assert.True(Resume(Reversed(data)).IsComplete);

        Trainer Resume(ImageDataset other) => Trainer.Resume(_folder.Path, null, other, options => options, threads: 1);
        static byte[] Flipped(LabeledImage image)
        {
            byte[] pixels = image.GetPixels();
            pixels[^1] ^= 1;
            return pixels;
        }
    }

    private static ModelSnapshot Model(params string[] classes) => NewResNet20(classes, Shortcut.Projection, 1).Snapshot;

    private static ImageClassifier Named(ImageClassifier model, params string[] classes)
    {
        model.Snapshot = model.Snapshot with { Classes = classes };
        return model;
    }

    private static ImageClassifier Trained(ImageClassifier model)
    {
        model.Snapshot = model.Snapshot with { TrainedEpochs = 1 };
        return model;
    }

    private static LabeledImage Named(string name, int label, byte red, byte green, byte blue)
    {
        LabeledImage image = Solid(0, label, red, green, blue);
        return new LabeledImage(0, label, name, image.Width, image.Height, image.Pixels);
    }

    /// <summary>One image of each class to train on, and one to test on.</summary>
    private static ImageDataset Data(params string[] classes)
    {
        LabeledImage[] images = [.. classes.Select((name, label) => Named(name, label, (byte)label, 0, 0))];
        return new ImageDataset("", "", classes, images, images);
    }

    private static ImageDataset Reversed(ImageDataset data)
    {
        int last = data.Classes.Length - 1;
        return new ImageDataset(data.Name, data.Source, [.. data.Classes.Reverse()],
            [.. data.Train.Select(Moved)], [.. data.Test.Select(Moved)]);

        LabeledImage Moved(LabeledImage image) => image.WithLabel(last - image.Label);
    }

    private static ImageDataset Renamed(ImageDataset data, params (string From, string To)[] names) =>
        data.WithClasses([.. data.Classes.Select(name => names.FirstOrDefault(pair => pair.From == name, (From: name, To: name)).To)]);

    private static ImageDataset Changed(ImageDataset data, Func<LabeledImage, bool> which, Func<LabeledImage, LabeledImage> change) =>
        new(data.Name, data.Source, data.Classes, [.. data.Train.Select(image => which(image) ? change(image) : image)], data.Test);

    private Evaluation Measure(ImageClassifier model, IReadOnlyList<LabeledImage> images)
    {
        using Predictor predictor = new(model, threads: 1, Precision.Float32);
        return Evaluation.Run(predictor, images, null, TestContext.Current.CancellationToken, _warnings.Add);
    }
}
