using System.Management.Automation;
using System.Management.Automation.Host;

namespace Cifar10Ps.Host;

/// <summary>The measures and keys of the console; nothing here edits the screen.</summary>
internal sealed class ConsoleRawUserInterface : PSHostRawUserInterface
{
    private const int RedirectedHeight = 50;

    public override ConsoleColor ForegroundColor
    {
        get => Console.ForegroundColor;
        set => Console.ForegroundColor = value;
    }

    public override ConsoleColor BackgroundColor
    {
        get => Console.BackgroundColor;
        set => Console.BackgroundColor = value;
    }

    /// <summary>The format engine fits tables into this width.</summary>
    public override Size BufferSize
    {
        get => WindowSize;
        set => throw Unsupported();
    }

    public override Size WindowSize
    {
        get => new(Terminal.OutputWidth, Console.IsOutputRedirected ? RedirectedHeight : Console.WindowHeight);
        set => throw Unsupported();
    }

    public override Size MaxWindowSize => WindowSize;

    public override Size MaxPhysicalWindowSize => WindowSize;

    public override Coordinates WindowPosition
    {
        get => new(0, 0);
        set => throw Unsupported();
    }

    public override Coordinates CursorPosition
    {
        get => new(Console.CursorLeft, Console.CursorTop);
        set => Console.SetCursorPosition(value.X, value.Y);
    }

    public override int CursorSize
    {
        get => Console.CursorSize;
        set => throw Unsupported();
    }

    public override string WindowTitle
    {
        get => OperatingSystem.IsWindows() ? Console.Title : "";
        set => Console.Title = value;
    }

    public override bool KeyAvailable => Console.KeyAvailable;

    public override KeyInfo ReadKey(ReadKeyOptions options)
    {
        var key = Console.ReadKey(intercept: options.HasFlag(ReadKeyOptions.NoEcho));
        return new((int)key.Key, key.KeyChar, default, keyDown: true);
    }

    public override void FlushInputBuffer()
    {
        while (!Console.IsInputRedirected && Console.KeyAvailable)
            Console.ReadKey(intercept: true);
    }

    public override int LengthInBufferCells(char source) => Terminal.Cells(source);

    public override int LengthInBufferCells(string source) => source.Sum(Terminal.Cells);

    public override BufferCell[,] GetBufferContents(Rectangle rectangle) => throw Unsupported();

    public override void SetBufferContents(Coordinates origin, BufferCell[,] contents) => throw Unsupported();

    public override void SetBufferContents(Rectangle rectangle, BufferCell fill) => throw Unsupported();

    public override void ScrollBufferContents(Rectangle source, Coordinates destination, Rectangle clip, BufferCell fill) =>
        throw Unsupported();

    private static PSNotSupportedException Unsupported() => new("This host writes line by line; it does not edit the screen.");
}
