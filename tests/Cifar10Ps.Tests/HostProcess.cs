using System.Diagnostics;

namespace Cifar10Ps.Tests;

/// <summary>A script in a process of its own: the script host's.</summary>
internal sealed class HostProcess : IDisposable
{
    private static readonly string Host = Path.Combine(TestEnvironment.Root, "src", "Cifar10Ps.Host",
        Path.GetRelativePath(Path.Combine(TestEnvironment.Root, "tests", "Cifar10Ps.Tests"), AppContext.BaseDirectory), "Cifar10Ps.Host.dll");

    private readonly Process _process;
    private readonly Task<string> _messages;

    public HostProcess(params string[] arguments)
        : this(new DirectoryInfo("."), arguments)
    {
    }

    public HostProcess(DirectoryInfo location, params string[] arguments)
    {
        _process = Process.Start(new ProcessStartInfo("dotnet", [Host, .. arguments])
        {
            WorkingDirectory = location.FullName, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true,
        })!;
        _process.StandardInput.Close();
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

    /// <summary>Waits for the end; the output is what was not read yet.</summary>
    public (int ExitCode, string[] Output, string Messages) Finish()
    {
        Task<string> output = Output.ReadToEndAsync();
        Assert.True(_process.WaitForExit(TimeSpan.FromMinutes(2)), "the process does not end");
        return (_process.ExitCode, output.Result.Split('\n', StringSplitOptions.RemoveEmptyEntries), _messages.Result);
    }

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill();
        _process.Dispose();
    }
}
