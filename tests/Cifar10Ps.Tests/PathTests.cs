using System.Management.Automation;

namespace Cifar10Ps.Tests;

/// <summary>One rule for the paths of all cmdlets: an existing file of that exact name, or else a pattern, which must match.</summary>
public sealed class PathTests : IDisposable
{
    private readonly Session _session = new();

    public void Dispose() => _session.Dispose();

    /// <summary>A command that reads {0} and says what it read; and one that makes {0}, a path with brackets.</summary>
    public static TheoryData<string, string> Readers => new()
    {
        { "(Import-Model {0} -Verbose).Classes[0]", "New-ResNet20 -Classes (Split-Path -Leaf {0}), dog | Save-Model -LiteralPath {0}" },
        { "Split-Path -Leaf (Invoke-Inference $model {0}).Path", "Copy-Item red.png {0}" },
        {
            "(Get-ImageDataset {0}).Name",
            "foreach ($class in 'a', 'b') {{ $null = New-Item \"$({0})/$class\" -ItemType Directory; "
            + "Copy-Item red.png \"$({0})/$class/1.png\" }}"
        },
        { "Split-Path -Leaf (Get-Cifar10 {0} -TrainCount 1 -TestCount 1).Source", "New-Cifar {0}" },
        { "Split-Path -Leaf (Get-TrainingHistory {0})[0].Run", "Copy-Item run {0} -Recurse" },
        {
            "Split-Path -Leaf (Start-ModelTraining -Dataset $data -ResumeFrom {0} -Epochs 2 -OutputDirectory \"out-$(New-Guid)\" "
            + "-WarningVariable +w | Select-Object -First 1).Epoch",
            "Copy-Item run {0} -Recurse"
        },
    };

    /// <summary>A cmdlet that writes {0}.</summary>
    public static TheoryData<string, string> Writers => new()
    {
        { "$model | Save-Model {0}", ".safetensors" },
        { "$model | Export-Model {0}", ".onnx" },
        { "$model | Export-ModelGraph {0}", ".dot" },
        { "$reports | Export-TrainingPlot {0}", ".svg" },
        { "$data | Measure-Model $model | Export-ConfusionMatrix {0}", ".svg" },
        { "$data | Invoke-Inference $model | Export-PredictionSheet {0}", ".svg" },
        { "$data | Export-AugmentationSheet {0}", ".svg" },
    };

    [Theory]
    [MemberData(nameof(Readers))]
    public void A_reader_takes_what_exists_by_name_before_a_pattern_and_a_pattern_must_match(string read, string make)
    {
        Prepare();
        Directory.CreateDirectory(_session.Folder["in [1]"]);
        bool isResumed = read.Contains("-ResumeFrom", StringComparison.Ordinal);
        foreach (string name in new[] { "x[1]", "x1", "y1", "in [1]/z1", "in [1]/z2" })
            _session.Run(string.Format(null, make, $"'{name}'"));

        // A run does not show which of them it was resumed from, only that it was resumed.
        Assert.Equal(isResumed ? "2" : "x[1]", _session.Value<string>(string.Format(null, read, "'x[1]'")));
        Assert.Equal(isResumed ? "2" : "y1", _session.Value<string>(string.Format(null, read, "'y[1]'")));
        Assert.Equal(isResumed ? "2" : "x[1]", _session.Value<string>(string.Format(null, read, "'x`[1`]'")));
        // The folder exists, so its brackets are its own; what follows is a pattern.
        Assert.Equal(isResumed ? "2" : "z1", _session.Value<string>(string.Format(null, read, "'in [1]/z[1]'")));
        foreach (string nothing in new[] { "q[1]", "q*", "q[", "in [1]/q?", "nowhere/*" })
            AssertError("FileNotFound", string.Format(null, read, $"'{nothing}'"));
        AssertError("NotAFileSystemPath", string.Format(null, read, "'Env:PATH'"));
        AssertError("DriveNotFound", string.Format(null, read, "'nowhere:/x'"));
    }

