using System.Management.Automation;

namespace Cifar10Ps.Tests;

public sealed class SteeringTests : IDisposable
{
    private readonly Session _session = new(Session.Setup + """

        $data = Get-Cifar10 -Synthetic -TrainCount 16 -TestCount 8
        $still = @{ BatchSize = 16; LearningRate = 1e-12; Schedule = 'Constant'; OutputDirectory = 'result' }
        """);

    public void Dispose() => _session.Dispose();

    [Fact]
    public void A_run_without_patience_left_ends_with_a_warning_that_says_why_and_how_to_go_on()
    {
        // Nothing changes, apart from weight decay: no epoch is better than the first.
        dynamic[] reports = _session.Run("$data | Start-ModelTraining $model @still -Epochs 9 -WeightDecay 0 -EarlyStoppingPatience 1");

        Assert.Equal(2, reports.Length);
        Assert.Matches(
            $"stopped: No better validation accuracy.*-ResumeFrom '{_session.Folder["result", "checkpoint-latest.safetensors"]}'",
            Assert.Single(_session.Host.Warnings));
    }

    [Fact]
    public void What_is_said_about_going_on_can_be_pasted()
    {
        _session.Run("$still.OutputDirectory = \"it's\"");
        _session.Run("$null = $data | Start-ModelTraining $model @still -Epochs 3 -OnEpochEnd { $false }");
        string warning = Assert.Single(_session.Host.Warnings);
        string how = warning[warning.IndexOf("-ResumeFrom", StringComparison.Ordinal)..].TrimEnd('.');

        Assert.Equal([2, 3], _session.Run($"$data | Start-ModelTraining {how}").Select(report => (int)report.Epoch));
    }

    [Theory]
    [InlineData("24:00:00", 24)]
    [InlineData("1:30", 1.5)]
    [InlineData("36:30:00", 36.5)]
    [InlineData("1.06:00:00", 30)]
    [InlineData("02:30:00", 2.5)]
    public void Hours_are_hours(string text, double hours)
    {
        // Only the assembled module has the attribute.
        string script = $$"""
            $attribute = (Get-Command Start-ModelTraining).Parameters.MaxDuration.Attributes.Where({
                $_.GetType().Name -eq 'DurationTransformationAttribute' })[0]
            ([timespan]$attribute.Transform($ExecutionContext, '{{text}}')).TotalHours
            """;

        Assert.Equal(hours, _session.Value<double>(script));
    }

    [Theory]
    [InlineData("-MaxDuration '8'")]
    [InlineData("-CheckpointEvery '7200'")]
    public void A_number_alone_is_no_duration(string option) =>
        Assert.Contains("would be days", _session.Fail($"$data | Start-ModelTraining $model @still {option}").Exception.Message,
            StringComparison.Ordinal);

    [Fact]
    public void Folds_that_are_piped_into_one_model_are_warned_of_and_a_run_is_not_replaced_by_the_next_of_its_command()
    {
        _session.Run("$null = $data | Split-ImageDataset -Fold 2 | Start-ModelTraining $model -Epochs 1");
        string warning = Assert.Single(_session.Host.Warnings, text => text.Contains("already trained on", StringComparison.Ordinal));
        Assert.Contains("ForEach-Object", warning, StringComparison.Ordinal);

        Assert.Equal("OutputDirectoryInUse",
            _session.Fail("$null = $model, (New-ResNet20 -Seed 2) | Start-ModelTraining -Dataset $data @still -Epochs 1 -Force").Id);
        Assert.True(File.Exists(_session.Folder["result", "model.safetensors"]));
        // Nothing is made in a rehearsal.
        Assert.Empty(_session.Run("$model, $model | Start-ModelTraining -Dataset $data -Epochs 1 -OutputDirectory new -WhatIf"));
    }

    [Fact]
    public void Patience_on_resume_does_not_change_which_model_remains()
    {
        _session.Run("$null = $data | Start-ModelTraining $model @still -Epochs 6 -WeightDecay 0 -EarlyStoppingPatience 3 -Restore Last "
            + "-OnEpochEnd { $false }");

        _session.Run("$null = $data | Start-ModelTraining -ResumeFrom result -EarlyStoppingPatience 3");

        Assert.Equal(4, _session.Value<int>("(Import-Model result).TrainedEpochs"));
    }

