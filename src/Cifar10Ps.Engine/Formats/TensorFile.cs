

using Cifar10Ps.Networks;
using Cifar10Ps.Runtime;

namespace Cifar10Ps.Formats;

/// <summary>What a file of any format holds: tensors by name, and texts by key.</summary>
internal sealed class TensorFile
{
    // Limit of what small files may unpack to: a ResNet-110 in double precision with an optimizer's moments.
    private const long SmallContent = 1L << 26;

    // The beginning is enough to identify the format.
    private const int HeadLength = 1 << 16;

    /// <summary>Largest file that is read: what one array can hold.</summary>
    public static readonly long SizeLimit = Array.MaxLength;

    /// <summary>How much a file may unpack to: more than its length only if it is small, so that memory use is bounded.</summary>
    /// <param name="length">Length of the file.</param>
    public static long UnpackedLimit(long length) => Math.Clamp(2 * length, SmallContent, SizeLimit);

    /// <summary>The tensors, in the order of the file; values in PyTorch's order (row-major, last dimension fastest).</summary>
    public Dictionary<string, (int[] Shape, float[] Values)> Tensors { get; } = new(StringComparer.Ordinal);

    /// <summary>What the file says about itself.</summary>
    public Dictionary<string, string> Metadata { get; } = new(StringComparer.Ordinal);

    /// <summary>Names of other content that a network does not need: step counters, a training program's notes.</summary>
    public List<string> Skipped { get; } = [];

    /// <summary>Size of the images that the network takes; null: the file does not say.</summary>
    public Extent? ImageSize { get; init; }

    /// <summary>What was found where, or left out, in a sentence; null: the tensors are all that there is.</summary>
    public string? Note { get; set; }

    /// <summary>The tensors of one network in the file, without a prefix that all of their names share.</summary>
    /// <param name="key">Which network, if there are several; null: the only one.</param>
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

    /// <summary>The bytes of a file; only the beginning of a large one that is not wanted.</summary>
    /// <param name="path">The file.</param>
    /// <param name="isWanted">Whether a large file with this beginning is read; null: always.</param>
    /// <exception cref="EngineException"><c>FileNotFound</c>, <c>NotARegularFile</c>, <c>ModelFileUnreadable</c>.</exception>
    /// <exception cref="InvalidDataException">It is too large.</exception>
    public static byte[] ReadBytes(string path, Func<byte[], bool>? isWanted = null)
    {
        try
        {
            using FileStream stream = RegularFile.OpenRead(path);
            if (stream.Length > SizeLimit)
                throw new InvalidDataException($"it has {stream.Length:N0} bytes, more than any supported model");
            if (stream.Length > SmallContent && isWanted is not null)
            {
                byte[] head = new byte[HeadLength];
                stream.ReadExactly(head);
                if (!isWanted(head))
                    return head;
                stream.Position = 0;
            }

            byte[] content = new byte[stream.Length];
            stream.ReadExactly(content);
            return content;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new EngineException("FileNotFound", ErrorKind.NotFound, $"There is no file '{path}'.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or OutOfMemoryException)
        {
            throw new EngineException("ModelFileUnreadable", ErrorKind.ReadError, $"'{path}' cannot be read: {e.Message}", e);
        }
    }
}
