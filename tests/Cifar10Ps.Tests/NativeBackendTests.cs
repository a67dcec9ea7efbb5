using System.Diagnostics;

namespace Cifar10Ps.Tests;

public sealed class NativeBackendTests
{
    [Theory]
    [InlineData("libtorch_cpu.so", null)]
    [InlineData("libtorch_cpu.so", 1_000_000)]
    [InlineData("libtorch.so", 7_584)]
    [InlineData("native-libraries.txt", null)]
    public void Without_a_whole_libtorch_what_needs_it_fails_clearly_and_the_rest_works(string library, int? bytesLeft)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "uses the names of Linux libraries");
        // Links need the same file system.
        using TemporaryFolder folder = new(Path.Combine(TestEnvironment.Root, "artifacts"));
        using (Process copy = Process.Start("cp", ["-a", "--link", TestEnvironment.Module, folder.Path]))
            copy.WaitForExit();
        string damaged = folder["Cifar10Ps", "dependencies", library];
        File.Delete(damaged);
        if (bytesLeft is int length)
            File.WriteAllBytes(damaged, new byte[length]);

        (int exitCode, string[] output, string messages) = HostProcess.Run($$"""
            Import-Module '{{folder["Cifar10Ps"]}}/Cifar10Ps.psd1'
            $data = Get-Cifar10 -Synthetic -TrainCount 8 -TestCount 8
            $model = New-ResNet20
            $train = { $data | Start-ModelTraining $model }
            $measure = { $data | Start-ModelTraining (New-SpeedNet) }
            foreach ($try in $measure, $train, { $data.Test | Invoke-Inference $model }, $train) {
                try { & $try; 'worked' } catch { "$($_.FullyQualifiedErrorId.Split(',')[0]): $_" -replace '\s+', ' ' }
            }
            $model | Save-Model '{{folder["model.safetensors"]}}' -WhatIf
            "$(New-ResNet20) after $($Error.Count) errors"
            """);

        Assert.Equal("", messages);
        Assert.Equal(0, exitCode);
        Assert.All(output[..4], error => Assert.Matches($"^NativeBackendNotLoaded: .*{library}.* reinstall the module", error));
        Assert.Equal("ResNet-20 (10 classes) after 4 errors", output[^1]);
    }
}
