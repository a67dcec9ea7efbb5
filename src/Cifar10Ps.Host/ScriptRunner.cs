using System.Management.Automation;
using System.Management.Automation.Runspaces;
using System.Reflection;
using System.Runtime.InteropServices;
using Microsoft.PowerShell;

namespace Cifar10Ps.Host;

/// <summary>Runs one script in an engine of its own, and stops it in an orderly way when the system asks for that.</summary>
internal sealed class ScriptRunner : IDisposable
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly ConsoleUserInterface _ui;
    private readonly ConsoleHost _host;
    private readonly Runspace _runspace;
    private int _stopCode;

    public ScriptRunner()
    {
        // Nobody who runs a script here has asked for the engine's telemetry.
        Environment.SetEnvironmentVariable("POWERSHELL_TELEMETRY_OPTOUT", "1");

        _ui = new ConsoleUserInterface(_stopping.Token);
        _host = new ConsoleHost(_ui);
        var state = InitialSessionState.CreateDefault2();
        if (OperatingSystem.IsWindows())
            state.ExecutionPolicy = ExecutionPolicy.RemoteSigned; // pwsh's default; a bare engine there runs no script at all
        _runspace = RunspaceFactory.CreateRunspace(_host, state);
        _runspace.Open();
        PutModuleFirst(); // after Open, which puts the system's folders in front
    }

    /// <summary>Runs the script, shows its output object by object, and returns the exit code.</summary>
    public int Run(ScriptArguments arguments)
    {
        var script = new Command(arguments.Script, isScript: !arguments.IsFile, useLocalScope: false);
        foreach (var parameter in arguments.Parameters)
            script.Parameters.Add(parameter);
        script.MergeMyResults(PipelineResultTypes.Error, PipelineResultTypes.Output);

        using var pipeline = _runspace.CreatePipeline();
        pipeline.Commands.Add(script);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, signal => Stop(pipeline, signal, 130));
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal => Stop(pipeline, signal, 143));
        if (arguments.IsFile)
            LetExitEndTheSession();
        var failure = Show(pipeline);

        if (_stopCode != 0)
            return _stopCode;
        if (failure is not null)
            ShowFailure(failure);
        return failure is not null ? 1 : _host.ExitCode ?? (_ui.HasShownErrors ? 1 : 0);
    }

    public void Dispose()
    {
        _ui.Dispose();
        _runspace.Dispose();
        _stopping.Dispose();
    }

    /// <summary>Runs a pipeline into the format engine, which writes to the host; returns what ended it early, if anything did.</summary>
    private static Exception? Show(Pipeline pipeline, params object[] input)
    {
        pipeline.Commands.Add("Out-Default");
        try
        {
            pipeline.Invoke(input);
            return null;
        }
        catch (Exception exception)
        {
            return exception;
        }
    }

    /// <summary>Shows the error that ended the script in the same view as any other.</summary>
    private void ShowFailure(Exception failure)
    {
        var record = (failure as IContainsErrorRecord)?.ErrorRecord
            ?? new ErrorRecord(failure, "ScriptFailed", ErrorCategory.NotSpecified, targetObject: null);
        _ui.ShowsOutputAsErrors = true;
        using var pipeline = _runspace.CreatePipeline();
        if (Show(pipeline, record) is not null || !_ui.HasShownErrors) // the view has nothing for a -Command cut short
            _ui.WriteErrorLine(failure.Message);
    }

    private void Stop(Pipeline pipeline, PosixSignalContext signal, int code)
    {
        // A second request is left to the system, which ends the process.
        signal.Cancel = Interlocked.CompareExchange(ref _stopCode, code, 0) == 0;
        if (!signal.Cancel)
        {
            Task.Run(_ui.Dispose).Wait(200); // erases the progress, unless a blocked write holds the screen
            return;
        }

        _stopping.Cancel();
        pipeline.StopAsync(); // cmdlets clean up; Invoke returns once they have
    }

    /// <summary>
    /// Makes `exit n` in the script file reach the host, as pwsh -File does. Otherwise it ends only the file, and n cannot
    /// be told from what a native command left in $LASTEXITCODE. The switch is not public.
    /// </summary>
    private void LetExitEndTheSession()
    {
        const BindingFlags Members = BindingFlags.Instance | BindingFlags.NonPublic;
        var context = typeof(Runspace).GetProperty("ExecutionContext", Members)!.GetValue(_runspace)!;
        context.GetType().GetProperty("ScriptCommandProcessorShouldRethrowExit", Members)!.SetValue(context, true);
    }

    /// <summary>Puts the module that the build has assembled before any other of its name.</summary>
    private static void PutModuleFirst()
    {
        const string Variable = "PSModulePath";
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (root is not null && !File.Exists(Path.Combine(root.FullName, "Cifar10Ps.sln")))
            root = root.Parent;
        if (root is null)
            return;
        var modules = Path.Combine(root.FullName, "artifacts", "module");
        Environment.SetEnvironmentVariable(Variable, $"{modules}{Path.PathSeparator}{Environment.GetEnvironmentVariable(Variable)}");
    }
}
