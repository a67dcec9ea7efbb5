using System.Management.Automation;
using System.Text.RegularExpressions;

namespace Cifar10Ps.Tests;

public sealed class ResumeTests(ResumeTests.WholeRun whole, SharedSession shared)
    : IClassFixture<ResumeTests.WholeRun>, IClassFixture<SharedSession>, IDisposable
{
    private const string Train = "$data | Start-ModelTraining (New-ResNet20 -Seed 5) -Epochs 3 -BatchSize 12 -OutputDirectory result";
    private readonly Session _session = new();

    public void Dispose() => _session.Dispose();

    [Fact]
    public void A_run_that_is_stopped_within_an_epoch_says_how_to_go_on_and_goes_on_to_the_same_bits()
    {
        Outcome stopped = _session.RunAndStop(Train, step => step.Activity == 2);

        AssertSaysHowToGoOn();
        AssertGoesOn(stopped.Output.Length + 1);
    }

    [Fact]
    public void A_run_that_is_stopped_between_two_epochs_says_how_to_go_on_and_goes_on_to_the_same_bits()
    {
        _session.RunAndStop($"{Train} | ForEach-Object {{ $stop.Invoke(); while ($true) {{ }} }}");

        AssertSaysHowToGoOn();
        AssertGoesOn(2);
    }

    [Fact]
    public void A_run_whose_pipeline_is_left_goes_on_to_the_same_bits()
    {
        _session.Run($"foreach ($once in 1) {{ {Train} | ForEach-Object {{ if ($_.Epoch -eq 2) {{ break }} }} }}");

        AssertGoesOn(3);
    }

    [Fact]
    public void A_run_goes_on_from_an_older_checkpoint_in_another_folder_and_with_another_model_object()
    {
        _session["whole"] = whole.Folder;

        dynamic[] reports =
            _session.Run("$data | Start-ModelTraining $model -ResumeFrom $whole/checkpoint-epoch-0001.safetensors -OutputDirectory result");

        Assert.Equal([2, 3], reports.Select(report => (int)report.Epoch));
        Assert.Equal(3, _session.Value<int>("$model.TrainedEpochs"));
        AssertSameModel();
    }

    [Fact]
    public void A_checkpoint_is_a_model_file_too()
    {
        _session["whole"] = whole.Folder;

        Assert.Equal(3, _session.Value<int>("(Import-Model $whole/checkpoint-latest.safetensors).TrainedEpochs"));
    }

    [Fact]
    public void A_complete_run_warns_and_more_epochs_continue_it()
    {
        _session["whole"] = whole.Folder;

        Assert.Empty(_session.Run("Start-ModelTraining -Dataset $data -ResumeFrom $whole -OutputDirectory result"));
        Assert.Contains("complete", Assert.Single(_session.Host.Warnings), StringComparison.Ordinal);

        Assert.Equal([4], _session.Run("Start-ModelTraining -Dataset $data -ResumeFrom $whole -Epochs 4 -OutputDirectory more")
            .Select(report => (int)report.Epoch));
    }

    [Fact]
    public void Another_run_is_replaced_by_force_only()
    {
        foreach (string file in Directory.EnumerateFiles(whole.Folder))
            File.Copy(file, Path.Combine(Directory.CreateDirectory(_session.Folder["result"]).FullName, Path.GetFileName(file)));

        ErrorRecord error = _session.Fail(Train);

        Assert.Equal("OutputDirectoryInUse", error.Id);
        Assert.Matches("-ResumeFrom '.*result'.*-Force", error.ToString());
        AssertSameModel();
        Assert.Equal([1], _session.Run("$data | Start-ModelTraining $model -Epochs 1 -BatchSize 32 -OutputDirectory result -Force")
            .Select(report => (int)report.Epoch));
        // Nothing is left of the other run that could be mistaken for this one's.
        Assert.DoesNotContain(_session.Folder["result", "checkpoint-epoch-0003.safetensors"],
            Directory.EnumerateFiles(_session.Folder["result"]));
        Assert.Equal(1, _session.Value<int>("(Import-Model result/model.safetensors).TrainedEpochs"));
    }

    [Theory]
    [InlineData("Start-ModelTraining -Dataset $data -ResumeFrom $whole -LearningRate 0.01", "CheckpointMismatch")]
    [InlineData("Start-ModelTraining -Dataset $data -ResumeFrom $whole -BatchSize 32 -Epochs 5", "CheckpointMismatch")]
    [InlineData("Start-ModelTraining -Dataset (Get-Cifar10 -Synthetic -TrainCount 65) -ResumeFrom $whole -Epochs 5", "CheckpointMismatch")]
    [InlineData("$data | Start-ModelTraining (New-ResNet20 -Shortcut ZeroPad) -ResumeFrom $whole -Epochs 5", "CheckpointMismatch")]
    [InlineData("Start-ModelTraining -Dataset $data -ResumeFrom $whole/model.safetensors", "InvalidCheckpoint")]
    [InlineData("Start-ModelTraining -Dataset $data -ResumeFrom $whole/log", "InvalidSafetensors")]
    [InlineData("Start-ModelTraining -Dataset $data -ResumeFrom $pwd", "CheckpointNotFound")]
    [InlineData("Start-ModelTraining -Dataset $data -ResumeFrom $whole/nothing", "CheckpointNotFound")]
    [InlineData("Start-ModelTraining -Dataset $data -ResumeFrom $whole -OutputDirectory file/result", "FileNotWritable")]
    [InlineData("$data | Start-ModelTraining $model @quick -OutputDirectory file", "NotAFolder")]
    [InlineData("$data | Start-ModelTraining $model @quick -OutputDirectory file/result", "FileNotWritable")]
    public void What_cannot_go_on_is_refused_before_it_starts(string script, string id)
    {
        Session session = shared.Renew();
        session["whole"] = whole.Folder;
        File.WriteAllText(session.Folder["file"], "precious");

        Assert.Equal(id, session.Fail(script).Id);

        Assert.Equal(0, session.Value<int>("$model.TrainedEpochs"));
        Assert.Equal("precious", File.ReadAllText(session.Folder["file"]));
        Assert.Empty(session.Host.Progress);
    }

    [Fact]
    public void What_may_differ_is_told_by_the_error_as_by_the_help()
    {
        const string Sentence = "On resume only (.*) may differ from the run[.]";
        _session.Run("$null = $data | Start-ModelTraining $model -Epochs 1 -BatchSize 32 -OutputDirectory run");

        string help = _session.Value<string>("(Get-Help Start-ModelTraining -Full).alertSet.alert.Text -join ' '"),
            error = _session.Fail("$data | Start-ModelTraining -ResumeFrom run -BatchSize 16").ToString();

        Assert.Matches(Sentence, error);
        Assert.Equal(Regex.Match(help, Sentence).Value, Regex.Match(error, Sentence).Value);
    }

    [Fact]
    public void A_run_of_the_original_program_goes_on_from_its_snapshot_and_leaves_its_folder_alone()
    {
        string chainer = Path.GetFullPath(Path.Combine(TestEnvironment.RealData, "..", "chainer"));
        Assert.SkipUnless(File.Exists(Path.Combine(chainer, "snapshot_iter_66")), $"needs {chainer}");
        string[] before = Directory.GetFiles(chainer);
        _session["snapshot"] = Path.Combine(chainer, "snapshot_iter_66");
        _session["folder"] = TestEnvironment.RealData;
        _session.Run("$cifar = Get-Cifar10 -Path $folder -TrainCount 8400 -TestCount 20");

        Assert.Equal("ClassMismatch", _session.Fail("$data | Start-ModelTraining -ResumeFrom $snapshot -OutputDirectory result").Id);
        Assert.Equal("OutputDirectoryMissing", _session.Fail("$cifar | Start-ModelTraining -ResumeFrom $snapshot").Id);
        Assert.Empty(_session.Run("$cifar | Start-ModelTraining (New-ResNet20 -Shortcut ProjectionOnly) -ResumeFrom $snapshot -Epochs 1"));
        Assert.Contains("complete", Assert.Single(_session.Host.Warnings), StringComparison.Ordinal);
        _session.RunAndStop("$cifar | Start-ModelTraining -ResumeFrom $snapshot -OutputDirectory result", step => step.Activity == 2);

        // Stopped within the second of the ten epochs that the original runs by default.
        string latest = _session.Folder["result", "checkpoint-latest.safetensors"];
        Assert.Contains(_session.Host.Warnings, warning => warning.Contains(latest, StringComparison.Ordinal));
        Assert.Equal(1, _session.Value<int>("(Import-Model result/checkpoint-latest.safetensors).TrainedEpochs"));
        Assert.Equal("ProjectionOnly shortcuts",
            _session.Value<string>("(Import-Model result/checkpoint-latest.safetensors).Network.Description"));
        Assert.Equal(before, Directory.GetFiles(chainer));
    }

    private void AssertSaysHowToGoOn() => Assert.Matches(
        $"stopped.*-ResumeFrom '{_session.Folder["result", "checkpoint-latest.safetensors"]}'", Assert.Single(_session.Host.Warnings));

    private void AssertGoesOn(int epoch)
    {
        Assert.True(File.Exists(_session.Folder["result", "checkpoint-latest.safetensors"]));
        Assert.False(File.Exists(_session.Folder["result", "model.safetensors"]));

        dynamic[] reports = _session.Run("Start-ModelTraining -Dataset $data -ResumeFrom result");

        Assert.Equal(Enumerable.Range(epoch, 4 - epoch), reports.Select(report => (int)report.Epoch));
        AssertSameModel();
    }

    private void AssertSameModel() =>
        Assert.Equal(File.ReadAllBytes(Path.Combine(whole.Folder, "model.safetensors")),
            File.ReadAllBytes(_session.Folder["result", "model.safetensors"]));

    /// <summary>A run that was never interrupted.</summary>
    public sealed class WholeRun : IDisposable
    {
        private readonly Session _session = new();

        public WholeRun() => _session.Run(Train);

        public string Folder => _session.Folder["result"];

        public void Dispose() => _session.Dispose();
    }
}
