using System.Collections.ObjectModel;
using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Host;
using System.Security;
using System.Text;

namespace Cifar10Ps.Tests;

/// <summary>A progress record as the host received it: cmdlets change theirs later.</summary>
internal sealed record ProgressStep(int Activity, int Parent, int Percent, int SecondsLeft, string Status, bool IsCompleted);

/// <summary>A host that records what a user would see.</summary>
internal sealed class RecordingHost(CultureInfo culture) : PSHost
{
    private readonly RecordingInterface _interface = new();

    public override string Name => "Tests";

    public override Version Version => new(1, 0);

    public override Guid InstanceId { get; } = Guid.NewGuid();

    public override CultureInfo CurrentCulture => culture;

    public override CultureInfo CurrentUICulture => culture;

    public override PSHostUserInterface UI => _interface;

    /// <summary>What Out-Default wrote.</summary>
    public string Text => _interface.Text.ToString();

    /// <summary>Whether it has the colours of a terminal, and keeps the characters that set them.</summary>
    public bool HasColors { set => _interface.HasColors = value; }

    public List<string> Warnings => _interface.Warnings;

    public List<string> Verbose => _interface.Verbose;

    public List<ProgressStep> Progress => _interface.Progress;

    /// <summary>Forgets what it recorded.</summary>
    public void Clear()
    {
        _interface.Text.Clear();
        Warnings.Clear();
        Verbose.Clear();
        Progress.Clear();
        HasColors = false;
    }

    /// <summary>Answers No to every question that an action asks; otherwise questions cannot be answered.</summary>
    public T Refuse<T>(Func<T> action)
    {
        _interface.Answer = 2;
        try
        {
            return action();
        }
        finally
        {
            _interface.Answer = null;
        }
    }

    /// <summary>Called on the thread of the pipeline.</summary>
    public Action<ProgressStep>? OnProgress { set => _interface.OnProgress = value; }

    public override void SetShouldExit(int exitCode) => throw new NotSupportedException();

    public override void EnterNestedPrompt() => throw new NotSupportedException();

    public override void ExitNestedPrompt() => throw new NotSupportedException();

    public override void NotifyBeginApplication()
    {
    }

    public override void NotifyEndApplication()
    {
    }

    private sealed class RecordingInterface : PSHostUserInterface
    {
        public StringBuilder Text { get; } = new();

        public List<string> Warnings { get; } = [];

        public List<string> Verbose { get; } = [];

        public List<ProgressStep> Progress { get; } = [];

        public Action<ProgressStep>? OnProgress { get; set; }

        /// <summary>The number of the choice: Yes, Yes to All, No, …</summary>
        public int? Answer { get; set; }

        public override PSHostRawUserInterface RawUI { get; } = new WideWindow();

        public bool HasColors { get; set; }

        public override bool SupportsVirtualTerminal => HasColors;

        public override void Write(string value) => Text.Append(GetOutputString(value, HasColors));

        public override void Write(ConsoleColor foregroundColor, ConsoleColor backgroundColor, string value) => Write(value);

        public override void WriteLine(string value) => Write(value + '\n');

        public override void WriteWarningLine(string message) => Warnings.Add(message);

        public override void WriteVerboseLine(string message) => Verbose.Add(message);

        public override void WriteProgress(long sourceId, ProgressRecord record)
        {
            ProgressStep step = new(record.ActivityId, record.ParentActivityId, record.PercentComplete, record.SecondsRemaining,
                record.StatusDescription, record.RecordType == ProgressRecordType.Completed);
            Progress.Add(step);
            OnProgress?.Invoke(step);
        }

        public override void WriteErrorLine(string value)
        {
        }

        public override void WriteDebugLine(string message)
        {
        }

        public override string ReadLine() => throw new NotSupportedException();

        public override SecureString ReadLineAsSecureString() => throw new NotSupportedException();

        public override Dictionary<string, PSObject> Prompt(string caption, string message, Collection<FieldDescription> descriptions) =>
            throw new NotSupportedException();

        public override int PromptForChoice(string caption, string message, Collection<ChoiceDescription> choices, int defaultChoice) =>
            Answer ?? throw new NotSupportedException();

        public override PSCredential PromptForCredential(string caption, string message, string userName, string targetName) =>
            throw new NotSupportedException();

        public override PSCredential PromptForCredential(string caption, string message, string userName, string targetName,
            PSCredentialTypes allowedCredentialTypes, PSCredentialUIOptions options) => throw new NotSupportedException();
    }

    private sealed class WideWindow : PSHostRawUserInterface
    {
        public override Size BufferSize { get; set; } = new(120, 50);

        public override Size WindowSize { get; set; } = new(120, 50);

        public override Size MaxWindowSize => WindowSize;

        public override Size MaxPhysicalWindowSize => WindowSize;

        public override Coordinates WindowPosition { get; set; }

        public override Coordinates CursorPosition { get; set; }

        public override int CursorSize { get; set; }

        public override string WindowTitle { get; set; } = "";

        public override ConsoleColor ForegroundColor { get; set; }

        public override ConsoleColor BackgroundColor { get; set; }

        public override bool KeyAvailable => false;

        public override KeyInfo ReadKey(ReadKeyOptions options) => throw new NotSupportedException();

        public override void FlushInputBuffer()
        {
        }

        public override BufferCell[,] GetBufferContents(Rectangle rectangle) => throw new NotSupportedException();

        public override void SetBufferContents(Coordinates origin, BufferCell[,] contents) => throw new NotSupportedException();

        public override void SetBufferContents(Rectangle rectangle, BufferCell fill) => throw new NotSupportedException();

        public override void ScrollBufferContents(Rectangle source, Coordinates destination, Rectangle clip, BufferCell fill) =>
            throw new NotSupportedException();
    }
}
