namespace Cifar10Ps.Tests;

public sealed class CalibrationTests : IDisposable
{
    private readonly Session _session = new();

    public void Dispose() => _session.Dispose();

    [Theory]
    [InlineData("$data | Optimize-ModelCalibration $model")]
    [InlineData("$data.Validation | Optimize-ModelCalibration $model")]
    [InlineData("Optimize-ModelCalibration $model -Dataset $data")]
    [InlineData("$model | Optimize-ModelCalibration -Dataset $data")]
    [InlineData("Optimize-ModelCalibration $model -Image $data.Validation")]
    [InlineData("Optimize-ModelCalibration $model $data")]
    public void Images_and_models_come_in_any_packing(string script)
    {
        dynamic calibration = Assert.Single(_session.Run(script));

        Assert.Equal(32, (int)calibration.Count);
        Assert.Equal((double)calibration.Temperature, _session.Value<double>("$model.Temperature"));
        // An untrained network is far too sure, or not at all.
        Assert.NotEqual(1, (double)calibration.Temperature);
        Assert.Equal(_session.Value<double>("($data | Measure-Model $model).CalibrationError"), (double)calibration.CalibrationError, 1e-9);
    }

    [Fact]
    public void A_calibrated_model_keeps_its_temperature_in_its_file()
    {
        _session.Run("$data | Optimize-ModelCalibration $model -PassThru -WarningAction Ignore | Save-Model m.safetensors");

        Assert.True(_session.Value<bool>("$model.Temperature -ne 1 -and (Import-Model m.safetensors).Temperature -eq $model.Temperature"));
        Assert.True(_session.Value<bool>("(Optimize-ModelCalibration m.safetensors -Dataset $data -PassThru) -isnot [string]"));
    }

    [Fact]
    public void Images_that_were_to_be_kept_for_the_test_are_pointed_out()
    {
        _session.Run("$data | Optimize-ModelCalibration $model");

        Assert.Contains("images to test on", Assert.Single(_session.Host.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void Several_piped_models_are_calibrated_separately() =>
        Assert.Equal(2, _session.Run("1, 2 | ForEach-Object { New-ResNet20 $data.Classes -Seed $_ } | "
            + "Optimize-ModelCalibration -Dataset $data").Select(c => (double)c.Temperature).Distinct().Count());

    [Fact]
    public void Without_a_model_or_an_image_there_is_an_error()
    {
        Assert.Equal("ModelMissing", _session.Fail("$data | Optimize-ModelCalibration").Id);
        Assert.Equal("NoImages", _session.Fail("@() | Optimize-ModelCalibration $model").Id);
    }

    [Fact]
    public void Below_the_least_confidence_the_answer_is_unknown()
    {
        Assert.Equal(32, _session.Run("$answers = $data | Invoke-Inference $model -MinimumConfidence 1 -Top 3; $answers").Length);

        Assert.Equal("unknown", _session.Value<string>("$answers.Class | Select-Object -Unique"));
        Assert.Equal("True--3",
            _session.Value<string>("'{0}-{1}-{2}' -f $answers[0].IsUnknown, $answers[0].IsCorrect, $answers[0].Top.Count"));
        Assert.Equal("NoImages", _session.Fail("$answers | Measure-Model").Id);
        Assert.Equal(32, _session.Value<int>("($answers + ($data | Invoke-Inference $model) | Measure-Model).UnknownCount"));
    }

    [Fact]
    public void Features_are_given_on_request() => Assert.Equal("64 ",
        _session.Value<string>("'{0} {1}' -f ($data.Test[0] | Invoke-Inference $model -Features).Features.Count, "
            + "($data.Test[0] | Invoke-Inference $model).Features"));
}
