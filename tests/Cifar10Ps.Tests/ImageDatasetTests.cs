using System.Management.Automation;

namespace Cifar10Ps.Tests;

public sealed class ImageDatasetTests : IDisposable
{
    // Ten dark and ten bright pictures; a picture is 32 pixels wide and high.
    private readonly Session _session = new();

    public ImageDatasetTests()
    {
        foreach ((string name, int value) in new[] { ("dark", 20), ("bright", 200) })
            for (int i = 0; i < 10; i++)
                Write($"photos [1]/{name}/{i}.bmp", Pictures.Bmp([.. Enumerable.Repeat((byte)(value + i), 3 * 32 * 32)]));
    }

    public void Dispose() => _session.Dispose();

    [Theory]
    [InlineData("Get-ImageDataset -LiteralPath 'photos [1]'")]
    [InlineData("Get-ImageDataset 'photos*'")]
    [InlineData("'photos*' | Get-ImageDataset")]
    [InlineData("[pscustomobject]@{ PSPath = \"$pwd/photos [1]\" } | Get-ImageDataset")]
    public void A_folder_of_pictures_is_a_data_set_by_any_path(string script)
    {
        dynamic data = Assert.Single(_session.Run(script));

        Assert.Equal(["bright", "dark"], (string[])data.Classes);
        Assert.Equal((16, 4), ((int)data.Train.Count, (int)data.Test.Count));
        Assert.Equal(_session.Folder["photos [1]"], (string)data.Source);
        Assert.Equal((32, 32), ((int)data.Train[0].Width, (int)data.Train[0].Height));
    }

    [Fact]
    public void Options_reach_the_data_set()
    {
        dynamic data = _session.Run("Get-ImageDataset 'photos*' -ImageSize 16 -ValidationFraction 0.5")[0];

        Assert.Equal((10, 10, 16), ((int)data.Train.Count, (int)data.Test.Count, (int)data.Test[3].Width));
        Assert.NotEqual(
            _session.Run("(Get-ImageDataset 'photos*').Test | ForEach-Object Path"),
            _session.Run("(Get-ImageDataset 'photos*' -Seed 1).Test | ForEach-Object Path"));
    }

    [Fact]
    public void Folders_of_parts_are_read_as_such_and_a_line_says_so()
    {
        foreach ((string part, int count) in new[] { ("Train", 6), ("val", 4), ("test", 2) })
            foreach ((string name, int value) in new[] { ("dark", 20), ("bright", 200) })
                for (int i = 0; i < count; i++)
                    Write($"parts/{part}/{name}/{i}.bmp", Pictures.Bmp([.. Enumerable.Repeat((byte)(value + i), 3 * 32 * 32)]));

        dynamic[] output = _session.Run("Get-ImageDataset parts 6>&1; Get-ImageDataset parts/Train -TestPath parts/* -ErrorAction Ignore; "
            + "Get-ImageDataset parts/Train -TestPath parts/te*; Get-ImageDataset 'photos*' -TestFraction 0.1 6>&1");

        Assert.EndsWith("is read in parts: 'Train' for training, 'val' for validation, 'test' for testing.", output[0].ToString());
        Assert.Equal([(12, 8, 4), (12, 4, 4), (14, 4, 2)],
            output.Skip(1).Select(data => ((int)data.TrainCount, (int)data.ValidationCount, (int)data.TestCount)));
    }

    [Fact]
    public void Only_what_fits_is_kept_in_memory_and_training_is_the_same()
    {
        dynamic[] runs = _session.Run("""
            foreach ($limit in 0, 512MB) {
                $photos = Get-ImageDataset 'photos*' -MemoryLimit $limit -Verbose 4>&1
                "$($photos[0])"
                $photos[1] | Start-ModelTraining (New-ResNet20 bright, dark -Seed 1) -Epochs 1 -BatchSize 8 -Precision Float32
            }
            """);

        Assert.Equal("0 of 20 images are in memory; the others are decoded whenever they are needed.", runs[0]);
        Assert.Equal("All 20 images are in memory.", runs[2]);
        Assert.Equal((double)runs[1].Loss, (double)runs[3].Loss);
        Assert.Equal((double)runs[1].ValidationLoss, (double)runs[3].ValidationLoss);
    }

    [Fact]
    public void A_model_is_trained_saved_and_asked_about_files()
    {
        dynamic[] predictions = _session.Run("""
            $photos = Get-ImageDataset 'photos*'
            $model = New-ResNet20 -Classes $photos.Classes
            $null = $photos | Start-ModelTraining $model -Epochs 12 -BatchSize 8 -LearningRate 0.02
            $model | Save-Model model.safetensors
            $model = Import-Model model.safetensors
            $photos.Test | Invoke-Inference $model
            Invoke-Inference $model -LiteralPath ($photos.Test | ForEach-Object Path)
            """);

        Assert.Equal(8, predictions.Length);
        for (int i = 0; i < 4; i++)
        {
            dynamic image = predictions[i], file = predictions[4 + i];
            Assert.Equal((true, i), ((bool)image.IsCorrect, (int)image.Index));
            Assert.Contains($"{image.Class}{Path.DirectorySeparatorChar}", (string)image.Path, StringComparison.Ordinal);
            Assert.Equal((string)image.Path, (string)file.Path);
            Assert.Equal((IEnumerable<float>)image.Logits, (IEnumerable<float>)file.Logits);
            Assert.Null(file.IsCorrect);
        }
    }

