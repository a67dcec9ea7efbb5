using System.Collections.ObjectModel;
using System.Globalization;
using Cifar10Ps.Training;

namespace Cifar10Ps;

/// <summary>A run that left files, in one line: what it did, with which data, where, and how well.</summary>
public sealed class TrainingRun
{
    private TrainingRun(TrainingHistory history)
    {
        (Path, StopReason, TrainingState? state) = (history.Source, history.StopReason, history.Checkpoint?.State);
        Model = history.Checkpoint?.Model.Name;
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

        Epochs = history.Reports.Count;
        EpochReport? best = history.Reports.FirstOrDefault(report => report.IsBest);
        (BestEpoch, BestAccuracy) = (best?.Epoch, best?.ValidationAccuracy);
        LastAccuracy = history.Reports.LastOrDefault(report => report.ValidationAccuracy is not null)?.ValidationAccuracy;
        Duration = state is not null ? TimeSpan.FromSeconds(state.ElapsedSeconds)
            : Epochs > 0 ? history.Reports[^1].Elapsed : TimeSpan.Zero;
        Status = OutputDirectory.IsClaimed(Path) ? TrainingRunStatus.Running
            : StopReason is not null ? TrainingRunStatus.Stopped
            : Epochs == (options?.Epochs ?? Epochs) ? TrainingRunStatus.Complete
            : TrainingRunStatus.Interrupted;
    }

    /// <summary>Its output directory, or the file that it was read from.</summary>
    public string Path { get; }

    /// <summary>What has become of it.</summary>
    public TrainingRunStatus Status { get; }

    /// <summary>Why it stopped before its last epoch; null: it did not, or it was interrupted.</summary>
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

    /// <summary>The epoch with the best validation accuracy, the first of equals; null if none was validated.</summary>
    public int? BestEpoch { get; }

    /// <summary>Its validation accuracy, 0 to 1; null if none was validated.</summary>
    public double? BestAccuracy { get; }

    /// <summary>The validation accuracy of the last validated epoch, 0 to 1; null if none was validated.</summary>
    public double? LastAccuracy { get; }

    /// <summary>Time that it took, pauses between stop and resume not counted.</summary>
    public TimeSpan Duration { get; }

    /// <summary>The machine that it last began on: name, processors, architecture; null: its files do not say.</summary>
    public string? Machine { get; }

    /// <summary>Reads a run.</summary>
    /// <param name="path">An output directory, a checkpoint, a <c>log</c>, or a snapshot or log of the original Chainer program.</param>
    /// <param name="warn">Receives a sentence about damaged checkpoints in a folder that are skipped; null discards it.</param>
    /// <exception cref="EngineException">Those of <see cref="TrainingHistory.Read"/>.</exception>
    public static TrainingRun Read(string path, Action<string>? warn = null) => new(TrainingHistory.Read(path, warn));

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
