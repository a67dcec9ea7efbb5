using System.Management.Automation;

namespace Cifar10Ps.Commands;

/// <summary>Draws the confusion matrix of an evaluation.</summary>
[Cmdlet(VerbsData.Export, "ConfusionMatrix", DefaultParameterSetName = PathSet, SupportsShouldProcess = true)]
[OutputType(typeof(Evaluation))]
public sealed class ExportConfusionMatrixCommand : PictureWriterCommand
{
    private readonly List<Evaluation> _evaluations = [];

    /// <summary>What Measure-Model found.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true)]
    [ValidateNotNull]
    public Evaluation Evaluation { get; set; } = null!;

    /// <summary>What is written into the cells, where they are large enough.</summary>
    [Parameter]
    public ConfusionMatrixCell Cell { get; set; }

    /// <inheritdoc/>
    protected override string Question => "Export confusion matrix";

    /// <inheritdoc/>
    protected override void OnProcess()
    {
        _evaluations.Add(Evaluation);
        PassOn(Evaluation);
    }

    /// <inheritdoc/>
    private protected override Picture Draw() => _evaluations is [Evaluation one] ? ConfusionMatrixPlot.Draw(one, Cell)
        : throw new EngineException("NotOneEvaluation", ErrorKind.InvalidArgument, $"A file holds the matrix of one evaluation, and {_evaluations.Count} were given. Give each a file of its own.");
}
