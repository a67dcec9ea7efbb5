namespace Cifar10Ps.Tests;

public sealed class ExportTests(SharedSession shared) : IClassFixture<SharedSession>, IDisposable
{
    private readonly Session _session = new();

    public void Dispose() => _session.Dispose();

    [Theory]
    [InlineData("a.pth", "")]
    [InlineData("b.PT", "")]
    [InlineData("c.th", "-Format PyTorch")]
    [InlineData("d", "-Format PyTorch")]
    [InlineData("e.safetensors", "")]
    [InlineData("f", "-Format Safetensors")]
    public void A_model_comes_back_as_it_was_exported(string file, string format)
    {
        Session session = shared.Renew();
        session.Run($"$model | Export-Model {file} {format}; $model | Save-Model expected; Import-Model {file} | Save-Model actual");

        Assert.Equal(File.ReadAllBytes(session.Folder["expected"]), File.ReadAllBytes(session.Folder["actual"]));
    }

    [Theory]
    [InlineData("a.npz", "")]
    [InlineData("b.model", "")]
    [InlineData("c", "-Format Chainer")]
    public void A_model_of_the_original_program_comes_back_to_the_last_bit(string file, string format)
    {
        Session session = shared.Renew();
        session.Run($$"""
            New-ResNet20 -Shortcut ProjectionOnly -Seed 2 | Export-Model first.npz
            $imported = Import-Model first.npz
            $imported | Export-Model {{file}} {{format}}
            $imported | Save-Model expected
            Import-Model {{file}} | Save-Model actual
            """);

        Assert.Equal(File.ReadAllBytes(session.Folder["expected"]), File.ReadAllBytes(session.Folder["actual"]));
        Assert.Equal(File.ReadAllBytes(session.Folder["first.npz"]), File.ReadAllBytes(session.Folder[file]));
    }

    [Fact]
    public void A_graph_is_written_with_and_without_its_preprocessing_and_read()
    {
        _session.Run(
            "$model | Export-Model a.onnx; $model | Export-Model b -Format Onnx; $model | Export-Model c.onnx -IncludePreprocessing");

        Assert.Equal(File.ReadAllBytes(_session.Folder["a.onnx"]), File.ReadAllBytes(_session.Folder["b"]));
        Assert.True(File.ReadAllBytes(_session.Folder["a.onnx"]).AsSpan().IndexOf("Softmax"u8) < 0);
        Assert.True(File.ReadAllBytes(_session.Folder["c.onnx"]).AsSpan().IndexOf("Softmax"u8) > 0);
        Assert.Equal(1, _session.Value<int>("@(Import-Model a.onnx, c.onnx | ForEach-Object Name | Sort-Object -Unique).Count"));
    }

    [Fact]
    public void The_format_is_that_of_the_parameter_before_that_of_the_name()
    {
        _session.Run("$model | Export-Model a.safetensors -Format PyTorch; $model | Export-Model b.pth");

        Assert.Equal(File.ReadAllBytes(_session.Folder["b.pth"]), File.ReadAllBytes(_session.Folder["a.safetensors"]));
    }

    [Fact]
    public void Import_says_what_it_found()
    {
        _session.Run("New-ResNet cat, dog -Depth 32 | Export-Model a.bin -Format PyTorch; $null = Import-Model a.bin -Verbose");

        string told = Assert.Single(_session.Host.Verbose, line => line.Contains("a.bin", StringComparison.Ordinal));
        Assert.All(["PyTorch", "ResNet-32", "Projection", "2 classes", "Everything"], part =>
            Assert.Contains(part, told, StringComparison.Ordinal));

        _session.Run("New-ResNet20 -Shortcut ProjectionOnly | Export-Model b.bin -Format Chainer; $null = Import-Model b.bin -Verbose");

        told = Assert.Single(_session.Host.Verbose, line => line.Contains("b.bin", StringComparison.Ordinal));
        Assert.All(["Chainer", "ResNet-20", "ProjectionOnly", "10 classes", "res3/0/conv3/W", "res5/2/bn3/N"], part =>
            Assert.Contains(part, told, StringComparison.Ordinal));
    }

    [Fact]
    public void Files_are_replaced_by_force_only_and_WhatIf_writes_nothing()
    {
        File.WriteAllText(_session.Folder["a.pth"], "precious");

        Assert.Equal("FileExists", _session.Fail("$model | Export-Model a.pth").Id);
        Assert.Empty(_session.Run("$model | Export-Model b.pth -PassThru -WhatIf"));
        Assert.Equal("precious", File.ReadAllText(_session.Folder["a.pth"]));
        Assert.Single(Directory.EnumerateFileSystemEntries(_session.Folder.Path));

        Assert.Equal(_session.Folder["a.pth"], _session.Value<FileInfo>("$model | Export-Model a.pth -Force -PassThru").FullName);
        _session.Run("Import-Model a.pth");
    }

    [Theory]
    [InlineData("Export-Model model.bin $model", "UnknownModelFormat")]
    [InlineData("Export-Model model.pth $model -Format Word", "CannotConvertArgumentNoMessage")]
    [InlineData("Export-Model model.pth $model -IncludePreprocessing", "FormatCannotHold")]
    [InlineData("Export-Model model.npz $model", "FormatCannotHold")]
    [InlineData("Export-Model Env:model.pth $model", "NotAFileSystemPath")]
    [InlineData("Export-Model '?.pth' $model", "FileNotFound")]
    [InlineData("New-ResNet -Depth 26", "ParameterArgumentValidationError")]
    public void What_cannot_be_is_refused(string script, string id) => Assert.Equal(id, shared.Renew().Fail(script).Id);

    [Fact]
    public void A_hostile_pickle_is_refused_by_name_and_the_next_file_is_imported()
    {
        File.WriteAllBytes(_session.Folder["1.pth"], [0x80, 2, .. "cos\nsystem\n."u8]);
        _session.Run("$model | Export-Model 2.pth");

        Outcome outcome = _session.Try("Import-Model *.pth");

        Assert.Equal("InvalidTorchFile", Assert.Single(outcome.Errors).Id);
        Assert.Contains("os.system", outcome.Errors[0].Exception.Message, StringComparison.Ordinal);
        Assert.Single(outcome.Output);
    }

    [Fact]
    public void Networks_have_the_depth_that_is_asked_for() =>
        Assert.Equal(["ResNet-20", "ResNet-32", "ResNet-110"],
            _session.Run("New-ResNet; New-ResNet -Depth 32; New-ResNet 2 -Depth 110").Select(model => (string)model.Network.Name));
}
