using System.Text;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public sealed class TrainingHistoryTests : IDisposable
{
    private const string Zeros = """
        "main/accuracy": 0, "validation/main/loss": 0, "validation/main/accuracy": 0
        """;
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_folder_a_checkpoint_and_a_log_tell_what_was_reported()
    {
        OutputDirectory output = new(_folder.Path, 3, replace: false);
        EpochReport[] reports =
            Trainer.Start(NewModel(), SmallImages(24, 10, side: 16), TinyOptions(epochs: 3), output, threads: 2).RunToEnd();

        Assert.All(reports.Concat(TrainingHistory.Read(_folder.Path).Reports), report => Assert.Equal(_folder.Path, report.Run));
        Assert.Equal(Unmarked(reports), Unmarked(TrainingHistory.Read(_folder.Path).Reports));
        Assert.Equal(Unmarked(reports.Take(2)), Unmarked(TrainingHistory.Read(_folder["checkpoint-epoch-0002.safetensors"]).Reports));
        // The log has neither rate nor speed.
        Assert.Equal(Unmarked(reports.Select(report => report with { LearningRate = double.NaN, ImagesPerSecond = double.NaN })),
            Unmarked(TrainingHistory.Read(_folder["log"]).Reports.Select(report => report with { ImagesPerSecond = double.NaN })));
    }

    [Fact]
    public void The_best_epoch_of_a_history_is_one_of_equals_that_with_the_lowest_loss_the_first_of_those()
    {
        string[] lines =
        [
            Line(1, "0.25", "0.1"), Line(2, "0.5", "0.9"), Line(3, "null", "null"), Line(4, "0.5", "0.8"), Line(5, "0.5", "0.8"),
            Line(6, "0.5", "0.85"),
        ];
        _folder.Write("log", Encoding.UTF8.GetBytes($"[{string.Join(", ", lines)}]"));

        Assert.Equal([4], TrainingHistory.Read(_folder.Path).Reports.Where(report => report.IsBest).Select(report => report.Epoch));
    }

    [Theory]
    [InlineData("")]
    [InlineData("[")]
    [InlineData("[null]")]
    [InlineData("[{}]")]
    [InlineData("[[]]")]
    [InlineData("""[{"epoch": "one"}]""")]
    [InlineData($$"""[{"main/loss": 1e999, {{Zeros}}, "epoch": 1, "iteration": 1, "elapsed_time": 1}]""")]
    [InlineData($$"""[{"main/loss": 1, {{Zeros}}, "epoch": 1e30, "iteration": 1, "elapsed_time": 1}]""")]
    [InlineData($$"""[{"main/loss": 1, {{Zeros}}, "epoch": 1, "iteration": 1, "elapsed_time": 1e300}]""")]
    [InlineData($$"""[{"main/loss": null, {{Zeros}}, "epoch": 1, "iteration": 1, "elapsed_time": 1}]""")]
    [InlineData($$"""[{"main/loss": 1, {{Zeros}}, "epoch": 2, "iteration": 1, "elapsed_time": 1}]""")]
    public void What_is_no_history_is_refused(string content)
    {
        _folder.Write("log", Encoding.UTF8.GetBytes(content));

        EngineException error = Assert.Throws<EngineException>(() => TrainingHistory.Read(_folder.Path));

        Assert.Contains(error.ErrorId, (string[])["InvalidCheckpoint", "InvalidSafetensors"]);
        Assert.Contains(_folder["log"], error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_not_there_is_said()
    {
        AssertError("HistoryNotFound", () => TrainingHistory.Read(_folder.Path));
        AssertError("FileNotFound", () => TrainingHistory.Read(_folder["nothing"]));
    }

    [Fact]
    public void Logs_and_snapshots_of_the_original_program_are_read()
    {
        IReadOnlyList<EpochReport> log = TrainingHistory.Read(RealData.Chainer("log")).Reports;
        EpochReport snapshot = Assert.Single(TrainingHistory.Read(RealData.Chainer("snapshot_iter_66")).Reports);

        Assert.Equal([1, 2], log.Select(report => report.Epoch));
        Assert.True(log[1].IsBest);
        Assert.Equal(snapshot with { LearningRate = double.NaN, ImagesPerSecond = double.NaN, IsBest = false, Run = null },
            log[0] with { Run = null });
    }

    private static string Line(int epoch, string accuracy, string loss) =>
        $$"""
        {"main/loss": 1, "main/accuracy": 0.5, "validation/main/loss": {{loss}}, "validation/main/accuracy": {{accuracy}},
        "epoch": {{epoch}}, "iteration": {{epoch}}, "elapsed_time": {{epoch}}}
        """;

    private static IEnumerable<EpochReport> Unmarked(IEnumerable<EpochReport> reports) =>
        reports.Select(report => report with { IsBest = false, Run = null });
}
