namespace Cifar10Ps.Tests;

public sealed class ExampleTests
{
    private static readonly string Conversion = Path.Combine(TestEnvironment.Module, "Examples", "Convert-ChainerToOnnx.ps1");

    [Fact]
    public void The_results_of_a_run_are_drawn_whether_it_is_trained_on_the_spot_or_there_already()
    {
        using Session session = new();
        session["example"] = Path.Combine(TestEnvironment.Module, "Examples", "Show-Results.ps1");
        session.Run(
            "$PSDefaultParameterValues = @{ 'Get-Cifar10:TrainCount' = 64; 'Get-Cifar10:TestCount' = 32; "
            + "'Start-ModelTraining:BatchSize' = 32 }");
        session.Run(
            "$model | Save-Model 'a model.safetensors'; $null = $data | Start-ModelTraining $model -Epochs 1 -OutputDirectory result");

        session.Run(
            "& $example -Epochs 1 -Destination trained; "
            + "& $example -Path 'a model.safetensors' -Destination 'from a file'; & $example -Path result -Destination resumed");

        string[] all = ["confusion.png", "losses.png", "predictions.png", "training.png"];
        Assert.Equal(all, Names("trained"));
        Assert.Equal(all, Names("resumed"));
        Assert.Equal(all[..3], Names("from a file"));

        string[] Names(string folder) =>
            [.. Directory.GetFiles(session.Folder[folder]).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal)];
    }

    [Fact]
    public void The_results_of_a_run_that_has_not_ended_are_drawn_with_its_own_data()
    {
        using Session session = new();
        session["example"] = Path.Combine(TestEnvironment.Module, "Examples", "Show-Results.ps1");
        session.Run("""
            $null = $data | Start-ModelTraining $model -Epochs 2 -BatchSize 32 -OutputDirectory run -OnEpochEnd { $false }
            Remove-Item run/model.safetensors -ErrorAction Ignore
            & $example -Path run -Dataset $data -Destination pictures
            """);

        Assert.Matches(@"Count +: 32\b", session.Host.Text);
        Assert.Equal(4, Directory.GetFiles(session.Folder["pictures"]).Length);
    }

    [Fact]
    public void The_training_example_goes_on_with_synthetic_data_where_there_is_no_other_and_resumes()
    {
        using Session session = new();
        session.SetEnvironment("CIFAR10PS_DATA", session.Folder["nowhere"]);
        session["example"] = Path.Combine(TestEnvironment.Module, "Examples", "Train-ResNet20.ps1");
        session.Run(
            "$PSDefaultParameterValues = @{ 'Get-Cifar10:TrainCount' = 64; 'Get-Cifar10:TestCount' = 32; "
            + "'Start-ModelTraining:BatchSize' = 32 }");

        session.Run("& $example -Epochs 1 -OutputDirectory $pwd/result");
        session.Run("& $example -Epochs 2 -OutputDirectory $pwd/result");

        Assert.Contains("nowhere", session.Host.Warnings[0], StringComparison.Ordinal);
        Assert.Contains("synthetic", session.Host.Warnings[1], StringComparison.Ordinal);
        string text = session.Host.Text;
        Assert.Matches("TrainCount +: 64", text);
        Assert.Single(text.Split('\n'), line =>
            line.StartsWith("    1 ", StringComparison.Ordinal) && line.Contains("00:00:", StringComparison.Ordinal));
        Assert.Single(text.Split('\n'), line =>
            line.StartsWith("    2 ", StringComparison.Ordinal) && line.Contains("00:00:", StringComparison.Ordinal));
        Assert.Contains("The five best guesses for test image 0, which shows: disc", text, StringComparison.Ordinal);
    }

    [Fact]
    public void The_conversion_example_takes_a_model_that_it_makes_to_ONNX()
    {
        using TemporaryFolder folder = new();

        using HostProcess process = new(new DirectoryInfo(folder.Path), Conversion);
        (int exitCode, string[] output, string messages) = process.Finish();
        Assert.True(exitCode == 0, messages);
        AssertConverted(folder["resnet20.onnx"], output);
        Assert.Contains(output, line => line.Contains("untrained", StringComparison.Ordinal));

        // The second time it uses the existing file.
        byte[] model = File.ReadAllBytes(folder["resnet20.model"]);
        using Session session = NewConversion();
        session["first"] = folder.Path;
        session.Run("Set-Location $first; & $example -Destination again.onnx");
        Assert.Empty(session.Host.Warnings);
        Assert.Equal(model, File.ReadAllBytes(folder["resnet20.model"]));
        Assert.Equal(File.ReadAllBytes(folder["resnet20.onnx"]), File.ReadAllBytes(folder["again.onnx"]));
    }

    [Theory]
    [InlineData("resnet20.model")]
    [InlineData("snapshot_iter_66")]
    public void The_conversion_example_takes_what_the_original_program_wrote_to_ONNX(string name)
    {
        string path = Path.Combine(TestEnvironment.RealData, "..", "chainer", name);
        Assert.SkipUnless(File.Exists(path), $"needs {path}");
        using Session session = NewConversion();
        session["path"] = path;

        string last = session.Value<string>("& $example -Path $path -Destination out.onnx");

        AssertConverted(session.Folder["out.onnx"], [.. session.Host.Verbose, last]);
    }

    private static void AssertConverted(string file, string[] output)
    {
        Assert.Contains("takes pixels, bytes [batch, 32, 32, 3]", output[^1], StringComparison.Ordinal);
        Assert.EndsWith("airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck", output[^1], StringComparison.Ordinal);
        Assert.Contains(output, line => line.Contains("(Chainer) holds a model for 10 classes: ResNet-20", StringComparison.Ordinal));
        byte[] graph = File.ReadAllBytes(file);
        foreach (byte[] part in new[] { "Softmax"u8.ToArray(), "pixels"u8.ToArray(), "[\"airplane\""u8.ToArray() })
            Assert.InRange(graph.AsSpan().IndexOf(part), 1, graph.Length);
    }

    private static Session NewConversion() => new($"{Session.Setup}; $example = '{Conversion}'");

    [Fact]
    public void The_pictures_example_learns_the_files_that_it_draws()
    {
        using Session session = new();
        session["example"] = Path.Combine(TestEnvironment.Module, "Examples", "Train-OwnPictures.ps1");
        // Others may run the example at this time.
        foreach (string variable in new[] { "TMPDIR", "TMP" })
            session.SetEnvironment(variable, session.Folder.Path);

        session.Run("& $example -ModelPath $pwd/shapes.safetensors");

        string[] lines = session.Host.Text.Split('\n');
        Assert.Contains(lines, line =>
            line.StartsWith("TrainCount", StringComparison.Ordinal) && line.Contains(": 360", StringComparison.Ordinal));
        string accuracy = Assert.Single(lines, line => line.StartsWith("Accuracy ", StringComparison.Ordinal));
        Assert.InRange(decimal.Parse(accuracy.Split(':')[1].TrimEnd('%', ' ', '\r'),
            System.Globalization.CultureInfo.InvariantCulture), 95, 100);
        // Held-out files, by class.
        string[] guesses = [.. lines.Where(line => line.Contains(".bmp ", StringComparison.Ordinal))];
        Assert.Equal(10, guesses.Length);
        Assert.InRange(guesses.Count(line => line.Split('/', '\\')[0] is string shape
            && line[shape.Length..].Contains(shape, StringComparison.Ordinal)), 9, 10);
        Assert.Equal(["circle", "diamond", "square", "triangle"], session.Value<string[]>(", (Import-Model shapes.safetensors).Classes"));
        Assert.Empty(Directory.GetDirectories(session.Folder.Path));
    }

    [Fact]
    public void The_comparing_example_shows_a_row_for_each_setting_and_tests_the_best()
    {
        using Session session = new();
        session["example"] = Path.Combine(TestEnvironment.Module, "Examples", "Compare-Recipes.ps1");

        session.Run(
            "& $example -Dataset $data -Epochs 1 "
            + "-Settings ([ordered]@{ 'small rate' = @{ LearningRate = 0.001 }; 'Original' = @{ Recipe = 'Original' } })");

        string[] lines = [.. session.Host.Text.Split('\n').Select(line => line.TrimEnd())];
        Assert.Matches("^Settings +Accuracy +Train +Images/s$", lines.First(line => line.Length > 0));
        Assert.Single(lines, line => System.Text.RegularExpressions.Regex.IsMatch(line, @"^small rate +\d+\.\d % +\d+\.\d % +\d+$"));
        Assert.Single(lines, line => line.StartsWith("Original ", StringComparison.Ordinal));
        Assert.Single(lines, line =>
            System.Text.RegularExpressions.Regex.IsMatch(line, @"^Best: (small rate|Original), with \d+\.\d % of the test images\.$"));
    }

    [Fact]
    public void The_pictures_example_takes_a_folder_with_its_own_parts_and_leaves_out_what_cannot_be_read()
    {
        using Session session = new();
        session["example"] = Path.Combine(TestEnvironment.Module, "Examples", "Train-OwnPictures.ps1");
        session.Run("$data | Export-Image photos; $null = New-Item photos/train/disc/broken.png");

        Assert.Equal("WrongFileName", session.Fail("& $example -Path photos -Scratch -Epochs 1 -ModelPath my.pth").Id);
        session.Host.Clear();
        session.Run("& $example -Path photos -Scratch -Epochs 1 -ModelPath my.safetensors");

        Assert.Contains(session.Host.Warnings, warning => warning.Contains("broken.png", StringComparison.Ordinal));
        Assert.Equal(1, session.Value<int>("(Import-Model my.safetensors).TrainedEpochs"));
    }

    [Fact]
    public void Settings_may_have_any_option_and_one_that_diverges_does_not_end_the_comparison()
    {
        using Session session = new();
        session["example"] = Path.Combine(TestEnvironment.Module, "Examples", "Compare-Recipes.ps1");

        session.Run("& $example -Epochs 1 -Settings ([ordered]@{ wild = @{ LearningRate = 1e6; Optimizer = 'Sgd' }; "
            + "calm = @{ BatchSize = 64; Seed = 2 } })");

        Assert.Matches("wild +diverged", session.Host.Text);
        Assert.Contains("Best: calm", session.Host.Text, StringComparison.Ordinal);
    }
}
