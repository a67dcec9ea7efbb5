using System.Management.Automation;
using System.Management.Automation.Host;

namespace Cifar10Ps.Host;

/// <summary>
/// Results go to the output stream; errors, warnings, verbose and debug messages to the error stream, so that a
/// redirected output holds results alone. Only a terminal gets escape sequences.
/// </summary>
internal sealed partial class ConsoleUserInterface : PSHostUserInterface, IDisposable
{
    private readonly Screen _screen = new();
    private readonly CancellationToken _stopping;

    /// <summary>An answer that the user has not given yet is no longer waited for once the token is cancelled.</summary>
    public ConsoleUserInterface(CancellationToken stopping)
    {
        _stopping = stopping;
        if (Environment.GetEnvironmentVariable("NO_COLOR") is not (null or ""))
            PSStyle.Instance.OutputRendering = OutputRendering.PlainText;
    }

    public override PSHostRawUserInterface RawUI { get; } = new ConsoleRawUserInterface();

    public override bool SupportsVirtualTerminal => Terminal.Output || Terminal.Error;

    /// <summary>Whether anything has been shown as an error.</summary>
    public bool HasShownErrors { get; private set; }

    /// <summary>Set while a single error goes through the format engine as if it were output.</summary>
    public bool ShowsOutputAsErrors { get; set; }

    public override void Write(string value) => _screen.WriteOutput(Rendered(value, Terminal.Output));

    public override void Write(ConsoleColor foregroundColor, ConsoleColor backgroundColor, string value) =>
        Write(Colored(foregroundColor, backgroundColor, value));

    public override void WriteLine(string value)
    {
        if (ShowsOutputAsErrors)
            WriteErrorLine(value);
        else
            Write(value + Environment.NewLine);
    }

    public override void WriteLine(ConsoleColor foregroundColor, ConsoleColor backgroundColor, string value) =>
        WriteLine(Colored(foregroundColor, backgroundColor, value));

    public override void WriteErrorLine(string value)
    {
        if (value.Length == 0)
            return; // the error view ends with an empty line
        HasShownErrors = true;
        WriteMessage(FormatStyle.Error, value);
    }

    public override void WriteWarningLine(string message) => WriteMessage(FormatStyle.Warning, $"WARNING: {message}");

    public override void WriteVerboseLine(string message) => WriteMessage(FormatStyle.Verbose, $"VERBOSE: {message}");

    public override void WriteDebugLine(string message) => WriteMessage(FormatStyle.Debug, $"DEBUG: {message}");

    public override void WriteProgress(long sourceId, ProgressRecord record) => _screen.ShowProgress(sourceId, record);

    public void PauseProgress() => _screen.Pause();

    public void ResumeProgress() => _screen.Resume();

    public void Dispose() => _screen.Dispose();

    private static string Colored(ConsoleColor foreground, ConsoleColor background, string value)
    {
        // A terminal's own colors are known to .NET only as an undefined value.
        var style = PSStyle.Instance;
        var start = (Enum.IsDefined(foreground) ? style.Foreground.FromConsoleColor(foreground) : "")
            + (Enum.IsDefined(background) ? style.Background.FromConsoleColor(background) : "");
        return start + value + style.Reset;
    }

    /// <summary>Writes a line to the error stream in the style of its kind, unless the format engine has given it another.</summary>
    private void WriteMessage(FormatStyle kind, string message)
    {
        if (!message.Contains('\e'))
            message = GetFormatStyleString(kind) + message + GetFormatStyleString(FormatStyle.Reset);
        _screen.WriteError(Rendered(message, Terminal.Error) + Environment.NewLine);
    }

    /// <summary>Escape sequences stay for a terminal, or where a script insists on them.</summary>
    private static string Rendered(string text, bool forTerminal) =>
        GetOutputString(text, forTerminal || PSStyle.Instance.OutputRendering == OutputRendering.Ansi);
}
