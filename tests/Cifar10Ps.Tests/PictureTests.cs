namespace Cifar10Ps.Tests;

/// <summary>The cmdlets that draw.</summary>
public sealed class PictureTests(SharedSession shared) : IClassFixture<SharedSession>, IDisposable
{
    private const string Setup =
        Session.Setup + "; $predictions ??= $data | Invoke-Inference $model; $evaluation ??= $data | Measure-Model $model";
    private static readonly byte[] PngSignature = [0x89, .. "PNG\r\n"u8];
    private readonly Session _session = new(Setup);

    public void Dispose() => _session.Dispose();

    [Theory]
    [InlineData("$predictions | Export-PredictionSheet")]
    [InlineData("$predictions | Export-PredictionSheet -Explain")]
    [InlineData("$data | Export-AugmentationSheet")]
    [InlineData("$evaluation | Export-ConfusionMatrix")]
    [InlineData("$evaluation, $evaluation | Export-ReliabilityPlot")]
    [InlineData("$predictions | Export-ReliabilityPlot")]
    [InlineData("$predictions | Export-ReliabilityPlot -Evaluation $evaluation")]
    [InlineData("$data | Find-LearningRate $model -BatchSize 32 -Steps 3 | Export-TrainingPlot")]
    [InlineData("$data | Start-ModelTraining $model -Epochs 1 -BatchSize 32 | Export-TrainingPlot")]
    public void Pictures_are_written_in_the_format_of_their_name(string script)
    {
        Session session = shared.Renew(Setup);
        session.Run($"{script} a.png; {script} -LiteralPath 'new folder/[ä] b.SVG'");

        Assert.Equal(PngSignature, File.ReadAllBytes(session.Folder["a.png"])[..6]);
        Assert.Contains("<svg", File.ReadAllText(session.Folder["new folder", "[ä] b.SVG"]), StringComparison.Ordinal);
        Assert.Equal("UnknownPictureFormat", session.Fail($"{script} a.jpg").Id);
        Assert.Equal("NotAFileSystemPath", session.Fail($"{script} Env:a.png").Id);
    }

    [Theory]
    [InlineData("$predictions", "PredictionSheet")]
    [InlineData("$evaluation", "ConfusionMatrix")]
    public void Files_are_replaced_by_force_only_and_WhatIf_writes_nothing(string input, string noun)
    {
        Session session = shared.Renew(Setup);
        File.WriteAllText(session.Folder["a.png"], "precious");

        Assert.Equal("FileExists", session.Fail($"{input} | Export-{noun} a.png").Id);
        Assert.Empty(session.Run($"{input} | Export-{noun} b.png -WhatIf"));
        Assert.Equal("precious", File.ReadAllText(session.Folder["a.png"]));
        Assert.Single(Directory.EnumerateFileSystemEntries(session.Folder.Path));

        Assert.Equal(session.Folder["a.png"], session.Value<FileInfo>($"{input} | Export-{noun} a.png -Force -PassThru").FullName);
        Assert.Equal(PngSignature, File.ReadAllBytes(session.Folder["a.png"])[..6]);
    }

    [Fact]
    public void A_file_that_cannot_be_written_is_refused_before_the_pipeline_works()
    {
        Assert.Equal("UnknownPictureFormat",
            _session.Fail("& { $script:worked = $true; $data | Start-ModelTraining $model @quick } | Export-TrainingPlot a.gif").Id);

        Assert.Null(_session.Run("$worked")[0]);
    }

    [Fact]
    public void Reports_of_runs_that_train_at_once_are_drawn_like_those_of_one_after_the_other()
    {
        _session.Run("""
            $a = @($data | Start-ModelTraining (New-ResNet20) @quick -OutputDirectory a)
            $b = @($data | Start-ModelTraining (New-ResNet20) @quick -OutputDirectory b)
            $a[0], $b[0], $a[1], $b[1] | Export-TrainingPlot turns.png
            $a + $b | Export-TrainingPlot order.png
            """);

        Assert.Equal(File.ReadAllBytes(_session.Folder["order.png"]), File.ReadAllBytes(_session.Folder["turns.png"]));
    }

    [Fact]
    public void Rows_of_text_are_not_drawn_as_reports()
    {
        _session.Run("""
            $reports = @($data | Start-ModelTraining $model @quick -EvaluateEvery 2)
            $reports | Export-Csv epochs.csv
            $reports | Export-Clixml epochs.xml
            $reports | Export-TrainingPlot live.png
            Import-Clixml epochs.xml | Export-TrainingPlot kept.png
            """);

        Assert.Equal(File.ReadAllBytes(_session.Folder["live.png"]), File.ReadAllBytes(_session.Folder["kept.png"]));
        Assert.Contains("rows of text", _session.Fail("Export-TrainingPlot csv.svg -Report (Import-Csv epochs.csv)").Exception.Message,
            StringComparison.Ordinal);
        Assert.Contains("rows of text", _session.Try("Import-Csv epochs.csv | Export-TrainingPlot csv.svg").Errors[0].Exception.Message,
            StringComparison.Ordinal);
        Assert.False(File.Exists(_session.Folder["csv.svg"]));
    }

