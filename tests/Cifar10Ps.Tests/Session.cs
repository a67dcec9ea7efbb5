using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Runspaces;
using Microsoft.PowerShell;

namespace Cifar10Ps.Tests;

/// <summary>What a script left: its output, unwrapped, and its non-terminating errors.</summary>
internal sealed record Outcome(dynamic[] Output, ErrorRecord[] Errors);

/// <summary>
/// A PowerShell session with the assembled module, in a folder of its own. By default it has <c>$data</c>,
/// <c>$model</c> and <c>$quick</c>, the options of a short run. It is opened by the first script that it runs.
/// </summary>
internal sealed class Session(string setup = Session.Setup, string culture = "") : IDisposable
{
    // Images do not change, so a shared session keeps them.
    public const string Setup = """
        Import-Module Cifar10Ps
        $data ??= Get-Cifar10 -Synthetic -TrainCount 64 -TestCount 32
        $model = New-ResNet20 -Seed 1
        $quick = @{ Epochs = 2; BatchSize = 32 }
        """;

    private static readonly string? SystemModules = Environment.GetEnvironmentVariable("PSModulePath");
    private readonly Dictionary<string, string?> _environment = [];
    private Runspace? _runspace;
    // Until it has been run.
    private string? _setup = setup;
    private bool _keepsVariables = true;

    public RecordingHost Host { get; } = new(CultureInfo.GetCultureInfo(culture));

    /// <summary>The location of the session.</summary>
    public TemporaryFolder Folder { get; private set; } = new();

    /// <summary>A variable of the session.</summary>
    public object? this[string variable] { set => Runspace.SessionStateProxy.SetVariable(variable, value); }

    private Runspace Runspace
    {
        get
        {
            _runspace ??= Open();
            if (_setup is string script)
            {
                _setup = null;
                _runspace.SessionStateProxy.Path.SetLocation(Folder.Path);
                using PowerShell shell = PowerShell.Create(_runspace).AddScript($"$Error.Clear()\n{script}");
                Assert.Empty(Invoke(shell).Errors);
            }

            return _runspace;
        }
    }

    /// <summary>
    /// Makes the session what another one would be: with an empty folder, nothing in the records of its host, and the objects of the
    /// setup. From now on, what a script defines ends with it.
    /// </summary>
    public void Renew(string setup)
    {
        RestoreEnvironment();
        Folder.Dispose();
        Folder = new TemporaryFolder();
        Host.Clear();
        _setup = setup;
        _keepsVariables = false;
    }

    /// <summary>Sets an environment variable for the life of the session.</summary>
    public void SetEnvironment(string name, string? value)
    {
        _environment.TryAdd(name, Environment.GetEnvironmentVariable(name));
        Environment.SetEnvironmentVariable(name, value);
    }

    /// <summary>Runs a script that must give no error.</summary>
    public dynamic[] Run(string script)
    {
        Outcome outcome = Try(script);
        Assert.True(outcome.Errors is [],
            $"{script}{Environment.NewLine}{string.Join(Environment.NewLine, outcome.Errors.AsEnumerable())}");
        return outcome.Output;
    }

    /// <summary>Runs a script that must give one value.</summary>
    public T Value<T>(string script) => LanguagePrimitives.ConvertTo<T>(Assert.Single(Run(script)));

    /// <summary>Runs a script.</summary>
    public Outcome Try(string script)
    {
        using PowerShell shell = PowerShell.Create(Runspace).AddScript(script, useLocalScope: !_keepsVariables);
        return Invoke(shell);
    }

    /// <summary>Runs a script that must end in one terminating error, with no output and no other error, and returns it.</summary>
    public ErrorRecord Fail(string script)
    {
        Outcome outcome = Try($"try {{ {script} }} catch {{ $_ }}");
        Assert.Empty(outcome.Errors);
        return Assert.IsType<ErrorRecord>(Assert.Single(outcome.Output));
    }

