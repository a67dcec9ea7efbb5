namespace Cifar10Ps.Tests;

public sealed class TrainingRunTests : IDisposable
{
    private readonly Session _session = new();

    public void Dispose() => _session.Dispose();

    [Fact]
    public void The_runs_of_a_sweep_come_in_one_line_each_and_a_damaged_one_does_not_end_them()
    {
        _session.Run("""
            foreach ($rate in 0.01, 0.02) {
                $null = $data | Start-ModelTraining (New-ResNet20) @quick -LearningRate $rate -OutputDirectory sweep/$rate
            }
            $null = New-Item -ItemType Directory sweep/0.015
            'damaged' | Set-Content sweep/0.015/checkpoint-latest.safetensors
            """);

        Outcome outcome = _session.Try("Get-TrainingRun sweep/*");

        Assert.Equal([0.01, 0.02], outcome.Output.Select(run => (double)run.Options["LearningRate"]));
        Assert.Equal("InvalidSafetensors", Assert.Single(outcome.Errors).Id);
        Assert.Equal("0.01", _session.Value<string>(
            "\"$((Get-ChildItem sweep | Get-TrainingRun -ErrorAction Ignore)[0].Options.LearningRate)\""));
        Assert.Equal(4, _session.Value<int>("@(Get-TrainingRun sweep/0.0[12] | Get-TrainingHistory).Count"));
        Assert.Equal(_session.Folder["sweep", "0.01"], _session.Value<string>("(Get-TrainingRun sweep/0.01/).Path"));
        Assert.Equal(2, _session.Value<int>("@(Get-TrainingRun sweep/0.0[12] | Import-Model).Count"));
        string[] lines = [.. _session.Value<string>("Get-TrainingRun sweep/0.0[12] | Out-String -Width 80").Split('\n')
            .Where(line => line.Trim() != "")];
        Assert.Equal(4, lines.Length);
        Assert.Matches("^0.01 +Complete +2 +[12] +[0-9.]+ ?% +00:00:[0-9]{2}", lines[2]);
    }
}
