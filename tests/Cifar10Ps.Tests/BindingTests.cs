namespace Cifar10Ps.Tests;

public sealed class BindingTests(SharedSession shared) : IClassFixture<SharedSession>
{
    [Theory]
    [InlineData("Get-Cifar10 -Synthetic -TrainCount 0", "ParameterArgumentValidationError")]
    [InlineData("Get-Cifar10 -Synthetic -TestCount 10001", "ParameterArgumentValidationError")]
    [InlineData("Get-Cifar10 -Synthetic -Path folder", "AmbiguousParameterSet")]
    [InlineData("Get-Cifar10 ''", "ParameterArgumentValidationError")]
    [InlineData("New-ResNet20 -Shortcut Magic", "CannotConvertArgumentNoMessage")]
    [InlineData("New-ResNet20 -Seed -1", "ParameterArgumentValidationError")]
    [InlineData("New-ResNet20 1", "InvalidClasses")]
    [InlineData("New-ResNet20 cat, dog, cat", "InvalidClasses")]
    [InlineData("New-ResNet20 cat, ' '", "InvalidClasses")]
    [InlineData("$data | Start-ModelTraining $model -Epochs 0", "ParameterArgumentValidationError")]
    [InlineData("$data | Start-ModelTraining $model -BatchSize 0", "ParameterArgumentValidationError")]
    [InlineData("$data | Start-ModelTraining $model -LearningRate 0", "ParameterArgumentValidationError")]
    [InlineData("$data | Start-ModelTraining $model -Momentum 1", "ParameterArgumentValidationError")]
    [InlineData("$data | Start-ModelTraining $model -WeightDecay -1", "ParameterArgumentValidationError")]
    [InlineData("$data | Start-ModelTraining $model -LabelSmoothing 1", "ParameterArgumentValidationError")]
    [InlineData("$data | Start-ModelTraining $model -Threads 0", "ParameterArgumentValidationError")]
    [InlineData("$data | Start-ModelTraining $model -KeepCheckpoints -1", "ParameterArgumentValidationError")]
    [InlineData("$data | Start-ModelTraining $model -Optimizer Magic", "CannotConvertArgumentNoMessage")]
    [InlineData("$data | Start-ModelTraining 'resnet'", "ParameterArgumentTransformationError")]
    [InlineData("Start-ModelTraining $model -Dataset $null", "ParameterArgumentValidationError")]
    [InlineData("Start-ModelTraining $model -Dataset $data.Train", "DatasetExpected")]
    [InlineData("$model | Save-Model -Path a.safetensors -LiteralPath b.safetensors", "AmbiguousParameterSet")]
    [InlineData("Save-Model a.safetensors $data", "CannotConvertArgumentNoMessage")]
    [InlineData("Import-Model a.safetensors -Mean 0, 0 -StandardDeviation 1, 1, 1", "ParameterArgumentValidationError")]
    [InlineData("Import-Model a.safetensors -Mean 0, 0, 300", "InvalidPreprocessing")]
    [InlineData("Import-Model a.safetensors -Mean 0, 0, 0 -StandardDeviation 1, 0, 1", "InvalidPreprocessing")]
    [InlineData("Invoke-Inference $model -Image $data.Test[0] -Path a.png", "AmbiguousParameterSet")]
    [InlineData("Invoke-Inference $model -Path a.png -LiteralPath b.png", "AmbiguousParameterSet")]
    [InlineData("$data.Test[0] | Invoke-Inference $model -Top 0", "ParameterArgumentValidationError")]
    [InlineData("Measure-Model $model -Image $data.Test[0] -Dataset $data", "AmbiguousParameterSet")]
    [InlineData("$self = [object[]]::new(1); $self[0] = $self; New-SpeedNet -ImageSize $self", "CannotConvertArgument")]
    [InlineData("New-ResNet -Depth 50 -Shortcut ZeroPad", "NetworkMismatch")]
    [InlineData("$data | Start-ModelTraining $model -KeepCheckpoints 1", "OutputDirectoryMissing")]
    [InlineData("$data | Start-ModelTraining $model -EmitOnAllRanks", "NotDistributed")]
    public void Arguments_that_make_no_sense_are_refused(string script, string id)
    {
        Session session = shared.Renew();

        Assert.Equal(id, session.Fail(script).Id);
        Assert.Empty(Directory.EnumerateFileSystemEntries(session.Folder.Path));
    }

    [Fact]
    public void A_wrong_choice_is_answered_with_the_right_ones()
    {
        Session session = shared.Renew();

        Assert.Matches("Sgd.*Adam.*AdamW", session.Fail("$data | Start-ModelTraining $model -Optimizer Magic").ToString());
    }

    [Fact]
    public void Something_that_is_no_data_set_does_not_enter_the_pipeline()
    {
        Session session = shared.Renew();

        Assert.Equal("InputObjectNotBound", Assert.Single(session.Try("'data' | Start-ModelTraining $model").Errors).Id);
    }
}
