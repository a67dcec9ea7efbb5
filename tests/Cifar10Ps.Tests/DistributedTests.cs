using System.Diagnostics;
using System.Globalization;

namespace Cifar10Ps.Tests;

/// <summary>Training over the MPI libraries that this machine has.</summary>
public sealed class DistributedTests : IDisposable
{
    // Three shards a step, of which ranks get one or two; three portions to validate on.
    private const string Setup = """
        $ErrorActionPreference = 'Stop'
        $ProgressPreference = 'Ignore'
        Import-Module Cifar10Ps
        $data = Get-Cifar10 -Synthetic -TrainCount 300 -TestCount 130
        $run = @{ Epochs = 3; BatchSize = 150 }
        $fresh = @{ Model = New-ResNet20; OutputDirectory = 'run' }

        """;

    private const string Distributed = Setup + "$rank = (Get-TrainingCluster).Rank\n";

    private readonly TemporaryFolder _folder = new();

    [Theory]
    [InlineData("openmpi")]
    [InlineData("mpich")]
    public void A_run_that_goes_on_with_other_numbers_of_ranks_and_without_MPI_ends_in_the_bits_of_one_that_never_stopped(string mpi)
    {
        string[] launch2 = Launcher(mpi, 2), launch3 = Launcher(mpi, 3);
        const string Show = " | ForEach-Object { \"$($_.Epoch) $($_.Loss) $($_.ValidationLoss)\" }\n";
        const string Weights = "Import-Model run | Save-Model weights.safetensors -Force; (Get-FileHash weights.safetensors).Hash";
        string[] alone = Run([], Setup + "$data | Start-ModelTraining @fresh @run" + Show + Weights).Output;
        Directory.Move(_folder["run"], _folder["alone"]);

        string[] two = Run(launch2, Distributed + "$data | Start-ModelTraining @fresh @run -Distributed -OnEpochEnd { $_.Epoch -lt 1 }"
            + " -WarningAction Ignore" + Show).Output;
        Run(launch3, Distributed + "$data | Start-ModelTraining -ResumeFrom run -Distributed -EmitOnAllRanks"
            + " -OnEpochEnd { $_.Epoch -lt 2 } -WarningAction Ignore" + Show.TrimEnd() + " | Set-Content \"$rank.txt\"");
        string[] one = Run([], Setup + "$data | Start-ModelTraining -ResumeFrom run" + Show + Weights).Output;

        Assert.Equal(alone[0], Assert.Single(two));
        Assert.All(Enumerable.Range(0, 3), rank => Assert.Equal(alone[1], Assert.Single(File.ReadLines(_folder[$"{rank}.txt"]))));
        Assert.Equal(alone[2..], one);
    }

    [Theory]
    [InlineData("openmpi")]
    [InlineData("mpich")]
    public void Every_rank_ends_with_the_model_and_the_first_one_writes(string mpi)
    {
        string[] launch = Launcher(mpi, 2);

        string[] output = Run(launch, Distributed + """
            $model = $fresh.Model
            $reports = @($data | Start-ModelTraining @fresh @run -Distributed -LimitSteps 1 | ForEach-Object Epoch)
            $model | Save-Model "$rank.safetensors"
            $few = @($data | Start-ModelTraining (New-ResNet20) @run -Distributed -WarningAction Ignore | Select-Object -First 1)
            $all = @($data | Start-ModelTraining (New-ResNet20) @run -Distributed -LimitSteps 1 -WarningAction Ignore |
                Select-Object -First 3)
            "$rank of $((Get-TrainingCluster).Size): $reports, $($few.Count), $($all.Count)" > "$rank.txt"
            """).Output;

        Assert.Empty(output);
        Assert.Equal(["0 of 2: 1 2 3, 1, 3", "1 of 2: , 0, 0"],
            new[] { "0.txt", "1.txt" }.Select(file => File.ReadLines(_folder[file]).Single()));
        Assert.Equal(File.ReadAllBytes(_folder["0.safetensors"]), File.ReadAllBytes(_folder["1.safetensors"]));
        Assert.True(File.Exists(_folder["run/model.safetensors"]));
    }

    [Fact]
    public void A_run_in_the_folder_of_a_rank_that_does_not_write_is_not_in_the_way()
    {
        string[] launch = Launcher("openmpi", 2);

        string[] output = Run(launch, Distributed + """
            Set-Location (New-Item -ItemType Directory "place$rank")
            if ($rank -eq 1) {
                $null = New-Item -ItemType Directory run
                Set-Content run/model.safetensors old
            }
            $data | Start-ModelTraining @fresh @run -Distributed -LimitSteps 1 | ForEach-Object { "epoch $($_.Epoch)" }
            """).Output;

        Assert.Equal(["epoch 1", "epoch 2", "epoch 3"], output);
        Assert.Equal("old", File.ReadLines(_folder["place1/run/model.safetensors"]).Single());
    }

