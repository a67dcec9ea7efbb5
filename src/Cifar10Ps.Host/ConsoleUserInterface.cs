using System.Collections.ObjectModel;
using System.Management.Automation;
using System.Management.Automation.Host;
using System.Security;

namespace Cifar10Ps.Host;

/// <summary>
/// Results go to the output stream; errors, warnings, verbose and debug messages to the error stream, so that a
/// redirected output holds results alone. Only a terminal gets escape sequences.
/// </summary>
internal sealed class ConsoleUserInterface : PSHostUserInterface, IDisposable
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

    public override void WriteProgress(long sourceId, ProgressRecord record) =>
        _screen.Update(progress => progress.Update(sourceId, record));

    public void PauseProgress() => _screen.Pause();

    public void ResumeProgress() => _screen.Resume();

    public void Dispose() => _screen.Dispose();

    public override string ReadLine() => Ask(() => Console.ReadLine() ?? "");

    public override SecureString ReadLineAsSecureString() => Ask(() =>
    {
        var secret = new SecureString();
        while (Console.ReadKey(intercept: true) is { Key: not ConsoleKey.Enter } key)
        {
            if (key.Key != ConsoleKey.Backspace)
                secret.AppendChar(key.KeyChar);
            else if (secret.Length > 0)
                secret.RemoveAt(secret.Length - 1);
        }

        Console.WriteLine();
        return secret;
    });

    public override Dictionary<string, PSObject> Prompt(
        string caption, string message, Collection<FieldDescription> descriptions)
    {
        WriteHeading(caption, message);
        var answers = new Dictionary<string, PSObject>();
        foreach (var field in descriptions)
        {
            WriteQuestion($"{field.Name}: ");
            answers[field.Name] = field.ParameterTypeFullName == typeof(SecureString).FullName
                ? PSObject.AsPSObject(ReadLineAsSecureString())
                : PSObject.AsPSObject(ReadLine());
        }

        return answers;
    }

    /// <summary>Choices are answered by their hot key, the letter after the ampersand of the label, or by the whole label.</summary>
    public override int PromptForChoice(
        string caption, string message, Collection<ChoiceDescription> choices, int defaultChoice)
    {
        WriteHeading(caption, message);
        var labels = choices.Select(choice => choice.Label.Replace("&", "", StringComparison.Ordinal)).ToList();
        var keys = choices.Select(choice => choice.Label.Split('&') is [_, [var key, ..]] ? $"{char.ToUpperInvariant(key)}" : "").ToList();
        var question = string.Concat(keys.Zip(labels, (key, label) => $"[{key}] {label}  ")) + "[?] Help";
        if (defaultChoice >= 0)
            question += $" (default is \"{keys[defaultChoice]}\")";

        while (true)
        {
            WriteQuestion(question + ": ");
            var answer = ReadLine().Trim();
            if (answer.Length == 0 && defaultChoice >= 0)
                return defaultChoice;
            if (answer == "?")
                Write(string.Concat(choices.Zip(keys, (choice, key) => $"{key} - {choice.HelpMessage}{Environment.NewLine}")));
            var chosen = keys.Concat(labels).ToList()
                .FindIndex(name => name.Length > 0 && name.Equals(answer, StringComparison.OrdinalIgnoreCase));
            if (chosen >= 0)
                return chosen % choices.Count;
        }
    }

    public override PSCredential PromptForCredential(
        string caption, string message, string userName, string targetName) =>
        PromptForCredential(caption, message, userName, targetName, default, default);

    public override PSCredential PromptForCredential(
        string caption, string message, string userName, string targetName,
        PSCredentialTypes allowedCredentialTypes, PSCredentialUIOptions options)
    {
        WriteHeading(caption, message);
        if (string.IsNullOrEmpty(userName))
        {
            WriteQuestion("User: ");
            userName = ReadLine();
        }

        WriteQuestion($"Password for user {userName}: ");
        return new(userName, ReadLineAsSecureString());
    }

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

    private void WriteHeading(string caption, string message)
    {
        RequireUser();
        foreach (var line in new[] { caption, message }.Where(line => !string.IsNullOrEmpty(line)))
            _screen.WriteError(line + Environment.NewLine);
    }

    /// <summary>Questions go to the error stream too: nobody sees them in a redirected output.</summary>
    private void WriteQuestion(string question) => _screen.WriteError(question);

    private static void RequireUser()
    {
        if (Console.IsInputRedirected)
        {
            throw new PSInvalidOperationException(
                "This needs an answer from the user, but the input is not a terminal. Give the missing values as parameters; "
                + "-Confirm:$false answers all confirmations.");
        }
    }

    private T Ask<T>(Func<T> read)
    {
        RequireUser();
        _screen.Pause();
        try
        {
            // Reading cannot be interrupted, but it can be left behind.
            var answer = Task.Run(read);
            answer.Wait(_stopping);
            return answer.Result;
        }
        catch (OperationCanceledException)
        {
            WriteQuestion(Environment.NewLine);
            throw new PipelineStoppedException();
        }
        finally
        {
            _screen.Resume();
        }
    }
}
