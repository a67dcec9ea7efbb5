using System.Diagnostics;

namespace Cifar10Ps.Tests;

public sealed class HostTests
{
    [Fact]
    public void Results_go_to_the_output_and_everything_else_to_the_messages_without_colours()
    {
        (int exitCode, string[] output, string messages) = HostProcess.Run($"$VerbosePreference = 'Continue'; {Session.Setup}; ($data | Start-ModelTraining $model -Epochs 1 -BatchSize 32).Epoch; Import-Model nothing");

        Assert.Equal(1, exitCode);
        Assert.Equal(["1"], output);
        Assert.Contains("nothing", messages, StringComparison.Ordinal);
        Assert.DoesNotContain("images/s", messages, StringComparison.Ordinal);
        Assert.DoesNotContain('\e', messages);
    }

    [Theory]
    [InlineData(0, "-Command", "New-ResNet20")]
    [InlineData(3, "-Command", "exit 3")]
    [InlineData(1, "-Command", "throw 'no'")]
    [InlineData(1, "nothing.ps1")]
    [InlineData(64, "-Magic")]
    [InlineData(64)]
    public void The_exit_code_tells_how_it_went(int exitCode, params string[] arguments)
    {
        using HostProcess process = new(arguments);

        Assert.Equal(exitCode, process.Finish().ExitCode);
    }

    [Fact]
    public void Control_C_keeps_the_run_and_says_how_to_go_on()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "sends a signal");
        Assert.SkipWhen(IgnoresInterrupts, "what started the tests ignores SIGINT, and so do all its children");
        using TemporaryFolder folder = new();
        using HostProcess process = new("-Command", $"{Session.Setup}; $data | Start-ModelTraining $model -Epochs 1000 -BatchSize 4 -OutputDirectory '{folder["result"]}' | ForEach-Object {{ 'epoch' }}");
        Assert.Equal("epoch", process.Output.ReadLine());

        using (Process kill = Process.Start("kill", ["-INT", $"{process.Id}"]))
            kill.WaitForExit();

        (int exitCode, _, string messages) = process.Finish();
        Assert.Equal(130, exitCode);
        Assert.Contains($"-ResumeFrom '{folder["result", "checkpoint-latest.safetensors"]}'", messages, StringComparison.Ordinal);
        Assert.True(File.Exists(folder["result", "checkpoint-latest.safetensors"]));
    }

    /// <summary>Bit 2 of the line <c>SigIgn: 0000000000001006</c>: set for what a shell starts in the background, for instance.</summary>
    private static bool IgnoresInterrupts => OperatingSystem.IsLinux()
        && File.ReadLines("/proc/self/status").First(line => line.StartsWith("SigIgn:", StringComparison.Ordinal))[^1] is '2' or '3' or '6' or '7' or 'a' or 'b' or 'e' or 'f';
}
