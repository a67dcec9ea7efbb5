using System.Management.Automation;

namespace Cifar10Ps.Tests;

/// <summary>What can be piped into what, and what parameters accept.</summary>
public sealed class PipelineTests(SharedSession shared) : IClassFixture<SharedSession>, IDisposable
{
    private readonly Session _session = new();

    public void Dispose() => _session.Dispose();

    [Theory]
    [InlineData("$model | Start-ModelTraining -Dataset $data -Epochs 1 -BatchSize 32", "EpochReport", 1)]
    [InlineData("$model | Find-LearningRate -Dataset $data -Steps 2 -BatchSize 32", "LearningRateRange", 1)]
    [InlineData("$model | Measure-Model -Dataset $data", "Evaluation", 1)]
    [InlineData("$model | Measure-Model -Image $data.Test[0..3]", "Evaluation", 1)]
    [InlineData("$model | Invoke-Inference -Dataset $data", "Prediction", 32)]
    [InlineData("$model | Invoke-Inference -Image $data.Test[0..3]", "Prediction", 4)]
    [InlineData("$model | Invoke-Inference -Path *.png", "Prediction", 1)]
    [InlineData("$model, $model | Invoke-Inference -LiteralPath a.png", "Prediction", 2)]
    public void A_model_may_come_from_the_pipeline(string script, string type, int count)
    {
        Session session = shared.Renew();
        File.WriteAllBytes(session.Folder["a.png"], Pictures.RedPng);

        dynamic[] output = session.Run(script);

        Assert.Equal(Enumerable.Repeat(type, count), output.Select(item => (string)item.GetType().Name));
    }

    [Fact]
    public void Each_piped_model_is_measured_and_guesses_on_its_own()
    {
        _session.Run("$other = New-ResNet20 -Seed 2");

        Assert.Equal(_session.Run("$model, $other | ForEach-Object { (Measure-Model $_ -Dataset $data).Loss }"),
            _session.Run("($model, $other | Measure-Model -Dataset $data).Loss"));
        Assert.Equal(_session.Run("$model, $other | ForEach-Object { ($data | Invoke-Inference $_).Confidence }"),
            _session.Run("($model, $other | Invoke-Inference -Dataset $data).Confidence"));
    }

    [Theory]
    [InlineData("$model, $other, $model | Measure-Model -Dataset $data -ErrorVariable e", 2)]
    [InlineData("$model, $other, $model | Optimize-ModelCalibration -Dataset $data -WarningAction Ignore", 2)]
    [InlineData("$model, $large, $model | Invoke-Inference -Image $data.Test[0..1] -WarningAction Ignore", 4)]
    public void A_piped_model_that_does_not_suit_the_images_does_not_stop_the_next(string script, int count)
    {
        _session.Run("$other = New-ResNet20 x, y; $large = New-Vgg -Depth 11 -ImageSize 64");

        Outcome outcome = _session.Try(script);

        Assert.Equal(count, outcome.Output.Length);
        Assert.NotNull(Assert.Single(outcome.Errors).TargetObject);
    }

    [Theory]
    [InlineData("Measure-Model ../m.safetensors -Dataset $data")]
    [InlineData("'../m.safetensors' | Measure-Model -Dataset $data")]
    [InlineData("[IO.FileInfo]::new(\"$pwd/../m.safetensors\") | Measure-Model -Dataset $data")]
    [InlineData("$data.Test[0] | Invoke-Inference -Model ../m.safetensors")]
    [InlineData("$data | Start-ModelTraining ../m.safetensors -Epochs 1 -BatchSize 32 -LimitSteps 1 -OutputDirectory out")]
    [InlineData("$data | Find-LearningRate ../m.safetensors -Steps 2 -BatchSize 32")]
    [InlineData("(Get-ModelSummary ../m.safetensors)[0]")]
    [InlineData("Export-Model ./m.onnx ../m.safetensors -PassThru")]
    public void A_model_may_be_given_as_its_file(string script)
    {
        Session session = shared.Renew();
        session.Run(
            "$model | Save-Model m.safetensors; "
            + "$null = [IO.Directory]::CreateDirectory(\"$pwd/sub\"); $null = $ExecutionContext.SessionState.Path.SetLocation('sub')");

        Assert.Single(session.Run(script));
    }