    /// <summary>
    /// Runs a script and stops it, as Ctrl+C would: at the first progress record that meets a condition, or where the
    /// script calls <c>$stop.Invoke()</c>.
    /// </summary>
    public Outcome RunAndStop(string script, Func<ProgressStep, bool>? when = null)
    {
        using ManualResetEventSlim told = new();
        using PowerShell shell = PowerShell.Create(Runspace).AddScript(script).AddCommand("Watch-Stop").AddParameter("Told", told);
        Task? stopping = null;
        this["stop"] = (Action)Stop;
        Host.OnProgress = step =>
        {
            if (when?.Invoke(step) == true)
                Stop();
        };
        try
        {
            return Invoke(shell);
        }
        finally
        {
            Host.OnProgress = null;
            Assert.NotNull(stopping);
            Assert.True(stopping.Wait(TimeSpan.FromSeconds(30)), "it did not stop");
            Assert.Equal(PSInvocationState.Stopped, shell.InvocationStateInfo.State);
        }

        void Stop()
        {
            if (stopping is not null)
                return;
            stopping = Task.Run(shell.Stop);
            // Until the cmdlets are told, they could end by themselves.
            Assert.True(told.Wait(TimeSpan.FromSeconds(30)), "nothing was told to stop");
        }
    }

    public void Dispose()
    {
        _runspace?.Dispose();
        Folder.Dispose();
        RestoreEnvironment();
    }

    private Runspace Open()
    {
        InitialSessionState state = InitialSessionState.CreateDefault();
        if (OperatingSystem.IsWindows())
            state.ExecutionPolicy = ExecutionPolicy.Bypass;
        state.Commands.Add(new SessionStateCmdletEntry("Watch-Stop", typeof(WatchStopCommand), helpFileName: null));
        Runspace runspace = RunspaceFactory.CreateRunspace(Host, state);
        runspace.Open();
        // Set after Open, which puts the system's folders first.
        Environment.SetEnvironmentVariable("PSModulePath",
            Path.GetDirectoryName(TestEnvironment.Module) + Path.PathSeparator + SystemModules);
        return runspace;
    }

    private void RestoreEnvironment()
    {
        foreach ((string name, string? value) in _environment)
            Environment.SetEnvironmentVariable(name, value);
        _environment.Clear();
    }

    private Outcome Invoke(PowerShell shell)
    {
        using PSDataCollection<PSObject> output = [];
        // A pipeline takes the culture of the thread that starts it, not that of its host.
        CultureInfo before = CultureInfo.CurrentCulture;
        CultureInfo.CurrentCulture = Host.CurrentCulture;
        try
        {
            shell.Invoke(null, output);
        }
        catch (PipelineStoppedException) when (shell.InvocationStateInfo.State == PSInvocationState.Stopped)
        {
            // As asked.
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }

        return new Outcome([.. output.Select(item => item?.BaseObject!)], [.. shell.Streams.Error]);
    }
}

/// <summary>
/// A session for test cases that leave nothing in it: opening one takes longer than refusing a parameter. Each case gets it as it would
/// get a new one.
/// </summary>
public sealed class SharedSession : IDisposable
{
    private readonly Session _session = new();

    internal Session Renew(string setup = Session.Setup)
    {
        _session.Renew(setup);
        return _session;
    }

    public void Dispose() => _session.Dispose();
}

/// <summary>Passes everything on. The last command of the outermost pipeline is the last one that is told to stop.</summary>
[Cmdlet(VerbsCommon.Watch, "Stop")]
public sealed class WatchStopCommand : PSCmdlet
{
    [Parameter(Mandatory = true)]
    public ManualResetEventSlim Told { get; set; } = null!;

    [Parameter(ValueFromPipeline = true)]
    public object? InputObject { get; set; }

    protected override void ProcessRecord()
    {
        if (MyInvocation.ExpectingInput)
            WriteObject(InputObject);
    }

    protected override void StopProcessing() => Told.Set();
}

internal static class ErrorRecordExtensions
{
    extension(ErrorRecord error)
    {
        /// <summary>The part of the error's id that does not depend on the cmdlet.</summary>
        public string Id => error.FullyQualifiedErrorId.Split(',')[0];
    }
}
