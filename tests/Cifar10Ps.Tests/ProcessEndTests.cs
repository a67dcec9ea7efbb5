namespace Cifar10Ps.Tests;

/// <summary>A training run whose process ends, by itself or by a signal, ends cleanly: with a checkpoint and without a crash.</summary>
public sealed class ProcessEndTests
{
    private const string Long = "-Epochs 1000 -BatchSize 4 -Threads 1 -OutputDirectory result";
    private const string InPipeline = $"$data | Start-ModelTraining $model {Long} | ForEach-Object {{ 'trains' }}";
    private const string AsJob = $"$job = $data | Start-ModelTraining $model {Long} -AsJob";

    [Theory]
    [InlineData("TERM", 143, InPipeline)]
    [InlineData("HUP", 129, InPipeline)]
    // PowerShell handles this one itself, and ends with 0 or 1 by chance, whatever the script does.
    [InlineData("INT", null, InPipeline)]
    [InlineData("TERM", 143, $"{AsJob}; 'trains'; $job | Wait-Job")]
    [InlineData("HUP", 129, $"{AsJob}; 'trains'; while ($true) {{ Start-Sleep 1 }}")]
    public void A_signal_keeps_the_moment_runs_what_the_script_must_do_at_its_end_and_gives_the_exit_code(string signal,
        int? exitCode, string training)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs signals");
        using Session session = new();
        File.WriteAllText(session.Folder["script.ps1"], $$"""
            {{Session.Setup}}
            try { {{training}} } catch { 'caught' } finally { [IO.File]::WriteAllText("$PWD/finally", '') }
            'not reached'
            """);
        using HostProcess process = new(new DirectoryInfo(session.Folder.Path), "-File", "script.ps1");
        Assert.Equal("trains", process.Output.ReadLine());
        WaitForCheckpoint(session);

        process.Signal(signal);

        (int ended, string[] output, string messages) = process.Finish();
        Assert.Equal("", messages);
        Assert.DoesNotContain("caught", output);
        Assert.DoesNotContain("not reached", output);
        Assert.InRange(ended, exitCode ?? 0, exitCode ?? 1);
        Assert.True(File.Exists(session.Folder["finally"]));
        AssertResumes(session);
    }

    [Theory]
    [InlineData(0, "", AsJob)]
    [InlineData(3, "exit 3", AsJob)]
    [InlineData(1, "throw 'no'", AsJob)]
    [InlineData(0, "", $"$job = Start-ThreadJob {{ Set-Location $using:PWD; $using:data | Start-ModelTraining $using:model {Long} }}")]
    public void A_session_that_ends_while_a_job_trains_stops_it_and_keeps_a_checkpoint(int exitCode, string end, string job)
    {
        using Session session = new();
        using HostProcess process = new(new DirectoryInfo(session.Folder.Path), "-Command", $$"""
            {{Session.Setup}}
            {{job}}
            while (!(Test-Path result/checkpoint-latest.safetensors)) { Start-Sleep -Milliseconds 50 }
            {{end}}
            """);

        (int ended, _, string messages) = process.Finish();

        Assert.Equal(exitCode == 1, messages.Contains("throw 'no'", StringComparison.Ordinal));
        Assert.Equal(exitCode, ended);
        AssertResumes(session);
    }

    [Fact]
    public void A_session_that_ends_while_threads_compute_does_not_crash()
    {
        (int exitCode, _, string messages) = HostProcess.Run($$"""
            {{Session.Setup}}
            $null = $data | Measure-Model $model
            $jobs = @(
                Start-ThreadJob { $using:data | Find-LearningRate $using:model -BatchSize 4 -Steps 10000 -Maximum 1e-4 -Threads 1 }
                Start-ThreadJob { while ($true) { $using:data | Measure-Model $using:model } }
                Start-ThreadJob { while ($true) { ($using:data).Test | Invoke-Inference $using:model } })
            # Each of them has computed something.
            while (!$jobs[0].Progress.Count -or !$jobs[1].Output.Count -or !$jobs[2].Output.Count) { Start-Sleep -Milliseconds 50 }
            """);

        Assert.Equal("", messages);
        Assert.Equal(0, exitCode);
    }

    private static void WaitForCheckpoint(Session session)
    {
        DateTime end = DateTime.UtcNow.AddMinutes(2);
        while (!File.Exists(session.Folder["result", "checkpoint-latest.safetensors"]))
        {
            Assert.True(DateTime.UtcNow < end, "there was no checkpoint");
            Thread.Sleep(20);
        }
    }

    private static void AssertResumes(Session session)
    {
        int done = session.Value<int>("@(Get-TrainingHistory result)[-1].Epoch");
        Assert.Equal(done + 1, session.Value<int>("($data | Start-ModelTraining $model -ResumeFrom result -OnEpochEnd { $false }).Epoch"));
    }
}
