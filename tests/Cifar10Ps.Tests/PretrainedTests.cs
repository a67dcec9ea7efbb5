namespace Cifar10Ps.Tests;

/// <summary>Pretrained networks, and how trained ones are trained further.</summary>
public sealed class PretrainedTests : IDisposable
{
    private readonly Session _session = new();

    public PretrainedTests() => _session.Run("""
        $data = Get-Cifar10 -Synthetic -TrainCount 40 -TestCount 20
        $trained = New-ResNet20 $data.Classes
        $null = $data | Start-ModelTraining $trained -Epochs 1 -BatchSize 20
        """);

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
    [InlineData("New-ResNet -Depth 34 -Pretrained", "PretrainedNotFound")]
    [InlineData("New-ResNet -Pretrained ./nothing.onnx", "ParameterArgumentTransformationError")]
    [InlineData("New-ResNet -Pretrained 5", "CannotConvertArgumentNoMessage")]
    [InlineData("New-ResNet -Pretrained -InitialWeights $trained", "AmbiguousParameterSet")]
    public void What_cannot_be_had_is_refused(string script, string id) => Assert.Equal(id, _session.Fail(script).Id);

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
