using System.Globalization;
using System.Text.RegularExpressions;
using Cifar10Ps.Formats;
using Cifar10Ps.Runtime;
using Cifar10Ps.Training;

namespace Cifar10Ps;

/// <summary>
/// What a run leaves behind: <c>checkpoint-latest</c>, <c>checkpoint-best</c>, a <c>checkpoint-epoch-N</c> for each of the last epochs,
/// <c>model</c> at the end (all <c>.safetensors</c>), <c>log</c>, a JSON array with the keys of Chainer's LogReport, <c>run.jsonl</c>
/// (<see cref="RunJournal"/>), and what observers write. While it runs, <c>run.lock</c> is held open.
/// </summary>
public sealed partial class OutputDirectory
{
    /// <summary>Names of files.</summary>
    internal const string LatestName = "checkpoint-latest.safetensors", LogName = "log", JournalName = "run.jsonl";

    private const string Best = "checkpoint-best.safetensors", Model = "model.safetensors", Lock = "run.lock";
    private const int MostProbes = 16;

    // A file is read into one array, with its header.
    private static readonly long LargestCheckpoint = TensorFile.SizeLimit - (100 << 20);

    private readonly int _keepCheckpoints;
    private readonly bool _replace;
    private FolderLock? _lock;

    /// <summary>An output directory.</summary>
    /// <param name="path">The folder; created when it is first written to.</param>
    /// <param name="keepCheckpoints">How many of the last epochs keep a checkpoint of their own.</param>
    /// <param name="replace">Whether an earlier run's files are removed when the run begins.</param>
    /// <exception cref="EngineException"><c>NotAFolder</c>.</exception>
    public OutputDirectory(string path, int keepCheckpoints, bool replace)
    {
        if (File.Exists(path))
            throw new EngineException("NotAFolder", ErrorKind.InvalidArgument,
                $"'{path}' is a file. Name a folder for the files of the run.");
        Path = path;
        _keepCheckpoints = keepCheckpoints;
        _replace = replace;
    }

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>The newest checkpoint: written after every epoch, and when a run is stopped.</summary>
    public string LatestCheckpoint => System.IO.Path.Combine(Path, LatestName);

    /// <summary>Whether a run has left something here, a journal apart: it may have ended before it saved anything.</summary>
    public bool HasRun => OwnFiles().Any();

    /// <summary>Whether there is a checkpoint to resume from.</summary>
    public bool HasCheckpoint => Checkpoints(Path).Any();

    /// <summary>The output directory of the resumed run; null for a snapshot, whose folder stays as Chainer left it.</summary>
    /// <param name="path">A checkpoint file, or an output directory.</param>
    /// <exception cref="EngineException"><c>CheckpointNotFound</c>, <c>NotARegularFile</c>.</exception>
    public static string? OfRun(string path)
    {
        if (Directory.Exists(path) ? !Checkpoints(path).Any() : !File.Exists(path))
            throw CheckpointFinder.NotFound(path);
        return Directory.Exists(path) ? System.IO.Path.TrimEndingDirectorySeparator(path)
            : ChainerSnapshot.IsSnapshot(path) ? null : System.IO.Path.GetDirectoryName(path);
    }

    /// <summary>The model file that a path means: the file itself; for an output directory the finished model,
    /// or else the newest checkpoint.</summary>
    /// <exception cref="EngineException"><c>FileNotFound</c>: the folder has neither.</exception>
    public static string FindModel(string path)
    {
        if (!Directory.Exists(path))
            return path;
        return Existing(path, Model).Concat(LatestIn(path)).Concat(EpochsIn(path)).Concat(BestIn(path)).FirstOrDefault()
            ?? throw new EngineException("FileNotFound", ErrorKind.NotFound,
                $"'{path}' is a folder without a model: it has neither '{Model}' nor a checkpoint. Name a file, "
                + "or the output directory of a run.");
    }

    /// <summary>The latest checkpoint in a folder, if it exists.</summary>
    internal static IEnumerable<string> LatestIn(string folder) => Existing(folder, LatestName);

    /// <summary>The checkpoint of the best epoch, if it exists.</summary>
    internal static IEnumerable<string> BestIn(string folder) => Existing(folder, Best);

    /// <summary>The checkpoints of single epochs, newest first.</summary>
    internal static IEnumerable<string> EpochsIn(string folder) =>
        EpochCheckpoints(folder).OrderByDescending(item => item.Epoch).Select(item => item.File);

