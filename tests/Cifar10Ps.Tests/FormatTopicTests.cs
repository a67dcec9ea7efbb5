namespace Cifar10Ps.Tests;

public sealed class FormatTopicTests
{
    /// <summary>The examples in about_Cifar10Ps_Formats: the text indented by eight columns.</summary>
    private static readonly string[] Examples =
        [.. File.ReadAllText(Path.Combine(TestEnvironment.Module, "en-US", "about_Cifar10Ps_Formats.help.txt")).Split("\n\n")
            .Where(part => part.Split('\n').All(line => line.StartsWith("        ", StringComparison.Ordinal)))];

    [Fact]
    public void The_examples_run_as_they_stand_and_write_each_format()
    {
        using Session session = new("Import-Module Cifar10Ps");

        foreach (string example in Examples)
            session.Run(example);

        Assert.All((string[])["shapes.safetensors", "shapes.pth", "resnet20.model", "shapes.onnx", "pictures.onnx", "shapes.dot"], name =>
            Assert.True(File.Exists(session.Folder[name]), name));
        Assert.Single(Directory.GetFiles(session.Folder["run"], "events.*"));
        Assert.Equal(["disc", "ring"], session.Run("$same = Import-Model ./shapes.pth; $same.Classes[0..1]"));
        Assert.Contains(session.Host.Verbose, line =>
            line.Contains("Chainer", StringComparison.Ordinal) && line.Contains("res3/0/conv3/W", StringComparison.Ordinal));
    }

    [Fact]
    public void Every_format_that_is_written_has_its_example()
    {
        string all = string.Join('\n', Examples);

        Assert.All((string[])[".safetensors", ".pth", ".model", ".onnx", ".dot", "-IncludePreprocessing", "-TensorBoard"], part =>
            Assert.Contains(part, all, StringComparison.Ordinal));
    }

    [Fact]
    public void The_topic_is_found()
    {
        using Session session = new("Import-Module Cifar10Ps");

        Assert.Contains("WEIGHTS OF OTHER PROGRAMS", session.Value<string>("Get-Help about_Cifar10Ps_Formats"), StringComparison.Ordinal);
    }
}
