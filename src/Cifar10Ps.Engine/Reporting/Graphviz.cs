using System.ComponentModel;
using System.Diagnostics;
using System.Text;

namespace Cifar10Ps.Reporting;

/// <summary>Graphviz's <c>dot</c>, if it is installed.</summary>
internal static class Graphviz
{
    private const int OutputLimit = 256 << 20;
    private static readonly TimeSpan TimeLimit = TimeSpan.FromMinutes(2);

    /// <summary>The full path of <c>dot</c>.</summary>
    /// <param name="searchPath">The folders to look in, separated as in PATH; null: those of PATH.</param>
    /// <exception cref="EngineException"><c>GraphvizNotFound</c>.</exception>
    public static string Find(string? searchPath = null)
    {
        string program = OperatingSystem.IsWindows() ? "dot.exe" : "dot";
        // Relative folders would allow any program in the current folder to be run.
        return (searchPath ?? Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
            .Where(Path.IsPathFullyQualified).Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists)
            ?? throw new EngineException("GraphvizNotFound", ErrorKind.ResourceUnavailable,
                "Graphviz draws the graph, but its program 'dot' is not in any folder of PATH. Install Graphviz, or write a .dot file, "
                + "which does not need it.");
    }

    /// <summary>Draws a graph.</summary>
    /// <param name="program">The full path of <c>dot</c>.</param>
    /// <param name="dot">The graph, in Graphviz's language.</param>
    /// <param name="format">The wanted format.</param>
    /// <param name="cancellation">Ends the drawing.</param>
    /// <exception cref="EngineException"><c>GraphvizFailed</c>.</exception>
    public static byte[] Render(string program, byte[] dot, GraphFormat format, CancellationToken cancellation) =>
        Render(program, dot, format, TimeLimit, cancellation);

    /// <inheritdoc cref="Render(string, byte[], GraphFormat, CancellationToken)"/>
    internal static byte[] Render(string program, byte[] dot, GraphFormat format, TimeSpan timeLimit, CancellationToken cancellation)
    {
        using CancellationTokenSource end = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        end.CancelAfter(timeLimit);
        ProcessStartInfo start = new(program, [$"-T{format.ToString().ToLowerInvariant()}"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = new() { StartInfo = start };
        try
        {
            process.Start();
            // All three at once: a pipe that is not read would block the program.
            Task<byte[]> output = ReadAsync(process.StandardOutput.BaseStream, end.Token);
            Task<byte[]> messages = ReadAsync(process.StandardError.BaseStream, end.Token);
            Task input = WriteAsync(process.StandardInput.BaseStream, dot, end.Token);
            Task.WhenAll(output, messages, input, process.WaitForExitAsync(end.Token)).GetAwaiter().GetResult();
            return process.ExitCode == 0 && output.Result.Length > 0 ? output.Result
                : throw Failed($"it ended with code {process.ExitCode} and said: {Encoding.UTF8.GetString(messages.Result).Trim()}");
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw Failed($"it took longer than {timeLimit.TotalSeconds:F0} s");
        }
        catch (Exception e) when (e is Win32Exception or IOException)
        {
            throw Failed(e.Message, e);
        }
        finally
        {
            Kill(process);
        }

        EngineException Failed(string why, Exception? cause = null) => new("GraphvizFailed", ErrorKind.ResourceUnavailable,
            $"Graphviz could not draw the graph: {why.TrimEnd('.')}. Write a .dot file, and see what '{program}' says about it.", cause);
    }

    private static async Task<byte[]> ReadAsync(Stream stream, CancellationToken cancellation)
    {
        using MemoryStream content = new();
        byte[] buffer = new byte[1 << 16];
        while (await stream.ReadAsync(buffer, cancellation).ConfigureAwait(false) is > 0 and int count)
        {
            if (content.Length + count > OutputLimit)
                throw new IOException("its output is too large");
            content.Write(buffer, 0, count);
        }

        return content.ToArray();
    }

    private static async Task WriteAsync(Stream stream, byte[] content, CancellationToken cancellation)
    {
        try
        {
            await using (stream.ConfigureAwait(false))
                await stream.WriteAsync(content, cancellation).ConfigureAwait(false);
        }
        catch (IOException)
        {
            // A program that stops reading its input says why in its messages.
        }
    }

    private static void Kill(Process process)
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (Exception e) when (e is InvalidOperationException or Win32Exception)
        {
            // It never started, or has ended.
        }
    }
}
