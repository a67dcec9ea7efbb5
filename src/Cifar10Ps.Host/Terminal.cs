using System.Runtime.InteropServices;

namespace Cifar10Ps.Host;

/// <summary>Which of the standard streams end at a terminal that obeys escape sequences, and how wide it is.</summary>
internal static class Terminal
{
    private const int RedirectedWidth = 120;

    public static bool Output { get; } = !Console.IsOutputRedirected && ObeysEscapes(standardHandle: -11);

    public static bool Error { get; } = !Console.IsErrorRedirected && ObeysEscapes(standardHandle: -12);

    /// <summary>The width for formatted output: a log file's lines do not depend on the window that happened to be open.</summary>
    public static int OutputWidth => Console.IsOutputRedirected ? RedirectedWidth : WindowWidth;

    /// <summary>A terminal that does not tell its width reports 0.</summary>
    public static int WindowWidth => Console.WindowWidth is > 0 and var width ? width : RedirectedWidth;

    /// <summary>How many cells of a terminal a character takes: 2 for East Asian wide ones.</summary>
    public static int Cells(char character) => character
        is >= '\u1100' and <= '\u115f' or >= '\u2e80' and <= '\ua4cf' or >= '\uac00' and <= '\ud7a3'
        or >= '\uf900' and <= '\ufaff' or >= '\ufe30' and <= '\ufe6f' or >= '\uff01' and <= '\uff60'
        or >= '\uffe0' and <= '\uffe6' ? 2 : 1;

    private static bool ObeysEscapes(int standardHandle)
    {
        if (!OperatingSystem.IsWindows())
            return Environment.GetEnvironmentVariable("TERM") is not (null or "" or "dumb");

        const uint VirtualTerminalProcessing = 4;
        var handle = GetStdHandle(standardHandle);
        return GetConsoleMode(handle, out var mode) && SetConsoleMode(handle, mode | VirtualTerminalProcessing);
    }

    [DllImport("kernel32.dll")]
    private static extern nint GetStdHandle(int standardHandle);

    [DllImport("kernel32.dll")]
    private static extern bool GetConsoleMode(nint handle, out uint mode);

    [DllImport("kernel32.dll")]
    private static extern bool SetConsoleMode(nint handle, uint mode);
}