    [Theory]
    [MemberData(nameof(Writers))]
    public void A_writer_makes_names_with_brackets_and_replaces_what_a_pattern_matches(string write, string ending)
    {
        Prepare();
        _session.Run("$reports = Get-TrainingHistory run; $null = New-Item folder -ItemType Directory");

        foreach (string name in new[] { $"out [a]{ending}", $"new [1]/x{ending}", $"half [{ending}" })
        {
            _session.Run(string.Format(null, write, $"'{name}'"));
            Assert.True(File.Exists(_session.Folder[name]), name);
        }

        // Even beside a file that the brackets would match.
        File.WriteAllText(_session.Folder["x1" + ending], "precious");
        _session.Run(string.Format(null, write, $"'x[1]{ending}'") + " -Force");
        AssertError("FileExists", string.Format(null, write, $"'x[1]{ending}'"));
        Assert.Equal("precious", File.ReadAllText(_session.Folder["x1" + ending]));
        _session.Run(string.Format(null, write, $"'*1{ending}'") + " -Force");
        Assert.NotEqual("precious", File.ReadAllText(_session.Folder["x1" + ending]));

        AssertError("FileNotFound", string.Format(null, write, $"'none*{ending}'"));
        AssertError("AmbiguousPath", string.Format(null, write, $"'*{ending}'"));
        AssertError("NotARegularFile", string.Format(null, write, "'other/'"));
        Assert.False(Directory.Exists(_session.Folder["other"]));
        Directory.Move(_session.Folder["folder"], _session.Folder["folder" + ending]);
        AssertError("NotARegularFile", string.Format(null, write, $"'folder{ending}'"));
    }

    [Fact]
    public void An_output_directory_may_have_brackets_and_is_no_file()
    {
        Prepare();
        const string Run = "$null = $data | Start-ModelTraining (New-ResNet20) -Epochs 1 -BatchSize 32 -LimitSteps 1 -OutputDirectory ";
        Directory.CreateDirectory(_session.Folder["o 1"]);

        _session.Run(Run + "'o [1]'");

        Assert.True(File.Exists(_session.Folder["o [1]", "model.safetensors"]));
        Assert.Empty(Directory.GetFiles(_session.Folder["o 1"]));
        _session.Run(Run + "'o ?'");
        Assert.True(File.Exists(_session.Folder["o 1", "model.safetensors"]));
        Assert.Equal("FileNotFound", _session.Fail(Run + "'no*'").Id);
        Assert.Equal("AmbiguousPath", _session.Fail(Run + "'o *'").Id);
        Assert.Equal("NotAFolder", _session.Fail(Run + "red.png").Id);
    }

    [Fact]
    public void The_output_directory_of_a_run_is_imported_as_its_model_or_its_newest_checkpoint()
    {
        Prepare();

        Assert.Equal(1, _session.Value<int>("(Import-Model run -Verbose).TrainedEpochs"));
        Assert.Contains(_session.Host.Verbose, line => line.Contains(Path.Combine("run", "model.safetensors"), StringComparison.Ordinal));
        File.Delete(_session.Folder["run", "model.safetensors"]);
        Assert.Equal(1, _session.Value<int>("(Get-Item run | Import-Model -Verbose).TrainedEpochs"));
        Assert.Contains(_session.Host.Verbose, line => line.Contains("checkpoint-latest.safetensors", StringComparison.Ordinal));
        Directory.CreateDirectory(_session.Folder["empty"]);
        AssertError("FileNotFound", "Import-Model empty");
    }