    [Theory]
    [InlineData("openmpi")]
    [InlineData("mpich")]
    public void A_rank_that_is_killed_ends_all_and_the_checkpoint_stays_usable(string mpi)
    {
        string[] launch = Launcher(mpi, 2);
        File.WriteAllText(_folder["job.ps1"], Distributed + """
            [IO.File]::WriteAllText("$PWD/$rank.pid", $PID)
            $data | Start-ModelTraining @fresh -Epochs 10000 -BatchSize 150 -Distributed | ForEach-Object { "epoch $($_.Epoch)" }
            """);
        using HostProcess job = new(launch, new DirectoryInfo(_folder.Path), "-File", "job.ps1");
        Assert.Equal("epoch 1", job.Output.ReadLine());
        Assert.Equal("epoch 2", job.Output.ReadLine());
        using Process first = Process.GetProcessById(Number(File.ReadAllText(_folder["0.pid"]))),
            second = Process.GetProcessById(Number(File.ReadAllText(_folder["1.pid"])));

        second.Kill();

        Assert.NotEqual(0, job.Finish().ExitCode);
        Assert.True(first.WaitForExit(TimeSpan.FromSeconds(10)), "the other rank is still there");
        int done = Number(Run([], Setup + "(Get-TrainingHistory run)[-1].Epoch").Output[0]);
        Assert.Equal([$"{done + 1}"], Run([], Setup
            + "($data | Start-ModelTraining -ResumeFrom run -OnEpochEnd { $false } -WarningAction Ignore).Epoch").Output);
    }

    [Fact]
    public void A_pipeline_that_is_stopped_on_one_rank_stops_all_while_its_process_goes_on()
    {
        string[] launch = Launcher("openmpi", 2);
        // Steps that take longer than the time between two lines of progress.
        File.WriteAllText(_folder["train.ps1"], Setup.Replace("'Ignore'", "'Continue'", StringComparison.Ordinal) + """
            $data = Get-Cifar10 -Synthetic -TrainCount 2400 -TestCount 130
            $data | Start-ModelTraining @fresh -Epochs 100 -BatchSize 1200 -Distributed
            """);

        string[] output = Run(launch, Distributed + """
            if ($rank -eq 1) {
                try { & ./train.ps1 *> $null } catch { $_.FullyQualifiedErrorId.Split(',')[0]; "$_" }
                Set-Content ended yes
                return
            }
            $shell = [powershell]::Create().AddScript("Set-Location '$PWD'; ./train.ps1")
            $null = $shell.BeginInvoke()
            while (-not (Test-Path run/run.jsonl)) { Start-Sleep -Milliseconds 100 }
            Start-Sleep 2
            $shell.Stop()
            for ($i = 0; $i -lt 100 -and -not (Test-Path ended); $i++) { Start-Sleep -Milliseconds 100 }
            "$($shell.InvocationStateInfo.State), then $(Test-Path ended)"
            """).Output;

        Assert.Equal("RankStopped", output[0]);
        Assert.Matches("^Rank 1 of 2 on .*: Rank 0 was stopped in epoch ", output[1]);
        Assert.Equal("Stopped, then True", output[2]);
    }

    [Fact]
    public void A_break_in_OnEpochEnd_ends_the_run_on_all_ranks_and_leaves_their_loops_and_exit_their_scripts()
    {
        string[] launch = Launcher("openmpi", 2);

        string[] output = Run(launch, Distributed + """
            foreach ($i in 1, 2) {
                $data | Start-ModelTraining @fresh @run -Distributed -LimitSteps 1 -WarningAction Ignore -OnEpochEnd { break } |
                    ForEach-Object { "epoch $($_.Epoch)" }
            }
            Set-Content "$rank.txt" $i
            $data | Start-ModelTraining (New-ResNet20) @run -Distributed -LimitSteps 1 -WarningAction Ignore -OnEpochEnd { exit 0 } |
                ForEach-Object { "epoch $($_.Epoch) of the second run" }
            'went on'
            """).Output;

        Assert.Equal(["epoch 1", "epoch 1 of the second run"], output);
        Assert.All(["0.txt", "1.txt"], file => Assert.Equal("1", File.ReadLines(_folder[file]).Single()));
    }

