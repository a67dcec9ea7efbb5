using System.Xml.Linq;
using Cifar10Ps.Data;
using Cifar10Ps.Models;
using Cifar10Ps.Reporting;
using SkiaSharp;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public class PlottingTests
{
    private static readonly string[] Cifar10 = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

    private static readonly string[] Difficult =
        ["cat", "Кошка с очень длинным именем, которое нигде не помещается", new('W', 500),
            "猫", "γάτα", "new\nline \u0001", "e\u0301", "<&>\"'", " ", "\ud800"];

    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(1, 2, 1)]
    [InlineData(1, 200, 1)]
    [InlineData(1, 10_000, 1)]
    [InlineData(3, 30, 4)]
    [InlineData(TrainingPlot.MaximumRuns, 12, 1)]
    public void Training_curves_have_legible_labels(int runs, int epochs, int validateEvery)
    {
        Picture picture = TrainingPlot.Draw([.. Enumerable.Range(0, runs)
            .Select(i => new PlottedRun($"run {i} has a name that is much longer than its column", Reports(epochs, validateEvery)))]);

        string[] texts = [.. SvgText.CheckLayout(picture).Select(text => text.Text)];

        Assert.All(["Loss", "Accuracy", "Learning rate", "validation", "training", "best epoch"], label => Assert.Contains(label, texts));
        Assert.Equal(3, texts.Count(text => text == "Epoch"));
        Assert.Equal(runs, texts.Count(text => text.StartsWith("run ", StringComparison.Ordinal)));
        Assert.Contains($"{epochs} of {epochs}", texts);
    }

    [Fact]
    public void Ticks_of_epochs_are_whole_numbers()
    {
        Assert.Equal(["1", "1"], Ticks(1));
        Assert.Equal(["1", "2", "1", "2"], Ticks(2));

        // Below the two upper axes.
        static string[] Ticks(int epochs) => [.. SvgText.Of(TrainingPlot.Draw([new("run", Reports(epochs))]))
            .Where(text => text.Bounds.MidY is > 322 and < 345).Select(text => text.Text)];
    }

    [Fact]
    public void Of_equally_accurate_epochs_the_one_with_the_lower_loss_is_marked_as_everywhere_else()
    {
        EpochReport[] reports = [.. Reports(4).Select(report => report with { ValidationAccuracy = report.Epoch == 1 ? 0.5 : 0.9 })];

        Assert.Equal(4, new PlottedRun("run", reports).Best!.Epoch);
        Assert.Null(new PlottedRun("run", [reports[0] with { ValidationAccuracy = null }]).Best);
    }

    [Fact]
    public void Runs_that_diverged_or_were_never_validated_are_drawn_all_the_same()
    {
        EpochReport[] reports = Reports(6);
        PlottedRun diverged = new("diverged",
            [.. reports.Select(r => r.Epoch < 4 ? r : r with { Loss = double.NaN, ValidationLoss = double.PositiveInfinity })]);
        PlottedRun hopeless = new("hopeless", [.. reports.Select(r =>
            r with { Loss = double.NaN, Accuracy = 0, ValidationLoss = null, ValidationAccuracy = null, LearningRate = 0 })]);

        SvgText.CheckLayout(TrainingPlot.Draw([diverged, hopeless]));
        Assert.Contains("–", Texts(TrainingPlot.Draw([hopeless])));
    }

    [Fact]
    public void A_confusion_matrix_of_unequal_classes_says_how_many_of_the_average_class_are_right()
    {
        Evaluation unequal = new(["cat", "dog"], 110, 0.3, 95 / 110.0, 1, [[90, 10], [5, 5]], ReliabilityBin.Of([(0.8, true)]));

        Assert.Contains($"95 of 110 images right ({0.8636:P2}), balanced accuracy {0.7:P2}",
            Texts(ConfusionMatrixPlot.Draw(unequal, default)));
        Assert.DoesNotContain(Texts(ConfusionMatrixPlot.Draw(Matrix(Cifar10, 100), default)),
            text => text.Contains("balanced", StringComparison.Ordinal));
    }

    [Fact]
    public void Numbers_are_those_of_the_culture()
    {
        using Culture culture = new("de-DE");

        EpochReport report = Reports(3)[2] with { ValidationAccuracy = 2 / 3.0, LearningRate = 0.2 };
        Assert.All(["0,1", "66,67\u00a0%"], number => Assert.Contains(number,
            Texts(TrainingPlot.Draw([new("run", [report])])).Select(text => text.Replace(' ', '\u00a0'))));
        Assert.Contains("900 of 1.000 images right (90,00\u00a0%)", Texts(ConfusionMatrixPlot.Draw(Matrix(Cifar10, 100), default))
            .Select(text => text.Replace(" %", "\u00a0%", StringComparison.Ordinal)));
    }

    [Fact]
    public void Runs_get_names_that_tell_them_apart()
    {
        List<EpochReport> reports = [.. Reports(1)];

        Assert.Equal(["a/result", "b/result", "adam"],
            PlottedRun.Named([("/x/a/result", reports), ("/x/b/result/", reports), ("adam", reports)]).Select(run => run.Name));
        Assert.Equal(["run 1", "result", "run 3"],
            PlottedRun.Named([(null, reports), (@"C:\x\result", reports), (null, reports)]).Select(run => run.Name));
        Assert.Equal(["same", "same", "run"],
            PlottedRun.Named([("same", reports), ("same", reports), ("/", reports)]).Select(run => run.Name));
    }

    [Fact]
    public void Curves_that_cannot_be_are_refused()
    {
        Assert.Equal("NoEpochReports", Refused(() => TrainingPlot.Draw([])));
        Assert.Equal("TooManyRuns",
            Refused(() => TrainingPlot.Draw([.. Enumerable.Repeat(new PlottedRun("run", Reports(1)), TrainingPlot.MaximumRuns + 1)])));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(10)]
    [InlineData(40)]
    [InlineData(100)]
    [InlineData(101)]
    [InlineData(ConfusionMatrixPlot.MaximumClasses)]
    public void A_matrix_of_any_size_has_legible_labels(int classes)
    {
        Picture picture = ConfusionMatrixPlot.Draw(Matrix([.. Enumerable.Range(0, classes).Select(i => $"class {i}")], 3), default);

        string[] texts = [.. SvgText.CheckLayout(picture).Select(text => text.Text)];

        Assert.InRange(texts.Count(text => text == "class 0"), 2, 2);
        Assert.Equal(classes <= 100 ? 2 * classes : texts.Count(text => text.StartsWith("class", StringComparison.Ordinal)),
            texts.Count(text => text.StartsWith("class", StringComparison.Ordinal)));
    }

    [Fact]
    public void Names_of_classes_may_be_long_foreign_or_odd()
    {
        SvgText[] texts = SvgText.CheckLayout(ConfusionMatrixPlot.Draw(Matrix(Difficult, 7), default));

        Assert.Equal(2, texts.Count(text => text.Text.StartsWith("Кошка с", StringComparison.Ordinal)
            && text.Text.Contains('…') && text.Text.EndsWith("помещается", StringComparison.Ordinal)));
        Assert.Equal(2, texts.Count(text => text.Text == "new line"));
        Assert.Equal(2, texts.Count(text => text.Text == "<&>\"'"));
        Assert.Equal("Inter", Assert.Single(texts.Where(text => text.Text is "cat" or "γάτα").Select(text => text.Family).Distinct()));
    }

    [Theory]
    [InlineData(ConfusionMatrixCell.Both, "90", "90.0 %", "10", "10.0 %")]
    [InlineData(ConfusionMatrixCell.Count, "90", "", "10", "")]
    [InlineData(ConfusionMatrixCell.Percentage, "", "90.0 %", "", "10.0 %")]
    public void Cells_hold_what_is_asked_for(ConfusionMatrixCell content, params string[] expected)
    {
        using Culture culture = new("");
        string[] texts = Texts(ConfusionMatrixPlot.Draw(Matrix(Cifar10, 100), content));

        Assert.All(expected.Where(text => text != ""), text => Assert.Equal(10, texts.Count(t => t.Replace('\u00a0', ' ') == text)));
        Assert.Equal(content != ConfusionMatrixCell.Percentage, texts.Contains("90"));
        Assert.Equal(content != ConfusionMatrixCell.Count, texts.Any(t => t.Replace('\u00a0', ' ') == "90.0 %"));
    }

    [Fact]
    public void A_matrix_that_no_screen_can_show_is_refused() => Assert.Equal("TooManyClasses",
        Refused(() => ConfusionMatrixPlot.Draw(
            Matrix([.. Enumerable.Range(0, ConfusionMatrixPlot.MaximumClasses + 1).Select(i => $"{i}")], 1), default)));

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(40)]
    public void A_sheet_says_what_was_guessed_how_surely_and_what_is_true(int count)
    {
        Prediction[] predictions = [.. Enumerable.Range(0, 50).Select(i => Predict(i, i % 10, guess: i % 3 == 0 ? (i + 1) % 10 : i % 10))];

        string[] texts = [.. SvgText.CheckLayout(PredictionSheet.Draw(predictions, count, topLosses: false)).Select(text => text.Text)];

        Assert.Contains($"{count} of 50 images, sampled over the classes", texts);
        Assert.Equal(count, texts.Count(text => text.StartsWith("truth: ", StringComparison.Ordinal)));
        Assert.Contains("automobile", texts);
        Assert.Contains("truth: airplane", texts);
    }

    [Fact]
    public void The_worst_losses_come_first()
    {
        // The guess is wrong; the surer the model is of it, the larger the loss.
        Prediction[] predictions = [.. Enumerable.Range(0, 9).Select(i => Predict(i, 0, guess: 1, logit: (i * 4) % 9))];

        string[] images = [.. Texts(PredictionSheet.Draw(predictions, 4, topLosses: true)).Where(text => text.StartsWith('#'))];

        Assert.Equal(predictions.OrderByDescending(p => p.Loss).Take(4).Select(p => $"#{p.Index}"), images);
    }

    [Fact]
    public void A_sheet_shows_as_many_of_each_class()
    {
        // In the order of the classes, as a folder is read: 10 airplanes, 10 automobiles ... of the last class, one.
        Prediction[] predictions = [.. Enumerable.Range(0, 41).Select(i => Predict(i, i / 10, guess: 0))];

        string[] texts = Texts(PredictionSheet.Draw(predictions, 13, topLosses: false));

        Assert.All(["airplane", "automobile", "bird", "cat"], name => Assert.Equal(3, texts.Count(text => text == $"truth: {name}")));
        Assert.Equal(1, texts.Count(text => text == "truth: deer"));
        Assert.Equal(["#0", "#1", "#2", "#10"], texts.Where(text => text.StartsWith('#')).Take(4));
    }

    [Theory]
    [InlineData("golden retriever with a blue collar, left")]
    [InlineData("e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301"
        + "e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301 left")]
    [InlineData("WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW left")]
    public void Long_names_keep_both_ends(string name)
    {
        string shown = PictureText.Fit(name, 100, 13);

        Assert.StartsWith(name[..2], shown, StringComparison.Ordinal);
        Assert.EndsWith("left", shown, StringComparison.Ordinal);
        Assert.Contains('…', shown);
        Assert.InRange(PictureText.Measure(shown, 13), 75, 100);
        Assert.Equal("…", PictureText.Fit(name, 1, 13));
    }

    [Theory]
    [InlineData(2, 12)]
    [InlineData(5, 12)]
    [InlineData(3, 1)]
    [InlineData(7, 3)]
    public void Curves_that_coincide_are_all_seen(int runs, int epochs)
    {
        // One run was stopped early: its reports are the first ones of the others.
        Picture picture = TrainingPlot.Draw([.. Enumerable.Range(0, runs)
            .Select(i => new PlottedRun($"run {i}", Reports(12)[..(i == 1 && epochs > 2 ? epochs - 1 : epochs)]))]);
        using SKBitmap bitmap = SKBitmap.Decode(picture.ToPng(scale: 1));

        // The learning rate plot, within its axes.
        Dictionary<SKColor, int> pixels =
            (from x in Enumerable.Range(73, 600 - 73 - 16)
             from y in Enumerable.Range(380 + 45, picture.Height - 380 - 45 - 59)
             select bitmap.GetPixel(x, y)).CountBy(color => color).ToDictionary();
        Assert.All(Enumerable.Range(0, runs), i => Assert.InRange(pixels.GetValueOrDefault(Palette.Series[i]), 10, int.MaxValue));
        // In SVG too, where dashes are drawn as lines instead of using the attribute.
        using TemporaryFolder folder = new();
        picture.Save(folder["picture.svg"]);
        Assert.DoesNotContain("dasharray", File.ReadAllText(folder["picture.svg"]), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(ReliabilityPlot.MaximumCurves)]
    public void A_reliability_plot_has_legible_labels(int curves)
    {
        Evaluation evaluation = Matrix(Cifar10, 20);
        (string, Evaluation)[] all = [.. Enumerable.Range(1, curves).Select(i => (curves == 1 ? "" : $"number {i}", evaluation))];

        string[] texts = [.. SvgText.CheckLayout(ReliabilityPlot.Draw(all)).Select(text => text.Text)];

        Assert.All(["Reliability", "Accuracy", "Share of images"], label => Assert.Contains(label, texts));
        Assert.Equal(curves, texts.Count(text => text.Contains("calibration error", StringComparison.Ordinal)));
        Assert.Equal(2, texts.Count(text => text == "Confidence"));
    }

    [Fact]
    public void Confidences_beside_the_accuracies_are_drawn_where_they_belong()
    {
        Evaluation evaluation = new(["a", "b"], 10, 1, 0.5, 1, [[5, 0], [5, 0]], ReliabilityBin.Of(
            [.. Enumerable.Range(0, 10).Select(i => (0.9, i < 5))]));

        Assert.Equal(0.4, evaluation.CalibrationError, 1e-12);
        Assert.Contains($"calibration error {0.4:P2}, accuracy {0.5:P2}, 10 images", Texts(ReliabilityPlot.Draw([("", evaluation)])));
    }

    [Theory]
    [InlineData(1e-5, 10, true)]
    [InlineData(0.01, 0.03, false)]
    [InlineData(1e-12, 1e6, false)]
    public void A_learning_rate_test_has_legible_labels(double lowest, double highest, bool diverged)
    {
        LearningRateRange range = new([.. Enumerable.Range(0, 50).Select(i =>
        {
            double rate = lowest * Math.Pow(highest / lowest, i / 49.0), loss = 2.3 - 0.03 * i;
            return new LearningRatePoint(i + 1, rate, i == 49 ? 1e9 : loss, i == 49 ? 8 : loss);
        })], settling: 5, diverged);

        string[] texts = [.. SvgText.CheckLayout(LearningRatePlot.Draw([range, range])).Select(text => text.Text)];

        Assert.All(["Learning rate test", "Learning rate", "Loss"], label => Assert.Contains(label, texts));
        Assert.Equal(2, texts.Count(text =>
            text.StartsWith($"suggestion {range.Suggestion:0.0E+0}, lowest loss", StringComparison.Ordinal)));
        Assert.True(texts.Count(text => text.Contains('E', StringComparison.Ordinal)) >= 4, "the axis of the rates has no labels");
    }

    [Fact]
    public void Text_in_SVG_is_as_wide_as_it_was_measured_in_any_typeface()
    {
        using TemporaryFolder folder = new();
        Picture[] pictures = [TrainingPlot.Draw([new("run", Reports(3))]),
            ConfusionMatrixPlot.Draw(Matrix(Difficult, 7), default), PredictionSheet.Draw([Predict(0, 0, 0)], 1, topLosses: false)];
        foreach (Picture picture in pictures)
        {
            picture.Save(folder["picture.svg"]);
            foreach (XElement text in XDocument.Load(folder["picture.svg"]).Descendants()
                .Where(element => element.Name.LocalName == "text" && !string.IsNullOrWhiteSpace(element.Value)))
            {
                float size = (float)text.Attribute("font-size")!,
                    width = PictureText.Measure(text.Value, size, text.Attribute("font-weight") is not null);
                Assert.True(Math.Abs(width - (float)text.Attribute("textLength")!) < 2,
                    $"'{text.Value}' is {width} wide, and is stretched to {text.Attribute("textLength")}");
                Assert.Equal("spacingAndGlyphs", (string)text.Attribute("lengthAdjust")!);
                Assert.EndsWith(", sans-serif", (string)text.Attribute("font-family")!, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void A_sheet_of_files_shows_the_files_and_where_they_are_gone_what_the_network_saw()
    {
        using TemporaryFolder folder = new();
        // Blocks of red and blue that are one purple where the network sees them.
        using (SKBitmap bitmap = new(256, 256))
        {
            for (int i = 0; i < 256 * 256; i++)
                bitmap.SetPixel(i % 256, i / 256, i % 8 < 4 ? SKColors.Red : SKColors.Blue);
            Save("stripes.png");
            bitmap.Erase(SKColors.Red);
            Save("changed.png");

            void Save(string name)
            {
                using SKData data = bitmap.Encode(SKEncodedImageFormat.Png, 100);
                folder.Write(name, data.Span);
            }
        }

        Prediction[] predictions = [FilePrediction(folder["changed.png"]), FilePrediction(folder["gone.png"]),
            FilePrediction(folder["stripes.png"], ImageFile.Read(folder["stripes.png"], 32, 32))];
        PredictionSheet.Draw(predictions, 3, topLosses: false).Save(folder["sheet.png"]);

        using SKBitmap sheet = SKBitmap.Decode(folder["sheet.png"]);
        Assert.Contains("truth not known", Texts(PredictionSheet.Draw(predictions, 2, topLosses: false)));
        Assert.Equal(SKColors.Blue, sheet.GetPixel(2 * (18 + 64), 2 * (68 + 64)));
        Assert.Equal(SKColors.Blue, sheet.GetPixel(2 * (18 + 146 + 64), 2 * (68 + 64)));
        SKColor[] row = [.. Enumerable.Range(0, 128).Select(x => sheet.GetPixel(2 * (18 + 2 * 146) + 64 + x, 2 * (68 + 64)))];
        Assert.Contains(row, color => color.Red > 200 && color.Blue < 50);
        Assert.Contains(row, color => color.Red < 50 && color.Blue > 200);
        Assert.Equal("TruthUnknown", Refused(() => PredictionSheet.Draw(predictions, 2, topLosses: true)));
    }

    [Fact]
    public void An_explained_sheet_is_dark_where_nothing_speaks_for_the_guess()
    {
        ImageClassifier model = ColourModel();
        // A red square in the upper left corner of a blue image: class 0 sees red, class 2 blue.
        byte[] pixels = [.. Enumerable.Range(0, 3 * 32 * 32).Select(i =>
            (byte)((i % 1024 % 32 < 16 && i % 1024 / 32 < 16 ? i < 1024 : i >= 2048) ? 255 : 0))];
        LabeledImage image = new(0, 2, "class 2", 32, 32, pixels);
        using Predictor predictor = new(model, threads: 1, Precision.Float32);
        Prediction blue = predictor.Predict([image], 1).Single();

        using SKBitmap plain = Drawn(explain: false), explained = Drawn(explain: true);

        Assert.Equal("class 2", blue.Class);
        Assert.True(Light(plain, 40, 100) - Light(explained, 40, 100) > 100, "the red corner is as light as before");
        Assert.InRange(Light(plain, 120, 170) - Light(explained, 120, 170), -5, 5);

        SKBitmap Drawn(bool explain) =>
            SKBitmap.Decode(PredictionSheet.Draw([blue], 1, topLosses: false, explain).ToPng(1));

        static int Light(SKBitmap bitmap, int x, int y) => bitmap.GetPixel(x, y) is var c ? c.Red + c.Green + c.Blue : 0;
    }

    [Fact]
    public void A_sheet_of_nothing_is_refused() =>
        Assert.Equal("NoPredictions", Refused(() => PredictionSheet.Draw([], 9, topLosses: false)));

    [Fact]
    public void Names_on_a_sheet_are_shortened()
    {
        ModelSnapshot model = Model(Difficult);
        Prediction[] predictions = [.. Difficult.Select((name, i) =>
            new Prediction(model, [.. Difficult.Select((_, c) => c == i ? 3f : 0)], 1, Image(i, (i + 1) % 10, Difficult[(i + 1) % 10])))];

        SvgText.CheckLayout(PredictionSheet.Draw(predictions, 10, topLosses: false));
    }

    [Fact]
    public void A_picture_file_is_whole_and_of_twice_the_size()
    {
        using TemporaryFolder folder = new();
        Picture picture = ConfusionMatrixPlot.Draw(Matrix(Cifar10, 100), default);

        picture.Save(folder["matrix.PNG"]);

        using SKBitmap bitmap = SKBitmap.Decode(folder["matrix.PNG"]);
        Assert.Equal((Picture.Scale * picture.Width, Picture.Scale * picture.Height), (bitmap.Width, bitmap.Height));
        Assert.Equal("UnknownPictureFormat", Refused(() => picture.Save(folder["matrix.jpg"])));
        Assert.Single(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void The_typeface_is_the_modules_own()
    {
        Assert.All([Typefaces.Regular, Typefaces.Bold], typeface => Assert.Equal("Inter", typeface.FamilyName));
        Assert.All("AzÄßéЖλ0123456789%…–", letter => Assert.Equal("Inter", Typefaces.For(letter, bold: true).FamilyName));
    }

    // All that predictions take from a model are the class names.
    private static ModelSnapshot Model(string[] classes) => new(null!, classes, Preprocessing.None, null!);

    private static string[] Texts(Picture picture) => [.. SvgText.Of(picture).Select(text => text.Text)];

    private static string Refused(Action action) => Assert.Throws<EngineException>(action).ErrorId;

    private static EpochReport[] Reports(int count, int validateEvery = 1) =>
    [
        .. Enumerable.Range(1, count).Select(epoch => new EpochReport
        {
            Epoch = epoch,
            Step = 10 * epoch,
            Loss = 2.0 / epoch,
            Accuracy = 1 - 0.8 / epoch,
            ValidationLoss = epoch % validateEvery == 0 || epoch == count ? 2.5 / epoch : null,
            ValidationAccuracy = epoch % validateEvery == 0 || epoch == count ? 1 - 0.9 / epoch : null,
            LearningRate = 0.3 * (1 - (double)epoch / (count + 1)),
            ImagesPerSecond = 1000,
            Elapsed = TimeSpan.FromSeconds(40 * epoch),
        }),
    ];

    /// <summary>Nine tenths of each class are right, and one tenth is mistaken for the next class.</summary>
    private static Evaluation Matrix(string[] names, int images)
    {
        int n = names.Length, wrong = n == 1 ? 0 : images / 10;
        int[][] counts = [.. names.Select(_ => new int[n])];
        for (int c = 0; c < n; c++)
        {
            counts[c][c] = images - wrong;
            counts[c][(c + 1) % n] += wrong;
        }

        return new Evaluation(names, n * images, 0.3, (images - wrong) / (double)images, 1, counts, ReliabilityBin.Of([(0.8, true)]));
    }

    private static Prediction Predict(int index, int label, int guess, float logit = 3) =>
        new(Model(Cifar10), [.. Enumerable.Range(0, 10).Select(c => c == guess ? logit : 0)], 1, Image(index, label, Cifar10[label]));

    private static Prediction FilePrediction(string path, byte[]? pixels = null) =>
        new(Model(Cifar10), [.. Enumerable.Range(0, 10).Select(c => c == 3 ? 1f : 0)], 1,
            pixels is null ? Image(0, -1, "", path) : new LabeledImage(0, -1, "", 32, 32, pixels, path));

    /// <summary>A blue image.</summary>
    private static LabeledImage Image(int index, int label, string name, string? path = null)
    {
        byte[] pixels = new byte[3 * 32 * 32];
        pixels.AsSpan(2 * 32 * 32).Fill(255);
        return new LabeledImage(index, label, name, 32, 32, pixels, path);
    }
}
