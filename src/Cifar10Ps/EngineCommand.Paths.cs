using System.Management.Automation;

namespace Cifar10Ps;

/// <content>
/// What a user's path means, everywhere: a file or folder with exactly that name; otherwise it is a pattern, which must match something.
/// Brackets in the name of a new file or folder belong to the name. All paths are the session's: relative to its location, on its drives,
/// with <c>~</c>.
/// </content>
public abstract partial class EngineCommand
{
    /// <summary>The full path that a literal path means; it need not exist.</summary>
    protected string ToFilePath(string path)
    {
        string file = SessionState.Path.GetUnresolvedProviderPathFromPSPath(path, out ProviderInfo provider, out _);
        RequireFileSystem(provider, path);
        return file;
    }

    /// <summary>The existing files and folders that a user's paths mean; a path without any is a non-terminating error.</summary>
    /// <param name="paths">The paths.</param>
    /// <param name="isLiteral">Whether wildcards are taken literally.</param>
    protected IEnumerable<string> ToExistingFiles(string[] paths, bool isLiteral)
    {
        foreach (string path in paths)
        {
            IReadOnlyList<string> files = [];
            try
            {
                files = isLiteral ? [ToFilePath(path)] : Match(path);
                if (files.Count == 0)
                    WriteError(ToErrorRecord(NothingMatches(path), path));
            }
            catch (SessionStateException e)
            {
                // Such as a drive that does not exist.
                WriteError(new ErrorRecord(e.ErrorRecord, e));
            }

            foreach (string file in files)
                yield return Path.TrimEndingDirectorySeparator(file);
        }
    }

    /// <summary>The one existing file or folder that a user's path means. Without wildcards it need not exist:
    /// opening it then fails.</summary>
    protected string ToSingleFile(string path) =>
        Single(path, Match(path)) ?? (WildcardPattern.ContainsWildcardCharacters(path) ? throw NothingMatches(path) : ToFilePath(path));

    /// <summary>The file or folder that a user wants to be written: a new one, an existing one,
    /// or the one that a pattern with * or ? matches.</summary>
    protected string ToOutputFile(string path) =>
        path.AsSpan().IndexOfAny('*', '?') >= 0 ? Single(path, Match(path)) ?? throw NothingMatches(path)
        : ToFilePath(path) is string file && Path.Exists(file) ? file : ToFilePath(WildcardPattern.Unescape(path));

    /// <summary>What exists with exactly the name of a path, or else what it matches as a pattern, in the order of the names.</summary>
    private IReadOnlyList<string> Match(string path)
    {
        string file = ToFilePath(path);
        if (Path.Exists(file))
            return [file];
        if (!WildcardPattern.ContainsWildcardCharacters(path) && !path.Contains('`', StringComparison.Ordinal))
            return [];
        try
        {
            return [.. GetResolvedProviderPathFromPSPath(EscapeExisting(path), out _).Order(StringComparer.Ordinal)];
        }
        catch (Exception e) when (e is ItemNotFoundException or WildcardPatternException)
        {
            // Such as a single bracket, which is a name but no pattern.
            return [];
        }
    }

    /// <summary>A pattern in a folder that exists with exactly that name, whose brackets are then also literal.</summary>
    private string EscapeExisting(string path)
    {
        for (int end = path.LastIndexOfAny(['/', '\\']); end > 0; end = path.LastIndexOfAny(['/', '\\'], end - 1))
        {
            string folder = path[..end];
            if (WildcardPattern.ContainsWildcardCharacters(folder) && Directory.Exists(ToFilePath(folder)))
                return WildcardPattern.Escape(folder) + path[end..];
        }

        return path;
    }

    private static string? Single(string path, IReadOnlyList<string> files) =>
        files.Count <= 1 ? files.SingleOrDefault() : throw new EngineException("AmbiguousPath", ErrorKind.InvalidArgument,
            $"'{path}' matches {files.Count} files or folders, such as '{files[0]}' and '{files[1]}'. Name one.");

    private static EngineException NothingMatches(string path) =>
        new("FileNotFound", ErrorKind.NotFound,
            WildcardPattern.ContainsWildcardCharacters(path) ? $"Nothing matches '{path}'." : $"There is no file or folder '{path}'.");

    private static void RequireFileSystem(ProviderInfo provider, string path)
    {
        if (provider.Name != "FileSystem")
            throw new EngineException("NotAFileSystemPath", ErrorKind.InvalidArgument,
                $"'{path}' is not on a file system, but on the provider {provider.Name}. Give the path of a file or folder.");
    }
}
