using System.Diagnostics;
using System.Management.Automation.Runspaces;
using System.Runtime.InteropServices;

namespace Cifar10Ps;

/// <summary>
/// What an unattended training needs but hosts do not provide: at SIGTERM and SIGHUP its session is closed, which stops it as Ctrl+C would,
/// with a checkpoint, and runs the <c>finally</c> blocks of its script; then the signal ends the process, as it would have done at once.
/// </summary>
internal sealed class TerminationSignals : IDisposable
{
    /// <summary>The process ends within five seconds, whatever a step or a <c>finally</c> block takes.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(4);
    // All that watch, since the system calls their handlers one after the other.
    private static readonly List<TerminationSignals> Watching = [];
    private static Task _closing = Task.CompletedTask;
    private static long _begun;
    private static int _exitCode;

    private readonly Action? _stop;
    private readonly Runspace? _session = Runspace.DefaultRunspace;
    private readonly ManualResetEventSlim _ended = new();
    private readonly List<PosixSignalRegistration> _registrations = [];

    // The script may end before the signal is handled: that must not count as success.
    static TerminationSignals() => AppDomain.CurrentDomain.ProcessExit += (_, _) =>
    {
        if (_exitCode != 0)
            Environment.ExitCode = _exitCode;
    };

    /// <summary>Watches until it is disposed of, which signals that the training has ended.</summary>
    /// <param name="stop">Stops a training that the end of its session does not stop, and returns when it has stopped.</param>
    /// <param name="interrupt">Begins to stop the training at SIGINT; null if the host does that.</param>
    public TerminationSignals(Action? stop = null, Action? interrupt = null)
    {
        _stop = stop;
        lock (Watching)
            Watching.Add(this);
        Watch(PosixSignal.SIGTERM, () => CloseSessions(128 + 15));
        Watch(PosixSignal.SIGHUP, () => CloseSessions(128 + 1));
        if (interrupt is not null)
        {
            Watch(PosixSignal.SIGINT, () =>
            {
                interrupt();
                _ended.Wait(Patience);
            });
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _ended.Set();
        lock (Watching)
            Watching.Remove(this);
        foreach (PosixSignalRegistration registration in _registrations)
            registration.Dispose();
    }

    // The signal is not cancelled: what follows is up to the host and the system.
    private void Watch(PosixSignal signal, Action handle) => _registrations.Add(PosixSignalRegistration.Create(signal, _ => handle()));

    /// <summary>Stops the trainings of all sessions at once, and closes each session after its own; the first handler begins, all wait
    /// for the same end.</summary>
    private static void CloseSessions(int exitCode)
    {
        _exitCode = exitCode;
        lock (Watching)
        {
            if (_closing.IsCompleted)
            {
                _begun = Stopwatch.GetTimestamp();
                _closing = Task.WhenAll([.. Watching.GroupBy(one => one._session).Select(session =>
                    Task.WhenAll([.. session.Select(one => one._stop).OfType<Action>().Select(Begin)])
                        .ContinueWith(_ => session.Key?.Close(), default, TaskContinuationOptions.LongRunning, TaskScheduler.Default))]);
            }
        }

        // Not Wait, which would throw if the host is already closing.
        TimeSpan left = Patience - Stopwatch.GetElapsedTime(_begun);
        Task.WaitAny([_closing], left > TimeSpan.Zero ? left : TimeSpan.Zero);
    }

    // On a thread of its own: the thread pool has few, and begins more of them slowly.
    private static Task Begin(Action action) =>
        Task.Factory.StartNew(action, default, TaskCreationOptions.LongRunning, TaskScheduler.Default);
}
