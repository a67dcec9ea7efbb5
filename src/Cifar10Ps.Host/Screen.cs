using System.Diagnostics;
using System.Management.Automation;

namespace Cifar10Ps.Host;

/// <summary>
/// The one place that writes to the console. Lines scroll by as ever; progress, if the error stream is a terminal,
/// stays below the last of them: erased before a line is written, drawn again after it.
/// </summary>
internal sealed class Screen : IDisposable
{
    private const int MaximumProgressLines = 8;
    private static readonly TimeSpan RedrawInterval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan RestoreDelay = TimeSpan.FromMilliseconds(15);

    private readonly Lock _gate = new();
    private readonly ProgressBar _progress = new();
    private readonly Timer _timer;
    private long _lastDraw;
    private int _pauses;
    private bool _drawIsDue;
    private bool _isDrawn;
    private bool _isMidLine;

    public Screen() => _timer = new Timer(_ => Draw());

    public void WriteOutput(string text) => Write(Console.Out, Terminal.Output, text);

    public void WriteError(string text) => Write(Console.Error, Terminal.Error, text);

    /// <summary>Takes note of a record; the screen follows at its own pace.</summary>
    public void ShowProgress(long source, ProgressRecord record)
    {
        if (!Terminal.Error)
            return;
        lock (_gate)
        {
            _progress.Update(source, record);
            if (!_drawIsDue)
                DrawAfter(RedrawInterval - Stopwatch.GetElapsedTime(_lastDraw));
        }
    }

    /// <summary>Leaves the screen to someone else: to the user's answer, or to a native command.</summary>
    public void Pause()
    {
        lock (_gate)
        {
            _pauses++;
            Erase();
        }
    }

    public void Resume()
    {
        lock (_gate)
        {
            _pauses--;
            _isMidLine = false;
            DrawAfter(RestoreDelay);
        }
    }

    public void Dispose()
    {
        Pause(); // for good
        _timer.Dispose();
    }

    private void Write(TextWriter stream, bool isTerminal, string text)
    {
        if (text.Length == 0)
            return;
        lock (_gate)
        {
            var wasDrawn = _isDrawn;
            if (isTerminal)
                Erase();
            stream.Write(text);
            if (!isTerminal)
                return;
            _isMidLine = !text.EndsWith('\n');
            if (wasDrawn || !_drawIsDue)
                DrawAfter(RestoreDelay); // not at once, as more lines may follow
        }
    }

    /// <summary>All drawing is the timer's, so that the last change is drawn too, however soon it follows the one before.</summary>
    private void DrawAfter(TimeSpan wait)
    {
        if (_pauses > 0)
            return;
        _drawIsDue = true;
        _timer.Change(wait > TimeSpan.Zero ? wait : TimeSpan.Zero, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Draws the progress over itself and leaves the cursor at its first character, where Erase and output begin.</summary>
    private void Draw()
    {
        lock (_gate)
        {
            _drawIsDue = false;
            if (_pauses > 0 || _isMidLine)
                return;

            // One cell stays free, as some terminals break the line after the last one.
            var lines = _progress.Lines(Terminal.WindowWidth - 1).Take(MaximumProgressLines).ToList();
            if (lines.Count == 0)
            {
                Erase();
                return;
            }

            var up = lines.Count > 1 ? $"\e[{lines.Count - 1}A" : "";
            Console.Error.Write($"\r{string.Join("\e[K\n", lines)}\e[J{up}\r");
            _isDrawn = true;
            _lastDraw = Stopwatch.GetTimestamp();
        }
    }

    private void Erase()
    {
        if (_isDrawn)
            Console.Error.Write("\r\e[J");
        _isDrawn = false;
    }
}
