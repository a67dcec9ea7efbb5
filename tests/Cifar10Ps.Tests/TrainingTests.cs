using System.Management.Automation;
using System.Text.Json;

namespace Cifar10Ps.Tests;

public sealed class TrainingTests : IDisposable
{
    private readonly Session _session = new();

    public void Dispose() => _session.Dispose();

    [Fact]
    public void Each_epoch_is_reported_as_it_ends()
    {
        dynamic[] arrivals = _session.Run(
            "$data | Start-ModelTraining $model -Epochs 3 -BatchSize 32 | ForEach-Object { \"$($_.Epoch) of $($model.TrainedEpochs)\" }");

        // Nothing is trained ahead of the pipeline.
        Assert.Equal(["1 of 1", "2 of 2", "3 of 3"], arrivals.Cast<string>());
    }

    [Fact]
    public void A_report_holds_what_one_wants_to_know()
    {
        dynamic[] reports = _session.Run("$data | Start-ModelTraining $model -Epochs 2 -BatchSize 30");

        Assert.All(reports, report =>
        {
            Assert.Equal(3 * report.Epoch, (long)report.Step);
            Assert.InRange((double)report.Loss, 0.1, 100);
            Assert.InRange((double)report.Accuracy, 0, 1);
            Assert.InRange((double)report.ValidationLoss, 0.1, 1e6);
            Assert.InRange((double)report.ValidationAccuracy, 0, 1);
            Assert.InRange((double)report.LearningRate, 0, 0.3);
            Assert.InRange((double)report.ImagesPerSecond, 0.1, 1e6);
        });
        Assert.True(reports[1].Elapsed > reports[0].Elapsed && reports[0].Elapsed > TimeSpan.Zero);
        Assert.Equal(reports[1].ValidationAccuracy, _session.Value<double>("($data | Measure-Model $model).Accuracy"));
    }

    [Fact]
    public void A_model_learns()
    {
        dynamic[] reports = _session.Run(
            "Get-Cifar10 -Synthetic -TrainCount 64 -TestCount 10 | Start-ModelTraining $model -Recipe Original -Epochs 6 -BatchSize 16");

        Assert.True(reports[^1].Loss < 0.75 * reports[0].Loss, $"{reports[0].Loss} -> {reports[^1].Loss}");
    }

    [Theory]
    [InlineData("-Threads 2", true)]
    [InlineData("-Seed 8", false)]
    [InlineData("-Optimizer AdamW", false)]
    public void Only_what_may_change_the_result_changes_it(string option, bool isSame)
    {
        _session.Run("$data = Get-Cifar10 -Synthetic -TrainCount 70 -TestCount 10");
        foreach ((string name, string options) in (ReadOnlySpan<(string, string)>)[("a", "-Threads 1"), ("b", option)])
            _session.Run(
                $"$model = New-ResNet20 -Seed 3; "
                + $"$null = $data | Start-ModelTraining $model -Epochs 1 -BatchSize 70 {options}; $model | Save-Model {name}.safetensors");

        Assert.Equal(isSame,
            File.ReadAllBytes(_session.Folder["a.safetensors"]).SequenceEqual(File.ReadAllBytes(_session.Folder["b.safetensors"])));
    }

    [Fact]
    public void Progress_shows_the_epochs_and_the_batches_below_them()
    {
        DateTime start = DateTime.UtcNow;

        _session.Run("$data | Start-ModelTraining $model -Epochs 2 -BatchSize 4");

        ProgressStep[] steps = [.. _session.Host.Progress];
        Assert.Equal([(1, -1), (2, 1)], steps.Select(s => (s.Activity, s.Parent)).Distinct().Order());
        Assert.All(steps, s => Assert.InRange(s.Percent, 0, 100));
        Assert.All(steps, s => Assert.InRange(s.SecondsLeft, -1, 3600));
        Assert.Matches(@"^Epoch 1 of 2$", steps[0].Status);
        Assert.Matches(@"^4/64, loss \d+\.\d{3}, accuracy [\d.]+ %, \d+ images/s$", steps[1].Status);
        // The parent shows the remaining time of the run; the text for CIFAR-10 fits 80 columns with activity, indentation and time.
        Assert.Contains(steps, s => s is { Activity: 1, SecondsLeft: >= 0, Percent: < 100 });
        Assert.InRange(steps[1].Status.Length + "49,920/50,000".Length - "4/64".Length,
            1, 80 - "Epoch 10".Length - "  [ 3600s]".Length - 2);
        // 32 steps, but only four updates a second of two records each, besides the first and the last.
        Assert.InRange(steps.Length, 4, 2 * (4 * (DateTime.UtcNow - start).TotalSeconds + 2));
        Assert.Equal([false, false], steps.SkipLast(2).TakeLast(2).Select(s => s.IsCompleted));
        Assert.Equal([(2, true), (1, true)], steps.TakeLast(2).Select(s => (s.Activity, s.IsCompleted)));
    }

