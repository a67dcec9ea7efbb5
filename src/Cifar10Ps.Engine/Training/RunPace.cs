using System.Diagnostics;

namespace Cifar10Ps.Training;

/// <summary>How long a run has taken, and by its pace so far how long the rest takes; validation and checkpoints are counted.</summary>
internal sealed class RunPace
{
    private readonly long _begun = Stopwatch.GetTimestamp();
    private long _started = Stopwatch.GetTimestamp(), _images;
    private bool _hasStepped;

    private TimeSpan Elapsed => Stopwatch.GetElapsedTime(_begun);

    /// <summary>Whether a time limit is reached; a run does at least one step, so that it gets on even if the preparations take as
    /// long.</summary>
    public bool IsLate(TimeSpan? limit) => _hasStepped && Elapsed >= limit;

    /// <summary>Notes that the preparations of a part of the run are done: they, and the part before, say nothing about the pace.</summary>
    public void Start() => (_started, _images) = (Stopwatch.GetTimestamp(), 0);

    /// <summary>Notes that images have been trained on.</summary>
    public void Add(int images)
    {
        _images += images;
        _hasStepped = true;
    }

    /// <summary>Time that the rest takes; null: not known yet.</summary>
    /// <param name="images">Number of images that are left to train on.</param>
    /// <param name="limit">Time after which the run ends; null: none.</param>
    public TimeSpan? Left(long images, TimeSpan? limit)
    {
        if (_images == 0)
            return null;
        TimeSpan left = Stopwatch.GetElapsedTime(_started) * ((double)images / _images);
        return limit - Elapsed < left ? limit - Elapsed : left;
    }
}
