using System.Management.Automation;
using Cifar10Ps.Reporting;

namespace Cifar10Ps.Commands;

/// <summary>Draws the curves of training runs: loss, accuracy and learning rate; or those of learning rate tests.</summary>
[Cmdlet(VerbsData.Export, "TrainingPlot", DefaultParameterSetName = PathSet, SupportsShouldProcess = true)]
[OutputType(typeof(FileInfo))]
public sealed class ExportTrainingPlotCommand : PictureWriterCommand
{
    private readonly List<(string? Name, List<EpochReport> Reports)> _runs = [];
    private readonly List<LearningRateRange> _ranges = [];

    /// <summary>The reports of one run or of several, one run after the other.</summary>
    [Parameter(ValueFromPipeline = true)]
    [ReportTransformation]
    [ValidateNotNull]
    public EpochReport[] Report { get; set; } = [];

    /// <summary>The results of Find-LearningRate.</summary>
    [Parameter(ValueFromPipeline = true)]
    [ValidateNotNull]
    public LearningRateRange[] Range { get; set; } = [];

    /// <summary>Name of the run, instead of the one in its reports.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Run { get; set; }

    /// <inheritdoc/>
    protected override string Question => "Export training plot";

    /// <inheritdoc/>
    protected override void OnProcess()
    {
        if (IsInput(nameof(Range)))
            _ranges.AddRange(Range);
        foreach (EpochReport report in IsInput(nameof(Report)) ? Report : [])
        {
            // PowerShell makes an empty name of none in reports that were kept in a file.
            string? run = Run ?? (report.Run is { Length: > 0 } name ? name : null);
            // Runs that train at once report in turns; epochs that start again are those of another run.
            int at = run is null ? _runs.Count - 1 : _runs.FindLastIndex(known => known.Name == run);
            if (at < 0 || _runs[at].Name != run || report.Epoch <= _runs[at].Reports[^1].Epoch)
            {
                at = _runs.Count;
                _runs.Add((run, []));
            }

            _runs[at].Reports.Add(report);
        }
    }

    /// <inheritdoc/>
    private protected override Picture Draw() => _ranges.Count == 0 ? TrainingPlot.Draw(PlottedRun.Named(_runs))
        : _runs.Count == 0 ? LearningRatePlot.Draw(_ranges)
        : throw new EngineException("PlotsMixed", ErrorKind.InvalidArgument,
            "Epochs and learning rate tests do not go into one plot. Give each a file of its own.");
}
