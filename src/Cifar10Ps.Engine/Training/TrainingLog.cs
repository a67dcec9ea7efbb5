using System.Text.Json;
using Cifar10Ps.Runtime;

namespace Cifar10Ps.Training;

/// <summary>The file <c>log</c> of a run: a JSON array with an object for each epoch, with the keys of Chainer's LogReport.</summary>
internal static class TrainingLog
{
    private static readonly JsonSerializerOptions Format = new() { WriteIndented = true, IndentSize = 4 };

    // An epoch takes some 300 bytes, and a run has 100,000 epochs at most.
    private const int SizeLimit = 50_000_000;

    /// <summary>Whether bytes begin like a log.</summary>
    public static bool IsLog(ReadOnlySpan<byte> content) => content.TrimStart(" \t\r\n"u8).StartsWith("["u8);

    /// <summary>Writes a log.</summary>
    /// <exception cref="EngineException"><c>FileNotWritable</c>.</exception>
    public static void Write(string path, IEnumerable<EpochReport> history)
    {
        var entries = history.Select(report => new Dictionary<string, object?>
        {
            ["main/loss"] = report.Loss,
            ["main/accuracy"] = report.Accuracy,
            ["validation/main/loss"] = report.ValidationLoss,
            ["validation/main/accuracy"] = report.ValidationAccuracy,
            ["epoch"] = report.Epoch,
            ["iteration"] = report.Step,
            ["elapsed_time"] = report.Elapsed.TotalSeconds,
        });
        AtomicFile.Write(path, stream => JsonSerializer.Serialize(stream, entries, Format));
    }

    /// <summary>Parses a log, of this module or of the original program.</summary>
    /// <param name="json">The log.</param>
    /// <param name="imageCount">Training images of an epoch, for the images per second; NaN: not known, and so are those.</param>
    /// <param name="learningRate">The constant learning rate; NaN: not known.</param>
    /// <exception cref="InvalidDataException">It is not valid.</exception>
    public static List<EpochReport> Parse(ReadOnlySpan<byte> json, double imageCount = double.NaN, double learningRate = double.NaN)
    {
        if (json.Length > SizeLimit)
            throw new InvalidDataException($"its log has {json.Length:N0} bytes, more than any run writes");
        try
        {
            List<EpochReport> history = [];
            foreach (Dictionary<string, double?> line in JsonSerializer.Deserialize<Dictionary<string, double?>[]>(json, Json.Options)
                ?? [])
            {
                TimeSpan elapsed = TimeSpan.FromTicks(checked((long)Math.Round(Number(line, "elapsed_time") * TimeSpan.TicksPerSecond))),
                    before = history.LastOrDefault()?.Elapsed ?? TimeSpan.Zero;
                history.Add(new EpochReport
                {
                    Epoch = checked((int)Number(line, "epoch")),
                    Step = checked((long)Number(line, "iteration")),
                    Loss = Number(line, "main/loss"),
                    Accuracy = Number(line, "main/accuracy"),
                    ValidationLoss = line["validation/main/loss"],
                    ValidationAccuracy = line["validation/main/accuracy"],
                    LearningRate = learningRate,
                    // The times in a log do not separate training and validation.
                    ImagesPerSecond = elapsed > before ? imageCount / (elapsed - before).TotalSeconds : 0,
                    Elapsed = elapsed,
                });
                if (history[^1].Epoch != history.Count || line.Values.Any(value => value is double number && !double.IsFinite(number)))
                    throw new InvalidDataException("its log does not have one line for each epoch");
            }

            return history;
        }
        catch (Exception e)
            when (e is JsonException or KeyNotFoundException or NullReferenceException or OverflowException or ArgumentException)
        {
            throw new InvalidDataException($"its log cannot be understood ({e.Message.TrimEnd('.')})", e);
        }
    }

    private static double Number(Dictionary<string, double?> line, string key) =>
        line[key] ?? throw new InvalidDataException($"its log has an epoch without '{key}'");
}
