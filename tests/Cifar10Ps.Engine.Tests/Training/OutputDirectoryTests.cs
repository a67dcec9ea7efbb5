using System.Runtime.Versioning;
using System.Text.Json;
using System.Text.Json.Nodes;
using Cifar10Ps.Training;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public sealed class OutputDirectoryTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_file_with_digits_of_another_script_is_no_checkpoint()
    {
        System.IO.File.WriteAllText(_folder["checkpoint-epoch-\u0660\u0660\u0660\u0661.safetensors"], "");

        AssertError("CheckpointNotFound", () => CheckpointFinder.Load(_folder.Path));
    }

    [Fact]
    public void A_finished_run_leaves_checkpoints_the_log_and_the_model()
    {
        Trainer trainer = NewRun(TinyOptions(epochs: 3), Output(keep: 2));

        EpochReport[] reports = trainer.RunToEnd();

        Assert.Equal(
            ["checkpoint-best.safetensors", "checkpoint-epoch-0002.safetensors",
                "checkpoint-epoch-0003.safetensors", "checkpoint-latest.safetensors", "log", "model.safetensors", "run.jsonl"],
            Names());
        Assert.Equal(Fingerprint(trainer.Model), Fingerprint(ModelFile.Load(File("model.safetensors"))));
        Assert.Equal(Fingerprint(trainer.Model), Fingerprint(ModelFile.Load(File("checkpoint-latest.safetensors"))));
        Assert.Equal(2, ModelFile.Load(File("checkpoint-epoch-0002.safetensors")).TrainedEpochs);

        using JsonDocument log = JsonDocument.Parse(System.IO.File.ReadAllText(File("log")));
        foreach ((EpochReport report, JsonElement entry) in reports.Zip(log.RootElement.EnumerateArray()))
        {
            // The keys of Chainer's LogReport.
            Assert.Equal(new Dictionary<string, double?>
            {
                ["main/loss"] = report.Loss,
                ["main/accuracy"] = report.Accuracy,
                ["validation/main/loss"] = report.ValidationLoss,
                ["validation/main/accuracy"] = report.ValidationAccuracy,
                ["epoch"] = report.Epoch,
                ["iteration"] = report.Step,
                ["elapsed_time"] = report.Elapsed.TotalSeconds,
            }, entry.EnumerateObject().ToDictionary(p => p.Name, p => (double?)p.Value.GetDouble()));
        }

        Assert.Equal(3, log.RootElement.GetArrayLength());
    }

    [Theory]
    [InlineData(Restore.Last)]
    [InlineData(Restore.Best)]
    public void Who_needs_no_more_than_the_last_report_leaves_a_run_that_has_ended(Restore restore)
    {
        Trainer trainer = NewRun(TinyOptions(epochs: 2), Output());
        trainer.Restore = restore;

        foreach (EpochReport report in trainer.Run())
            if (report.Epoch == 2)
                break;

        Assert.Equal(Fingerprint(trainer.Model), Fingerprint(ModelFile.Load(File("model.safetensors"))));
        Assert.Equal(restore == Restore.Best, trainer.RestoredEpoch is not null);
        Assert.Equal(TrainingRunStatus.Complete, TrainingRun.Read(Path.GetDirectoryName(File("model.safetensors"))!).Status);
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public void A_folder_that_may_not_be_read_is_one_error()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows() || Environment.IsPrivilegedProcess, "root may read every folder");
        System.IO.File.SetUnixFileMode(_folder.Path, UnixFileMode.None);
        try
        {
            AssertError("FolderUnreadable", () => TrainingRun.Read(_folder.Path));
        }
        finally
        {
            System.IO.File.SetUnixFileMode(_folder.Path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    [Fact]
    public void The_checkpoint_of_an_epoch_is_there_when_its_report_comes()
    {
        OutputDirectory output = Output();

        foreach (EpochReport report in NewRun(TinyOptions(), output).Run())
            Assert.Equal(report.Epoch, ModelFile.Load(output.LatestCheckpoint).TrainedEpochs);
    }

    [Fact]
    public void The_best_checkpoint_is_that_of_the_first_epoch_with_the_best_validation_accuracy()
    {
        SaveEpochs(Output(), 0.3, 0.5, 0.4, 0.5, 0.2);

        Assert.Equal(2, Checkpoint.Load(File("checkpoint-best.safetensors")).State.History.Count);
        Assert.Equal(5, Checkpoint.Load(File("checkpoint-latest.safetensors")).State.History.Count);
    }

    [Theory]
    [InlineData(0, "")]
    [InlineData(1, "0004")]
    [InlineData(3, "0002 0003 0004")]
    [InlineData(100_000, "0001 0002 0003 0004")]
    public void The_last_epochs_keep_checkpoints_of_their_own(int keep, string epochs)
    {
        SaveEpochs(Output(keep), 0.1, 0.2, 0.3, 0.4);

        Assert.Equal(epochs,
            string.Join(' ', Names().Where(n => n.StartsWith("checkpoint-epoch-", StringComparison.Ordinal)).Select(n => n[17..21])));
    }

    [Fact]
    public void A_new_run_replaces_what_an_earlier_one_left_and_nothing_else()
    {
        SaveEpochs(Output(), 0.1, 0.2, 0.3);
        Directory.CreateDirectory(File("folder"));
        System.IO.File.WriteAllText(File("notes.txt"), "mine");
        System.IO.File.WriteAllText(File("checkpoint-epoch-mine.safetensors"), "mine");
        System.IO.File.WriteAllText(File("model.safetensors"), "old");
        Assert.True(Output().HasRun);

        // Stopped before anything new is written.
        Assert.Throws<OperationCanceledException>(() =>
            NewRun(TinyOptions(), Output(replace: true)).RunToEnd(cancellation: new CancellationToken(true)));

        Assert.Equal(["checkpoint-epoch-mine.safetensors", "folder", "notes.txt", "run.jsonl"], Names());
        Assert.False(Output().HasRun);
    }

    [Fact]
    public void A_folder_that_cannot_be_written_is_refused_before_the_first_step()
    {
        _folder.Write("output", []);
        bool stepped = false;

        AssertError("FileNotWritable", () =>
            NewRun(TinyOptions(), new OutputDirectory(File("below"), 3, replace: false)).RunToEnd(_ => stepped = true));

        Assert.False(stepped);
    }

    [Fact]
    public void A_folder_that_another_run_writes_to_is_refused()
    {
        using IEnumerator<EpochReport> first = NewRun(TinyOptions(), Output()).Run().GetEnumerator();
        Assert.True(first.MoveNext());

        AssertError("OutputDirectoryBusy", () => NewRun(TinyOptions(), Output(replace: true)).RunToEnd());
        Assert.True(Output().HasRun);

        first.Dispose();
        Assert.NotEmpty(NewRun(TinyOptions(), Output(replace: true)).RunToEnd());
        Assert.DoesNotContain("run.lock", Names());
    }

    [Fact]
    public void The_lock_of_a_run_that_was_killed_stops_nobody()
    {
        Directory.CreateDirectory(_folder["output"]);
        _folder.Write("output/run.lock", []);

        Assert.NotEmpty(NewRun(TinyOptions(), Output()).RunToEnd());
    }

    [Fact]
    public void Claiming_a_folder_leaves_nothing()
    {
        Output().Claim(1000, 1).Dispose();

        Assert.Empty(Names());
    }

    [Fact]
    public void A_disk_that_the_checkpoints_do_not_fit_on_is_refused_before_the_first_step()
    {
        EngineException error = AssertError("FileNotWritable", () => Output(keep: 1_000_000).Claim(2_000_000_000, 1_000_000));

        Assert.Contains(Output().Path, error.Message, StringComparison.Ordinal);
        Assert.Empty(Names());
    }

    [Fact]
    public void Checkpoints_that_could_not_be_read_again_are_refused_before_the_first_step() =>
        Assert.Contains("2.5 GB", AssertError("CheckpointTooLarge", () => Output().Claim(2_466_000_000, 1)).Message,
            StringComparison.Ordinal);

    [Theory]
    [InlineData("log")]
    [InlineData("run.jsonl")]
    [InlineData("model.safetensors")]
    [InlineData("checkpoint-best.safetensors")]
    public void A_folder_where_a_file_of_the_run_belongs_is_refused_before_the_first_step(string name)
    {
        Directory.CreateDirectory(File(name));
        bool stepped = false;

        AssertError("NotARegularFile", () => NewRun(TinyOptions(), Output()).RunToEnd(_ => stepped = true));

        Assert.False(stepped);
    }

    [Fact]
    public void A_folder_that_another_run_writes_to_is_not_touched()
    {
        using IDisposable claim = Output().Claim(1000, 1);
        // Unlocked: network shares lock nothing that is being written.
        System.IO.File.WriteAllBytes(File("cifar10ps-0a1b2c3d.e4f.tmp"), [1]);

        AssertError("OutputDirectoryBusy", () => Output().Claim(1000, 1));

        Assert.True(System.IO.File.Exists(File("cifar10ps-0a1b2c3d.e4f.tmp")));
    }

    [Fact]
    public void A_folder_that_is_removed_during_a_run_is_made_and_locked_again()
    {
        bool isBusy = false;

        NewRun(TinyOptions(epochs: 3), Output()).RunToEnd(progress =>
        {
            if (progress is { Epoch: 2, IsValidating: false } && Directory.Exists(_folder["output"]))
                Directory.Delete(_folder["output"], recursive: true);
            else if (progress is { Epoch: 3, IsValidating: false })
                isBusy = OutputDirectory.IsClaimed(_folder["output"]);
        });

        Assert.True(isBusy);
        Assert.DoesNotContain("run.lock", Names());
        Assert.Equal(["start", "epoch", "epoch", "end"], System.IO.File.ReadLines(File("run.jsonl"))
            .Select(line => JsonNode.Parse(line)!["event"]!.GetValue<string>()));
        Assert.True(Trainer.Resume(Output().Path, null, TinyData, options => options, Output(), threads: 2).IsComplete);
    }

    [Fact]
    public void A_run_whose_folder_was_removed_does_not_write_among_the_files_of_the_next_one()
    {
        IDisposable? claim = null;

        EngineException error = AssertError("OutputDirectoryBusy", () => NewRun(TinyOptions(), Output()).RunToEnd(_ =>
        {
            if (claim is not null)
                return;
            Directory.Delete(_folder["output"], recursive: true);
            claim = Output().Claim(1000, 1);
        }));

        Assert.Contains("was removed during this run", error.Message, StringComparison.Ordinal);
        Assert.Equal(["run.lock"], Names());
        Assert.True(OutputDirectory.IsClaimed(_folder["output"]));
        claim!.Dispose();
    }

    [Fact]
    public void A_finished_run_that_goes_on_has_no_model_until_it_ends_again()
    {
        NewRun(TinyOptions(epochs: 1), Output()).RunToEnd();
        List<bool> seen = [];

        Trainer.Resume(Output().Path, null, TinyData, options => options with { Epochs = 2 }, Output(), threads: 2)
            .RunToEnd(_ => seen.Add(System.IO.File.Exists(File("model.safetensors"))));

        Assert.DoesNotContain(true, seen);
        Assert.Equal(2, ModelFile.Load(File("model.safetensors")).TrainedEpochs);
        // Nothing is left to do: the model stays.
        Trainer.Resume(Output().Path, null, TinyData, options => options, Output(), threads: 2).RunToEnd();
        Assert.True(System.IO.File.Exists(File("model.safetensors")));
    }

    [Fact]
    public void A_finished_run_that_goes_on_but_cannot_write_keeps_its_model()
    {
        NewRun(TinyOptions(epochs: 1), Output()).RunToEnd();
        System.IO.File.Delete(File("checkpoint-latest.safetensors"));
        Directory.CreateDirectory(File("checkpoint-latest.safetensors"));

        AssertError("NotARegularFile", () => Trainer.Resume(File("checkpoint-epoch-0001.safetensors"), null, TinyData,
            options => options with { Epochs = 2 }, Output(), threads: 2).RunToEnd());

        Assert.Equal(1, ModelFile.Load(File("model.safetensors")).TrainedEpochs);
    }

    /// <summary>Writes what a run would after epochs with these validation accuracies.</summary>
    private static void SaveEpochs(OutputDirectory output, params double[] accuracies)
    {
        for (int epoch = 1; epoch <= accuracies.Length; epoch++)
            output.SaveEpoch(NewCheckpoint(accuracies[..epoch]));
    }

    private OutputDirectory Output(int keep = 3, bool replace = false) => new(_folder["output"], keep, replace);

    private string File(string name) => Path.Combine(_folder["output"], name);

    private IEnumerable<string> Names() =>
        Directory.GetFileSystemEntries(_folder["output"]).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal);
}
