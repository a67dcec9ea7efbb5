using Tensorboard;

namespace Cifar10Ps;

/// <summary>
/// Tells TensorBoard how a run goes: after each epoch, whose number is the step, loss and accuracy, the learning rate
/// and the speed.
/// </summary>
/// <param name="folder">The folder for the event files; a run that goes on adds one.</param>
public sealed class TensorBoardLog(string folder)
{
    private string? _file;

    /// <summary>Adds an epoch.</summary>
    /// <param name="history">The reports of the run up to this epoch.</param>
    /// <exception cref="EngineException"><c>FileNotWritable</c>.</exception>
    internal void Add(IReadOnlyList<EpochReport> history)
    {
        EpochReport report = history[^1];
        DateTimeOffset now = DateTimeOffset.UtcNow;
        List<Event> events = [];
        // Created with the first epoch: a run that has none leaves nothing.
        if (_file is null)
        {
            bool isFirst = EventFile.In(folder) is [];
            _file = EventFile.Create(folder, isFirst ? 1 : report.Epoch);
            // What a run did elsewhere before it went on here.
            events.AddRange((isFirst ? history.SkipLast(1) : []).Select(earlier => ToEvent(earlier, now - (report.Elapsed - earlier.Elapsed))));
        }

        EventFile.Append(_file, [.. events, ToEvent(report, now)]);
    }

    private static Event ToEvent(EpochReport report, DateTimeOffset time)
    {
        Event result = new() { WallTime = EventFile.ToWallTime(time), Step = report.Epoch, Summary = new Summary() };
        Add("loss/train", report.Loss);
        Add("loss/validation", report.ValidationLoss);
        Add("accuracy/train", report.Accuracy);
        Add("accuracy/validation", report.ValidationAccuracy);
        Add("learning_rate", report.LearningRate);
        Add("images_per_second", report.ImagesPerSecond);
        return result;

        void Add(string tag, double? value)
        {
            if (value is double number)
                result.Summary.Value.Add(new Summary.Types.Value { Tag = tag, SimpleValue = (float)number });
        }
    }
}