    [Fact]
    public void Every_parameter_that_takes_a_model_takes_its_file()
    {
        ParameterMetadata[] models = [.. _session.Run("Get-Command -Module Cifar10Ps").Cast<CmdletInfo>()
            .SelectMany(cmdlet => cmdlet.Parameters.Values).Where(parameter => parameter.ParameterType.Name == "ImageClassifier")];

        Assert.InRange(models.Length, 10, 100);
        Assert.All(models, model =>
            Assert.Contains(model.Attributes, attribute => attribute.GetType().Name == "ModelTransformationAttribute"));
    }

    [Theory]
    [InlineData("Measure-Model ./gone.safetensors -Dataset $data", "There is no file or folder")]
    [InlineData("Measure-Model ./text.safetensors -Dataset $data", "text.safetensors' is")]
    [InlineData("Measure-Model ./*.safetensors -Dataset $data", "text.safetensors' is")]
    public void A_file_that_is_no_model_is_told_once_and_why(string script, string expected)
    {
        Session session = shared.Renew();
        File.WriteAllText(session.Folder["text.safetensors"], "text");
        ErrorRecord error = session.Fail(script);

        Assert.Equal("ParameterArgumentTransformationError", error.Id);
        Assert.Contains(expected, error.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("matches 0", error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("$data.Train | Start-ModelTraining $model")]
    [InlineData("$data.Train | Start-ModelTraining")]
    [InlineData("$data.Test | Start-ModelTraining -ResumeFrom run")]
    [InlineData("Start-ModelTraining $model -Dataset $data.Train")]
    [InlineData("$data.Train | Find-LearningRate $model")]
    public void Images_where_a_data_set_is_meant_are_one_error(string script)
    {
        ErrorRecord error = shared.Renew().Fail(script);

        Assert.Equal("DatasetExpected", error.Id);
        Assert.Contains("$cifar", error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("$data | Start-ModelTraining")]
    [InlineData("$data | Find-LearningRate")]
    [InlineData("$data.Test | Measure-Model")]
    [InlineData("$data.Test | Invoke-Inference")]
    [InlineData("Measure-Model -Dataset $data")]
    public void A_missing_model_is_one_error(string script) => Assert.Equal("ModelMissing", shared.Renew().Fail(script).Id);

    [Theory]
    [InlineData("$data | Invoke-Inference $model -Top 1 | Measure-Model")]
    [InlineData("Measure-Model -Prediction ($data | Invoke-Inference $model)")]
    public void Predictions_are_measured_as_the_images_are(string script)
    {
        Session session = shared.Renew();
        dynamic expected = session.Run("$data | Measure-Model $model")[0], evaluation = Assert.Single(session.Run(script));

        Assert.Equal(((int)expected.Count, (double)expected.Accuracy, (double?)expected.Top5Accuracy),
            ((int)evaluation.Count, (double)evaluation.Accuracy, (double?)evaluation.Top5Accuracy));
        Assert.Equal((double)expected.Loss, (double)evaluation.Loss, 1e-9);
        Assert.Equal((IEnumerable<IEnumerable<int>>)expected.ConfusionMatrix, (IEnumerable<IEnumerable<int>>)evaluation.ConfusionMatrix);
        Assert.Equal(((IEnumerable<dynamic>)expected.Classes).Select(c => (string)c.Class),
            ((IEnumerable<dynamic>)evaluation.Classes).Select(c => (string)c.Class));
    }

    [Theory]
    [InlineData("$data | Start-ModelTraining ./m.safetensors @quick")]
    [InlineData("'./m.safetensors' | Start-ModelTraining -Dataset $data @quick")]
    public void A_model_that_nobody_would_hold_is_not_trained_without_an_output_directory(string script)
    {
        Session session = shared.Renew();
        session.Run("$data | Start-ModelTraining $model -Epochs 1 -BatchSize 32 | Out-Null; $model | Save-Model m.safetensors");

        Assert.Equal("OutputDirectoryMissing", session.Fail(script).Id);
        Assert.NotEmpty(session.Run(script + " -OutputDirectory out"));
        Assert.NotEmpty(session.Run("""
            $m = $data | Optimize-ModelCalibration ./m.safetensors -PassThru -WarningAction Ignore
            $data | Start-ModelTraining $m @quick
            """));
    }

    [Theory]
    [InlineData("Invoke-Inference $model a.png | Measure-Model", "TruthUnknown")]
    [InlineData("Invoke-Inference $model a.png | Export-ConfusionMatrix a.svg", "TruthUnknown")]
    [InlineData("$model, (New-ResNet20 12) | Invoke-Inference -Dataset $data | Measure-Model", "ClassMismatch")]
    [InlineData("$data | Invoke-Inference $model | Measure-Model $model", "PredictionsAreMade")]
    [InlineData("$data | Invoke-Inference $model | Measure-Model -Augment", "PredictionsAreMade")]
    [InlineData("$data | Invoke-Inference $model | Measure-Model -Views 6", "PredictionsAreMade")]
    [InlineData("$p = $data | Invoke-Inference $model; $model, $model | Measure-Model -Prediction $p", "PredictionsAreMade")]
    [InlineData("@() | Measure-Model", "NoImages")]
    [InlineData("$data | Measure-Model $model | ForEach-Object { $_; $data | Invoke-Inference $model } | Export-ConfusionMatrix a.svg",
        "NotOneEvaluation")]
    public void Predictions_that_cannot_be_measured_are_one_error(string script, string id)
    {
        Session session = shared.Renew();
        File.WriteAllBytes(session.Folder["a.png"], Pictures.RedPng);

        Assert.Equal(id, session.Fail(script).Id);
    }

    [Fact]
    public void Defaults_for_all_commands_do_not_get_in_the_way_of_predictions() =>
        Assert.Equal(["32", "2"], _session.Run("""
            $PSDefaultParameterValues['*-*:Threads'] = 1
            $PSDefaultParameterValues['*-*:Precision'] = 'Float32'
            try {
                $guesses = $data | Invoke-Inference $model
                "$(($guesses | Measure-Model).Count)"
                $null = $guesses | Find-LabelError
                "$($PSDefaultParameterValues.Count)"
            } finally { $PSDefaultParameterValues.Clear() }
            """));

    [Fact]
    public void Each_evaluation_names_its_model_and_a_file_that_cannot_be_read_is_one_error()
    {
        _session.Run("1, 3 | ForEach-Object { New-ResNet20 -Seed $_ | Save-Model ./m$_.safetensors }; Set-Content ./m2.safetensors no");

        Assert.Equal(["m1.safetensors", "m3.safetensors", "1", "0", "1", "ResNet-20"], _session.Run("""
            Get-ChildItem m*.safetensors | Measure-Model -Dataset $data -ErrorVariable problems -ErrorAction SilentlyContinue |
                ForEach-Object { Split-Path $_.Model -Leaf }
            "$($problems.Count)"
            $none = Get-ChildItem m2.safetensors | Measure-Model -Dataset $data -ErrorVariable problems -ErrorAction SilentlyContinue
            "$(@($none).Count)", "$($problems.Count)", ($data | Measure-Model $model).Model
            """));
    }

    [Fact]
    public void A_batch_of_one_is_predicted_before_the_next_image_is_asked_for() =>
        Assert.Equal(["0", "1", "2"], _session.Run("""
            $answers = [Collections.Generic.List[object]]::new()
            $seen = [Collections.Generic.List[string]]::new()
            $data.Test | Select-Object -First 3 | ForEach-Object { $seen.Add("$($answers.Count)"); $_ } |
                Invoke-Inference $model -BatchSize 1 | ForEach-Object { $answers.Add($_) }
            $seen
            """));

    [Fact]
    public void A_confusion_matrix_is_drawn_of_predictions()
    {
        _session.Run("""
            $data | Measure-Model $model | Export-ConfusionMatrix measured.svg
            $data | Invoke-Inference $model | Export-ConfusionMatrix guessed.svg
            """);

        Assert.Equal(File.ReadAllText(_session.Folder["measured.svg"]), File.ReadAllText(_session.Folder["guessed.svg"]));
    }

    [Theory]
    [InlineData("New-ResNet20 -Classes $data")]
    [InlineData("New-ResNet20 $data.Test")]
    [InlineData("New-ResNet -Depth 20 -Classes (New-ResNet20 $data)")]
    [InlineData("$model | Save-Model m.safetensors; Import-Model m.safetensors -Classes $data")]
    public void Class_names_are_taken_from_what_has_them(string script)
    {
        Session session = shared.Renew();

        Assert.Equal(session.Run("$data.Classes").Cast<string>(), (string[])session.Run(script)[0].Classes);
    }
}
