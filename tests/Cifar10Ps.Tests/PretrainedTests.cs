namespace Cifar10Ps.Tests;

/// <summary>Pretrained networks, and how trained ones are trained further.</summary>
public sealed class PretrainedTests(SharedSession shared) : IClassFixture<SharedSession>, IDisposable
{
    private const string Setup = $"""
        {Session.Setup}
        $data = Get-Cifar10 -Synthetic -TrainCount 40 -TestCount 20
        $trained = New-ResNet20 $data.Classes
        $null = $data | Start-ModelTraining $trained -Epochs 1 -BatchSize 20
        """;
    private readonly Session _session = new(Setup);

    public void Dispose() => _session.Dispose();

    [Fact]
    public void A_pretrained_ResNet_18_has_the_users_classes()
    {
        Assert.Equal("ResNet-18 cat,dog,cow 1", _session.Value<string>("""
            New-ResNet -Depth 18 -Pretrained -Classes cat, dog, cow |
                ForEach-Object { "$($_.Name) $($_.Classes -join ',') $($_.TrainedEpochs)" }
            """));
        Assert.Equal("224 224", _session.Value<string>(
            "(New-ResNet -Pretrained).Preprocessing | ForEach-Object { \"$($_.Width) $($_.Height)\" }"));
    }

    [Fact]
    public void A_file_gives_its_weights_whatever_its_depth_is()
    {
        _session.Run("$trained | Save-Model own.safetensors; $trained | Export-Model own.onnx -IncludePreprocessing");

        foreach (string file in new[] { "./own.safetensors", "./own.onnx" })
            Assert.Equal("ResNet-20 cat,dog", _session.Value<string>(
                $"New-ResNet -Pretrained {file} -Classes cat, dog | ForEach-Object {{ \"$($_.Name) $($_.Classes -join ',')\" }}"));
        Assert.Equal("ResNet-20", _session.Value<string>("(New-ResNet -Pretrained $trained cat, dog).Name"));
    }

    [Theory]
    [InlineData("New-ResNet -Depth 34 -Pretrained", "NetworkMismatch")]
    [InlineData("New-ResNet -Pretrained -Shortcut ZeroPad", "NetworkMismatch")]
    [InlineData("New-ResNet -Pretrained $trained -Depth 18 -Shortcut ZeroPad", "NetworkMismatch")]
    [InlineData("$trained | New-ResNet -Depth 50 -Shortcut ZeroPad", "NetworkMismatch")]
    [InlineData("New-ResNet -Pretrained ./nothing.onnx", "ParameterArgumentTransformationError")]
    [InlineData("New-ResNet -Pretrained 5", "CannotConvertArgumentNoMessage")]
    [InlineData("New-ResNet -Pretrained -InitialWeights $trained", "AmbiguousParameterSet")]
    public void What_cannot_be_had_is_refused(string script, string id) =>
        Assert.Equal(id, shared.Renew(Setup).Fail(script).Id);

    [Fact]
    public void A_trained_model_is_fine_tuned_and_that_is_said()
    {
        _session.Run("$reports = $data | Start-ModelTraining $trained -Epochs 2 -OutputDirectory run -InformationVariable said");

        Assert.Matches("already trained and is fine-tuned.*1 of 2 epochs", _session.Value<string>("\"$said\""));
        Assert.Equal("FineTune 32 None", _session.Value<string>("""
            $header = [Text.Encoding]::UTF8.GetString([IO.File]::ReadAllBytes("$pwd/run/checkpoint-latest.safetensors"))
            $state = $header -match '"training_state":"((?:[^"\\]|\\.)*)"' ?
                ("`"$($Matches[1])`"" | ConvertFrom-Json | ConvertFrom-Json) : $null
            "$($state.Options.Recipe) $($state.Options.BatchSize) $($state.Options.Freeze)"
            """));
        _session.Run("$null = $data | Start-ModelTraining $trained -Recipe Fast -Epochs 1 -InformationVariable silent");
        Assert.Equal("", _session.Value<string>("\"$silent\""));
    }

    [Fact]
    public void A_run_that_is_resumed_leaves_the_epoch_that_it_was_begun_for()
    {
        _session.Run("""
            $null = $data | Start-ModelTraining $trained -Freeze Backbone -LearningRate 1e-12 -Epochs 4 -Restore Best -OutputDirectory run `
                -OnEpochEnd { $_.Epoch -lt 2 } -WarningAction SilentlyContinue
            """);

        _session.Run("$null = $data | Start-ModelTraining -ResumeFrom run");

        Assert.Equal(2, _session.Value<int>("(Import-Model run).TrainedEpochs"));
        Assert.Empty(_session.Host.Warnings);
    }

    [Fact]
    public void Test_images_that_choose_the_epoch_of_a_resumed_run_are_pointed_out()
    {
        _session.Run("$null = $data | Start-ModelTraining $trained -Freeze Backbone -Epochs 1 -OutputDirectory run");

        _session.Run("$null = $data | Start-ModelTraining -ResumeFrom run -Epochs 2 -Restore Best");

        Assert.Contains("validates on the test images", Assert.Single(_session.Host.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void The_best_epoch_is_what_patience_leaves()
    {
        _session.Run("""
            $null = $data | Start-ModelTraining $trained -Freeze Backbone -LearningRate 1e-12 -Epochs 6 -EarlyStoppingPatience 2 `
                -OutputDirectory run -InformationVariable said -WarningAction SilentlyContinue
            """);

        Assert.Equal(2, _session.Value<int>("$trained.TrainedEpochs"));
        Assert.Equal(2, _session.Value<int>("(Import-Model run).TrainedEpochs"));
        Assert.Contains("4 of 40 training images are held out", _session.Value<string>("\"$said\""), StringComparison.Ordinal);
    }
}
