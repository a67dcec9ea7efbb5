
using Cifar10Ps.Runtime;

namespace Cifar10Ps.Formats;

/// <summary>What a file of any format holds: tensors by name, and texts by key.</summary>
internal sealed class TensorFile
{
    /// <summary>Largest content that is read, also unpacked: what the largest network takes in double precision with an optimizer's moments.</summary>
    public const long SizeLimit = 1L << 26;

    /// <summary>The tensors, in the order of the file; values in PyTorch's order (row-major, last dimension fastest).</summary>
    public Dictionary<string, (int[] Shape, float[] Values)> Tensors { get; } = new(StringComparer.Ordinal);

    /// <summary>What the file says about itself.</summary>
    public Dictionary<string, string> Metadata { get; } = new(StringComparer.Ordinal);

    /// <summary>Names of what else the file has and no network needs: step counters, a training program's notes.</summary>
    public List<string> Skipped { get; } = [];

    /// <summary>Where in the file the tensors were found, in a sentence; null: they are all that there is.</summary>
    public string? Note { get; init; }

    /// <summary>The tensors of one network in the file, without a prefix that all of their names share.</summary>
    /// <param name="key">Which network, where there are several; null: the only one.</param>
    /// <exception cref="EngineException"><c>SeveralNetworks</c>, <c>NetworkNotFound</c>, <c>InvalidModel</c>.</exception>
    public TensorFile Choose(string? key)
    {
        Dictionary<string, int[]> shapes = Tensors.ToDictionary(tensor => tensor.Key, tensor => tensor.Value.Shape, StringComparer.Ordinal);
        if (NetworkSearch.Choose([new TensorGroup("", shapes, Skipped)], key) is not { } choice)
            return this;
        TensorFile chosen = new() { Note = choice.Note };
        foreach (string name in choice.Names)
            chosen.Tensors[name[choice.Prefix.Length..]] = Tensors[name];
        foreach ((string name, string text) in Metadata)
            chosen.Metadata[name] = text;
        chosen.Skipped.AddRange(choice.LeftOut);
        return chosen;
    }

    /// <summary>The bytes of a file.</summary>
    /// <exception cref="EngineException"><c>FileNotFound</c>, <c>NotARegularFile</c>, <c>ModelFileUnreadable</c>.</exception>
    /// <exception cref="InvalidDataException">It is too large.</exception>
    public static byte[] ReadBytes(string path)
    {
        try
        {
            using FileStream stream = RegularFile.OpenRead(path);
            if (stream.Length > SizeLimit)
                throw new InvalidDataException($"it has {stream.Length:N0} bytes, more than any model here");
            byte[] content = new byte[stream.Length];
            stream.ReadExactly(content);
            return content;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new EngineException("FileNotFound", ErrorKind.NotFound, $"There is no file '{path}'.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EngineException("ModelFileUnreadable", ErrorKind.ReadError, $"'{path}' cannot be read: {e.Message}", e);
        }
    }
}
