using System.Text.Json;
using Cifar10Ps.Formats;
using Cifar10Ps.Runtime;

namespace Cifar10Ps.Training;

/// <summary>What a <see cref="RunJournal"/> says about a run. Lines that are damaged or unknown are skipped.</summary>
internal sealed class RunRecord
{
    /// <summary>When the run began.</summary>
    public DateTimeOffset? Started { get; private set; }

    /// <summary>When it ended, the last time; null: it has not, or without a word.</summary>
    public DateTimeOffset? Ended { get; private set; }

    /// <summary>What it last began or was resumed with.</summary>
    public RunBeginning? Beginning { get; private set; }

    /// <summary>How it ended, the last time; null: it has not, or without a word.</summary>
    public RunEnd? End { get; private set; }

    /// <summary>The warnings, each once.</summary>
    public List<string> Warnings { get; } = [];

    /// <summary>Reads the journal in the output directory of a run.</summary>
    /// <returns>What it says; null: there is none, or it cannot be read.</returns>
    public static RunRecord? Read(string folder)
    {
        string path = Path.Combine(folder, OutputDirectory.JournalName);
        if (!File.Exists(path))
            return null;
        try
        {
            RunRecord record = new();
            ReadOnlySpan<byte> rest = TensorFile.ReadBytes(path);
            while (!rest.IsEmpty)
            {
                int end = rest.IndexOf((byte)'\n');
                record.Add(end < 0 ? rest : rest[..end]);
                rest = end < 0 ? [] : rest[(end + 1)..];
            }

            return record.Beginning is null ? null : record;
        }
        catch (Exception e) when (e is EngineException or InvalidDataException)
        {
            return null;
        }
    }

    private void Add(ReadOnlySpan<byte> line)
    {
        try
        {
            Line? facts = JsonSerializer.Deserialize<Line>(line, Json.Options);
            switch (facts?.Event)
            {
                case RunJournal.StartEvent:
                    Beginning = JsonSerializer.Deserialize<RunBeginning>(line, Json.Options);
                    (Started, Ended, End) = (Started ?? facts.Time, null, null);
                    break;
                case RunJournal.WarningEvent when facts.Text is string text && !Warnings.Contains(text):
                    Warnings.Add(text);
                    break;
                case RunJournal.EndEvent:
                    (End, Ended) = (JsonSerializer.Deserialize<RunEnd>(line, Json.Options), facts.Time);
                    break;
            }
        }
        catch (Exception e) when (e is JsonException or NotSupportedException)
        {
            // Whatever it says, the other lines are still true.
        }
    }

    private sealed record Line(string? Event, DateTimeOffset Time, string? Text = null);
}
