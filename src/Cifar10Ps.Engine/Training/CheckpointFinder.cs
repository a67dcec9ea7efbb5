using Cifar10Ps.Models;

namespace Cifar10Ps.Training;

/// <summary>Reads the checkpoint that a run resumes from: a file, or the newest one of an output directory that is not damaged.</summary>
internal static class CheckpointFinder
{
    /// <summary>Reads a checkpoint.</summary>
    /// <param name="path">A checkpoint, or the output directory of a run.</param>
    /// <param name="warn">Receives a sentence that names damaged checkpoints and the one that is used instead; null discards it.</param>
    /// <exception cref="EngineException"> <c>CheckpointNotFound</c>, and those of <see cref="Checkpoint.Load"/>: for a file,
    /// or if a folder has no other checkpoint. </exception>
    public static Checkpoint Load(string path, Action<string>? warn = null)
    {
        if (!Directory.Exists(path))
            return LoadFile(path);
        List<(string File, EngineException Error)> damaged = [];
        if (Newest(path, damaged) is not var (file, checkpoint))
            throw damaged is [(_, EngineException error), ..]
                ? Amended(error, "No other checkpoint of its run can be read: start the run again.") : NotFound(path);
        if (damaged.Count > 0)
            warn?.Invoke($"{string.Join("; ", damaged.Select(item => item.Error.Message.TrimEnd('.')))}. '{file}' is used instead, "
                + $"{Place(checkpoint)}.");
        return checkpoint;
    }

    /// <summary>The checkpoint of the best epoch, and its model; null: it is in none of the folders, or damaged.</summary>
    /// <param name="report">The epoch.</param>
    /// <param name="folders">Output directories, where other runs may have left theirs.</param>
    public static (string File, ModelSnapshot Model)? BestOf(EpochReport report, IEnumerable<string> folders)
    {
        foreach (string file in folders.Distinct().SelectMany(OutputDirectory.BestIn))
        {
            try
            {
                if (Checkpoint.Load(file) is var checkpoint && checkpoint.State.History.LastOrDefault() == report)
                    return (file, checkpoint.Model);
            }
            catch (EngineException)
            {
                // The last epoch is still a result.
            }
        }

        return null;
    }

    /// <summary>The error that there is no checkpoint at a path.</summary>
    public static EngineException NotFound(string path) => new("CheckpointNotFound", ErrorKind.NotFound,
        $"There is no checkpoint {(Directory.Exists(path) ? "in " : "")}'{path}'. Name a checkpoint file, "
        + "or the output directory of a run.");

    /// <summary>Reads the given file, which is never silently replaced with another.</summary>
    private static Checkpoint LoadFile(string path)
    {
        if (!File.Exists(path))
            throw NotFound(path);
        try
        {
            return Checkpoint.Load(path);
        }
        catch (EngineException e) when (IsDamage(e) && Newest(Path.GetDirectoryName(Path.GetFullPath(path))!, []) is var (file, checkpoint))
        {
            throw Amended(e, $"'{file}' is intact, {Place(checkpoint)}: resume from it.");
        }
    }

    /// <summary>The latest checkpoint; if it is missing or damaged, the other one with the most steps of those that agree with the log.
    /// </summary>
    private static (string File, Checkpoint Checkpoint)? Newest(string folder, List<(string File, EngineException Error)> damaged)
    {
        // A run that went back to an earlier epoch wrote its log anew; the checkpoints of the epochs that it left may still be there.
        IReadOnlyList<EpochReport> log = OutputDirectory.ReadLog(folder);
        return FirstIntact(OutputDirectory.LatestIn(folder))
            ?? new[] { FirstIntact(OutputDirectory.EpochsIn(folder)), FirstIntact(OutputDirectory.BestIn(folder)) }
                .Where(found => found is not null).MaxBy(found => found!.Value.Checkpoint.State.Step);

        (string File, Checkpoint Checkpoint)? FirstIntact(IEnumerable<string> files)
        {
            foreach (string file in files)
            {
                try
                {
                    Checkpoint checkpoint = Checkpoint.Load(file);
                    if (log.Zip(checkpoint.State.History).All(epoch => epoch.First.Loss == epoch.Second.Loss))
                        return (file, checkpoint);
                }
                catch (EngineException e) when (IsDamage(e))
                {
                    damaged.Add((file, e));
                }
            }

            return null;
        }
    }

    private static bool IsDamage(EngineException error) => error.Kind == ErrorKind.InvalidData;

    private static string Place(Checkpoint checkpoint) =>
        $"of step {checkpoint.State.Step}, after {DisplayText.Count(checkpoint.State.History.Count, "epoch")}";

    private static EngineException Amended(EngineException error, string advice) =>
        new(error.ErrorId, error.Kind, $"{error.Message} {advice}", error);
}
