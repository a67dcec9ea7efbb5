using System.Collections.Concurrent;
using Cifar10Ps.Training;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

/// <summary>What a run resumes from after processes were killed and disks lost data.</summary>
public sealed class CheckpointFallbackTests(CheckpointFallbackTests.WholeRun whole)
    : IClassFixture<CheckpointFallbackTests.WholeRun>, IDisposable
{
    /// <summary>What is saved and read does not depend on how much there is to compute.</summary>
    private static readonly ImageDataset Data = SmallImages(120, 140, side: 8);
    private readonly TemporaryFolder _folder = new();
    private readonly List<string> _warnings = [];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(1, 2)]
    [InlineData(2, 2)]
    [InlineData(3, 2)]
    [InlineData(2, 0)]
    public void Killed_after_any_of_the_files_of_an_epoch_a_run_goes_on_to_the_same_end(int epoch, int keep)
    {
        for (int files = 1; ; files++)
        {
            using TemporaryFolder folder = new();
            OutputDirectory output = new(folder.Path, keep, replace: false);
            for (int earlier = 1; earlier < epoch; earlier++)
                output.SaveEpoch(whole.Epoch(earlier));
            Action[] steps = [.. output.EpochSteps(whole.Epoch(epoch)).Take(files)];
            foreach (Action step in steps)
                step();
            Assert.True(output.HasCheckpoint);

            Trainer.Resume(folder.Path, null, Data, options => options, output, threads: 1, _warnings.Add).RunToEnd();

            Assert.Equal(Names(whole.Folder(keep)), Names(folder.Path));
            foreach (string name in Names(folder.Path).Where(name => name.EndsWith(".safetensors", StringComparison.Ordinal)))
                Assert.Equal(Fingerprint(ModelFile.Load(Path.Combine(whole.Folder(keep), name))),
                    Fingerprint(ModelFile.Load(folder[name])));
            Assert.Equal(3, TrainingLog.Parse(File.ReadAllBytes(folder["log"])).Count);
            Assert.Empty(_warnings);
            if (steps.Length < files)
                return;
        }
    }

    [Fact]
    public void Killed_between_its_first_two_files_as_earlier_versions_wrote_them_a_run_goes_on()
    {
        whole.Epoch(1).Save(_folder["checkpoint-epoch-0001.safetensors"]);

        Trainer trainer = Resume();
        trainer.RunToEnd();

        Assert.Equal(Fingerprint(whole.Epoch(3).Model), Fingerprint(trainer.Model));
        Assert.Equal(Names(whole.Folder(2)), Names(_folder.Path));
        Assert.Empty(_warnings);
    }

    [Fact]
    public void An_earlier_run_that_is_replaced_can_be_gone_on_with_until_the_last_of_its_files_is_removed()
    {
        Copy(whole.Folder(2));
        using FileSystemWatcher watcher = new(_folder.Path) { NotifyFilter = NotifyFilters.FileName, EnableRaisingEvents = true };
        using BlockingCollection<string> removed = [];
        watcher.Deleted += (_, e) => removed.Add(e.Name!);
        int count = Names(_folder.Path).Count();

        new OutputDirectory(_folder.Path, 2, replace: true).Begin();

        string[] order = [.. Enumerable.Range(0, count).Select(_ => removed.TryTake(out string? name, 30_000) ? name : "")];
        Assert.Equal("checkpoint-latest.safetensors", order[^1]);
        Assert.Empty(Names(_folder.Path));
    }

    [Theory]
    [InlineData("checkpoint-latest.safetensors", "checkpoint-epoch-0003.safetensors", 3)]
    [InlineData("checkpoint-latest.safetensors checkpoint-epoch-0003.safetensors", "checkpoint-epoch-0002.safetensors", 2)]
    [InlineData("checkpoint-latest.safetensors checkpoint-epoch-0003.safetensors checkpoint-epoch-0002.safetensors",
        "checkpoint-best.safetensors", null)]
    public void A_damaged_checkpoint_is_passed_over_and_a_warning_names_it_and_the_one_that_is_used(string damaged, string used, int? epoch)
    {
        Copy(whole.Folder(2));
        // Which epoch is the best one depends on the processor.
        whole.Epoch(1).Save(_folder["checkpoint-best.safetensors"]);
        foreach (string name in damaged.Split(' '))
            FlipBit(_folder[name]);
        File.Delete(_folder["model.safetensors"]);

        Trainer trainer = Resume();

        string warning = Assert.Single(_warnings);
        Assert.All(damaged.Split(' ').Append(used), name => Assert.Contains(_folder[name], warning, StringComparison.Ordinal));
        if (epoch is not null)
            Assert.Equal(epoch, trainer.Model.TrainedEpochs);
        trainer.RunToEnd();
        Assert.Equal(Fingerprint(whole.Epoch(3).Model), Fingerprint(trainer.Model));
        // Intact again.
        Assert.Equal(12, Checkpoint.Load(_folder["checkpoint-latest.safetensors"]).State.Step);
    }

    [Fact]
    public void Epochs_that_a_run_went_back_from_are_not_taken_for_its_own()
    {
        Copy(whole.Folder(2));
        // Back to the first epoch, and one more of a run with another number of epochs.
        Trainer.Resume(SavedEpoch(1), null, Data, options => options with { Epochs = 2 }, Output(), threads: 1).RunToEnd();
        FlipBit(_folder["checkpoint-latest.safetensors"]);

        Trainer trainer = Resume();

        Assert.Equal(2, trainer.Model.TrainedEpochs);
        Assert.Contains(_folder["checkpoint-epoch-0002.safetensors"], Assert.Single(_warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void A_damaged_checkpoint_that_was_named_is_refused_and_an_intact_one_is_named()
    {
        Copy(whole.Folder(2));
        FlipBit(_folder["checkpoint-latest.safetensors"]);

        EngineException error = AssertError("FileDamaged", () => Checkpoint(_folder["checkpoint-latest.safetensors"]));

        Assert.Contains(_folder["checkpoint-epoch-0003.safetensors"], error.Message, StringComparison.Ordinal);
        Assert.Empty(_warnings);

        void Checkpoint(string path) => Trainer.Resume(path, null, Data, options => options, warn: _warnings.Add);
    }

    [Fact]
    public void Where_all_are_damaged_the_error_says_how_to_go_on()
    {
        Copy(whole.Folder(2));
        foreach (string file in Directory.GetFiles(_folder.Path, "checkpoint-*"))
            FlipBit(file);

        Assert.Contains("start the run again", AssertError("FileDamaged", () => Resume()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_history_of_a_run_survives_its_latest_checkpoint_and_all_checkpoints()
    {
        Copy(whole.Folder(2));
        FlipBit(_folder["checkpoint-latest.safetensors"]);
        Assert.Equal(3, TrainingHistory.Read(_folder.Path, _warnings.Add).Reports.Count);
        foreach (string file in Directory.GetFiles(_folder.Path, "checkpoint-epoch*")
            .Concat(Directory.GetFiles(_folder.Path, "checkpoint-best*")))
            FlipBit(file);

        Assert.Equal(3, TrainingHistory.Read(_folder.Path, _warnings.Add).Reports.Count);

        Assert.Contains("checkpoint-epoch-0003", _warnings[0], StringComparison.Ordinal);
        Assert.Contains(_folder["log"], _warnings[1], StringComparison.Ordinal);
    }

    private Trainer Resume() =>
        Trainer.Resume(_folder.Path, null, Data, options => options,
            Output(), threads: 1, _warnings.Add);

    private OutputDirectory Output() => new(_folder.Path, 2, replace: false);

    private string SavedEpoch(int epoch)
    {
        string file = _folder["saved.safetensors"];
        whole.Epoch(epoch).Save(file);
        return file;
    }

    private void Copy(string folder)
    {
        foreach (string file in Directory.GetFiles(folder))
            File.Copy(file, _folder[Path.GetFileName(file)]);
    }

    private static void FlipBit(string path)
    {
        byte[] content = File.ReadAllBytes(path);
        content[^1000] ^= 4;
        File.WriteAllBytes(path, content);
    }

    private static IEnumerable<string> Names(string folder) =>
        Directory.GetFiles(folder).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal);

    /// <summary>An uninterrupted run of three epochs.</summary>
    public sealed class WholeRun : IDisposable
    {
        private readonly TemporaryFolder _all = new();

        public WholeRun()
        {
            foreach (int keep in new[] { 0, 2, 3 })
                Trainer.Start(NewResNet(8, SyntheticImages.Classes, Shortcut.Projection, 1), Data, TinyOptions(epochs: 3),
                    new OutputDirectory(Folder(keep), keep, replace: false), threads: 2).RunToEnd();
        }

        /// <summary>Its output directory when it keeps the checkpoints of this many epochs.</summary>
        public string Folder(int keep) => _all[$"keep-{keep}"];

        /// <summary>What it kept after an epoch.</summary>
        internal Checkpoint Epoch(int epoch) => Checkpoint.Load(Path.Combine(Folder(3), $"checkpoint-epoch-000{epoch}.safetensors"));

        public void Dispose() => _all.Dispose();
    }
}