    [Theory]
    [InlineData("openmpi", "throw", "my own error", "if ($rank -eq 1) { throw 'my own error' }")]
    [InlineData("mpich", "throw", "my own error", "if ($rank -eq 1) { throw 'my own error' }")]
    [InlineData("openmpi", "error", "Rank 1 of 2 .*no class 'none'", "if ($rank -eq 1) { $run.ClassWeights = @{ none = 2 } }")]
    [InlineData("mpich", "callback", "Rank 1 of 2 .*late", "$run.OnEpochEnd = { if ($rank -eq 1) { throw 'late' } }")]
    [InlineData("openmpi", "option", "Rank 1 has another LearningRate than rank 0: '0.01'",
        "if ($rank -eq 1) { $run.LearningRate = 0.01 }")]
    [InlineData("mpich", "leaves", "rank 1 has ended, while rank 0 waits", "if ($rank -eq 1) { exit 0 }")]
    [InlineData("openmpi", "leaves", "rank 1 has ended, while rank 0 waits", "if ($rank -eq 1) { exit 0 }")]
    public void What_goes_wrong_on_one_rank_is_said_and_ends_the_job(string mpi, string what, string message, string line)
    {
        string[] launch = Launcher(mpi, 2);

        (int exitCode, string[] output, string messages) = Start(launch, Distributed + line + """

            $data | Start-ModelTraining @fresh @run -Distributed | ForEach-Object { 'trained' }
            'done'
            """);

        Assert.True(exitCode != 0, what);
        Assert.Matches(message.Replace(" ", @"\s+(\|\s+)?", StringComparison.Ordinal), messages + string.Join(Environment.NewLine, output));
        Assert.DoesNotContain("done", output);
    }

    [Theory]
    [InlineData("openmpi", "libmpi.so.40")]
    [InlineData("mpich", "libmpich.so.12")]
    public void A_script_that_no_launcher_started_ends_with_its_exit_code_and_no_message(string mpi, string library)
    {
        _ = Launcher(mpi, 1);

        (int exitCode, _, string messages) = Start(["env", $"CIFAR10PS_MPI={library}"],
            "Import-Module Cifar10Ps; $null = Get-TrainingCluster; exit 3");

        Assert.Equal(3, exitCode);
        Assert.DoesNotContain("abort", messages, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void A_task_of_Slurm_that_its_MPI_sees_alone_is_told_how_to_start_it()
    {
        _ = Launcher("mpich", 1);

        string[] output = Run(["env", "CIFAR10PS_MPI=libmpich.so.12", "SLURM_STEP_NUM_TASKS=2"],
            "Import-Module Cifar10Ps; try { Get-TrainingCluster } catch { \"$_\" }").Output;

        Assert.Contains("Start it with srun --mpi=pmix or --mpi=pmi2", Assert.Single(output), StringComparison.Ordinal);
    }

    [Fact]
    public void Without_MPI_an_error_says_what_to_install_and_everything_else_works()
    {
        using Session session = new();
        session.SetEnvironment("CIFAR10PS_MPI", session.Folder["nowhere.so"]);

        Assert.Equal("MpiNotFound", session.Fail("Get-TrainingCluster").FullyQualifiedErrorId.Split(',')[0]);
        Assert.Contains("apt install openmpi-bin", session.Fail("$data | Start-ModelTraining $model @quick -Distributed").ToString(),
            StringComparison.Ordinal);
        Assert.Equal("DistributedJob",
            session.Fail("$data | Start-ModelTraining $model @quick -Distributed -AsJob").FullyQualifiedErrorId.Split(',')[0]);
        Assert.Equal(2, session.Run("$data | Start-ModelTraining $model @quick").Length);
    }

    public void Dispose() => _folder.Dispose();

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    /// <summary>The command that starts ranks by one of the MPI libraries.</summary>
    private static string[] Launcher(string mpi, int ranks)
    {
        string? program = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
            .Select(folder => Path.Combine(folder, $"mpirun.{mpi}")).FirstOrDefault(File.Exists);
        Assert.SkipWhen(program is null, $"needs mpirun.{mpi}: apt install {(mpi == "openmpi" ? "openmpi-bin" : mpi)}");
        return [program!, "-n", $"{ranks}", .. mpi == "openmpi" ? ["--oversubscribe", "--allow-run-as-root"] : Array.Empty<string>()];
    }

    private (string[] Output, string Messages) Run(string[] launcher, string script)
    {
        (int exitCode, string[] output, string messages) = Start(launcher, script);
        Assert.True(exitCode == 0, $"exit code {exitCode}: {messages}{string.Join(Environment.NewLine, output)}");
        return (output, messages);
    }

    private (int ExitCode, string[] Output, string Messages) Start(string[] launcher, string script)
    {
        File.WriteAllText(_folder["script.ps1"], script);
        using HostProcess process = new(launcher, new DirectoryInfo(_folder.Path), "-File", "script.ps1");
        return process.Finish();
    }
}
