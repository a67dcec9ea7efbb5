using System.Diagnostics;

namespace Cifar10Ps.Tests;

/// <summary>Paths that are not files, and files left damaged or half written by a disk or a killed process.</summary>
public sealed class DamageTests : IDisposable
{
    private readonly Session _session = new();

    public void Dispose() => _session.Dispose();

    [Theory]
    [InlineData("Import-Model ./pipe")]
    [InlineData("Import-Model ./zero")]
    [InlineData("Get-Cifar10 ./pipe")]
    [InlineData("Get-TrainingHistory ./pipe")]
    [InlineData("Start-ModelTraining -Dataset $data -ResumeFrom ./pipe")]
    [InlineData("Invoke-Inference ./zero -Model $model")]
    [InlineData("Save-Model ./pipe $model -Force")]
    [InlineData("Save-Model ./zero $model")]
    public void A_pipe_or_a_device_is_refused_at_once_and_stays_what_it_is(string script)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs the file types of Unix");
        using (Process process = Process.Start("mkfifo", [_session.Folder["pipe"]]))
            process.WaitForExit();
        File.CreateSymbolicLink(_session.Folder["zero"], "/dev/zero");

        Assert.Equal("NotARegularFile", _session.Fail($"{script} -ErrorAction Stop").Id);

        Assert.Equal(["pipe", "zero"],
            Directory.GetFileSystemEntries(_session.Folder.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal("/dev/zero", new FileInfo(_session.Folder["zero"]).LinkTarget);
    }

    [Fact]
    public void A_damaged_model_is_refused()
    {
        _session.Run("$model | Save-Model model.safetensors");
        FlipBit("model.safetensors");

        Assert.Equal("FileDamaged", _session.Fail("Import-Model model.safetensors -ErrorAction Stop").Id);
    }

    [Fact]
    public void A_run_whose_latest_checkpoint_is_damaged_goes_on_from_the_one_before_and_says_so()
    {
        _session.Run("$data | Start-ModelTraining $model @quick -OutputDirectory result");
        string latest = FlipBit("result", "checkpoint-latest.safetensors"),
            before = _session.Folder["result", "checkpoint-epoch-0002.safetensors"];

        Assert.Contains(before,
            _session.Fail("Start-ModelTraining -Dataset $data -ResumeFrom result/checkpoint-latest.safetensors").Exception.Message,
            StringComparison.Ordinal);
        Assert.Equal(3, _session.Value<int>("(Start-ModelTraining -Dataset $data -ResumeFrom result -Epochs 3).Epoch"));

        string warning = Assert.Single(_session.Host.Warnings);
        Assert.Contains(latest, warning, StringComparison.Ordinal);
        Assert.Contains(before, warning, StringComparison.Ordinal);
        Assert.Equal(3, _session.Value<int>("(Import-Model result/checkpoint-latest.safetensors).TrainedEpochs"));
    }

    [Fact]
    public void Where_a_run_left_nothing_to_go_on_from_the_error_says_what_works()
    {
        Directory.CreateDirectory(_session.Folder["result"]);
        File.WriteAllText(_session.Folder["result", "log"], "[]");

        string message = _session.Fail("$data | Start-ModelTraining $model @quick -OutputDirectory result").Exception.Message;

        Assert.DoesNotContain("-ResumeFrom", message, StringComparison.Ordinal);
        Assert.Contains("-Force", message, StringComparison.Ordinal);
        Assert.Equal(2, _session.Run("$data | Start-ModelTraining $model @quick -OutputDirectory result -Force").Length);
    }

    private string FlipBit(params string[] parts)
    {
        string path = _session.Folder[parts];
        byte[] content = File.ReadAllBytes(path);
        content[^1000] ^= 4;
        File.WriteAllBytes(path, content);
        return path;
    }
}
