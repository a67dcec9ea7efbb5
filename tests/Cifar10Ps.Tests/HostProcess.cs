using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Cifar10Ps.Tests;

/// <summary>PowerShell in a process of its own, as started by <c>dotnet run --project src/Cifar10Ps.Host</c>, without profiles.</summary>
internal sealed class HostProcess : IDisposable
{
    private static readonly Lazy<string[]> Shell = new(FindShell);
    private readonly Process _process;
    private readonly Task<string> _messages;

    public HostProcess(params string[] arguments)
        : this(new DirectoryInfo("."), arguments)
    {
    }

    public HostProcess(DirectoryInfo location, params string[] arguments)
        : this([], location, arguments)
    {
    }

    /// <param name="launcher">A program that starts the shell, and its arguments; empty: none.</param>
    /// <param name="location">The folder to start in.</param>
    /// <param name="arguments">Arguments of the shell.</param>
    public HostProcess(string[] launcher, DirectoryInfo location, params string[] arguments)
    {
        _process = Start(location, [.. launcher, "dotnet", .. Shell.Value, "-NoProfile", "-NonInteractive", .. arguments]);
        _messages = _process.StandardError.ReadToEndAsync();
    }

    public int Id => _process.Id;

    public StreamReader Output => _process.StandardOutput;

    /// <summary>Runs a script to its end.</summary>
    public static (int ExitCode, string[] Output, string Messages) Run(string script)
    {
        using HostProcess process = new("-Command", script);
        return process.Finish();
    }

    /// <summary>Waits for the end; the output is what has not been read yet.</summary>
    public (int ExitCode, string[] Output, string Messages) Finish()
    {
        Task<string> output = Output.ReadToEndAsync();
        Assert.True(_process.WaitForExit(TimeSpan.FromMinutes(2)), "the process did not end");
        return (_process.ExitCode, output.Result.Split('\n', StringSplitOptions.RemoveEmptyEntries), _messages.Result);
    }

    /// <summary>Sends a signal, by its name without SIG, and waits until it has been sent.</summary>
    public void Signal(string name)
    {
        using Process kill = Process.Start("kill", [$"-{name}", $"{Id}"]);
        kill.WaitForExit();
    }

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill();
        _process.Dispose();
    }

    private static string[] FindShell()
    {
        using Process build = Start(new DirectoryInfo("."),
            ["dotnet", "msbuild", Path.Combine(TestEnvironment.Root, "src", "Cifar10Ps.Host"),
                "-target:ComputeRunArguments", "-getProperty:RunArguments"]);
        string arguments = build.StandardOutput.ReadToEnd();
        build.WaitForExit();
        return [.. Regex.Matches(arguments, """ "([^"]*)"|\S+ """.Trim()).Select(part => part.Value.Trim('"'))];
    }

    private static Process Start(DirectoryInfo location, string[] arguments)
    {
        // A child ignores the signals that its parent ignores: under nohup or a shell's &, no signal would end this process.
        string[] command = OperatingSystem.IsLinux() ? ["env", "--default-signal=HUP,INT", .. arguments] : arguments;
        ProcessStartInfo start = new(command[0], command[1..])
        {
            WorkingDirectory = location.FullName, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true,
        };
        // Set by the sessions of this process.
        start.Environment.Remove("PSModulePath");
        start.Environment["NO_COLOR"] = "1";
        // A launcher may give the shell a terminal.
        start.Environment["TERM"] = "dumb";
        // As in this process, see its project; the number is hexadecimal.
        start.Environment["DOTNET_TC_CallCountThreshold"] = "7D0";
        // Numbers are formatted as in the sessions.
        start.Environment["LC_ALL"] = "C.UTF-8";
        Process process = Process.Start(start)!;
        process.StandardInput.Close();
        return process;
    }
}