    /// <summary>The epochs in the log of a folder; none if it has no log, or one that cannot be read.</summary>
    internal static IReadOnlyList<EpochReport> ReadLog(string folder)
    {
        try
        {
            return TrainingLog.Parse(TensorFile.ReadBytes(System.IO.Path.Combine(folder, LogName)));
        }
        catch (Exception e) when (e is EngineException or InvalidDataException)
        {
            return [];
        }
    }

    /// <summary>Whether a run writes to a folder now.</summary>
    internal static bool IsClaimed(string folder)
    {
        try
        {
            // A process that was killed leaves the file, but does not hold it.
            using FileStream file = new(System.IO.Path.Combine(folder, Lock), FileMode.Open, FileAccess.Read, FileShare.Read, 1);
            return false;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException or UnauthorizedAccessException)
        {
            return false;
        }
        catch (IOException)
        {
            return true;
        }
    }

    /// <summary>The run's journal.</summary>
    internal RunJournal Journal => new(System.IO.Path.Combine(Path, JournalName), KeepLock);

    /// <summary>Locks the folder against other runs. Fails immediately, not after hours, if it is not writable, or too small.</summary>
    /// <param name="checkpointSize">Length of a checkpoint in bytes.</param>
    /// <param name="epochsLeft">Number of epochs that will be saved.</param>
    /// <returns>Releases the lock when it is disposed; so does the end of the process, however it ends.</returns>
    /// <exception cref="EngineException"><c>CheckpointTooLarge</c>, <c>NotARegularFile</c>, <c>FileNotWritable</c>,
    /// <c>OutputDirectoryBusy</c>.</exception>
    internal IDisposable Claim(long checkpointSize, int epochsLeft)
    {
        if (checkpointSize > LargestCheckpoint)
            throw new EngineException("CheckpointTooLarge", ErrorKind.InvalidArgument,
                $"A checkpoint of this run would have {checkpointSize / 1e9:F1} GB, but only {LargestCheckpoint / 1e9:F1} GB can be read "
                + "again. Use an optimizer with fewer moments, such as Sgd, or a smaller network.");
        foreach (string name in new[] { Lock, LatestName, Best, Model, LogName, JournalName })
            RegularFile.Require(System.IO.Path.Combine(Path, name));
        // Before anything else is done in the folder: another run may be writing there.
        FolderLock claim = Locked(() => new FolderLock(System.IO.Path.Combine(Path, Lock)),
            $"Another run is currently writing to '{Path}'");
        try
        {
            Probe(checkpointSize, epochsLeft);
            return _lock = claim;
        }
        catch
        {
            claim.Dispose();
            throw;
        }
    }

    /// <summary>Makes sure before a file is written that the folder is still this run's: somebody may have removed it.</summary>
    /// <exception cref="EngineException"><c>OutputDirectoryBusy</c>, <c>FileNotWritable</c>.</exception>
    private void KeepLock() => Locked(
        () =>
        {
            _lock?.Keep();
            return _lock;
        },
        $"'{Path}' was removed during this run, and another one is writing there now");

    private T Locked<T>(Func<T> take, string problem)
    {
        try
        {
            return take();
        }
        catch (IOException e) when (IsClaimed(Path))
        {
            throw new EngineException("OutputDirectoryBusy", ErrorKind.WriteError, $"{problem}: {e.Message}", e);
        }
        catch (Exception e) when (AtomicFile.IsRefusal(e))
        {
            throw NotWritable(e);
        }
    }

    /// <summary>
    /// Removes an earlier run's files, if it is to be replaced, so that they are not mistaken for this run's. Its checkpoints go last, the
    /// latest one after all others: if this is interrupted, that run can still be resumed. A journal alone is kept, and says why.
    /// </summary>
    internal void Begin()
    {
        string[] stale = _replace && HasRun ? [.. Existing(Path, JournalName), .. OwnFiles().Reverse()] : [];
        foreach (string file in stale)
            Remove(file);
    }

    /// <summary>Takes the checkpoint of the best epoch over from the folder that the run was in before.</summary>
    internal void TakeBest(string file)
    {
        string own = System.IO.Path.Combine(Path, Best);
        if (file == own)
            return;
        AtomicFile.Write(own, stream =>
        {
            using FileStream source = RegularFile.OpenRead(file);
            source.CopyTo(stream);
        });
    }

    /// <summary>Saves a run that was stopped within an epoch.</summary>
    internal void SaveInterrupted(Checkpoint checkpoint)
    {
        KeepLock();
        foreach (Action step in LatestSteps(checkpoint))
            step();
    }

