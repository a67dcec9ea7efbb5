using Cifar10Ps.Formats;

namespace Cifar10Ps;

/// <summary>Determines the format of model files: of existing ones by content, of new ones by name.</summary>
public static class ModelFormats
{
    private static readonly HashSet<string> ForeignEndings = new(StringComparer.OrdinalIgnoreCase)
    {
        ".bin", ".ckpt", ".gguf", ".h5", ".hdf5", ".json", ".keras", ".msgpack", ".npy", ".pb", ".pickle", ".pkl", ".t7",
        ".tar", ".tflite", ".zip",
    };

    /// <summary>The format that a file's extension stands for; null: none.</summary>
    public static ModelFormat? OfName(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        string ending = Path.GetExtension(path);
        return FormatEntry.All.FirstOrDefault(entry => entry.Endings.Contains(ending, StringComparer.OrdinalIgnoreCase))?.Format;
    }

    /// <summary>Whether a file has the extension of a format other than safetensors, even one that this module does not write.</summary>
    public static bool IsForeignName(string path) =>
        OfName(path) is { } format ? format != ModelFormat.Safetensors : ForeignEndings.Contains(Path.GetExtension(path));

    /// <summary>The format of a file's content; null: none that can be read.</summary>
    internal static ModelFormat? OfContent(ReadOnlySpan<byte> content) => EntryOf(content)?.Format;

    /// <summary>Reads the tensors of one network from a file of any format.</summary>
    /// <param name="path">The file.</param>
    /// <param name="key">Which network, if there are several; null: the only one.</param>
    /// <exception cref="EngineException">
    /// <c>FileNotFound</c>, <c>NotARegularFile</c>, <c>ModelFileUnreadable</c>, <c>UnknownModelFormat</c>, <c>FileDamaged</c>,
    /// <c>InvalidSafetensors</c>, <c>InvalidTorchFile</c>, <c>InvalidNpz</c>, <c>InvalidOnnx</c>, <c>SeveralNetworks</c>,
    /// <c>NetworkNotFound</c>, <c>InvalidModel</c>, <c>InvalidPreprocessing</c>.
    /// </exception>
    /// <exception cref="InvalidDataException">It is too large.</exception>
    internal static (ModelFormat Format, TensorFile File) Read(string path, string? key = null)
    {
        byte[] content = TensorFile.ReadBytes(path, head => ZipContent.IsZip(head) || OfContent(head) is not null);
        FormatEntry entry = EntryOf(content) ?? throw new EngineException("UnknownModelFormat", ErrorKind.InvalidData,
            $"'{path}' is {ForeignContent.Describe(content)}. Supported formats: safetensors, a state dict that torch.save wrote (.pth), "
            + "an ONNX graph, a model or snapshot of the original Chainer program (.npz).");
        TensorFile file;
        try
        {
            file = entry.Read(content, path, key);
        }
        catch (InvalidDataException e)
        {
            throw new EngineException(entry.ErrorId, ErrorKind.InvalidData, $"'{path}' {entry.Problem}: {e.Message.TrimEnd('.')}.", e);
        }

        // This module's own files hold one network under its own names, and an optimizer's tensors.
        bool isOwn = entry.Format == ModelFormat.Safetensors ? ModelFile.RemoveForeign(file.Metadata)
            : file.Metadata.ContainsKey(ModelFile.NetworkKey) || file.Metadata.ContainsKey(ModelFile.OptionsKey);
        return (entry.Format, (isOwn && key is null) || entry.ChoosesItself ? file : file.Choose(key));
    }

    private static FormatEntry? EntryOf(ReadOnlySpan<byte> content)
    {
        foreach (FormatEntry entry in FormatEntry.All)
            if (entry.IsContent(content))
                return entry;
        return null;
    }
}
