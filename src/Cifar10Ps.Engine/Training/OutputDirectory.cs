using System.Globalization;
using System.Text.RegularExpressions;

namespace Cifar10Ps;

/// <summary>
/// What a run leaves behind: <c>checkpoint-latest</c>, <c>checkpoint-best</c>, a <c>checkpoint-epoch-N</c> for each of the last
/// epochs, <c>model</c> at the end (all <c>.safetensors</c>), <c>log</c>, a JSON array with the keys of Chainer's LogReport, and what <see cref="TensorBoardLog"/> writes.
/// While it runs, <c>run.lock</c> is held open.
/// </summary>
public sealed partial class OutputDirectory
{
    /// <summary>Names of files.</summary>
    internal const string LatestName = "checkpoint-latest.safetensors", LogName = "log";

    private const string Best = "checkpoint-best.safetensors", Model = "model.safetensors", Lock = "run.lock";
    private readonly int _keepCheckpoints;
    private readonly bool _replace;

    /// <summary>An output directory.</summary>
    /// <param name="path">The folder; created when it is first written to.</param>
    /// <param name="keepCheckpoints">How many of the last epochs keep a checkpoint of their own.</param>
    /// <param name="replace">Whether what an earlier run left is removed when the run begins.</param>
    /// <exception cref="EngineException"><c>NotAFolder</c>.</exception>
    public OutputDirectory(string path, int keepCheckpoints, bool replace)
    {
        if (File.Exists(path))
            throw new EngineException("NotAFolder", ErrorKind.InvalidArgument, $"'{path}' is a file. Name a folder for what the run leaves.");
        Path = path;
        _keepCheckpoints = keepCheckpoints;
        _replace = replace;
    }

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>The newest checkpoint: after every epoch, and where a run was stopped.</summary>
    public string LatestCheckpoint => System.IO.Path.Combine(Path, LatestName);

    /// <summary>Whether a run has left something here.</summary>
    public bool HasRun => OwnFiles().Any(File.Exists);

    /// <summary>The checkpoint that a path means: the file itself, or the newest one of an output directory.</summary>
    /// <exception cref="EngineException"><c>CheckpointNotFound</c>.</exception>
    public static string FindCheckpoint(string path)
    {
        string file = Directory.Exists(path) ? System.IO.Path.Combine(path, LatestName) : path;
        return File.Exists(file) ? file : throw new EngineException("CheckpointNotFound", ErrorKind.NotFound,
            $"There is no checkpoint '{file}'. Name a checkpoint file, or the output directory of a run.");
    }

    /// <summary>The model file that a path means: the file itself; or of an output directory the finished model, or else the newest checkpoint.</summary>
    /// <exception cref="EngineException"><c>FileNotFound</c>: the folder has neither.</exception>
    public static string FindModel(string path)
    {
        if (!Directory.Exists(path))
            return path;
        return new[] { Model, LatestName }.Select(name => System.IO.Path.Combine(path, name)).FirstOrDefault(File.Exists)
            ?? throw new EngineException("FileNotFound", ErrorKind.NotFound,
                $"'{path}' is a folder without a model: it has neither '{Model}' nor '{LatestName}'. Name a file, or the output directory of a run.");
    }

    /// <summary>The output directory that a checkpoint is of; null for a snapshot, whose folder stays as Chainer left it.</summary>
    /// <param name="checkpoint">A checkpoint file.</param>
    public static string? OfRun(string checkpoint) =>
        ChainerSnapshot.IsSnapshot(checkpoint) ? null : System.IO.Path.GetDirectoryName(checkpoint);

    /// <summary>Keeps other runs out of the folder. Fails now, not after hours, when it cannot be written to.</summary>
    /// <returns>Lets them in when it is disposed; so does the end of the process, whatever ends it.</returns>
    /// <exception cref="EngineException"><c>FileNotWritable</c>, <c>OutputDirectoryBusy</c>.</exception>
    internal IDisposable Claim()
    {
        string probe = System.IO.Path.Combine(Path, "cifar10ps-probe.tmp"), turn = System.IO.Path.Combine(Path, Lock);
        RegularFile.Require(turn);
        try
        {
            AtomicFile.Write(probe, _ => { });
            Remove(probe);
            FileStream claim = new(turn, FileMode.OpenOrCreate, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
            AtomicFile.RemoveAbandoned(Path);
            return claim;
        }
        catch (IOException e)
        {
            throw new EngineException("OutputDirectoryBusy", ErrorKind.WriteError,
                $"Another run is writing to '{Path}' at this moment: {e.Message} Wait for its end, or take another -OutputDirectory.", e);
        }
        catch (Exception e) when (e is EngineException or UnauthorizedAccessException)
        {
            throw new EngineException("FileNotWritable", ErrorKind.WriteError, $"The output directory '{Path}' cannot be written to: {(e.InnerException ?? e).Message}", e);
        }
    }

    /// <summary>Removes what an earlier run left, if it is to be replaced, so that its files are not mistaken for this run's.</summary>
    internal void Begin()
    {
        foreach (string file in _replace ? OwnFiles().ToArray() : [])
            Remove(file);
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
        if (report.IsBest)
            checkpoint.Save(System.IO.Path.Combine(Path, Best));
        checkpoint.Save(LatestCheckpoint);
        TrainingLog.Write(System.IO.Path.Combine(Path, LogName), history);
        foreach ((string file, int epoch) in EpochCheckpoints())
            if (epoch <= report.Epoch - _keepCheckpoints)
                Remove(file);
    }

    /// <summary>Keeps the finished model.</summary>
    internal void SaveModel(ImageClassifier model) => ModelFile.Save(model, System.IO.Path.Combine(Path, Model));

    private static void Remove(string file)
    {
        try
        {
            File.Delete(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A file too many is no reason to end a run.
        }
    }

    private IEnumerable<string> OwnFiles() =>
        new[] { LatestName, Best, Model, LogName }.Select(name => System.IO.Path.Combine(Path, name)).Concat(EpochCheckpoints().Select(c => c.File)).Concat(EventFile.In(Path));

    private IEnumerable<(string File, int Epoch)> EpochCheckpoints()
    {
        foreach (string file in Directory.Exists(Path) ? Directory.GetFiles(Path, "checkpoint-epoch-*.safetensors") : [])
            if (EpochPattern().Match(System.IO.Path.GetFileName(file)) is { Success: true } match)
                yield return (file, int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture));
    }

    [GeneratedRegex(@"^checkpoint-epoch-(\d{4,9})\.safetensors$")]
    private static partial Regex EpochPattern();
}
