namespace Cifar10Ps.Tests;

/// <summary>The cmdlets that doubt the data: Find-SimilarImage and Find-LabelError.</summary>
public sealed class DoubtTests(SharedSession shared) : IClassFixture<SharedSession>, IDisposable
{
    private readonly Session _session = new();

    public void Dispose() => _session.Dispose();

    [Fact]
    public void A_copy_in_another_split_is_found()
    {
        _session.Run("$all = New-ImageDataset -Train $data.Train -Test ($data.Test + $data.Train[7])");

        dynamic first = _session.Run("$all | Find-SimilarImage")[0];

        Assert.Equal((1.0, "Train", 7, "Test", 32),
            ((double)first.Similarity, (string)first.Split, (int)first.Image.Index, (string)first.SimilarSplit, (int)first.Similar.Index));
    }

    [Theory]
    [InlineData("$data.Test[0..3] | Find-SimilarImage -In $data -Top 2", 8)]
    [InlineData("$data.Test[0..3] | Find-SimilarImage $model -In $data.Train -Top 2", 8)]
    [InlineData("$data.Test | Find-SimilarImage $model -MinimumSimilarity 1", 0)]
    [InlineData("$data.Test[0..15] + $data.Test[0..15] | Find-SimilarImage $model -MinimumSimilarity 1", 16)]
    [InlineData("$data.Test[0..15] + $data.Test[0..15] | Find-SimilarImage -MinimumSimilarity 1", 16)]
    [InlineData("Find-SimilarImage -Dataset $data -MinimumSimilarity 1", 0)]
    public void Images_come_in_any_packing(string script, int count) => Assert.Equal(count, shared.Renew().Run(script).Length);

    [Fact]
    public void The_nearest_images_come_for_each_image_in_its_order()
    {
        dynamic[] found = _session.Run("$data.Test[5, 2] | Find-SimilarImage -In $data.Test -Top 3");

        Assert.Equal([5, 5, 5, 2, 2, 2], found.Select(pair => (int)pair.Image.Index));
        Assert.Equal([5, 2], new[] { 0, 3 }.Select(i => (int)found[i].Similar.Index));
        Assert.All([0, 3], i => Assert.True(found[i].Similarity == 1 && found[i].Similarity >= found[i + 1].Similarity));
    }

    [Theory]
    [InlineData("$data.Train | Find-LabelError $model")]
    [InlineData("$data.Train | Invoke-Inference (New-ResNet20 -Classes ($data.Classes | Sort-Object)) | Find-LabelError")]
    public void Doubted_images_are_those_of_the_data(string script) =>
        Assert.Equal("True 0", shared.Renew().Value<string>($$"""
            $all = {{script}}
            "$($all.Count -gt 0) $(@($all | Where-Object { ![object]::ReferenceEquals($_.Image, $data.Train[$_.Index]) }).Count)"
            """));

    [Theory]
    [InlineData("$data | Find-LabelError $model")]
    [InlineData("$data.Train | Find-LabelError $model -Fold 3")]
    [InlineData("Find-LabelError $model -Dataset $data")]
    [InlineData("$data.Train | Invoke-Inference $model | Find-LabelError")]
    public void Labels_are_doubted_the_most_doubtful_first(string script)
    {
        double[] probabilities = [.. shared.Renew().Run(script).Select(error => (double)error.LabelProbability)];

        Assert.NotEmpty(probabilities);
        Assert.Equal(probabilities.Order(), probabilities);
    }

    [Fact]
    public void Folds_trained_in_one_pipeline_judge_every_image_once()
    {
        _session.Run("""
            $predictions = $data | Split-ImageDataset -Fold 2 | ForEach-Object {
                $fold = New-ResNet20 -Classes $data
                $null = $_ | Start-ModelTraining $fold -Epochs 1 -BatchSize 16
                $_.Validation | Invoke-Inference $fold
            }
            $errors = $predictions | Find-LabelError
            """);

        Assert.Equal(64, _session.Value<int>("$predictions.Count"));
        Assert.True(_session.Value<bool>("@($errors | Where-Object { $_.LabelName -eq $_.Suggestion }).Count -eq 0"));
    }

    [Theory]
    [InlineData("@() | Find-SimilarImage", "NoImages")]
    [InlineData("@() | Find-LabelError $model", "NoImages")]
    [InlineData("$data | Find-LabelError", "ModelMissing")]
    [InlineData("$data.Train[0..2] | Find-LabelError $model", "NoImages")]
    [InlineData("$data | Find-LabelError $model -Fold 1", "ParameterArgumentValidationError")]
    [InlineData("$data | Find-SimilarImage -Top 0", "ParameterArgumentValidationError")]
    public void What_cannot_be_is_refused(string script, string id) => Assert.Equal(id, shared.Renew().Fail(script).Id);
}
