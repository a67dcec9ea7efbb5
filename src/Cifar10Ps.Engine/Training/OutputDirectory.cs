using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Cifar10Ps;

/// <summary>
/// What a run leaves behind: <c>checkpoint-latest</c>, <c>checkpoint-best</c>, a <c>checkpoint-epoch-N</c> for each of the last
/// epochs, <c>model</c> at the end (all <c>.safetensors</c>), and <c>log</c>, a JSON array with the keys of Chainer's LogReport.
/// </summary>
public sealed partial class OutputDirectory
{
    private const string Latest = "checkpoint-latest.safetensors", Best = "checkpoint-best.safetensors";
    private readonly int _keepCheckpoints;

    /// <summary>An output directory.</summary>
    /// <param name="path">The folder; created when it is first written to.</param>
    /// <param name="keepCheckpoints">How many of the last epochs keep a checkpoint of their own.</param>
    public OutputDirectory(string path, int keepCheckpoints)
    {
        Path = path;
        _keepCheckpoints = keepCheckpoints;
    }

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>The newest checkpoint: after every epoch, and where a run was stopped.</summary>
    public string LatestCheckpoint => System.IO.Path.Combine(Path, Latest);

    /// <summary>Whether a run has left a checkpoint here.</summary>
    public bool HasRun => File.Exists(LatestCheckpoint);

    /// <summary>The checkpoint that a path means: the file itself, or the newest one of an output directory.</summary>
    /// <exception cref="EngineException"><c>CheckpointNotFound</c>.</exception>
    public static string FindCheckpoint(string path)
    {
        string file = Directory.Exists(path) ? System.IO.Path.Combine(path, Latest) : path;
        return File.Exists(file) ? file : throw new EngineException("CheckpointNotFound", ErrorKind.NotFound,
            $"There is no checkpoint '{file}'. Name a checkpoint file, or the output directory of a run.");
    }

    /// <summary>Fails now, not after hours, when the folder cannot be written to.</summary>
    /// <exception cref="EngineException"><c>FileNotWritable</c>.</exception>
    internal void CheckWritable()
    {
        string probe = System.IO.Path.Combine(Path, $"probe-{Environment.ProcessId}");
        AtomicFile.Write(probe, _ => { });
        File.Delete(probe);
    }

    /// <summary>Removes what an earlier run left, so that its files are not mistaken for this run's.</summary>
    internal void Clear()
    {
        foreach (string file in EpochCheckpoints().Select(c => c.File).Append(LatestCheckpoint).Append(System.IO.Path.Combine(Path, Best)))
            File.Delete(file);
    }

    /// <summary>Keeps a run that was stopped within an epoch.</summary>
    internal void SaveInterrupted(Checkpoint checkpoint) => checkpoint.Save(LatestCheckpoint);

    /// <summary>Keeps a run after an epoch: checkpoints and log; older checkpoints go.</summary>
    internal void SaveEpoch(Checkpoint checkpoint)
    {
        List<EpochReport> history = checkpoint.State.History;
        EpochReport report = history[^1];
        if (_keepCheckpoints > 0)
            checkpoint.Save(System.IO.Path.Combine(Path, $"checkpoint-epoch-{report.Epoch:0000}.safetensors"));
        if (history.SkipLast(1).All(earlier => earlier.ValidationAccuracy < report.ValidationAccuracy))
            checkpoint.Save(System.IO.Path.Combine(Path, Best));
        checkpoint.Save(LatestCheckpoint);
        WriteLog(history);
        foreach ((string file, int epoch) in EpochCheckpoints())
            if (epoch <= report.Epoch - _keepCheckpoints)
                File.Delete(file);
    }

    /// <summary>Keeps the finished model.</summary>
    internal void SaveModel(ImageClassifier model) => ModelFile.Save(model, System.IO.Path.Combine(Path, "model.safetensors"));

    private IEnumerable<(string File, int Epoch)> EpochCheckpoints()
    {
        foreach (string file in Directory.Exists(Path) ? Directory.GetFiles(Path, "checkpoint-epoch-*.safetensors") : [])
            if (EpochPattern().Match(System.IO.Path.GetFileName(file)) is { Success: true } match)
                yield return (file, int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture));
    }

    private void WriteLog(List<EpochReport> history)
    {
        var entries = history.Select(report => new Dictionary<string, object>
        {
            ["main/loss"] = report.Loss,
            ["main/accuracy"] = report.Accuracy,
            ["validation/main/loss"] = report.ValidationLoss,
            ["validation/main/accuracy"] = report.ValidationAccuracy,
            ["epoch"] = report.Epoch,
            ["iteration"] = report.Step,
            ["elapsed_time"] = report.Elapsed.TotalSeconds,
        });
        AtomicFile.Write(System.IO.Path.Combine(Path, "log"), stream => JsonSerializer.Serialize(stream, entries, LogFormat));
    }

    private static readonly JsonSerializerOptions LogFormat = new() { WriteIndented = true, IndentSize = 4 };

    [GeneratedRegex(@"^checkpoint-epoch-(\d{4,9})\.safetensors$")]
    private static partial Regex EpochPattern();
}
