namespace Cifar10Ps.Tests;

public sealed class JobTests : IDisposable
{
    private const string Long = "$job = $data | Start-ModelTraining $model -Epochs 1000 -BatchSize 8 -OutputDirectory result -AsJob";
    private readonly Session _session = new(Session.Setup + "\n$data = Get-Cifar10 -Synthetic -TrainCount 16 -TestCount 8");

    public void Dispose()
    {
        _session.Run("Get-Job | Remove-Job -Force");
        _session.Dispose();
    }

    [Fact]
    public void Images_that_a_model_cannot_take_are_an_error_of_the_command()
    {
        using Session session = new();

        Assert.Equal("ImageSizeMismatch", session.Fail("""
            $small = New-Network -ImageSize 16 { Convolution 8; AveragePool; Linear }
            $data.Train | Export-Image out; $tiny = Get-ImageDataset out -ImageSize 16 -WarningAction Ignore
            $null = $tiny | Start-ModelTraining $small -Epochs 1 -BatchSize 32
            $data | Start-ModelTraining $small -AsJob
            """).Id);
        Assert.Empty(session.Run("Get-Job"));
    }

    [Fact]
    public void A_job_gives_the_reports_as_the_pipeline_would()
    {
        dynamic[] expected = _session.Run("$data | Start-ModelTraining (New-ResNet20 -Seed 1) -Epochs 2 -BatchSize 8");

        _session.Run("$job = $data | Start-ModelTraining $model -Epochs 2 -BatchSize 8 -AsJob");
        dynamic[] reports = _session.Run("$job | Receive-Job -Wait");

        Assert.Equal(expected.Select(report => (double)report.Loss), reports.Select(report => (double)report.Loss));
        Assert.Equal("Completed", _session.Value<string>("$job.State"));
        Assert.Equal("ModelTraining", _session.Value<string>("(Get-Job).PSJobTypeName"));
        Assert.Equal(2, _session.Value<int>("$model.TrainedEpochs"));
        Assert.False(_session.Value<bool>("$job.HasMoreData"));
        Assert.Empty(_session.Run("Remove-Job $job; Get-Job"));
    }

    [Fact]
    public void A_job_is_at_hand_at_once_its_reports_come_while_it_runs_and_the_session_and_the_model_are_free()
    {
        Assert.Equal("Running", _session.Value<string>($"{Long}; $job.State"));
        WaitFor("$job.HasMoreData");

        Assert.Equal(1, _session.Value<int>("@(Receive-Job $job)[0].Epoch"));
        // The weights of a finished epoch, however long the job takes.
        Assert.InRange(_session.Value<double>("($data | Measure-Model $model).Accuracy"), 0, 1);
        _session.Run("$model | Save-Model copy.safetensors");
        Assert.True(_session.Value<int>("(Import-Model copy.safetensors).TrainedEpochs") >= 1);
        Assert.Equal("ModelInTraining", _session.Fail("$data | Start-ModelTraining $model").Id);
        Assert.Equal("ModelInTraining", _session.Fail("$data | Start-ModelTraining $model -AsJob").Id);
        Assert.Equal("Running", _session.Value<string>("$job.State"));
    }

    [Fact]
    public void A_stopped_job_leaves_a_checkpoint_to_go_on_from()
    {
        _session.Run(Long);
        WaitFor("$job.Progress.Count");

        _session.Run("Stop-Job $job");

        Assert.Equal("Stopped", _session.Value<string>("$job.State"));
        _session.Run("Receive-Job $job -OutVariable reports | Out-Null");
        Assert.Contains($"-ResumeFrom '{_session.Folder["result", "checkpoint-latest.safetensors"]}'",
            Assert.Single(_session.Host.Warnings), StringComparison.Ordinal);
        int done = _session.Value<int>("$reports.Count");
        Assert.Equal([done + 1], _session.Run("$data | Start-ModelTraining $model -ResumeFrom result -OnEpochEnd { $false }")
            .Select(report => (int)report.Epoch));
    }

    [Fact]
    public void Progress_lives_and_does_not_pile_up()
    {
        _session.Run(Long);
        WaitFor("$job.Progress.Count -and $job.StatusMessage -match 'Epoch [3-9]'");

        Assert.InRange(_session.Value<int>("$job.Progress.Count"), 1, 2);
        Assert.Matches("^Epoch \\d+ of 1000: ", _session.Value<string>("$job.StatusMessage"));
        _session.Run("Stop-Job $job");
        Assert.Equal(["Completed", "Completed"], _session.Run("$job.Progress").Select(record => ((object)record.RecordType).ToString()));
    }

    [Fact]
    public void A_job_that_diverges_has_failed_with_the_error()
    {
        _session.Run(
            "$job = $data | Start-ModelTraining $model -Epochs 50 -BatchSize 8 -Optimizer Sgd "
            + "-LearningRate 1e6 -Schedule Constant -AsJob; $null = $job | Wait-Job");

        Assert.Equal("Failed", _session.Value<string>("$job.State"));
        Assert.Equal("TrainingDiverged", Assert.Single(_session.Try("Receive-Job $job").Errors).Id);
    }

    [Fact]
    public void A_job_that_ends_early_is_complete_and_says_why()
    {
        _session.Run(
            "$job = $data | Start-ModelTraining $model -Epochs 50 -BatchSize 16 -LearningRate 1e-12 "
            + "-WeightDecay 0 -EarlyStoppingPatience 1 -AsJob; $null = $job | Wait-Job");

        Assert.Equal("Completed", _session.Value<string>("$job.State"));
        Assert.Equal(2, _session.Run("Receive-Job $job").Length);
        Assert.Contains("No better validation accuracy", Assert.Single(_session.Host.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void A_running_job_is_removed_by_force_only()
    {
        _session.Run(Long);

        Assert.Single(_session.Try("Remove-Job $job").Errors);
        Assert.Empty(_session.Run("Remove-Job $job -Force; Get-Job"));
        // Its model is free again.
        Assert.Single(_session.Run("$data | Start-ModelTraining $model -Epochs 1 -BatchSize 16"));
    }

    private void WaitFor(string condition)
    {
        DateTime end = DateTime.UtcNow.AddMinutes(2);
        while (!_session.Value<bool>($"[bool]({condition})"))
        {
            Assert.True(DateTime.UtcNow < end, condition);
            Thread.Sleep(5);
        }
    }
}
