using System.Globalization;
using System.Management.Automation;
using System.Text;

namespace Cifar10Ps.Host;

/// <summary>The activities that run at present, as lines of text: a line each, children indented below their parent.</summary>
internal sealed class ProgressBar
{
    private const int MaximumWidth = 120;
    private const int BarWidth = 20;

    private readonly OrderedDictionary<(long Source, int Activity), ProgressRecord> _records = [];

    public void Update(long source, ProgressRecord record)
    {
        if (record.RecordType == ProgressRecordType.Completed)
            _records.Remove((source, record.ActivityId));
        else
            _records[(source, record.ActivityId)] = record;
    }

    /// <summary>No line is longer than the width, counted in cells of the terminal.</summary>
    public IEnumerable<string> Lines(int width) => _records
        .Where(entry => !_records.ContainsKey((entry.Key.Source, entry.Value.ParentActivityId)))
        .SelectMany(root => Branch(root.Key, depth: 0, Math.Min(width, MaximumWidth)));

    private IEnumerable<string> Branch((long Source, int Activity) key, int depth, int width)
    {
        yield return Line(_records[key], depth, width);
        var children = _records.Where(entry =>
            entry.Key.Source == key.Source && entry.Value.ParentActivityId == key.Activity);
        foreach (var line in children.SelectMany(child => Branch(child.Key, depth + 1, width)))
            yield return line;
    }

    private static string Line(ProgressRecord record, int depth, int width)
    {
        var text = new string(' ', 2 * depth) + record.Activity;
        if (!string.IsNullOrWhiteSpace(record.StatusDescription))
            text += ": " + record.StatusDescription;

        // In a narrow window the words matter more than the bar.
        var measures = (width >= 4 * BarWidth ? Bar(record.PercentComplete) : "")
            + (record.PercentComplete < 0 ? "     " : $" {record.PercentComplete,3}%")
            + $" {TimeLeft(record.SecondsRemaining),-12}";
        return Fit(Fit(text, width - measures.Length) + measures, width);
    }

    private static string Bar(int percent)
    {
        if (percent < 0)
            return new string(' ', BarWidth + 3);
        var done = BarWidth * percent / 100;
        return $" [{new string('#', done)}{new string('.', BarWidth - done)}]";
    }

    private static string TimeLeft(int seconds)
    {
        if (seconds < 0)
            return "";
        var time = TimeSpan.FromSeconds(seconds);
        var rest = time.ToString(@"mm\:ss", CultureInfo.InvariantCulture);
        return time.TotalHours < 1 ? $"{rest} left" : $"{(int)time.TotalHours}:{rest} left";
    }

    /// <summary>Cuts or fills a text to exactly as many cells, without control characters, which would move the cursor.</summary>
    private static string Fit(string text, int cells)
    {
        var fitted = new StringBuilder();
        foreach (var character in text)
        {
            var size = Terminal.Cells(character);
            if (size > cells)
                break;
            fitted.Append(char.IsControl(character) ? ' ' : character);
            cells -= size;
        }

        if (fitted.Length < text.Length && fitted.Length > 0)
            fitted[^1] = '…';
        return fitted.Append(' ', Math.Max(cells, 0)).ToString();
    }
}
