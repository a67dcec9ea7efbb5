using System.Management.Automation;
using Cifar10Ps.Reporting;

namespace Cifar10Ps.Commands;

/// <summary>Draws how often guesses of each confidence are right.</summary>
[Cmdlet(VerbsData.Export, "ReliabilityPlot", DefaultParameterSetName = PathSet, SupportsShouldProcess = true)]
[OutputType(typeof(FileInfo))]
public sealed class ExportReliabilityPlotCommand : PictureWriterCommand
{
    private readonly List<(string Name, Evaluation Evaluation)> _evaluations = [];
    private readonly List<Prediction> _predictions = [];
    private int _calibrations;

    /// <summary>The results of Measure-Model.</summary>
    [Parameter(ValueFromPipeline = true)]
    [ValidateNotNull]
    public Evaluation[] Evaluation { get; set; } = [];

    /// <summary>The result of Optimize-ModelCalibration: before and after it.</summary>
    [Parameter(ValueFromPipeline = true)]
    [ValidateNotNull]
    public Calibration? Calibration { get; set; }

    /// <summary>Predictions of Invoke-Inference for images whose true class is known.</summary>
    [Parameter(ValueFromPipeline = true)]
    [ValidateNotNull]
    public Prediction[] Prediction { get; set; } = [];

    /// <inheritdoc/>
    protected override string Question => "Export reliability plot";

    /// <inheritdoc/>
    protected override void OnProcess()
    {
        foreach (Evaluation evaluation in IsInput(nameof(Evaluation)) ? Evaluation : [])
            _evaluations.Add(($"{_evaluations.Count + 1}", evaluation));
        if (Calibration is not null && IsInput(nameof(Calibration)))
        {
            string number = _calibrations++ == 0 ? "" : $" {_calibrations}";
            _evaluations.AddRange([($"before{number}", Calibration.Before), ($"calibrated{number}", Calibration.After)]);
        }

        if (IsInput(nameof(Prediction)))
            _predictions.AddRange(Prediction);
    }

    /// <inheritdoc/>
    private protected override Picture Draw()
    {
        if (_predictions.Count > 0)
            _evaluations.Add(($"{_evaluations.Count + 1}", Cifar10Ps.Evaluation.Of(_predictions, WriteWarning)));
        return ReliabilityPlot.Draw(_evaluations is [(_, var only)] ? [("", only)] : _evaluations);
    }
}
