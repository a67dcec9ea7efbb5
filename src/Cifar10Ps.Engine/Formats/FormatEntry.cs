using Cifar10Ps.Models;

namespace Cifar10Ps.Formats;

/// <summary>A format of model files. A format is a file of its own and an entry of <see cref="All"/>.</summary>
internal sealed record FormatEntry
{
    /// <summary>The formats, in the order in which a file's content is tried.</summary>
    public static readonly IReadOnlyList<FormatEntry> All =
    [
        new()
        {
            Format = ModelFormat.Safetensors,
            Endings = [".safetensors"],
            IsContent = Safetensors.IsSafetensors,
            Read = (content, path, _) => Safetensors.Read(content, path),
            Write = (_, file, path, _) => Safetensors.Write(file, path),
            ErrorId = "InvalidSafetensors",
            Problem = "is not a complete safetensors file",
        },
        new()
        {
            Format = ModelFormat.Chainer,
            Endings = [".npz", ".model"],
            IsContent = Npz.IsNpz,
            Read = (content, _, _) => ChainerFile.Parse(content),
            Write = (model, _, path, _) => ChainerFile.Write(model, path),
            ErrorId = "InvalidNpz",
            Problem = "is not a model of the original Chainer program",
        },
        new()
        {
            Format = ModelFormat.PyTorch,
            Endings = [".pth", ".pt", ".th"],
            IsContent = content => TorchFile.IsArchive(content) || TorchFile.IsLegacy(content),
            Read = (content, _, key) => TorchFile.Parse(content, key),
            Write = (_, file, path, _) => TorchFile.Write(file, path),
            ErrorId = "InvalidTorchFile",
            Problem = "is not a usable PyTorch file",
            ChoosesItself = true,
        },
        new()
        {
            Format = ModelFormat.Onnx,
            Endings = [".onnx"],
            IsContent = OnnxReader.IsOnnx,
            Read = OnnxTranslator.Read,
            Write = (model, _, path, includePreprocessing) => OnnxFile.Write(model, path, includePreprocessing),
            ErrorId = "InvalidOnnx",
            Problem = "is not a usable ONNX graph",
            ChoosesItself = true,
            HoldsPreprocessing = true,
        },
    ];

    /// <summary>The format.</summary>
    public required ModelFormat Format { get; init; }

    /// <summary>Endings of the names of its files.</summary>
    public required string[] Endings { get; init; }

    /// <summary>Whether bytes begin like a file of it.</summary>
    public required ContentTest IsContent { get; init; }

    /// <summary>Reads the tensors of a file: its content, its path for errors, and which network is wanted (null: the only one).</summary>
    public required Func<byte[], string, string?, TensorFile> Read { get; init; }

    /// <summary>Writes a model: as it is and as tensors, to a path, with or without its preprocessing.</summary>
    public required Action<ModelSnapshot, TensorFile, string, bool> Write { get; init; }

    /// <summary>Id of the error about a file that is damaged.</summary>
    public required string ErrorId { get; init; }

    /// <summary>What that error says of the file.</summary>
    public required string Problem { get; init; }

    /// <summary>Whether its reader finds the network among several itself.</summary>
    public bool ChoosesItself { get; init; }

    /// <summary>Whether it can hold the operations of a preprocessing.</summary>
    public bool HoldsPreprocessing { get; init; }

    /// <summary>The entry of a format.</summary>
    public static FormatEntry Of(ModelFormat format) => All.First(entry => entry.Format == format);
}

/// <summary>Whether bytes begin like a file of a format.</summary>
internal delegate bool ContentTest(ReadOnlySpan<byte> content);
