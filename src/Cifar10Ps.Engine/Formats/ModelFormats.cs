

using Cifar10Ps.Formats;

namespace Cifar10Ps;

/// <summary>The formats of model files.</summary>
public enum ModelFormat
{
    /// <summary>safetensors: this module's own, with everything that belongs to a model.</summary>
    Safetensors,

    /// <summary>A state dict of PyTorch: <c>.pth</c>, <c>.pt</c>, <c>.th</c>.</summary>
    PyTorch,

    /// <summary>An npz archive of Chainer: <c>.npz</c>, <c>.model</c>.</summary>
    Chainer,

    /// <summary>A graph that other runtimes execute: <c>.onnx</c>.</summary>
    Onnx,
}

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
        return Path.GetExtension(path).ToUpperInvariant() switch
        {
            ".SAFETENSORS" => ModelFormat.Safetensors,
            ".PTH" or ".PT" or ".TH" => ModelFormat.PyTorch,
            ".NPZ" or ".MODEL" => ModelFormat.Chainer,
            ".ONNX" => ModelFormat.Onnx,
            _ => null,
        };
    }

    /// <summary>Whether a file has the extension of a format other than safetensors, even one that this module does not write.</summary>
    public static bool IsForeignName(string path) =>
        OfName(path) is { } format ? format != ModelFormat.Safetensors : ForeignEndings.Contains(Path.GetExtension(path));

    /// <summary>The format of a file's content; null: none that can be read.</summary>
    internal static ModelFormat? OfContent(ReadOnlySpan<byte> content) =>
        Safetensors.IsSafetensors(content) ? ModelFormat.Safetensors
        : Npz.IsNpz(content) ? ModelFormat.Chainer
        : TorchFile.IsArchive(content) || TorchFile.IsLegacy(content) ? ModelFormat.PyTorch
        : OnnxReader.IsOnnx(content) ? ModelFormat.Onnx
        : null;

    /// <summary>Reads the tensors of one network from a file of any format.</summary>
    /// <param name="path">The file.</param>
    /// <param name="key">Which network, where there are several; null: the only one.</param>
    /// <exception cref="EngineException">
    /// <c>FileNotFound</c>, <c>NotARegularFile</c>, <c>ModelFileUnreadable</c>, <c>UnknownModelFormat</c>, <c>FileDamaged</c>,
    /// <c>InvalidSafetensors</c>, <c>InvalidTorchFile</c>, <c>InvalidNpz</c>, <c>InvalidOnnx</c>, <c>SeveralNetworks</c>,
    /// <c>NetworkNotFound</c>, <c>InvalidModel</c>, <c>InvalidPreprocessing</c>.
    /// </exception>
    /// <exception cref="InvalidDataException">It is too large.</exception>
    internal static (ModelFormat Format, TensorFile File) Read(string path, string? key = null)
    {
        byte[] content = TensorFile.ReadBytes(path, head => ZipContent.IsZip(head) || OfContent(head) is not null);
        ModelFormat format = OfContent(content) ?? throw new EngineException("UnknownModelFormat", ErrorKind.InvalidData,
            $"'{path}' is {ForeignContent.Describe(content)}. Supported formats: safetensors, a state dict that torch.save wrote (.pth), "
            + "an ONNX graph, a model or snapshot of the original Chainer program (.npz).");
        // A graph is one network, and has nothing to choose from.
        if (format == ModelFormat.Onnx && key is not null)
            throw new EngineException("NetworkNotFound", ErrorKind.InvalidArgument,
                $"has no network '{DisplayText.Name(key)}'. An ONNX graph is one network.");
        TensorFile file = format switch
        {
            ModelFormat.Safetensors => Safetensors.Read(content, path),
            ModelFormat.PyTorch => Parse(() => TorchFile.Parse(content, key), "InvalidTorchFile", "is not a usable PyTorch file"),
            ModelFormat.Onnx => Parse(() => OnnxTranslator.Translate(OnnxReader.Parse(content), content.Length),
                "InvalidOnnx", "is not a usable ONNX graph"),
            _ => Parse(() => ChainerFile.Parse(content), "InvalidNpz", "is not a model of the original Chainer program"),
        };
        // This module's own files hold one network under its own names, and an optimizer's tensors.
        bool isOwn = key is null && (file.Metadata.ContainsKey(ModelFile.NetworkKey) || file.Metadata.ContainsKey(ModelFile.OptionsKey));
        return (format, isOwn || format is ModelFormat.PyTorch or ModelFormat.Onnx ? file : file.Choose(key));

        TensorFile Parse(Func<TensorFile> parse, string errorId, string what)
        {
            try
            {
                return parse();
            }
            catch (InvalidDataException e)
            {
                throw new EngineException(errorId, ErrorKind.InvalidData, $"'{path}' {what}: {e.Message}.", e);
            }
        }
    }
}
