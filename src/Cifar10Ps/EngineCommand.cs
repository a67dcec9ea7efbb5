using System.Management.Automation;
using Cifar10Ps.Execution;
using Cifar10Ps.Runtime;

namespace Cifar10Ps;

/// <summary>
/// Base class of all cmdlets: the engine's errors become error records, Ctrl+C becomes a cancellation, and paths are those of the session.
/// </summary>
public abstract partial class EngineCommand : PSCmdlet, IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private HashSet<string> _named = [];

    /// <summary>Cancelled when the pipeline is stopped.</summary>
    protected CancellationToken StopToken => _stop.Token;

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Runs before the first input object.</summary>
    protected virtual void OnBegin()
    {
    }

    /// <summary>Runs for each input object.</summary>
    protected virtual void OnProcess()
    {
    }

    /// <summary>Runs after the last input object.</summary>
    protected virtual void OnEnd()
    {
    }

    /// <inheritdoc/>
    protected sealed override void BeginProcessing()
    {
        // Nothing has come by the pipeline yet.
        _named = [.. MyInvocation.BoundParameters.Keys];
        Guard(OnBegin);
    }

    /// <inheritdoc/>
    protected sealed override void ProcessRecord() => Guard(OnProcess);

    /// <inheritdoc/>
    protected sealed override void EndProcessing() => Guard(OnEnd);

    /// <inheritdoc/>
    protected sealed override void StopProcessing() => Stop();

    /// <summary>Starts to stop what the cmdlet is doing.</summary>
    private protected void Stop() => _stop.Cancel();

    /// <summary>Frees what the cmdlet holds.</summary>
    protected virtual void Dispose(bool disposing) => _stop.Dispose();

    /// <summary>Whether the user gave a parameter.</summary>
    protected bool IsBound(string parameter) => MyInvocation.BoundParameters.ContainsKey(parameter);

    /// <summary>Whether the user gave a parameter by name or position, not by the pipeline.</summary>
    private protected bool IsNamed(string parameter) => _named.Contains(parameter);

    /// <summary>The model of a command that takes it as an argument or from the pipeline.</summary>
    protected static ImageClassifier Require(ImageClassifier? model) =>
        model ?? throw new EngineException("ModelMissing", ErrorKind.InvalidArgument,
            "There is no model. Give it with -Model, as an object or as the path of its file, or pipe it.");

    /// <summary>The error record for an error of the engine.</summary>
    /// <param name="error">The error.</param>
    /// <param name="target">What it is about.</param>
    protected internal static ErrorRecord ToErrorRecord(EngineException error, object? target = null)
    {
        ErrorCategory category = error.Kind switch
        {
            ErrorKind.InvalidArgument => ErrorCategory.InvalidArgument,
            ErrorKind.InvalidData => ErrorCategory.InvalidData,
            ErrorKind.NotFound => ErrorCategory.ObjectNotFound,
            ErrorKind.ReadError => ErrorCategory.ReadError,
            ErrorKind.WriteError => ErrorCategory.WriteError,
            _ => ErrorCategory.ResourceUnavailable,
        };
        ErrorRecord record = new(error, error.ErrorId, category, target);
        if (target is string name)
            record.CategoryInfo.TargetName = DisplayText.Escape(name);
        if (ErrorAdvice.Of(error.ErrorId) is string advice)
            record.ErrorDetails = new ErrorDetails($"{error.Message} {advice}");
        return record;
    }

    /// <summary>Writes a warning; names in it may be untrusted.</summary>
    protected new virtual void WriteWarning(string text) => base.WriteWarning(DisplayText.Escape(text));

    /// <summary>Writes a line for <c>-Verbose</c>; names in it may be untrusted.</summary>
    protected new void WriteVerbose(string text) => base.WriteVerbose(DisplayText.Escape(text));

    /// <summary>Writes a line that is shown by default, as Write-Host does: what was decided for the user; names in it may be
    /// untrusted.</summary>
    protected void WriteNotice(string text) =>
        WriteInformation(new HostInformationMessage { Message = DisplayText.Escape(text) }, ["PSHOST"]);

    /// <summary>Warns if a precision is not what the user may expect of it.</summary>
    private protected void WarnOf(Precision precision)
    {
        if (Precisions.DoubtAbout(precision) is string doubt)
            WriteWarning(doubt);
    }

    private void Guard(Action step)
    {
        try
        {
            step();
        }
        catch (EngineException e)
        {
            ThrowTerminatingError(ToErrorRecord(e));
        }
        catch (Exception e) when (MachineMemory.ErrorOf(e) is { } error)
        {
            ThrowTerminatingError(ToErrorRecord(error));
        }
        catch (OperationCanceledException) when (StopToken.IsCancellationRequested)
        {
            // The pipeline is being stopped, and nothing more may be written.
            if (!Stopping)
                throw new PipelineStoppedException();
        }
    }
}
