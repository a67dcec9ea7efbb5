using System.Text.Json;
using System.Text.RegularExpressions;

namespace Cifar10Ps.Tests;

/// <summary>What <c>src/Cifar10Ps.Host</c> starts: PowerShell as it is, with the module on its path.</summary>
public sealed class HostTests
{
    [Fact]
    public void The_project_starts_a_script_with_its_named_parameters_and_ends_with_its_exit_code()
    {
        using TemporaryFolder folder = new();
        File.WriteAllText(folder["a script.ps1"], """
            param([int] $Epochs, [switch] $Fast, [string[]] $Names)
            "$($Epochs + 1) $Fast $($Names -join '+') $((Import-Module Cifar10Ps -PassThru).ModuleBase)"
            exit 7
            """);

        using HostProcess run = new(new DirectoryInfo(folder.Path), folder["a script.ps1"], "-Epochs", "5", "-Fast", "-Names", "a b");
        (int exitCode, string[] output, string messages) = run.Finish();

        Assert.Equal("", messages);
        Assert.Equal([$"6 True a b {TestEnvironment.Module}"], output);
        Assert.Equal(7, exitCode);
    }

    [Fact]
    public void The_shell_has_what_PowerShell_has()
    {
        (int exitCode, string[] output, string messages) = HostProcess.Run("""
            $ErrorActionPreference = 'Stop'
            Import-Module Cifar10Ps
            (Get-Command Select-Object, Format-Table, Write-Host, Get-ChildItem, Start-ThreadJob, TabExpansion2, ConvertTo-Json).Count
            (TabExpansion2 'Start-ModelTraining -Ep').CompletionMatches.CompletionText
            Start-Job { 6 * 7 } | Receive-Job -Wait
            1 | ForEach-Object -Parallel { Import-Module Cifar10Ps; (New-ResNet20).Name }
            (Get-Module -ListAvailable PSReadLine).Count
            "$($PSVersionTable.PSVersion)"
            """);

        Assert.Equal("", messages);
        Assert.Equal(["7", "-Epochs", "42", "ResNet-20", "1", PowerShellVersion], output);
        Assert.Equal(0, exitCode);
    }

    [Fact]
    public void All_parts_use_one_version_of_PowerShell()
    {
        using JsonDocument tools = JsonDocument.Parse(File.ReadAllText(Path.Combine(TestEnvironment.Root, ".config", "dotnet-tools.json")));

        Assert.Equal(PowerShellVersion,
            tools.RootElement.GetProperty("tools").GetProperty("powershell").GetProperty("version").GetString());
        using Session session = new("");
        Assert.Equal(PowerShellVersion, session.Value<string>("\"$($PSVersionTable.PSVersion)\""));
    }

    [Fact]
    public void Nothing_of_a_redirected_output_is_progress_or_colour()
    {
        (int exitCode, string[] output, string messages) =
            HostProcess.Run($"{Session.Setup}; ($data | Start-ModelTraining $model -Epochs 1 -BatchSize 32).Epoch; Import-Model nothing");

        Assert.Equal(1, exitCode);
        Assert.Equal(["1"], output);
        Assert.Contains("nothing", messages, StringComparison.Ordinal);
        Assert.DoesNotContain("images/s", messages, StringComparison.Ordinal);
        Assert.DoesNotContain('\e', messages);
    }

    [Fact]
    public void A_script_that_does_not_exist_gives_the_exit_code_that_PowerShell_has_for_it()
    {
        using HostProcess process = new("nothing.ps1");

        Assert.Equal(64, process.Finish().ExitCode);
    }

    private static string PowerShellVersion => Regex.Match(
        File.ReadAllText(Path.Combine(TestEnvironment.Root, "Directory.Packages.props")), "<PowerShellVersion>(.*)</PowerShellVersion>")
            .Groups[1].Value;
}
