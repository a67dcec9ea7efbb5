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

/// <summary>Tells the formats of model files apart: what there is by its content, what is to be by its name.</summary>
public static class ModelFormats
{
    /// <summary>The format that the ending of a file's name stands for; null: none.</summary>
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

    /// <summary>The format of a file's content; null: none that can be read.</summary>
    internal static ModelFormat? OfContent(ReadOnlySpan<byte> content) =>
        Safetensors.IsSafetensors(content) ? ModelFormat.Safetensors
        : Npz.IsNpz(content) ? ModelFormat.Chainer
        : TorchFile.IsArchive(content) || TorchFile.IsLegacy(content) ? ModelFormat.PyTorch
        : null;

    /// <summary>Reads a file of any format.</summary>
    /// <exception cref="EngineException">
    /// <c>FileNotFound</c>, <c>NotARegularFile</c>, <c>ModelFileUnreadable</c>, <c>UnknownModelFormat</c>, <c>FileDamaged</c>, <c>InvalidSafetensors</c>,
    /// <c>InvalidTorchFile</c>, <c>InvalidNpz</c>.
    /// </exception>
    /// <exception cref="InvalidDataException">It is too large.</exception>
    internal static (ModelFormat Format, TensorFile File) Read(string path)
    {
        byte[] content = TensorFile.ReadBytes(path);
        return OfContent(content) switch
        {
            ModelFormat.Safetensors => (ModelFormat.Safetensors, Safetensors.Read(content, path)),
            ModelFormat.PyTorch => (ModelFormat.PyTorch, Parse(() => TorchFile.Parse(content), "InvalidTorchFile", "is no PyTorch file that can be used")),
            ModelFormat.Chainer => (ModelFormat.Chainer, Parse(() => ChainerFile.Parse(content), "InvalidNpz", "is no model of the original Chainer program")),
            _ => throw new EngineException("UnknownModelFormat", ErrorKind.InvalidData,
                $"'{path}' is in no format that can be read. Give a safetensors file, a state dict that torch.save wrote (.pth), or a model or snapshot of the original Chainer program (.npz). ONNX graphs are only written."),
        };

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
