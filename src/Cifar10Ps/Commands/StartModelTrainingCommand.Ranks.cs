using System.Management.Automation;
using Cifar10Ps.Runtime;

namespace Cifar10Ps.Commands;

/// <content>
/// A run that the ranks of an MPI job share: what all of them have is written once, what one of them has names it, and none ends alone
/// while the others wait for it.
/// </content>
public sealed partial class StartModelTrainingCommand
{
    private TrainingCluster? _cluster;
    private Exception? _left;

    /// <summary>Whether other processes share the run.</summary>
    private bool IsShared => _cluster is { Size: > 1 };

    /// <summary>Whether this process writes what all ranks have: reports, progress, notices.</summary>
    private bool IsFirstRank => _cluster is null or { Rank: 0 };

    /// <summary>Names the rank in the reasons for stopping, which all ranks give.</summary>
    private string OfRank => IsShared ? $" of rank {_cluster!.Rank}" : "";

    /// <summary>Writes a warning, which names the rank that it is about, and keeps it for the run's journal.</summary>
    protected override void WriteWarning(string text)
    {
        _warnings.Add(text);
        AgreeOnStop(() => base.WriteWarning(Named(text)));
    }

    /// <summary>Writes a notice, once for all ranks.</summary>
    private new void WriteNotice(string text)
    {
        if (IsFirstRank)
            AgreeOnStop(() => base.WriteNotice(text));
    }

    private new void WriteVerbose(string text) => AgreeOnStop(() => base.WriteVerbose(text));

    /// <summary>Writes a report. A later command that needs no more, such as Select-Object -First, or a break ends the run: of several
    /// ranks, on all of them at once.</summary>
    private void Write(Trainer trainer, EpochReport report)
    {
        try
        {
            WriteObject(report);
        }
        catch (Exception e) when (IsShared
            && (e is FlowControlException || (e is PipelineStoppedException && !Stopping && !StopToken.IsCancellationRequested)))
        {
            _left = e;
            trainer.Stop($"The pipeline of rank {_cluster!.Rank} needed no report after that of epoch {report.Epoch}.");
        }
        catch (PipelineStoppedException) when (IsShared)
        {
            Stop();
        }
    }

    /// <summary>Does the work of this rank; an error that the other ranks do not have ends the job.</summary>
    private void WithRanks(Action work)
    {
        try
        {
            work();
        }
        catch (EngineException e) when (IsShared && IsOnAllRanks(e))
        {
            throw new EngineException(e.ErrorId, e.Kind, Named(e.Message), e);
        }
        catch (Exception e) when (IsShared && !IsOnAllRanks(e) && e != _left)
        {
            // The other ranks would wait for this one.
            Exception error = MachineMemory.ErrorOf(e) ?? e;
            string? advice = error is EngineException { ErrorId: var id } ? ErrorAdvice.Of(id) : null;
            Host.UI.WriteErrorLine(DisplayText.Escape($"Start-ModelTraining: {Named(error.Message)} {advice}".TrimEnd()));
            _cluster!.Abort();
        }
    }

    /// <summary>Calls the pipeline. One that is being stopped does not end the run here, where the other ranks would wait for this one: the
    /// stop becomes a wish, which all learn of at the next step.</summary>
    private void AgreeOnStop(Action callback)
    {
        try
        {
            callback();
        }
        catch (PipelineStoppedException) when (IsShared)
        {
            Stop();
        }
    }

    /// <summary>Whether an error ends the run on every rank, at the same point, or nothing is wrong.</summary>
    private static bool IsOnAllRanks(Exception error) => error is PipelineStoppedException or OperationCanceledException
        or EngineException { ErrorId: "RanksDiffer" or "RankStopped" or "RankLeft" or "TrainingDiverged" };

    /// <summary>A message, with the rank that it comes from.</summary>
    private string Named(string message) => IsShared ? $"{_cluster}: {message}" : message;
}
