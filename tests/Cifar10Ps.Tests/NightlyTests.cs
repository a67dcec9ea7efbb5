namespace Cifar10Ps.Tests;

public sealed class NightlyTests
{
    [Fact]
    public void The_nightly_example_goes_on_with_a_run_that_was_left_and_its_exit_code_says_how_it_went()
    {
        using Session session = new();
        session["nightly"] = Path.Combine(TestEnvironment.Module, "Examples", "Start-NightlyTraining.ps1");
        session.Run(
            "foreach ($once in 1) { $data | Start-ModelTraining $model @quick -OutputDirectory nights/2020-01-01_000000 | "
            + "ForEach-Object { break } }");
        // As if it had been killed between writing its first two checkpoints, in either order.
        File.Delete(session.Folder["nights", "2020-01-01_000000", "checkpoint-latest.safetensors"]);
        session.Run("$PSDefaultParameterValues = @{ 'Start-ModelTraining:BatchSize' = 32 }");

        Assert.Equal(3, session.Value<int>("& $nightly -OutputRoot nights -Dataset $data -Epochs 1 -Threshold 1; $LASTEXITCODE"));
        Assert.Equal(0, session.Value<int>("& $nightly -OutputRoot nights -Dataset $data -Epochs 1 -Threshold 0; $LASTEXITCODE"));
        Assert.Equal(1, session.Value<int>("& $nightly -OutputRoot others -Dataset 'nothing'; $LASTEXITCODE"));
        Assert.Equal(4, session.Value<int>("& $nightly -OutputRoot long -Dataset $data -Epochs 1000 -MaxDuration 0:0:1; $LASTEXITCODE"));

        string[] nights = Directory.GetDirectories(session.Folder["nights"]);
        Assert.Equal(2, nights.Length);
        Array.Sort(nights, StringComparer.Ordinal);
        Assert.Matches(
            "^....-..-..T..:..:.. Resuming .*\n.* Epoch 2: .* of the test images, .*\n.* The model recognises .*\n"
            + ".* Not good enough: .*\n$", Log(nights[0]));
        Assert.Matches("^.* Starting .*: 1 epochs of Synthetic .*\n.* Epoch 1: .*\n.*\n.* Passed: .*\n$", Log(nights[1]));
        Assert.Matches("Failed: .*\n$", Log(Assert.Single(Directory.GetDirectories(session.Folder["others"]))));
        Assert.Contains(Log(nights[1]).Split('\n')[1], session.Host.Text, StringComparison.Ordinal);

        static string Log(string night) => File.ReadAllText(Path.Combine(night, "nightly.log"));
    }

    [Fact]
    public void A_model_that_was_not_judged_is_judged_and_a_run_of_other_images_is_abandoned()
    {
        using Session session = new();
        session["nightly"] = Path.Combine(TestEnvironment.Module, "Examples", "Start-NightlyTraining.ps1");
        session.Run("""
            $PSDefaultParameterValues = @{ 'Start-ModelTraining:BatchSize' = 32 }
            $null = $data | Start-ModelTraining $model -Epochs 1 -OutputDirectory nights/2020-01-01_000000
            """);

        Assert.Equal(0, session.Value<int>("& $nightly -OutputRoot nights -Dataset $data -Threshold 0; $LASTEXITCODE"));
        string first = Assert.Single(Directory.GetDirectories(session.Folder["nights"]));
        session.Run("""
            foreach ($once in 1) {
                $data | Start-ModelTraining (New-ResNet20) -Epochs 2 -OutputDirectory nights/2020-01-02_000000 | ForEach-Object { break }
            }
            $others = New-ImageDataset ($data.Train | Where-Object Label -lt 5) -Test ($data.Test | Where-Object Label -lt 5)
            """);
        Assert.Equal(0, session.Value<int>("& $nightly -OutputRoot nights -Dataset $others -Epochs 1 -Threshold 0; $LASTEXITCODE"));

        Assert.Matches("(?s)Resuming .* Passed: ", File.ReadAllText(Path.Combine(first, "nightly.log")));
        string second = session.Folder["nights", "2020-01-02_000000", "nightly.log"];
        Assert.Contains("Abandoned: ", File.ReadAllText(second), StringComparison.Ordinal);
        Assert.Equal(3, Directory.GetDirectories(session.Folder["nights"]).Length);
    }
}