    [Fact]
    public void The_folder_of_a_run_is_the_same_by_another_name()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "links need a privilege");
        _session.Run("$null = $data | Start-ModelTraining $model @still -Epochs 3 -OnEpochEnd { $false }");
        Directory.CreateSymbolicLink(_session.Folder["link"], _session.Folder["result"]);

        _session.Run("$data | Start-ModelTraining -ResumeFrom link -OutputDirectory result -Force | Select-Object -First 1");

        Assert.Equal(2, _session.Value<int>("(Get-TrainingRun result).Epochs"));
        Assert.True(File.Exists(_session.Folder["result", "checkpoint-epoch-0001.safetensors"]));
    }

    [Fact]
    public void A_script_block_sees_each_report_in_the_session_and_nothing_of_it_gets_into_the_pipeline()
    {
        _session.Run("$seen = [Collections.ArrayList]::new()");

        dynamic[] reports = _session.Run(
            "$data | Start-ModelTraining $model @still -Epochs 2 "
            + "-OnEpochEnd { param($report) $null = $seen.Add([object]::ReferenceEquals($_, $report)); 'noise'; $_.Epoch; $false; $true }");

        Assert.Equal([1, 2], reports.Select(report => (int)report.Epoch));
        Assert.Equal([true, true], _session.Run("$seen").Cast<bool>());
        Assert.Empty(_session.Host.Warnings);
    }

    [Fact]
    public void A_script_block_ends_the_run_with_false_and_the_run_goes_on_later()
    {
        dynamic[] reports =
            _session.Run("$data | Start-ModelTraining $model @still -Epochs 4 -OnEpochEnd { if ($_.Epoch -eq 2) { return $false } }");

        Assert.Equal(2, reports.Length);
        Assert.Contains("-OnEpochEnd returned $false after epoch 2", Assert.Single(_session.Host.Warnings), StringComparison.Ordinal);
        Assert.True(File.Exists(_session.Folder["result", "model.safetensors"]));
        Assert.Equal([3, 4], _session.Run("$data | Start-ModelTraining -ResumeFrom result").Select(report => (int)report.Epoch));
    }

    [Fact]
    public void An_error_of_the_script_block_ends_the_run_with_a_checkpoint()
    {
        ErrorRecord error = _session.Fail("$null = $data | Start-ModelTraining $model @still -Epochs 4 -OnEpochEnd { throw 'enough' }");

        Assert.Equal("enough", error.ToString());
        Assert.Contains("-OnEpochEnd failed after epoch 1", Assert.Single(_session.Host.Warnings), StringComparison.Ordinal);
        Assert.Equal([2, 3, 4], _session.Run("$data | Start-ModelTraining -ResumeFrom result").Select(report => (int)report.Epoch));
    }

    [Fact]
    public void A_break_at_the_end_of_an_epoch_leaves_the_loop_of_the_caller_and_a_warning_says_so()
    {
        dynamic[] output = _session.Run("foreach ($i in 1, 2) { $data | Start-ModelTraining $model @still -Epochs 4 -OnEpochEnd { break } "
            + "| Out-Null; 'not reached' }; $model.TrainedEpochs");

        Assert.Equal([1], output);
        Assert.Contains("-OnEpochEnd was left with break, continue or exit after epoch 1", Assert.Single(_session.Host.Warnings),
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_can_be_stopped_within_the_script_block()
    {
        _session.RunAndStop("$data | Start-ModelTraining $model @still -Epochs 4 -OnEpochEnd { $stop.Invoke(); while ($true) { } }");

        Assert.Contains("Training was stopped. Resume", Assert.Single(_session.Host.Warnings), StringComparison.Ordinal);
        Assert.Equal(1, _session.Value<int>("(Import-Model result/checkpoint-latest.safetensors).TrainedEpochs"));
    }

    [Fact]
    public void Steps_and_validations_can_be_left_out()
    {
        dynamic[] reports = _session.Run("$data | Start-ModelTraining $model -Epochs 3 -BatchSize 4 -LimitSteps 1 -EvaluateEvery 2");

        Assert.Equal([1L, 2, 3], reports.Select(report => (long)report.Step));
        Assert.Equal([true, false, false], reports.Select(report => report.ValidationAccuracy is null));
    }

    [Theory]
    [InlineData("-MaxDuration 7200", "ParameterArgumentValidationError")]
    [InlineData("-MaxDuration (-[TimeSpan]::FromHours(1))", "ParameterArgumentValidationError")]
    [InlineData("-EarlyStoppingPatience 0", "ParameterArgumentValidationError")]
    [InlineData("-EvaluateEvery 0", "ParameterArgumentValidationError")]
    [InlineData("-LimitSteps 0", "ParameterArgumentValidationError")]
    [InlineData("-OnEpochEnd { } -AsJob", "OnEpochEndInJob")]
    public void Limits_that_make_no_sense_are_refused(string option, string id)
    {
        Assert.Equal(id, _session.Fail($"$data | Start-ModelTraining $model @still {option}").Id);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_session.Folder.Path));
        Assert.Empty(_session.Run("Get-Job"));
    }

    [Fact]
    public void The_history_of_runs_comes_from_folders_files_and_the_pipeline()
    {
        _session.Run(
            "$data | Start-ModelTraining $model @still -Epochs 2 -OnEpochEnd { $_.Epoch -lt 2 } | Out-Null; "
            + "$reports = Get-TrainingHistory result -Verbose");

        Assert.Equal([1, 2], _session.Run("$reports").Select(report => (int)report.Epoch));
        Assert.Equal(_session.Folder["result"], _session.Value<string>("$reports[0].Run"));
        Assert.Equal(2, _session.Value<int>(
            "@(Get-TrainingHistory res*/checkpoint-epoch*1.safetensors, result/log | Where-Object IsBest).Count"));
        Assert.Equal(2, _session.Value<int>(
            "@([IO.DirectoryInfo]::new(\"$pwd/result\").GetFiles('checkpoint-latest*') | "
            + "Get-TrainingHistory -LiteralPath { $_.FullName }).Count"));
    }

    [Fact]
    public void A_history_that_is_not_there_does_not_end_the_pipeline()
    {
        _session.Run("$null = $data | Start-ModelTraining $model @still -Epochs 1");

        Outcome outcome = _session.Try("'nothing', $pwd, 'result/model.safetensors', 'result' | Get-TrainingHistory");

        Assert.Single(outcome.Output);
        Assert.Equal(["FileNotFound", "HistoryNotFound", "InvalidCheckpoint"], outcome.Errors.Select(error => error.Id));
    }

    [Fact]
    public void A_learning_rate_is_found_without_touching_the_model()
    {
        dynamic range = _session.Run("$data | Find-LearningRate $model -BatchSize 8 -Steps 3 -Minimum 1e-4 -Maximum 1e-2").Single();

        Assert.Equal([-4.0, -3, -2],
            ((IEnumerable<dynamic>)range.Points).Select(point => Math.Round(Math.Log10((double)point.LearningRate), 6)));
        Assert.Equal(0, _session.Value<int>("$model.TrainedEpochs"));
        Assert.Equal("InvalidRange", _session.Fail("$data | Find-LearningRate $model -Minimum 1 -Maximum 0.1").Id);
        _session.RunAndStop("$data | Find-LearningRate $model", step => step.Activity == 1);
    }

    [Theory]
    [InlineData("Start-ModelTraining -ResumeFrom re", "result", "result/checkpoint-latest.safetensors")]
    [InlineData("Start-ModelTraining -ResumeFrom ./result/checkpoint-l", "./result/checkpoint-latest.safetensors")]
    [InlineData("Start-ModelTraining -ResumeFrom it", "'it''s [mine]'", "'it''s [mine]/checkpoint-latest.safetensors'")]
    [InlineData("Get-TrainingHistory it", "'it''s `[mine`]'", "'it''s `[mine`]/checkpoint-latest.safetensors'")]
    [InlineData("Start-ModelTraining -Recipe O", "Original")]
    [InlineData("Export-Model -Format Sa", "Safetensors")]
    public void Tab_completes_what_there_is(string line, params string[] expected)
    {
        foreach (string folder in (string[])["result", "it's [mine]"])
            File.WriteAllText(Path.Combine(Directory.CreateDirectory(_session.Folder[folder]).FullName,
                "checkpoint-latest.safetensors"), "");
        _session["line"] = line;

        Assert.Equal(expected, _session.Run("(TabExpansion2 $line $line.Length).CompletionMatches")
            .Select(match => ((string)match.CompletionText).Replace('\\', '/')));
    }
}
