namespace Cifar10Ps.Tests;

/// <summary>A session whose files may not grow beyond a limit, as ulimit -f sets it, which the system enforces with a signal.</summary>
public sealed class FileLimitTests
{
    // Less than a checkpoint of a ResNet-20 takes. .NET itself needs large files in memory for code that is not executable while written.
    private static readonly string[] Limited = ["env", "DOTNET_EnableWriteXorExecute=0", "sh", "-c", "ulimit -f 1000; exec \"$@\"", "sh"];

    [Fact]
    public void A_run_is_not_refused_for_all_of_its_checkpoints_together()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs ulimit");
        using Session session = new();
        // 3 MB: one checkpoint has 2.2 MB.
        string[] limited = [.. Limited.Select(part => part.Replace("1000", "6000", StringComparison.Ordinal))];
        using HostProcess process = new(limited, new DirectoryInfo(session.Folder.Path), "-Command",
            $"{Session.Setup}; $data | Start-ModelTraining $model -Epochs 1 -OutputDirectory run | ForEach-Object Epoch");

        (int exitCode, string[] output, string messages) = process.Finish();

        Assert.Equal(("", 0), (messages, exitCode));
        Assert.Equal(["1"], output);
    }

    [Fact]
    public void A_file_that_would_be_too_large_is_an_error_and_the_session_goes_on()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs ulimit");
        using Session session = new();
        using HostProcess process = new(Limited, new DirectoryInfo(session.Folder.Path), "-Command", $$"""
            {{Session.Setup}}
            $large = New-ResNet -Depth 56
            $scripts = { $data | Start-ModelTraining $model -Epochs 1 -OutputDirectory run }, { $large | Save-Model ./large.safetensors },
                { $large | Export-Model ./large.onnx }, { $large | Export-Model ./large.pth }
            foreach ($script in $scripts) {
                try { & $script } catch { $_.FullyQualifiedErrorId.Split(',')[0] }
            }
            Get-ChildItem -Recurse -File | ForEach-Object Name
            """);

        (int exitCode, string[] output, string messages) = process.Finish();

        Assert.Equal("", messages);
        // The journal says why the run ended; nothing is left of what could not be written.
        Assert.Equal([.. Enumerable.Repeat("FileNotWritable", 4), "run.jsonl"], output);
        Assert.Equal(0, exitCode);
    }
}
