namespace Cifar10Ps.Tests;

/// <summary>Classes of unequal size: twelve dark pictures and two bright ones to train on.</summary>
public sealed class UnequalClassTests(SharedSession shared) : IClassFixture<SharedSession>, IDisposable
{
    private const string Train = "$photos | Start-ModelTraining (New-ResNet20 $photos) -Epochs 1 -BatchSize 16";
    private const string Setup = $"""
        {Session.Setup}
        $photos = Get-ImageDataset photos -ValidationFraction 0 -InformationAction Ignore 3>$null
        """;
    private readonly Session _session = WithPhotos(new Session(Setup));

    public void Dispose() => _session.Dispose();

    [Fact]
    public void A_warning_names_both_ways_to_even_classes_out_which_silence_it()
    {
        _session.Run(Train);

        string warning = Assert.Single(_session.Host.Warnings);
        Assert.Contains("'dark' has 12 training images, 'bright' only 2", warning, StringComparison.Ordinal);
        Assert.Contains("-Sampling Balanced or -ClassWeights Balanced", warning, StringComparison.Ordinal);
        _session.Run($"{Train} -ClassWeights Balanced; {Train} -Sampling Balanced; {Train} -ClassWeights @{{ bright = 3 }}");
        _session.Run("$data | Start-ModelTraining $model -Epochs 1 -BatchSize 64");
        Assert.Single(_session.Host.Warnings);
    }

    [Theory]
    [InlineData("-ClassWeights Balanced", "Balanced", "EachImage")]
    [InlineData("-ClassWeights ([ordered]@{ dark = 1; bright = 2.5 }) -Sampling balanced", "{\"bright\":2.5,\"dark\":1}", "Balanced")]
    public void Weights_and_sampling_are_options_of_the_run(string options, string weights, string sampling)
    {
        _session.Run($"{Train} {options} -OutputDirectory run");

        string checkpoint = Checkpoint();
        Assert.Contains($"\"classWeights\":{(weights[0] == '{' ? weights : $"\"{weights}\"")}", checkpoint, StringComparison.Ordinal);
        Assert.Contains($"\"sampling\":\"{sampling}\"", checkpoint, StringComparison.Ordinal);
        Assert.Equal("CheckpointMismatch",
            _session.Fail("$photos | Start-ModelTraining -ResumeFrom run -Epochs 2 -ClassWeights @{ dark = 9 }").Id);
        Assert.Equal(2, _session.Value<int>($"($photos | Start-ModelTraining -ResumeFrom run -Epochs 2 {options}).Epoch"));
    }

    [Theory]
    [InlineData("-ClassWeights @{ brigth = 2 }", "InvalidClassWeights", "'brigth' to give a weight to. The classes are 'bright', 'dark'")]
    [InlineData("-ClassWeights @{ bright = 0 }", "ParameterArgumentTransformationError", "The class 'bright' cannot have the weight 0")]
    [InlineData("-ClassWeights @{ bright = 'much' }", "ParameterArgumentTransformationError", "much")]
    [InlineData("-ClassWeights @{ bright = '1,5' }", "ParameterArgumentTransformationError", "'1,5' has a comma")]
    [InlineData("-ClassWeights Fair", "ParameterArgumentTransformationError", "Give Balanced, or weights by the names of classes")]
    [InlineData("-ClassWeights $null", "ParameterArgumentValidationError", "null")]
    [InlineData("-ClassWeights Balanced -Sampling Balanced", "OptionOutOfRange", "each evens the classes out by itself")]
    [InlineData("-Augmentation Light, RandomResizedCrop", "OptionOutOfRange", "crop differently, and a run takes one of them")]
    [InlineData("-Augmentation Standard, Flip", "OptionOutOfRange", "Standard flips images already")]
    [InlineData("-Augmentation None, Flip", "ParameterArgumentTransformationError", "it cannot be combined with other augmentations")]
    [InlineData("-Augmentation Flip, Fancy", "CannotConvertArgumentNoMessage", "Fancy")]
    public void What_makes_no_sense_is_refused_with_the_reason(string options, string id, string reason)
    {
        Session session = WithPhotos(shared.Renew(Setup));
        foreach (string command in new[] { "Start-ModelTraining", "Find-LearningRate" })
        {
            System.Management.Automation.ErrorRecord error = session.Fail($"$photos | {command} (New-ResNet20 $photos) {options}");

            Assert.Equal(id, error.FullyQualifiedErrorId.Split(',')[0]);
            Assert.Contains(reason, $"{error}", StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("Flip, ColorJitter, Mixup", "Flip, ColorJitter, Mixup")]
    [InlineData("'flip', 'RandAugment'", "Flip, RandAugment")]
    [InlineData("'Flip,CutMix'", "Flip, CutMix")]
    [InlineData("Pictures, RandomErasing", "Pictures, RandomErasing")]
    [InlineData("Strong", "Strong")]
    public void Augmentations_are_lists(string given, string meant)
    {
        _session.Run($"{Train} -Sampling Balanced -Augmentation {given} -OutputDirectory run -Force");

        Assert.Contains($"\"augmentation\":\"{meant}\"", Checkpoint(), StringComparison.Ordinal);
    }

    /// <summary>The checkpoint of the run, with the JSON in its JSON as it is.</summary>
    private string Checkpoint() => File.ReadAllText(_session.Folder["run/checkpoint-latest.safetensors"])
        .Replace("\\u0022", "\"", StringComparison.Ordinal);

    private static Session WithPhotos(Session session)
    {
        foreach ((string name, int value, int count) in new[] { ("dark", 20, 12), ("bright", 200, 2) })
        {
            string folder = Directory.CreateDirectory(session.Folder["photos", name]).FullName;
            for (int i = 0; i < count; i++)
                File.WriteAllBytes(Path.Combine(folder, $"{i}.bmp"), Pictures.Bmp([.. Enumerable.Repeat((byte)(value + i), 3 * 32 * 32)]));
        }

        return session;
    }
}
