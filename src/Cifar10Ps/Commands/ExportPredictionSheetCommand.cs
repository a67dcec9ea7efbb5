using System.Management.Automation;
using Cifar10Ps.Reporting;

namespace Cifar10Ps.Commands;

/// <summary>Draws a contact sheet of predictions: image, guess, confidence, right or wrong, truth.</summary>
[Cmdlet(VerbsData.Export, "PredictionSheet", DefaultParameterSetName = PathSet, SupportsShouldProcess = true)]
[OutputType(typeof(FileInfo))]
public sealed class ExportPredictionSheetCommand : PictureWriterCommand
{
    private readonly List<Prediction> _predictions = [];

    /// <summary>Predictions of Invoke-Inference.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNull]
    public Prediction[] Prediction { get; set; } = [];

    /// <summary>Shows the predictions with the largest losses, the worst first.</summary>
    [Parameter]
    public SwitchParameter TopLosses { get; set; }

    /// <summary>Darkens the parts of each image that do not speak for the guess.</summary>
    [Parameter]
    public SwitchParameter Explain { get; set; }

    /// <summary>At most how many predictions to show.</summary>
    [Parameter]
    [ValidateRange(1, PredictionSheet.MaximumCount)]
    [NumberTransformation]
    public int Count { get; set; } = 40;

    /// <inheritdoc/>
    protected override string Question => "Export prediction sheet";

    /// <inheritdoc/>
    protected override void OnProcess() => _predictions.AddRange(Prediction);

    /// <inheritdoc/>
    private protected override Picture Draw() => PredictionSheet.Draw(_predictions, Count, TopLosses, Explain, StopToken);
}
