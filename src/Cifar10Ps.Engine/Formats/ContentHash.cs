using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace Cifar10Ps.Formats;

/// <summary>
/// The SHA-256 of a safetensors file that this module wrote, in the file itself: over all of its bytes, with the digits of the hash itself
/// taken as zeros. It is the first entry of the metadata, so its position does not depend on data that may be damaged. An ONNX graph, which
/// other programs save again without changing what it says, has hashes of its metadata and of its weights.
/// </summary>
internal static class ContentHash
{
    /// <summary>Keys in the metadata: the hash, and the format of the file, which implies that there has to be a hash.</summary>
    public const string Key = "cifar10ps_sha256", FormatKey = "cifar10ps_format";

    /// <summary>Key in the metadata of an ONNX graph: the hash of the weights, in the order of the network's tensors.</summary>
    public const string WeightsKey = "weights_sha256";

    /// <summary>The hash before it is known.</summary>
    public static readonly string Placeholder = new('0', 2 * SHA256.HashSizeInBytes);

    // The length of the header comes first.
    private const int PrefixStart = 8;

    /// <summary>Inserts the hash into the beginning of a file.</summary>
    /// <param name="head">Everything before the values, with <see cref="Placeholder"/> in the place of the hash.</param>
    /// <param name="values">The values, tensor by tensor.</param>
    public static void Seal(Span<byte> head, IEnumerable<float[]> values)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(head);
        foreach (float[] tensor in values)
            hash.AppendData(MemoryMarshal.AsBytes(tensor.AsSpan()));
        Encoding.ASCII.GetBytes(Convert.ToHexStringLower(hash.GetHashAndReset())).CopyTo(head[(PrefixStart + Prefix.Length)..]);
    }

    /// <summary>Whether a file of this module has changed since it was written; always false for a file without hash and format.</summary>
    public static bool IsDamaged(ReadOnlySpan<byte> content)
    {
        int start = PrefixStart + Prefix.Length, end = start + Placeholder.Length;
        // Either of the two keys may be damaged.
        if (content.Length < end || !content[PrefixStart..].StartsWith(Prefix))
            return content.IndexOf(Mark) >= 0;
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(content[..start]);
        hash.AppendData(Encoding.ASCII.GetBytes(Placeholder));
        hash.AppendData(content[end..]);
        return !content[start..end].SequenceEqual(Encoding.ASCII.GetBytes(Convert.ToHexStringLower(hash.GetHashAndReset())));
    }

    /// <summary>Refuses a damaged file.</summary>
    /// <exception cref="EngineException"><c>FileDamaged</c>.</exception>
    public static void Require(ReadOnlySpan<byte> content, string path)
    {
        if (IsDamaged(content))
            throw Damaged(path, $"'{Key}' and '{FormatKey}'");
    }

    /// <summary>The hash of texts, each with its key, in their order.</summary>
    public static string Of(IEnumerable<KeyValuePair<string, string>> texts) => Convert.ToHexStringLower(
        SHA256.HashData(Encoding.UTF8.GetBytes(string.Concat(texts.Select(pair => $"{pair.Key}\0{pair.Value}\0")))));

    /// <summary>The hash of values, tensor by tensor.</summary>
    public static string Of(IEnumerable<float[]> values)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (float[] tensor in values)
            hash.AppendData(MemoryMarshal.AsBytes(tensor.AsSpan()));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Refuses a file whose metadata have a hash that is not the given one.</summary>
    /// <exception cref="EngineException"><c>FileDamaged</c>.</exception>
    public static void Require(IReadOnlyDictionary<string, string> metadata, string key, Func<string> hash, string path)
    {
        if (metadata.TryGetValue(key, out string? expected) && expected != hash())
            throw Damaged(path, $"'{key}'");
    }

    private static EngineException Damaged(string path, string keys) => new("FileDamaged", ErrorKind.InvalidData,
        $"'{path}' is damaged: its content does not match its SHA-256. Use a copy or an older file. "
        + $"If another program has rewritten it, remove {keys} from its metadata.");

    private static ReadOnlySpan<byte> Prefix => "{\"__metadata__\":{\"cifar10ps_sha256\":\""u8;

    private static ReadOnlySpan<byte> Mark => "\"cifar10ps_format\":"u8;
}
