using System.Collections.ObjectModel;
using System.Management.Automation;
using System.Management.Automation.Host;
using System.Security;

namespace Cifar10Ps.Host;

/// <content>Questions to the user, on the error stream: nobody would see them in a redirected output.</content>
internal sealed partial class ConsoleUserInterface
{
    public override string ReadLine() => Ask(Console.ReadLine);

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

        Console.Error.WriteLine();
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
        var keys = choices
            .Select(choice => choice.Label.Split('&') is [_, [var key, ..]] ? $"{char.ToUpperInvariant(key)}" : "")
            .ToList();
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
                WriteQuestion(string.Concat(choices.Zip(keys, (choice, key) => $"{key} - {choice.HelpMessage}{Environment.NewLine}")));
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

    private void WriteHeading(string caption, string message)
    {
        RequireUser();
        foreach (var line in new[] { caption, message }.Where(line => !string.IsNullOrEmpty(line)))
            _screen.WriteError(line + Environment.NewLine);
    }

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

    /// <summary>Waits for the user, but no longer than until the script is to stop.</summary>
    private T Ask<T>(Func<T?> read)
        where T : class
    {
        RequireUser();
        _screen.Pause();
        try
        {
            // Reading cannot be interrupted, but it can be left behind.
            var answer = Task.Run(read);
            answer.Wait(_stopping);
            return answer.Result ?? throw new PSInvalidOperationException("The input has ended without an answer.");
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
