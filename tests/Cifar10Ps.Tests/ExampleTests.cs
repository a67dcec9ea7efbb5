namespace Cifar10Ps.Tests;

public sealed class ExampleTests
{
    [Fact]
    public void The_training_example_goes_on_with_synthetic_data_where_there_is_no_other_and_resumes()
    {
        using Session session = new();
        session.SetEnvironment("CIFAR10PS_DATA", session.Folder["nowhere"]);
        session["example"] = Path.Combine(TestEnvironment.Module, "Examples", "Train-ResNet20.ps1");
        session.Run("$PSDefaultParameterValues = @{ 'Get-Cifar10:TrainCount' = 64; 'Get-Cifar10:TestCount' = 32; 'Start-ModelTraining:BatchSize' = 32 }");

        session.Run("& $example -Epochs 1 -OutputDirectory $pwd/result");
        session.Run("& $example -Epochs 2 -OutputDirectory $pwd/result");

        Assert.Contains("nowhere", session.Host.Warnings[0], StringComparison.Ordinal);
        Assert.Contains("synthetic", session.Host.Warnings[1], StringComparison.Ordinal);
        string text = session.Host.Text;
        Assert.Contains("64 images", text, StringComparison.Ordinal);
        Assert.Single(text.Split('\n'), line => line.StartsWith("    1 ", StringComparison.Ordinal) && line.Contains("00:00:", StringComparison.Ordinal));
        Assert.Single(text.Split('\n'), line => line.StartsWith("    2 ", StringComparison.Ordinal) && line.Contains("00:00:", StringComparison.Ordinal));
        Assert.Contains("The five best guesses for test image 0, which shows: disc", text, StringComparison.Ordinal);
    }
}
