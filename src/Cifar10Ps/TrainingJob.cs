using System.Globalization;
using System.Management.Automation;
using Cifar10Ps.Runtime;

namespace Cifar10Ps;

/// <summary>A training in the background, on its own thread: what <c>Start-ModelTraining -AsJob</c> returns.</summary>
public sealed class TrainingJob : Job
{
    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Trainer _trainer;
    private readonly Thread _thread;
    private readonly Dictionary<int, ProgressRecord> _progress = [];
    private IEnumerable<EpochReport> _reports = [];
    private TerminationSignals? _signals;

    /// <summary>Creates the job of a run.</summary>
    /// <param name="trainer">The run.</param>
    /// <param name="command">The command line that it came from.</param>
    internal TrainingJob(Trainer trainer, string command)
        : base(command)
    {
        PSJobTypeName = "ModelTraining";
        _trainer = trainer;
        _thread = new Thread(Train) { IsBackground = true, Name = "Cifar10Ps training", CurrentCulture = CultureInfo.CurrentCulture };
    }

    /// <summary>The model: of the last finished epoch while the job runs, so it can be used and saved, but not trained.</summary>
    public ImageClassifier Model => _trainer.Model;

    /// <summary>The output directory; null: the run keeps no files.</summary>
    public string? OutputDirectory => _trainer.Output?.Path;

    /// <inheritdoc/>
    public override bool HasMoreData => Output.Count + Error.Count + Warning.Count > 0;

    /// <inheritdoc/>
    public override string Location => "localhost";

    /// <inheritdoc/>
    public override string StatusMessage
    {
        get
        {
            lock (_gate)
                return string.Join(": ", _progress.OrderBy(record => record.Key).Select(record => record.Value.StatusDescription));
        }
    }

    /// <summary>Begins.</summary>
    /// <exception cref="EngineException"><c>ModelInTraining</c>.</exception>
    internal void Start()
    {
        ProgressReporter progress = new(Show);
        _reports = _trainer.Run(at => progress.Report(() => TrainingMessages.ToRecords(_trainer.Model, at)), _stop.Token);
        // Stopping waits for the thread, so it has to be running first.
        lock (_gate)
        {
            _signals = new TerminationSignals(StopJob);
            SetJobState(JobState.Running);
            _thread.Start(progress);
        }
    }

    /// <summary>Stops the run after the step that is being done; returns when its checkpoint is written.</summary>
    public override void StopJob()
    {
        lock (_gate)
        {
            if (JobStateInfo.State is not (JobState.Running or JobState.Stopping))
                return;
            if (JobStateInfo.State == JobState.Running)
            {
                SetJobState(JobState.Stopping);
                _stop.Cancel();
            }
        }

        // A handler of the job's end is on its own thread.
        if (Thread.CurrentThread != _thread)
            _thread.Join();
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            StopJob();
            _stop.Dispose();
        }

        base.Dispose(disposing);
    }

    private void Train(object? progress)
    {
        JobState end = JobState.Completed;
        try
        {
            using (ProgressReporter reporter = (ProgressReporter)progress!)
            {
                foreach (EpochReport report in _reports)
                    Output.Add(PSObject.AsPSObject(report));
            }
        }
        catch (OperationCanceledException)
        {
            end = JobState.Stopped;
        }
        catch (EngineException e)
        {
            Error.Add(EngineCommand.ToErrorRecord(e, _trainer.Model));
            end = JobState.Failed;
        }
        catch (Exception e) when (MachineMemory.ErrorOf(e) is { } error)
        {
            Error.Add(EngineCommand.ToErrorRecord(error, _trainer.Model));
            end = JobState.Failed;
        }
        catch (Exception e)
        {
            // Nothing above catches it: the process would end.
            Error.Add(new ErrorRecord(e, "TrainingFailed", ErrorCategory.NotSpecified, _trainer.Model));
            end = JobState.Failed;
        }

        _signals!.Dispose();
        if (TrainingMessages.WhyItStopped(_trainer, end == JobState.Stopped) is string message)
            Warning.Add(new WarningRecord(message));
        lock (_gate)
            SetJobState(end);
    }

    /// <summary>Replaces the last record of its activity, because they may never be read.</summary>
    private void Show(ProgressRecord record)
    {
        lock (_gate)
        {
            if (_progress.TryGetValue(record.ActivityId, out ProgressRecord? last))
                Progress.Remove(last);
            _progress[record.ActivityId] = record;
        }

        Progress.Add(record);
    }
}
