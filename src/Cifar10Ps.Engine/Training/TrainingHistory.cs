
using Cifar10Ps.Formats;
using Cifar10Ps.Training;

namespace Cifar10Ps;

/// <summary>The history of a run that left files: the reports of its epochs, and why it stopped.</summary>
public sealed class TrainingHistory
{
    private TrainingHistory(string source, IReadOnlyList<EpochReport> reports, string? stopReason, Checkpoint? checkpoint = null)
    {
        Source = source;
        Checkpoint = checkpoint;
        EpochReport? best = EpochReport.BestOf(reports);
        Reports = [.. reports.Select(report => report with { IsBest = ReferenceEquals(report, best), Run = source })];
        StopReason = stopReason is null ? null : DisplayText.Escape(stopReason);
    }

    /// <summary>The output directory or file that it was read from.</summary>
    public string Source { get; }

    /// <summary>The reports, in order; <see cref="EpochReport.IsBest"/> in the best one of all; of several with the highest validation
    /// accuracy, that with the lowest loss.</summary>
    public IReadOnlyList<EpochReport> Reports { get; }

    /// <summary>Why the run stopped before its last epoch; null: it did not, it was interrupted, or the file does not say.</summary>
    public string? StopReason { get; }

    /// <summary>The checkpoint that it was read from; null: it was read from a log.</summary>
    internal Checkpoint? Checkpoint { get; }

    /// <summary>Reads a history.</summary>
    /// <param name="path">An output directory, a checkpoint, a <c>log</c>, or a snapshot or log of the original Chainer program.</param>
    /// <param name="warn">Receives a sentence about damaged checkpoints in a folder that are skipped; null discards it.</param>
    /// <exception cref="EngineException">
    /// <c>HistoryNotFound</c>, <c>FileNotFound</c>, <c>NotARegularFile</c>, <c>ModelFileUnreadable</c>, <c>FileDamaged</c>,
    /// <c>InvalidSafetensors</c>, <c>InvalidCheckpoint</c>.
    /// </exception>
    public static TrainingHistory Read(string path, Action<string>? warn = null)
    {
        if (!Directory.Exists(path))
            return ReadFile(path, path);
        string log = Path.Combine(path, OutputDirectory.LogName);
        try
        {
            return Of(path, CheckpointFinder.Load(path, warn));
        }
        catch (EngineException e) when (e.Kind is ErrorKind.InvalidData or ErrorKind.NotFound && File.Exists(log))
        {
            if (e.Kind == ErrorKind.InvalidData)
                warn?.Invoke($"{e.Message} '{log}' is read instead.");
            return ReadFile(path, log);
        }
        catch (EngineException e) when (e.Kind == ErrorKind.NotFound)
        {
            throw new EngineException("HistoryNotFound", ErrorKind.NotFound,
                $"'{path}' is not the output directory of a run: it has neither a checkpoint nor '{OutputDirectory.LogName}'. "
                + "Name an output directory, a checkpoint or a log.", e);
        }
    }

    private static TrainingHistory ReadFile(string source, string file)
    {
        try
        {
            byte[] content = TensorFile.ReadBytes(file);
            if (TrainingLog.IsLog(content))
                return new TrainingHistory(source, TrainingLog.Parse(content), null);
        }
        catch (InvalidDataException e)
        {
            throw new EngineException("InvalidCheckpoint", ErrorKind.InvalidData,
                $"'{file}' is not the log of a run: {e.Message.TrimEnd('.')}.", e);
        }

        return Of(source, Checkpoint.Load(file));
    }

    private static TrainingHistory Of(string source, Checkpoint checkpoint) =>
        new(source, checkpoint.State.History, checkpoint.State.StopReason, checkpoint);
}
