using System.Management.Automation;
using Cifar10Ps.Reporting;

namespace Cifar10Ps.Commands;

/// <summary>Draws the confusion matrix of an evaluation, or of predictions.</summary>
[Cmdlet(VerbsData.Export, "ConfusionMatrix", DefaultParameterSetName = PathSet, SupportsShouldProcess = true)]
[OutputType(typeof(FileInfo))]
public sealed class ExportConfusionMatrixCommand : PictureWriterCommand
{
    private readonly List<Evaluation> _evaluations = [];
    private readonly List<Prediction> _predictions = [];

    /// <summary>The result of Measure-Model.</summary>
    [Parameter(ValueFromPipeline = true)]
    [ValidateNotNull]
    public Evaluation? Evaluation { get; set; }

    /// <summary>Predictions of Invoke-Inference for images whose true class is known.</summary>
    [Parameter(ValueFromPipeline = true)]
    [ValidateNotNull]
    public Prediction[] Prediction { get; set; } = [];

    /// <summary>What is written into the cells, if they are large enough.</summary>
    [Parameter]
    public ConfusionMatrixCell Cell { get; set; }

    /// <inheritdoc/>
    protected override string Question => "Export confusion matrix";

    /// <inheritdoc/>
    protected override void OnProcess()
    {
        if (Evaluation is not null && IsInput(nameof(Evaluation)))
            _evaluations.Add(Evaluation);
        if (IsInput(nameof(Prediction)))
            _predictions.AddRange(Prediction);
    }

    /// <inheritdoc/>
    private protected override Picture Draw()
    {
        if (_evaluations.Count + Math.Min(_predictions.Count, 1) != 1)
            throw new EngineException("NotOneEvaluation", ErrorKind.InvalidArgument,
                $"A file holds the matrix of one evaluation, but there are {_evaluations.Count} evaluations and {_predictions.Count} "
                + "predictions. Give each evaluation a file of its own.");
        return ConfusionMatrixPlot.Draw(_evaluations is [Evaluation one] ? one : Evaluation.Of(_predictions, WriteWarning), Cell);
    }
}
