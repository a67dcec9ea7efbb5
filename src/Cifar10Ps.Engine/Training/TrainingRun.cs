using System.Collections.ObjectModel;
using System.Globalization;
using Cifar10Ps.Training;

namespace Cifar10Ps;

/// <summary>A run that left files, in one line: what it did, with which data, where, and how well.</summary>
public sealed class TrainingRun
{
    private TrainingRun(string path, TrainingHistory? history, RunRecord? record)
    {
        Path = path;
        RunBeginning? beginning = record?.Beginning;
        TrainingState? state = history?.Checkpoint?.State ?? beginning?.State;
        Model = history?.Checkpoint?.Model.Name ?? (beginning is null ? null : DisplayText.Escape(beginning.Model));
        TrainingOptions? options = state?.Options;
        if (state is not null && options is not null)
        {
            Options = new OptionValues(typeof(TrainingOptions).GetProperties()
                .ToDictionary(option => option.Name, option => option.GetValue(options)));
            Data = state.DataName is null ? null : DisplayText.Escape(state.DataName);
            TrainCount = state.TrainCount - options.ValidationCount;
            ValidationCount = options.ValidationCount > 0 ? options.ValidationCount : state.DataValidationCount;
            Machine = state.Machine is null ? null : DisplayText.Escape(state.Machine);
        }

        IReadOnlyList<EpochReport> reports = history?.Reports ?? [];
        Epochs = reports.Count;
        EpochReport? best = reports.FirstOrDefault(report => report.IsBest);
        (BestEpoch, BestAccuracy) = (best?.Epoch, best?.ValidationAccuracy);
        LastAccuracy = reports.LastOrDefault(report => report.ValidationAccuracy is not null)?.ValidationAccuracy;
        Duration = history?.Checkpoint is { } checkpoint ? TimeSpan.FromSeconds(checkpoint.State.ElapsedSeconds)
            : Epochs > 0 ? reports[^1].Elapsed : TimeSpan.Zero;
        bool isRunning = OutputDirectory.IsClaimed(Path), isFailed = !isRunning && record?.End?.Status == TrainingRunStatus.Failed;
        // A run that has gone on since it was stopped has the reason in its files until its next checkpoint.
        bool hasGoneOn = isRunning || record is { Beginning: not null, End: null };
        StopReason = isFailed && record?.End?.Reason is string error ? DisplayText.Escape(error)
            : hasGoneOn ? null : history?.StopReason
            ?? (record?.End is { Status: TrainingRunStatus.Stopped, Reason: string why } ? DisplayText.Escape(why) : null);
        Status = isRunning ? TrainingRunStatus.Running
            : isFailed ? TrainingRunStatus.Failed
            : StopReason is not null ? TrainingRunStatus.Stopped
            : history is not null && Epochs == (options?.Epochs ?? Epochs) ? TrainingRunStatus.Complete
            : TrainingRunStatus.Interrupted;
        (Started, Ended, ModuleVersion) = (record?.Started, record?.Ended, beginning is null ? null : DisplayText.Escape(beginning.Module));
        Warnings = new([.. (record?.Warnings ?? []).Select(DisplayText.Escape)]);
    }

    /// <summary>Its output directory, or the file that it was read from.</summary>
    public string Path { get; }

    /// <summary>What has become of it.</summary>
    public TrainingRunStatus Status { get; }

    /// <summary>Why it stopped before its last epoch, or the error that ended it; null: it did not, or it was interrupted.</summary>
    public string? StopReason { get; }

    /// <summary>The network: <c>ResNet-20</c>; null: only a log is left.</summary>
    public string? Model { get; }

    /// <summary>Name of the data; null: its files do not say.</summary>
    public string? Data { get; }

    /// <summary>Number of images that it trained on; null: only a log is left.</summary>
    public int? TrainCount { get; }

    /// <summary>Number of images that it validated on; null: its files do not say.</summary>
    public int? ValidationCount { get; }

    /// <summary>The values of all <see cref="TrainingOptions"/> by their names; null: only a log is left.</summary>
    public IReadOnlyDictionary<string, object?>? Options { get; }

    /// <summary>Number of finished epochs.</summary>
    public int Epochs { get; }

    /// <summary>The epoch with the best validation accuracy; of several, that with the lowest validation loss; null if none was
    /// validated.</summary>
    public int? BestEpoch { get; }

    /// <summary>Its validation accuracy, 0 to 1; null if none was validated.</summary>
    public double? BestAccuracy { get; }

    /// <summary>The validation accuracy of the last validated epoch, 0 to 1; null if none was validated.</summary>
    public double? LastAccuracy { get; }

    /// <summary>Time that it took, pauses between stop and resume not counted.</summary>
    public TimeSpan Duration { get; }

    /// <summary>The machine that it last began on: name, processors, architecture; null: its files do not say.</summary>
    public string? Machine { get; }

    /// <summary>When it began; null: it has no <c>run.jsonl</c>, which versions before 0.7 did not write.</summary>
    public DateTimeOffset? Started { get; }

    /// <summary>When it ended, the last time; null: it goes on, it was killed, or it has no <c>run.jsonl</c>.</summary>
    public DateTimeOffset? Ended { get; }

    /// <summary>Version of the module that it last began with; null: it has no <c>run.jsonl</c>.</summary>
    public string? ModuleVersion { get; }

    /// <summary>What was warned of when it began.</summary>
    public ReadOnlyList<string> Warnings { get; }

    /// <summary>Reads a run.</summary>
    /// <param name="path">An output directory, a checkpoint, a <c>log</c>, or a snapshot or log of the original Chainer program.</param>
    /// <param name="warn">Receives a sentence about damaged checkpoints in a folder that are skipped; null discards it.</param>
    /// <exception cref="EngineException">Those of <see cref="TrainingHistory.Read"/>.</exception>
    public static TrainingRun Read(string path, Action<string>? warn = null)
    {
        RunRecord? record = Directory.Exists(path) ? RunRecord.Read(path) : null;
        try
        {
            return new TrainingRun(path, TrainingHistory.Read(path, warn), record);
        }
        catch (EngineException e) when (record is not null && e.Kind == ErrorKind.NotFound)
        {
            // It ended before its first checkpoint; its journal says why.
            return new TrainingRun(path, null, record);
        }
    }

    /// <inheritdoc/>
    public override string ToString() => $"{DisplayText.Escape(System.IO.Path.GetFileName(Path))}: {Status}, epoch {Epochs}"
        + (BestAccuracy is double best ? string.Create(CultureInfo.CurrentCulture, $", best accuracy {best:P2} in epoch {BestEpoch}") : "");

    /// <summary>Values by names, whose text shows them, as in a cell of a CSV file.</summary>
    private sealed class OptionValues(Dictionary<string, object?> values) : ReadOnlyDictionary<string, object?>(values)
    {
        /// <inheritdoc/>
        public override string ToString() => string.Join("; ", this.Where(option => option.Value is not null)
            .Select(option => string.Create(CultureInfo.CurrentCulture, $"{option.Key} {option.Value}")));
    }
}