    /// <summary>Saves a run after an epoch: checkpoints and log; older checkpoints are removed.</summary>
    internal void SaveEpoch(Checkpoint checkpoint)
    {
        KeepLock();
        foreach (Action step in EpochSteps(checkpoint))
            step();
    }

    /// <summary>
    /// What <see cref="SaveEpoch"/> does, file by file. The process may end between any two: the latest checkpoint comes first, so that
    /// there is always one, and a run that resumes from it redoes the rest.
    /// </summary>
    internal IEnumerable<Action> EpochSteps(Checkpoint checkpoint)
    {
        List<EpochReport> history = checkpoint.State.History;
        EpochReport report = history[^1];
        foreach (Action step in LatestSteps(checkpoint))
            yield return step;
        if (_keepCheckpoints > 0)
            yield return () => checkpoint.Save(System.IO.Path.Combine(Path, $"checkpoint-epoch-{report.Epoch:0000}.safetensors"));
        if (report.IsBest)
            yield return () => checkpoint.Save(System.IO.Path.Combine(Path, Best));
        yield return () => TrainingLog.Write(System.IO.Path.Combine(Path, LogName), history);
        foreach ((string file, int epoch) in EpochCheckpoints(Path))
            if (epoch <= report.Epoch - _keepCheckpoints)
                yield return () => Remove(file);
    }

    /// <summary>Allocates, for a moment, the space that a run will take; in several files, as none of its own is as large.</summary>
    private void Probe(long checkpointSize, int epochsLeft)
    {
        List<FileStream> probes = [];
        try
        {
            AtomicFile.RemoveAbandoned(Path);
            // The latest, the best, those of single epochs, the model, and one that is being written; less what they replace.
            long space = checkpointSize * (Math.Min(_keepCheckpoints, epochsLeft) + 4) - OwnFiles().Sum(file => new FileInfo(file).Length);
            int count = (int)Math.Clamp((space + checkpointSize - 1) / checkpointSize, 1, MostProbes);
            for (int i = 0; i < count; i++)
                probes.Add(new FileStream(System.IO.Path.Combine(Path, AtomicFile.NewHalfName()), new FileStreamOptions
                {
                    Mode = FileMode.CreateNew,
                    Access = FileAccess.Write,
                    PreallocationSize = Math.Max((space + count - 1) / count, checkpointSize),
                    Options = FileOptions.DeleteOnClose,
                }));
        }
        catch (Exception e) when (AtomicFile.IsRefusal(e))
        {
            throw NotWritable(e);
        }
        finally
        {
            probes.ForEach(probe => probe.Dispose());
        }
    }

    private EngineException NotWritable(Exception cause) => new("FileNotWritable", ErrorKind.WriteError,
        $"The output directory '{Path}' cannot be written to: {cause.Message}", cause);

    /// <summary>Saves the latest checkpoint. The model of an earlier end of a run that goes on is removed, once there is a checkpoint
    /// beyond it: it would be mistaken for the result.</summary>
    private IEnumerable<Action> LatestSteps(Checkpoint checkpoint)
    {
        yield return () => checkpoint.Save(LatestCheckpoint);
        string model = System.IO.Path.Combine(Path, Model);
        if (!checkpoint.State.IsComplete && File.Exists(model))
            yield return () => Remove(model);
    }

    /// <summary>Saves the finished model.</summary>
    internal void SaveModel(ImageClassifier model)
    {
        KeepLock();
        ModelFile.Save(model, System.IO.Path.Combine(Path, Model));
    }

    private static void Remove(string file)
    {
        try
        {
            File.Delete(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A leftover file is not a reason to end a run.
        }
    }

    private IEnumerable<string> OwnFiles() =>
        [.. Checkpoints(Path), .. Existing(Path, Model), .. Existing(Path, LogName), .. EventFile.In(Path)];

    private static IEnumerable<string> Checkpoints(string folder) => [.. LatestIn(folder), .. BestIn(folder), .. EpochsIn(folder)];

    private static IEnumerable<string> Existing(string folder, string name) =>
        new[] { System.IO.Path.Combine(folder, name) }.Where(File.Exists);

    private static IEnumerable<(string File, int Epoch)> EpochCheckpoints(string folder)
    {
        foreach (string file in FolderPath.Files(folder, "checkpoint-epoch-*.safetensors"))
            if (EpochPattern().Match(System.IO.Path.GetFileName(file)) is { Success: true } match)
                yield return (file, int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture));
    }

    [GeneratedRegex(@"^checkpoint-epoch-([0-9]{4,9})\.safetensors$")]
    private static partial Regex EpochPattern();
}
