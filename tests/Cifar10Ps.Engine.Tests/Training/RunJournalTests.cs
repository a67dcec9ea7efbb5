using System.Text.Json;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public sealed class RunJournalTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly ImageDataset _data = SmallImages(24, 10, side: 16);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_run_writes_what_is_needed_to_repeat_it_what_happened_and_how_it_ended()
    {
        Trainer trainer = Start(TinyOptions(epochs: 2));
        trainer.Warnings = ["Mind the gap."];
        EpochReport[] reports = trainer.RunToEnd();

        JsonElement[] lines = Lines();

        Assert.Equal(["start", "warning", "epoch", "epoch", "end"], lines.Select(Event));
        Assert.All(lines, line => Assert.InRange(DateTime.UtcNow - line.GetProperty("time").GetDateTime(),
            TimeSpan.Zero, TimeSpan.FromMinutes(10)));
        JsonElement start = lines[0], state = start.GetProperty("state"), options = state.GetProperty("options");
        Assert.Equal("ResNet-20", start.GetProperty("model").GetString());
        Assert.Matches(@"^\d+\.\d+\.\d+$", start.GetProperty("module").GetString());
        Assert.Equal(64, start.GetProperty("weights").GetString()!.Length);
        Assert.Equal(_data.Fingerprint, state.GetProperty("dataFingerprint").GetString());
        Assert.Equal((3, 32, "Sgd"), (options.GetProperty("seed").GetInt32(), options.GetProperty("batchSize").GetInt32(),
            options.GetProperty("optimizer").GetString()));
        Assert.Equal("Mind the gap.", lines[1].GetProperty("text").GetString());
        Assert.Equal(reports.Select(report => report.Loss), lines[2..4].Select(line => line.GetProperty("loss").GetDouble()));
        Assert.Equal(("Complete", 2), (lines[4].GetProperty("status").GetString(), lines[4].GetProperty("epochs").GetInt32()));
    }

    [Fact]
    public void Each_start_appends_and_what_a_killed_process_left_of_a_line_is_removed()
    {
        using (IEnumerator<EpochReport> reports = Start(TinyOptions(epochs: 2)).Run().GetEnumerator())
            Assert.True(reports.MoveNext());
        File.AppendAllText(_folder["run.jsonl"], """{"event":"epoch","time":"2026-""");

        Trainer.Resume(_folder.Path, null, _data, options => options, new OutputDirectory(_folder.Path, 1, replace: false)).RunToEnd();

        JsonElement[] lines = Lines();
        Assert.Equal(["start", "epoch", "end", "start", "epoch", "end"], lines.Select(Event));
        Assert.Equal(["Interrupted", "Complete"],
            lines.Where(line => Event(line) == "end").Select(line => line.GetProperty("status").GetString()));
        Assert.Equal([false, true], lines.Where(line => Event(line) == "start").Select(line => line.GetProperty("isResumed").GetBoolean()));
    }

    [Fact]
    public void A_run_that_an_error_ended_before_its_first_checkpoint_says_which_and_can_be_started_again()
    {
        AssertError("TrainingDiverged", () => Start(TinyOptions() with { LearningRate = 1e6, BatchSize = 4 }).RunToEnd());

        TrainingRun run = TrainingRun.Read(_folder.Path);

        Assert.Equal((TrainingRunStatus.Failed, 0, "ResNet-20", 24), (run.Status, run.Epochs, run.Model, run.TrainCount));
        Assert.Contains("infinite", run.StopReason, StringComparison.Ordinal);
        Assert.Equal(1e6, run.Options!["LearningRate"]);
        Assert.Equal("TrainingDiverged", Lines()[^1].GetProperty("errorId").GetString());

        OutputDirectory output = new(_folder.Path, 1, replace: true);
        Assert.False(output.HasRun);
        NewRun(TinyOptions(epochs: 1), output, _data).RunToEnd();
        run = TrainingRun.Read(_folder.Path);
        Assert.Equal((TrainingRunStatus.Complete, null), (run.Status, run.StopReason));
        // The attempt before is still known.
        Assert.Equal(2, Lines().Count(line => Event(line) == "start"));
    }

    [Fact]
    public void The_journal_of_a_run_that_is_replaced_goes_with_it()
    {
        Start(TinyOptions(epochs: 1)).RunToEnd();

        NewRun(TinyOptions(epochs: 1), new OutputDirectory(_folder.Path, 1, replace: true), _data).RunToEnd();

        Assert.Equal(["start", "epoch", "end"], Lines().Select(Event));
    }

    [Theory]
    [InlineData("")]
    [InlineData("not JSON\n")]
    [InlineData("{\"event\":\"start\",\"time\":\"2026-01-01T00:00:00Z\"}\n")]
    [InlineData("{\"event\":7}\n[]\nnull\n{}\n")]
    [InlineData("{\"event\":\"end\",\"time\":\"yesterday\",\"status\":\"Great\"}\n")]
    public void Whatever_a_journal_says_a_run_is_read(string content)
    {
        Start(TinyOptions(epochs: 1)).RunToEnd();
        File.WriteAllText(_folder["run.jsonl"], content);

        Assert.Equal((TrainingRunStatus.Complete, 1), (TrainingRun.Read(_folder.Path).Status, TrainingRun.Read(_folder.Path).Epochs));
    }

    private Trainer Start(TrainingOptions options) => NewRun(options, new OutputDirectory(_folder.Path, 1, replace: false), _data);

    private JsonElement[] Lines() =>
        [.. File.ReadAllLines(_folder["run.jsonl"]).Select(line => JsonSerializer.Deserialize<JsonElement>(line))];

    private static string? Event(JsonElement line) => line.GetProperty("event").GetString();
}
