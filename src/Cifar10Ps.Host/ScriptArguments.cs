using System.Management.Automation.Runspaces;

namespace Cifar10Ps.Host;

/// <summary>The command line: a script file or the text of one, and what is handed to it.</summary>
internal sealed class ScriptArguments
{
    private const int UsageError = 64;

    private const string Usage = """
        Runs a PowerShell script with the module Cifar10Ps at hand, where only the .NET SDK is installed.

          dotnet run --project src/Cifar10Ps.Host -- script.ps1 [arguments]
          dotnet run --project src/Cifar10Ps.Host -- -Command "..." [arguments]

        Arguments are given as to pwsh -File: value, -Name value, -Name:value, -Switch, -Switch:$false.

        The exit code is that of the script's exit statement; otherwise 0, or 1 if there was any error,
        64 if this command line was not understood. Ctrl+C stops the script and lets it clean up (130; SIGTERM: 143);
        a second one ends the process at once.
        """;

    private ScriptArguments(string script, bool isFile, ReadOnlySpan<string> rest)
    {
        Script = script;
        IsFile = isFile;
        Parameters = Bind(rest);
    }

    private ScriptArguments(string message, int exitCode)
    {
        Message = message;
        ExitCode = exitCode;
    }

    /// <summary>The full path of the script file, or the script itself.</summary>
    public string Script { get; } = "";

    public bool IsFile { get; }

    public IReadOnlyList<CommandParameter> Parameters { get; } = [];

    /// <summary>What to tell the user instead of running anything; null if there is a script to run.</summary>
    public string? Message { get; }

    public int ExitCode { get; }

    public static ScriptArguments Parse(string[] args)
    {
        if (args is [])
            return new(Usage, UsageError);

        var first = args[0];
        if (first is "--help" or "-h" or "-?")
            return new(Usage, 0);
        if (first.Equals("-Command", StringComparison.OrdinalIgnoreCase))
        {
            return args is [_, { Length: > 0 } text, ..]
                ? new(text, isFile: false, args.AsSpan(2))
                : new($"-Command needs a script.\n\n{Usage}", UsageError);
        }

        if (first.StartsWith('-'))
            return new($"'{first}' is not an option.\n\n{Usage}", UsageError);
        if (!first.EndsWith(".ps1", StringComparison.OrdinalIgnoreCase))
            return new($"'{first}' is not a script: its name must end in .ps1.\n\n{Usage}", UsageError);

        var path = Path.GetFullPath(first);
        return File.Exists(path)
            ? new(path, isFile: true, args.AsSpan(1))
            : new($"The script file '{path}' does not exist.", 1);
    }

    /// <summary>
    /// Names stay apart from the values that follow them: only the script's own parameters tell a switch from
    /// a name with a value, so the engine pairs them.
    /// </summary>
    private static List<CommandParameter> Bind(ReadOnlySpan<string> args)
    {
        var parameters = new List<CommandParameter>();
        for (var i = 0; i < args.Length; i++)
        {
            var arg = args[i];
            var colon = arg.IndexOf(':');
            if (arg is not ['-', _, ..])
                parameters.Add(new(null, arg));
            else if (colon < 2)
                parameters.Add(new(arg));
            else if (colon < arg.Length - 1)
                parameters.Add(new(arg[..colon], BooleanOrText(arg[(colon + 1)..])));
            else if (++i < args.Length)
                parameters.Add(new(arg[..colon], BooleanOrText(args[i])));
            else
                parameters.Add(new(arg[..colon]));
        }

        return parameters;
    }

    private static object BooleanOrText(string value) =>
        bool.TryParse(value.StartsWith('$') ? value[1..] : value, out var boolean) ? boolean : value;
}
