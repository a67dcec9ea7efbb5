namespace Cifar10Ps.Tests;

/// <summary>A session whose files may not grow beyond a limit, as ulimit -f sets it, which the system enforces with a signal.</summary>
public sealed class FileLimitTests
{
    // Less than a checkpoint of a ResNet-20 takes. .NET itself needs large files in memory for code that is not executable while written.
    private static readonly string[] Limited = ["env", "DOTNET_EnableWriteXorExecute=0", "sh", "-c", "ulimit -f 1000; exec \"$@\"", "sh"];

    [Theory]
    [InlineData("$data | Start-ModelTraining $model -Epochs 1 -OutputDirectory run")]
    [InlineData("Save-Model ./large.safetensors -Model (New-ResNet -Depth 56)")]
    [InlineData("New-ResNet -Depth 56 | Export-Model ./large.onnx")]
    [InlineData("New-ResNet -Depth 56 | Export-Model ./large.pth")]
    public void A_file_that_would_be_too_large_is_an_error_and_the_session_goes_on(string script)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs ulimit");
        using Session session = new();
        using HostProcess process = new(Limited, new DirectoryInfo(session.Folder.Path), "-Command", $$"""
            {{Session.Setup}}
            try { {{script}} } catch { $_.FullyQualifiedErrorId }
            'goes on'
            Get-ChildItem -Recurse -File -Name
            """);

        (int exitCode, string[] output, string messages) = process.Finish();

        Assert.Equal("", messages);
        Assert.StartsWith("FileNotWritable", output[0], StringComparison.Ordinal);
        // The journal says why the run ended; nothing is left of what could not be written.
        Assert.Equal(["goes on"], output[1..].Where(line => !line.EndsWith("run.jsonl", StringComparison.Ordinal)));
        Assert.Equal(0, exitCode);
    }
}