    [Theory]
    [InlineData("Invoke-Inference $model photos", "a.png b.jfif")]
    [InlineData("Invoke-Inference $model photos -Recurse", "a.png b.jfif c.png")]
    [InlineData("Get-Item photos | Invoke-Inference $model", "a.png b.jfif")]
    [InlineData("Get-ChildItem photos -Recurse | Invoke-Inference $model", "a.png b.jfif c.png e.png")]
    [InlineData("Get-ChildItem photos -Recurse | Sort-Object Name -Descending | Invoke-Inference $model", "a.png b.jfif c.png e.png")]
    [InlineData("Invoke-Inference $model photos/a.png, photos/a.png", "a.png a.png")]
    public void A_folder_means_the_pictures_in_it_each_once(string script, string expected)
    {
        Prepare();
        _session.Run("""
            $null = New-Item photos/sub, photos/.hidden, photos/__MACOSX -ItemType Directory
            'photos/a.png', 'photos/b.jfif', 'photos/sub/c.png', 'photos/.hidden/d.png', 'photos/__MACOSX/e.png' |
                ForEach-Object { Copy-Item red.png $_ }
            Set-Content photos/notes.txt 'no picture'
            """);
        _session.Host.Warnings.Clear();

        // A file from Get-ChildItem that is not a picture is a separate error.
        IEnumerable<string> read = _session.Try(script).Output.Select(prediction => Path.GetFileName((string)prediction.Path));

        Assert.Equal(expected, string.Join(' ', read.Order(StringComparer.Ordinal)));
        if (script.StartsWith("Invoke-Inference $model photos ", StringComparison.Ordinal)
            || script.EndsWith("photos", StringComparison.Ordinal))
        {
            string warning = Assert.Single(_session.Host.Warnings);
            Assert.Contains("files without a picture extension: 1 ('notes.txt')", warning, StringComparison.Ordinal);
            Assert.Equal(!script.Contains("-Recurse", StringComparison.Ordinal),
                warning.Contains("subfolders: 1 ('sub')", StringComparison.Ordinal));
        }
    }

    [Theory]
    [InlineData("Invoke-Inference $model empty", "NoImages")]
    [InlineData("Get-ImageDataset red.png", "NotAFolder")]
    [InlineData("Get-Cifar10 cifar/data_batch_1.bin", "NotAFolder")]
    [InlineData("Get-Cifar10 cifar-10-batches-py", "UnsupportedCifarVersion")]
    [InlineData("Invoke-Inference $model scan.tif", "UnsupportedImageFormat")]
    public void A_thing_of_another_kind_is_called_what_it_is(string script, string id)
    {
        Prepare();
        _session.Run(
            "New-Cifar cifar; $null = New-Item empty, cifar-10-batches-py -ItemType Directory; "
            + "Set-Content cifar-10-batches-py/data_batch_1 x; Set-Content scan.tif \"II*`0\"");

        AssertError(id, script);
    }

    [Fact]
    public void A_drive_that_does_not_exist_does_not_keep_the_next_path_from_being_read()
    {
        Prepare();

        Outcome outcome = _session.Try("Invoke-Inference $model nowhere:/a.png, red.png");

        Assert.Equal("DriveNotFound", Assert.Single(outcome.Errors).Id);
        Assert.Single(outcome.Output);
    }

    [Fact]
    public void Paths_are_those_of_the_location_and_the_drives_of_the_session()
    {
        Prepare();
        _session.Run("""
            $null = New-Item 'deep [1]' -ItemType Directory
            $null = New-PSDrive -Name Pics -PSProvider FileSystem -Root $pwd
            Set-Location -LiteralPath 'deep [1]'
            $model | Save-Model 'm[1].safetensors'
            """);

        Assert.True(File.Exists(_session.Folder["deep [1]", "m[1].safetensors"]));
        Assert.Equal(4, _session.Value<int>("""
            (Import-Model 'm[1].safetensors', '*.safetensors', 'Pics:/deep [1]/m*', "FileSystem::$pwd/m[[]1]*" | Measure-Object).Count
            """));
    }

    /// <summary>Makes a picture, a run of one epoch, and a function that makes the six files of CIFAR-10, empty.</summary>
    private void Prepare()
    {
        File.WriteAllBytes(_session.Folder["red.png"], Pictures.RedPng);
        _session.Run("""
            $null = $data | Start-ModelTraining (New-ResNet20) -Epochs 1 -BatchSize 32 -OutputDirectory run
            function New-Cifar($Path) {
                $null = New-Item $Path -ItemType Directory
                foreach ($name in (1..5 | ForEach-Object { "data_batch_$_.bin" }) + 'test_batch.bin') {
                    $file = [IO.File]::Create("$pwd/$Path/$name")
                    $file.SetLength(30730000)
                    $file.Dispose()
                }
            }
            """);
    }

    /// <summary>Asserts the first error of a script, terminating or not.</summary>
    private void AssertError(string id, string script)
    {
        _session.Run("$Error.Clear()");
        Outcome outcome = _session.Try($"try {{ $null = {script} }} catch {{ }}; $Error[-1]");
        Assert.Equal(id, ((ErrorRecord)Assert.Single(outcome.Output)).Id);
    }
}