    [Fact]
    public void Runs_are_told_apart_by_their_epochs_and_by_their_names()
    {
        _session.Run("""
            $one = @($data | Start-ModelTraining $model @quick)
            $two = @($data | Start-ModelTraining $model -Epochs 1 -BatchSize 32)
            $one + $two | Export-TrainingPlot numbered.svg
            $three = @($data | Start-ModelTraining $model -Epochs 1 -BatchSize 32 -OutputDirectory results/adam)
            $one + $three | Export-TrainingPlot named.svg
            $two + @(Get-TrainingHistory results/adam) | Export-TrainingPlot read.svg
            $one | Export-TrainingPlot given.svg -Run sgd
            """);

        Assert.Contains("run 2", File.ReadAllText(_session.Folder["numbered.svg"]), StringComparison.Ordinal);
        Assert.All(["named.svg", "read.svg"], file =>
            Assert.Contains("adam", File.ReadAllText(_session.Folder[file]), StringComparison.Ordinal));
        Assert.Contains("sgd", File.ReadAllText(_session.Folder["given.svg"]), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("@() | Export-TrainingPlot a.png", "NoEpochReports")]
    [InlineData("@() | Export-PredictionSheet a.png", "NoPredictions")]
    [InlineData("$evaluation, $evaluation | Export-ConfusionMatrix a.png", "NotOneEvaluation")]
    [InlineData("@() | Export-ReliabilityPlot a.png", "NoPredictions")]
    [InlineData("1..8 | ForEach-Object { $evaluation } | Export-ReliabilityPlot a.png", "TooManyRuns")]
    [InlineData("$data.Test | Invoke-Inference (New-Network { Linear }) | Export-PredictionSheet a.png -Explain", "NoActivationMap")]
    [InlineData("& { $data | Find-LearningRate $model -BatchSize 32 -Steps 3; $data | Start-ModelTraining $model -Epochs 1 } | "
        + "Export-TrainingPlot a.png", "PlotsMixed")]
    [InlineData("Invoke-Inference $model red.png | Export-PredictionSheet a.png -TopLosses", "TruthUnknown")]
    [InlineData("$predictions | Export-PredictionSheet a.png -Count 0", "ParameterArgumentValidationError")]
    [InlineData("$evaluation | Export-ConfusionMatrix a.png -Cell Colour", "CannotConvertArgumentNoMessage")]
    [InlineData("$predictions | Export-PredictionSheet '?.png' -Force", "AmbiguousPath")]
    [InlineData("@() | Export-AugmentationSheet a.png", "NoImages")]
    [InlineData("$data | Export-AugmentationSheet a.png -Augmentation Light, RandomResizedCrop", "OptionOutOfRange")]
    [InlineData("$data | Export-AugmentationSheet a.png -Augmentation None, Flip", "ParameterArgumentTransformationError")]
    public void What_cannot_be_is_refused_and_leaves_no_file(string script, string id)
    {
        Session session = shared.Renew(Setup);
        File.WriteAllBytes(session.Folder["red.png"], Pictures.RedPng);
        File.WriteAllBytes(session.Folder["b.png"], Pictures.RedPng);
        if (id == "AmbiguousPath")
            File.WriteAllBytes(session.Folder["c.png"], Pictures.RedPng);

        Assert.Equal(id, session.Fail(script).Id);

        Assert.False(File.Exists(session.Folder["a.png"]));
    }

    [Fact]
    public void A_calibration_is_drawn_before_and_after()
    {
        _session.Run("$data | Optimize-ModelCalibration $model | Export-ReliabilityPlot a.svg");

        Assert.Matches("before: calibration error.*calibrated: calibration error",
            File.ReadAllText(_session.Folder["a.svg"]).ReplaceLineEndings(" "));
    }

    [Fact]
    public void A_picture_file_and_its_guess_are_shown()
    {
        File.WriteAllBytes(_session.Folder["red.png"], Pictures.RedPng);

        _session.Run("Invoke-Inference $model red.png | Export-PredictionSheet a.svg");

        Assert.Contains("red.png", File.ReadAllText(_session.Folder["a.svg"]), StringComparison.Ordinal);
    }
}
