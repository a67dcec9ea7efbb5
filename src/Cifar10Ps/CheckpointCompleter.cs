using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;

namespace Cifar10Ps;

/// <summary>Completes what a run can resume from: output directories and checkpoints near the current location first,
/// then all paths.</summary>
public sealed class CheckpointCompleter : IArgumentCompleter
{
    /// <summary>How many levels below the current location are searched.</summary>
    private const int Depth = 3;

    /// <inheritdoc/>
    public IEnumerable<CompletionResult> CompleteArgument(string commandName, string parameterName, string wordToComplete,
        CommandAst commandAst, IDictionary fakeBoundParameters)
    {
        string word = wordToComplete.Trim('\'', '"').Replace('\\', '/'), location = Location();
        List<CompletionResult> results = [];
        HashSet<string> known = [];
        foreach (string path in Runs(location))
        {
            // As typed: with ./ or without.
            string shown = word.StartsWith("./", StringComparison.Ordinal) ? "./" + path : path;
            if (shown.StartsWith(word, StringComparison.OrdinalIgnoreCase) && known.Add(Path.GetFullPath(path, location)))
                results.Add(new CompletionResult(Quote(parameterName == "Path" ? WildcardPattern.Escape(shown) : shown),
                    DisplayText.Escape(shown), CompletionResultType.ParameterValue, DisplayText.Escape(path)));
        }

        return results.Concat(CompletionCompleters.CompleteFilename(wordToComplete).Where(other => !known.Contains(other.ToolTip)));
    }

    private static string Location()
    {
        using PowerShell shell = PowerShell.Create(RunspaceMode.CurrentRunspace);
        return shell.AddScript("$ExecutionContext.SessionState.Path.CurrentFileSystemLocation.ProviderPath").Invoke<string>().Single();
    }

    /// <summary>Paths relative to a folder.</summary>
    private static IEnumerable<string> Runs(string folder)
    {
        EnumerationOptions options = new()
        {
            RecurseSubdirectories = true,
            MaxRecursionDepth = Depth,
            AttributesToSkip = FileAttributes.Hidden | FileAttributes.System | FileAttributes.ReparsePoint,
        };
        string[] checkpoints = [.. Directory.EnumerateFiles(folder, "checkpoint-*.safetensors", options)
            .Select(file => Relative(file)).Order(StringComparer.Ordinal)];
        return checkpoints.Select(file => Relative(Path.GetDirectoryName(Path.Combine(folder, file))!)).Distinct().Concat(checkpoints);

        string Relative(string path) => Path.GetRelativePath(folder, path).Replace('\\', '/');
    }

    private static string Quote(string path) =>
        path.AsSpan().IndexOfAnyExcept(Plain) < 0 ? path : $"'{CodeGeneration.EscapeSingleQuotedStringContent(path)}'";

    private static readonly System.Buffers.SearchValues<char> Plain =
        System.Buffers.SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_./:~");
}
