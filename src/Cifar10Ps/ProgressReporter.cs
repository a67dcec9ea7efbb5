using System.Diagnostics;
using System.Management.Automation;

namespace Cifar10Ps;

/// <summary>Writes progress records, at most four a second, and completes them at the end.</summary>
/// <param name="write">Takes the records.</param>
internal sealed class ProgressReporter(Action<ProgressRecord> write) : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);
    private readonly SortedDictionary<int, ProgressRecord> _shown = [];
    private long _last;

    /// <summary>Writes progress records as a cmdlet's.</summary>
    public ProgressReporter(Cmdlet cmdlet)
        : this(cmdlet.WriteProgress)
    {
    }

    /// <summary>Writes records if it is time; the first call always does.</summary>
    /// <param name="records">Makes the records, the outer one first.</param>
    public void Report(Func<IEnumerable<ProgressRecord>> records)
    {
        if (_last != 0 && Stopwatch.GetElapsedTime(_last) < Interval)
            return;
        _last = Stopwatch.GetTimestamp();
        foreach (ProgressRecord record in records())
        {
            _shown[record.ActivityId] = record;
            write(record);
        }
    }

    /// <summary>A record of partly finished work.</summary>
    public static ProgressRecord Record(int id, string activity, string status, double done, double total,
        TimeSpan? left = null, int parent = -1) =>
        new(id, DisplayText.Escape(activity), DisplayText.Escape(status))
        {
            ParentActivityId = parent,
            PercentComplete = total > 0 ? (int)Math.Clamp(100 * done / total, 0, 100) : -1,
            SecondsRemaining = left is TimeSpan time ? (int)Math.Ceiling(time.TotalSeconds) : -1,
        };

    /// <summary>Completes what was shown, inner records first.</summary>
    public void Dispose()
    {
        try
        {
            foreach (ProgressRecord record in _shown.Values.Reverse())
            {
                record.RecordType = ProgressRecordType.Completed;
                write(record);
            }
        }
        catch (PipelineStoppedException)
        {
            // The host clears the progress of a stopped pipeline itself.
        }
    }
}
