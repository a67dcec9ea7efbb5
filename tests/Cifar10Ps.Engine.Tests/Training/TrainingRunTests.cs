using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public sealed class TrainingRunTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly ImageDataset _data = SmallImages(24, 10, side: 16);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_run_says_what_it_did_with_what_and_how_well()
    {
        EpochReport[] reports = Start(TinyOptions(epochs: 3) with { ValidationCount = 4 }).RunToEnd();

        TrainingRun run = TrainingRun.Read(_folder.Path);

        Assert.Equal((_folder.Path, TrainingRunStatus.Complete, null, "ResNet-20"), (run.Path, run.Status, run.StopReason, run.Model));
        Assert.Equal((_data.Name, 20, 4, 3), (run.Data, run.TrainCount, run.ValidationCount, run.Epochs));
        EpochReport best = reports.MaxBy(report => report.ValidationAccuracy)!;
        Assert.Equal((best.Epoch, best.ValidationAccuracy, reports[2].ValidationAccuracy),
            (run.BestEpoch, run.BestAccuracy, run.LastAccuracy));
        Assert.Equal(reports[2].Elapsed, run.Duration);
        Assert.StartsWith(Environment.MachineName, run.Machine, StringComparison.Ordinal);
        Assert.Equal((32, Recipe.Fast, OptimizerKind.Sgd),
            (run.Options!["BatchSize"], run.Options["Recipe"], run.Options["Optimizer"]));
    }

    [Fact]
    public void A_run_is_running_until_it_is_complete_stopped_or_interrupted()
    {
        using (IEnumerator<EpochReport> reports = Start(TinyOptions(epochs: 3)).Run().GetEnumerator())
        {
            Assert.True(reports.MoveNext());
            Assert.Equal((TrainingRunStatus.Running, 1), (TrainingRun.Read(_folder.Path).Status, TrainingRun.Read(_folder.Path).Epochs));
        }

        Assert.Equal(TrainingRunStatus.Interrupted, TrainingRun.Read(_folder.Path).Status);
        // Left by a process that was killed.
        _folder.Write("run.lock", []);
        Assert.Equal(TrainingRunStatus.Interrupted, TrainingRun.Read(_folder.Path).Status);

        Trainer resumed = Trainer.Resume(_folder.Path, null, _data, options => options,
            new OutputDirectory(_folder.Path, 1, replace: false));
        foreach (EpochReport _ in resumed.Run())
            resumed.Stop("Enough.");
        TrainingRun run = TrainingRun.Read(_folder.Path);
        Assert.Equal((TrainingRunStatus.Stopped, "Enough.", 2, 10), (run.Status, run.StopReason, run.Epochs, run.ValidationCount));
    }

    [Fact]
    public void A_run_that_has_gone_on_since_it_was_stopped_is_not_stopped()
    {
        Trainer first = Start(TinyOptions(epochs: 3));
        foreach (EpochReport _ in first.Run())
            first.Stop("Enough.");
        TrainingRun stopped = TrainingRun.Read(_folder.Path);
        Assert.Equal((TrainingRunStatus.Stopped, "Enough."), (stopped.Status, stopped.StopReason));

        OutputDirectory output = new(_folder.Path, 1, replace: false);
        Trainer resumed = Trainer.Resume(_folder.Path, null, _data, options => options, output);
        TrainingRun? running = null;
        byte[] killed = [];
        Assert.Throws<TimeoutException>(() => resumed.Run(_ =>
        {
            running = TrainingRun.Read(_folder.Path);
            killed = File.ReadAllBytes(_folder["run.jsonl"]);
            File.Copy(_folder["checkpoint-latest.safetensors"], _folder["before"], overwrite: true);
            throw new TimeoutException();
        }).Count());
        // As if it had been killed there.
        File.WriteAllBytes(_folder["run.jsonl"], killed);
        File.Move(_folder["before"], _folder["checkpoint-latest.safetensors"], overwrite: true);
        TrainingRun left = TrainingRun.Read(_folder.Path);

        Assert.Equal((TrainingRunStatus.Running, null), (running!.Status, running.StopReason));
        Assert.Equal((TrainingRunStatus.Interrupted, null), (left.Status, left.StopReason));
    }

    [Fact]
    public void A_run_that_its_own_commands_stopped_says_why()
    {
        Trainer trainer = Start(TinyOptions(epochs: 3));
        foreach (EpochReport _ in trainer.Run())
        {
            trainer.Stop("Enough.");
            break;
        }

        TrainingRun run = TrainingRun.Read(_folder.Path);
        Assert.Equal((TrainingRunStatus.Stopped, "Enough."), (run.Status, run.StopReason));
    }

    [Fact]
    public void A_checkpoint_tells_of_the_run_until_then()
    {
        Start(TinyOptions(epochs: 2)).RunToEnd();

        TrainingRun run = TrainingRun.Read(_folder["checkpoint-best.safetensors"]);
        TrainingRun last = TrainingRun.Read(_folder["checkpoint-epoch-0002.safetensors"]);

        Assert.Equal(run.BestEpoch, run.Epochs);
        Assert.Equal((TrainingRunStatus.Complete, 2), (last.Status, last.Epochs));
    }

    [Fact]
    public void Of_a_log_what_it_says_is_known()
    {
        Start(TinyOptions(epochs: 2)).RunToEnd();
        foreach (string file in Directory.GetFiles(_folder.Path).Where(file => Path.GetFileName(file) != "log"))
            File.Delete(file);

        TrainingRun run = TrainingRun.Read(_folder.Path);

        Assert.Equal((2, TrainingRunStatus.Complete), (run.Epochs, run.Status));
        Assert.NotNull(run.BestAccuracy);
        Assert.Equal((null, null, null, null, null), (run.Options, run.Data, run.TrainCount, run.Machine, run.Model));
    }

    [Fact]
    public void What_is_no_run_or_damaged_is_refused()
    {
        AssertError("HistoryNotFound", () => TrainingRun.Read(_folder.Path));
        _folder.Write("checkpoint-latest.safetensors", [1, 2, 3]);
        AssertError("InvalidSafetensors", () => TrainingRun.Read(_folder.Path));
    }

    private Trainer Start(TrainingOptions options) =>
        Trainer.Start(NewModel(), _data, options, new OutputDirectory(_folder.Path, 1, replace: false), threads: 1);
}
