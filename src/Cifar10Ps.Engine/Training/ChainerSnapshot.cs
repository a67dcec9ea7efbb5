using System.Text.Json;
using System.Text;
using Cifar10Ps.Formats;
using Cifar10Ps.Networks.Families;
using Cifar10Ps.Networks;
using Cifar10Ps.Runtime;

namespace Cifar10Ps.Training;

/// <summary>
/// A saved run of the original Chainer program (<c>snapshot_iter_N</c>), read as the equivalent checkpoint of this module: weights, Adam's
/// moments, steps and the log.
/// </summary>
/// <remarks>
/// What it does not contain is as in the original: Adam at 1e-3, in fp32. The next epoch is shuffled as all runs of this module are; the
/// few of its images that Chainer's last batch took in advance are seen once more, and an unfinished epoch starts again. Chainer adds
/// Adam's epsilon before the bias correction of the second moment, this module and PyTorch after it, which differs only where gradients are
/// as small as 1e-8.
/// </remarks>
internal static class ChainerSnapshot
{
    private const string Iterator = "updater/iterator:main/", Moments = "updater/optimizer:main/predictor/";

    /// <summary>Whether a file begins like a snapshot.</summary>
    /// <exception cref="EngineException"><c>NotARegularFile</c>.</exception>
    public static bool IsSnapshot(string path)
    {
        try
        {
            using FileStream stream = RegularFile.OpenRead(path);
            // The name of the first array is at the beginning.
            Span<byte> start = stackalloc byte[1024];
            return Npz.IsNpz(start[..stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)]);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Reads a snapshot.</summary>
    /// <exception cref="EngineException"><c>FileNotFound</c>, <c>NotARegularFile</c>,
    /// <c>ModelFileUnreadable</c>, <c>InvalidCheckpoint</c>.</exception>
    public static TensorFile Read(string path)
    {
        try
        {
            return Parse(TensorFile.ReadBytes(path));
        }
        catch (InvalidDataException e)
        {
            throw new EngineException("InvalidCheckpoint", ErrorKind.InvalidData,
                $"'{path}' is not a snapshot that a run can resume from: {e.Message.TrimEnd('.')}.", e);
        }
    }

    /// <summary>Parses the bytes of a snapshot.</summary>
    /// <exception cref="InvalidDataException">They are not a snapshot of the original program.</exception>
    internal static TensorFile Parse(byte[] content)
    {
        Dictionary<string, Npy> arrays = Npz.Parse(content);
        if (!arrays.ContainsKey("updater/iteration"))
            throw new InvalidDataException("it is a model without the state of a run");
        (TensorFile file, ChainerLayout layout) = ChainerFile.Parse(arrays);
        TrainingState state = ReadState(arrays);
        foreach (LayerTensor tensor in layout.Network.LearnedTensors)
        {
            string name = Moments + layout.Names[tensor.Name];
            // Bias correction counts the steps of the whole run.
            if (Integer(arrays, name + "/t") != state.Step)
                throw new InvalidDataException($"'{name}' has taken a different number of steps than the run");
            foreach ((string moment, string part) in Optimizer.MomentNames(OptimizerKind.Adam).Zip(["/m", "/v"]))
                file.Tensors[$"{ModelFile.MomentPrefix}{moment}.{tensor.Name}"] = ChainerFile.TakeTensor(arrays, name + part, tensor.Shape);
        }

        file.Metadata[ModelFile.EpochsKey] = $"{state.History.Count}";
        file.Metadata[Checkpoint.StateKey] = JsonSerializer.Serialize(state, Json.Options);
        return file;
    }

    private static TrainingState ReadState(Dictionary<string, Npy> arrays)
    {
        int count = ChainerFile.Take(arrays, Iterator + "order",
            order => order.Shape is [int length] ? length : throw new InvalidDataException("it is not a list"));
        long step = Integer(arrays, "updater/iteration"), epochs = Integer(arrays, Iterator + "epoch"),
            position = Integer(arrays, Iterator + "current_position");
        TrainingOptions options = Recipes.Options(Recipe.Original) with { Precision = Precision.Float32 };
        List<EpochReport> history = TrainingLog.Parse(
            ChainerFile.Take(arrays, "extensions/LogReport/_log", log => Encoding.UTF8.GetBytes(log.ToText())), count,
            options.LearningRate);
        if (history.Count != epochs || position < 0 || position > count)
            throw new InvalidDataException($"its log has {history.Count} epochs, but its iterator {epochs}");

        // All of Chainer's batches are full: the last one of an epoch takes images of the next.
        long seen = epochs * count + position;
        bool isKnown = step > 0 && seen % step == 0 && seen / step is > 0 and <= TrainingOptions.MaximumBatchSize;
        return new TrainingState
        {
            Options = options with
            {
                Epochs = Math.Max(options.Epochs, history.Count),
                BatchSize = isKnown ? (int)(seen / step) : options.BatchSize,
            },
            TrainCount = count,
            Step = step,
            ElapsedSeconds = history.LastOrDefault()?.Elapsed.TotalSeconds ?? 0,
            History = history,
        };
    }

    private static long Integer(Dictionary<string, Npy> arrays, string name) => ChainerFile.Take(arrays, name, array => array.ToInteger());
}
