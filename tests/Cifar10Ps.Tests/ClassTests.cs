using System.Management.Automation;

namespace Cifar10Ps.Tests;

/// <summary>A model with data of the same classes in another order, of fewer classes, and of other ones.</summary>
public sealed class ClassTests : IDisposable
{
    private readonly Session _session = new();

    public ClassTests()
    {
        foreach ((string folder, string name, int value) in new[]
        {
            ("both", "bright", 200), ("both", "dark", 20), ("renamed", "dark", 20), ("renamed", "light", 200),
        })
        {
            Directory.CreateDirectory(_session.Folder[$"{folder}/{name}"]);
            for (int i = 0; i < 6; i++)
                File.WriteAllBytes(_session.Folder[$"{folder}/{name}/{i}.bmp"],
                    Pictures.Bmp([.. Enumerable.Repeat((byte)(value + i), 3 * 32 * 32)]));
        }

        _session.Run("""
            $both, $renamed = 'both', 'renamed' | Get-ImageDataset -ValidationFraction 0.5
            # Its outputs are in a different order from the labels of the data.
            $model = New-ResNet20 dark, bright -Seed 1
            $both | Start-ModelTraining $model -Epochs 6 -BatchSize 6 -LearningRate 0.02 -Threads 1 | Out-Null
            """);
    }

    public void Dispose() => _session.Dispose();

    [Fact]
    public void Classes_in_another_order_are_learned_measured_and_guessed_by_name()
    {
        _session.Run(
            "$measured = $both | Measure-Model $model -Threads 1; "
            + "$guesses = $both.Test | Invoke-Inference $model -Threads 1 -WarningVariable warned");

        Assert.Equal(["dark", "bright"], _session.Run("$model.Classes"));
        Assert.Equal(1, _session.Value<double>("$measured.Accuracy"));
        Assert.True(_session.Value<bool>("-not ($guesses | Where-Object { $_.IsCorrect -ne ($_.Class -eq $_.LabelName) })"));
        Assert.Equal(6, _session.Value<int>("@($guesses | Where-Object IsCorrect).Count"));
        Assert.Equal(0, _session.Value<int>("$warned.Count"));
    }

    [Fact]
    public void A_measured_split_may_lack_a_class()
    {
        _session.Run("$measured = $both.Test | Where-Object LabelName -eq dark | Measure-Model $model -Threads 1");

        Assert.Equal((1.0, 3), (_session.Value<double>("$measured.Accuracy"), _session.Value<int>("$measured.Count")));
    }

    [Theory]
    [InlineData("$renamed | Measure-Model $model -Threads 1")]
    [InlineData("$renamed | Start-ModelTraining $model -Threads 1")]
    [InlineData("$renamed | Start-ModelTraining $model -Threads 1 -AsJob")]
    [InlineData("$renamed | Find-LearningRate $model -Threads 1")]
    public void Other_classes_are_refused_and_named(string script)
    {
        ErrorRecord error = _session.Fail(script);

        Assert.Equal("ClassMismatch", error.Id);
        Assert.Matches("only the model has 'bright'; only the data have 'light'.*New-ResNet20 -Classes", error.ToString());
    }

    [Fact]
    public void A_guess_about_a_class_that_the_model_does_not_have_is_wrong_and_a_warning_says_why()
    {
        dynamic[] guesses = _session.Run("""
            $renamed.Test | Invoke-Inference $model -Threads 1 -WarningVariable warned -WarningAction SilentlyContinue |
                ForEach-Object { "$($_.LabelName): $($_.IsCorrect)" }
            """);

        Assert.Equal(["dark: True", "light: False"], guesses.Cast<string>().Distinct().Order());
        Assert.Contains("'light'", _session.Value<string>("$warned"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_does_not_go_on_with_a_renamed_class()
    {
        _session.Run(
            "$both | Start-ModelTraining (New-ResNet20 $both.Classes) -Epochs 1 -BatchSize 6 -Threads 1 -OutputDirectory run | Out-Null");

        Assert.Equal("ClassMismatch", _session.Fail("$renamed | Start-ModelTraining -ResumeFrom run -Epochs 2 -Threads 1").Id);
    }
}