    [Theory]
    [InlineData("foreach ($once in 1) { $data | Start-ModelTraining $model @quick | ForEach-Object { break } }")]
    [InlineData("$data | Start-ModelTraining $model @quick -LearningRate 1e6 -Schedule Constant -Epochs 50", "TrainingDiverged")]
    public void Progress_is_completed_when_the_run_ends_early(string script, params string[] errors)
    {
        Assert.Equal(errors, _session.Try(script).Errors.Select(error => error.Id));
        Assert.Equal([(2, true), (1, true)], _session.Host.Progress.TakeLast(2).Select(s => (s.Activity, s.IsCompleted)));
    }

    [Fact]
    public void WhatIf_trains_nothing()
    {
        Assert.Empty(_session.Run("$data | Start-ModelTraining $model @quick -OutputDirectory result -WhatIf"));

        Assert.Equal(0, _session.Value<int>("$model.TrainedEpochs"));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_session.Folder.Path));
    }

    [Fact]
    public void A_run_that_explodes_says_so()
    {
        ErrorRecord error =
            _session.Fail("$data | Start-ModelTraining $model -Epochs 50 -BatchSize 16 -LearningRate 1e6 -Schedule Constant | Out-Null");

        Assert.Equal("TrainingDiverged", error.Id);
        Assert.Contains("Lower -LearningRate", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_for_another_number_of_classes_is_refused_and_the_error_says_how_to_make_the_right_one()
    {
        ErrorRecord error = _session.Fail("$data | Start-ModelTraining (New-ResNet20 5)");

        Assert.Equal("ClassCountMismatch", error.Id);
        Assert.Matches("5 classes.*have 10.*New-ResNet20 -Classes", error.ToString());
    }

    [Fact]
    public void An_imported_model_is_trained_further()
    {
        _session.Run("""
            $null = $data | Start-ModelTraining $model -Epochs 1 -BatchSize 32
            $model | Save-Model model.safetensors
            $model = Import-Model model.safetensors
            $null = $data | Start-ModelTraining $model -Epochs 1 -BatchSize 32
            """);

        Assert.Equal(2, _session.Value<int>("$model.TrainedEpochs"));
    }

    [Fact]
    public void The_output_directory_holds_the_last_checkpoints_the_log_and_the_model()
    {
        dynamic[] reports =
            _session.Run("$data | Start-ModelTraining $model -Epochs 3 -BatchSize 32 -OutputDirectory out/result -KeepCheckpoints 2");

        Assert.Equal(
            ["checkpoint-best.safetensors", "checkpoint-epoch-0002.safetensors",
                "checkpoint-epoch-0003.safetensors", "checkpoint-latest.safetensors", "log", "model.safetensors", "run.jsonl"],
            Directory.EnumerateFiles(_session.Folder["out", "result"]).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        JsonElement[] log = [.. JsonDocument.Parse(File.ReadAllText(_session.Folder["out", "result", "log"])).RootElement.EnumerateArray()];
        Assert.Equal(
            ["main/loss", "main/accuracy", "validation/main/loss", "validation/main/accuracy", "epoch", "iteration", "elapsed_time"],
            log[2].EnumerateObject().Select(entry => entry.Name));
        Assert.Equal(reports.Select(r => (double)r.ValidationAccuracy),
            log.Select(entry => entry.GetProperty("validation/main/accuracy").GetDouble()));
        Assert.Equal(_session.Value<string>("\"$(($data.Test[0] | Invoke-Inference $model).Logits)\""),
            _session.Value<string>("\"$(($data.Test[0] | Invoke-Inference (Import-Model out/result/model.safetensors)).Logits)\""));
    }

    [Fact]
    public void TensorBoard_gets_an_event_file_of_each_sitting_in_the_output_directory()
    {
        _session.Run("$data | Start-ModelTraining $model @quick -OutputDirectory result -TensorBoard | Out-Null");
        long length = new FileInfo(Assert.Single(EventFiles())).Length;
        Assert.InRange(length, 100, 10_000_000);

        _session.Run("$data | Start-ModelTraining -ResumeFrom result -Epochs 3 -TensorBoard | Out-Null");
        Assert.Equal(2, EventFiles().Length);
        Assert.Contains(EventFiles(), file => new FileInfo(file).Length == length);

        _session.Run("$data | Start-ModelTraining (New-ResNet20) @quick -OutputDirectory result -Force | Out-Null");
        Assert.Empty(EventFiles());

        string[] EventFiles() => Directory.GetFiles(_session.Folder["result"], "events.out.tfevents.*");
    }

    [Fact]
    public void TensorBoard_needs_an_output_directory()
    {
        ErrorRecord error = _session.Fail("$data | Start-ModelTraining $model @quick -TensorBoard");

        Assert.Equal("OutputDirectoryMissing", error.Id);
        Assert.Contains("-OutputDirectory", error.ToString(), StringComparison.Ordinal);
        Assert.Equal(0, _session.Value<int>("$model.TrainedEpochs"));
    }
}
