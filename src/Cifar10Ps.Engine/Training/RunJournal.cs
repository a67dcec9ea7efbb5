using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Cifar10Ps.Runtime;

namespace Cifar10Ps.Training;

/// <summary>
/// The file <c>run.jsonl</c> of a run: what happened, as lines of JSON, each with <c>event</c> and <c>time</c>. Each time that the run
/// begins or is resumed: <c>start</c>, with all that is needed to repeat it, <c>warning</c>s, <c>epoch</c>s, and <c>end</c>, which says how
/// it ended; without an <c>end</c> the process was killed.
/// </summary>
/// <param name="path">The file.</param>
/// <param name="check">Called before each line; throws if the folder is no longer the run's.</param>
internal sealed class RunJournal(string path, Action check)
{
    /// <summary>Values of <c>event</c>.</summary>
    public const string StartEvent = "start", WarningEvent = "warning", EpochEvent = "epoch", EndEvent = "end";

    private Exception? _error;
    private Action? _start;

    /// <summary>Appends the beginning of a run.</summary>
    /// <exception cref="EngineException"><c>NotARegularFile</c>, <c>FileNotWritable</c>.</exception>
    public void Start(RunBeginning beginning, IEnumerable<string> warnings)
    {
        AppendedFile.RemoveHalfLine(path);
        _start = () =>
        {
            Write(StartEvent, beginning);
            foreach (string warning in warnings)
                Write(WarningEvent, new { Text = warning });
        };
        check();
        _start();
    }

    /// <summary>Appends what becomes of a run while its epochs are enumerated, once it has started.</summary>
    /// <param name="epochs">The epochs.</param>
    /// <param name="end">How the run ended, given the error that ended it, if one did.</param>
    /// <exception cref="EngineException"><c>NotARegularFile</c>, <c>FileNotWritable</c>.</exception>
    public IEnumerable<EpochReport> Watch(IEnumerable<EpochReport> epochs, Func<Exception?, RunEnd> end)
    {
        IEnumerator<EpochReport> enumerator = epochs.GetEnumerator();
        try
        {
            while (MoveNext(enumerator))
                yield return enumerator.Current;
        }
        finally
        {
            try
            {
                Leave(enumerator);
            }
            finally
            {
                if (_start is not null)
                    AppendEnd(end(_error));
            }
        }
    }

    /// <summary>For those who need no more than the last report, the run ends here.</summary>
    private void Leave(IEnumerator<EpochReport> epochs)
    {
        try
        {
            epochs.Dispose();
        }
        catch (Exception e)
        {
            _error ??= e;
            throw;
        }
    }

    private bool MoveNext(IEnumerator<EpochReport> epochs)
    {
        try
        {
            if (!epochs.MoveNext())
                return false;
            Append(EpochEvent, epochs.Current);
            return true;
        }
        catch (Exception e)
        {
            _error = e;
            throw;
        }
    }

    private void AppendEnd(RunEnd end)
    {
        try
        {
            Append(EndEvent, end);
        }
        catch (EngineException)
        {
            // The disk may be full, which ended the run: that is the error to show.
        }
    }

    private void Append(string name, object facts)
    {
        check();
        // The folder was removed: how the run began has to be told again.
        if (!File.Exists(path))
            _start?.Invoke();
        Write(name, facts);
    }

    private void Write(string name, object facts)
    {
        JsonObject line = new()
        {
            ["event"] = name,
            ["time"] = DateTimeOffset.UtcNow.ToString("yyyy-MM-ddTHH:mm:ss.fff'Z'", CultureInfo.InvariantCulture),
        };
        foreach ((string key, JsonNode? value) in JsonSerializer.SerializeToNode(facts, Json.Options)!.AsObject().ToArray())
            line[key] = value?.DeepClone();
        AppendedFile.Append(path, [.. JsonSerializer.SerializeToUtf8Bytes(line, Json.Options), (byte)'\n']);
    }
}