    [Fact]
    public void Bad_pictures_are_errors_that_name_them_and_the_data_set_has_the_others()
    {
        Write("photos [1]/dark/bad.png", Pictures.RedPng[..40]);
        Write("photos [1]/empty/readme.txt", [1]);

        Outcome outcome = _session.Try("Get-ImageDataset -LiteralPath 'photos [1]'");

        Assert.Equal(20, outcome.Output[0].Train.Count + outcome.Output[0].Test.Count);
        Assert.Equal(["EmptyClass", "InvalidImageFile"], outcome.Errors.Select(e => e.Id).Order());
        Assert.Contains(_session.Folder["photos [1]", "dark", "bad.png"], outcome.Errors.Select(e => e.TargetObject));
    }

    [Theory]
    [InlineData("Get-ImageDataset nowhere", "FileNotFound")]
    [InlineData("Get-ImageDataset -LiteralPath nowhere", "DatasetNotFound")]
    [InlineData("Get-ImageDataset -LiteralPath 'photos [1]/dark'", "TooFewClasses")]
    public void What_is_no_data_set_is_an_error_and_the_next_one_is_read(string script, string id)
    {
        Outcome outcome = _session.Try(script + "; Get-ImageDataset 'photos*'");

        Assert.Equal(id, Assert.Single(outcome.Errors).Id);
        Assert.Single(outcome.Output);
    }

    [Fact]
    public void Progress_is_shown_and_the_reading_can_be_stopped()
    {
        Outcome outcome = _session.RunAndStop("Get-ImageDataset 'photos*'", step =>
            step.Status.EndsWith("of 20 pictures", StringComparison.Ordinal));

        Assert.Empty(outcome.Output);
    }

    [Theory]
    [InlineData("$trained | New-ResNet20 -Classes cat, dog, bee")]
    [InlineData("New-ResNet20 cat, dog, bee -InitialWeights $trained")]
    [InlineData("$trained | New-ResNet cat, dog, bee")]
    [InlineData("Import-Model trained.safetensors | New-ResNet20 -Classes cat, dog, bee")]
    public void A_network_for_other_classes_goes_on_from_a_trained_one(string script)
    {
        _session.Run("$null = $data | Start-ModelTraining $model @quick; $trained = $model; $trained | Save-Model trained.safetensors");

        dynamic model = _session.Run(script)[0];

        Assert.Equal(["cat", "dog", "bee"], (string[])model.Classes);
        Assert.Equal((2, 3), ((int)model.TrainedEpochs, (int)model.Network.ClassCount));
        Assert.Equal(_session.Run("$trained.Preprocessing.Mean"), _session.Run($"({script}).Preprocessing.Mean"));
    }

    [Theory]
    [InlineData("$deep | New-ResNet20", "NetworkMismatch")]
    [InlineData("$deep | New-ResNet -Depth 56", "NetworkMismatch")]
    [InlineData("$deep | New-ResNet -Shortcut ZeroPad", "NetworkMismatch")]
    [InlineData("New-ResNet20 | New-ResNet20 -Classes 3", "ModelNotTrained")]
    [InlineData("$deep | New-ResNet -Classes one", "InvalidClasses")]
    public void Weights_of_another_network_are_refused(string script, string id)
    {
        _session.Run("$deep = New-ResNet -Depth 32; $null = $data | Start-ModelTraining $deep -Epochs 1 -BatchSize 32");

        Outcome outcome = _session.Try(script);

        Assert.Equal(id, Assert.Single(outcome.Errors).Id);
        Assert.Empty(outcome.Output);
        Assert.Equal("ResNet-32", _session.Value<string>("($deep | New-ResNet).Network.Name"));
    }

    [Fact]
    public void Networks_of_the_same_name_are_told_apart_where_they_do_not_match()
    {
        _session.Run("$same = New-Network -Name 'VGG-11' { AveragePool; Linear }; "
            + "$null = $data | Start-ModelTraining $same -Epochs 1 -BatchSize 32");

        ErrorRecord error = Assert.Single(_session.Try("$same | New-Vgg").Errors);

        Assert.Equal("NetworkMismatch", error.Id);
        Assert.StartsWith("The initial weights are those of a VGG-11 with 40 parameters, not of one with 28",
            error.Exception.Message, StringComparison.Ordinal);
    }

    private void Write(string name, byte[] content)
    {
        string path = _session.Folder[name];
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, content);
    }
}
