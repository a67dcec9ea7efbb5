using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using Cifar10Ps.Runtime;

namespace Cifar10Ps.Formats;

/// <summary>
/// Reads and writes safetensors: an 8-byte little-endian header length, a JSON header with each tensor's type, shape and
/// place, then the values. Nothing in such a file is ever run.
/// </summary>
/// <remarks>Format: <c>https://github.com/huggingface/safetensors#format</c>.</remarks>
internal static class Safetensors
{
    private const string MetadataKey = "__metadata__";

    // That of the format's own library. A report of an epoch takes some 400 bytes of a checkpoint's header.
    private const long HeaderLimit = 100_000_000;
    private const int MostDimensions = 64;

    /// <summary>Whether bytes begin like a safetensors file: the header follows its length, whose highest bytes are zero,
    /// and is an object.</summary>
    public static bool IsSafetensors(ReadOnlySpan<byte> content) => content is [_, _, _, _, _, 0, 0, 0, (byte)'{', ..];

    /// <summary>Reads a file. Tensors of type F64, F32, F16 or BF16 become float; integers (a step counter, say) are left out.</summary>
    /// <exception cref="EngineException">
    /// <c>FileNotFound</c>, <c>NotARegularFile</c>, <c>ModelFileUnreadable</c>, <c>FileDamaged</c>, <c>InvalidSafetensors</c>.
    /// </exception>
    public static TensorFile Read(string path)
    {
        try
        {
            return Read(TensorFile.ReadBytes(path), path);
        }
        catch (InvalidDataException e)
        {
            throw Invalid(path, e);
        }
    }

    /// <summary>Parses the content of a file.</summary>
    /// <exception cref="EngineException"><c>FileDamaged</c>, <c>InvalidSafetensors</c>.</exception>
    internal static TensorFile Read(ReadOnlySpan<byte> content, string path)
    {
        ContentHash.Require(content, path);
        try
        {
            return Parse(content);
        }
        catch (InvalidDataException e)
        {
            throw Invalid(path, e);
        }
    }

    /// <summary>Writes a file, all tensors as F32, with a <see cref="ContentHash"/>.</summary>
    /// <exception cref="EngineException"><c>NotARegularFile</c>, <c>FileNotWritable</c>.</exception>
    public static void Write(TensorFile file, string path) => AtomicFile.Write(path, stream =>
    {
        byte[] head = Head(file);
        ContentHash.Seal(head, file.Tensors.Values.Select(tensor => tensor.Values));
        stream.Write(head);
        foreach ((_, (_, float[] values)) in file.Tensors)
            stream.Write(MemoryMarshal.AsBytes(values.AsSpan()));
    });

    /// <summary>The length of the header and the header.</summary>
    private static byte[] Head(TensorFile file)
    {
        using MemoryStream header = new();
        header.Write(new byte[8]);
        using (Utf8JsonWriter json = new(header))
        {
            json.WriteStartObject();
            json.WriteStartObject(MetadataKey);
            json.WriteString(ContentHash.Key, ContentHash.Placeholder);
            foreach ((string key, string value) in file.Metadata)
                json.WriteString(key, value);
            json.WriteString(ContentHash.FormatKey, "1");
            json.WriteEndObject();
            long offset = 0;
            foreach ((string name, (int[] shape, float[] values)) in file.Tensors)
            {
                json.WriteStartObject(name);
                json.WriteString("dtype", "F32");
                json.WriteStartArray("shape");
                foreach (int size in shape)
                    json.WriteNumberValue(size);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                json.WriteNumberValue(offset += 4L * values.Length);
                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        // Spaces up to a multiple of eight keep the values aligned.
        while (header.Length % 8 != 0)
            header.WriteByte((byte)' ');
        byte[] head = header.ToArray();
        BinaryPrimitives.WriteInt64LittleEndian(head, head.Length - 8);
        return head;
    }

    /// <summary>Parses the bytes of a file.</summary>
    /// <exception cref="InvalidDataException">They are not a safetensors file; the message says why.</exception>
    internal static TensorFile Parse(ReadOnlySpan<byte> content)
    {
        if (content.Length < 8)
            throw Invalid("it is shorter than its own length field");
        ulong headerLength = BinaryPrimitives.ReadUInt64LittleEndian(content);
        if (headerLength > (ulong)Math.Min(HeaderLimit, content.Length - 8))
            throw Invalid($"it claims a header of {headerLength:N0} bytes, more than there are or any supported model needs");
        ReadOnlySpan<byte> values = content[(8 + (int)headerLength)..];
        try
        {
            TensorFile file = new();
            long used = 0;
            Utf8JsonReader reader = new(content.Slice(8, (int)headerLength));
            using JsonDocument header = JsonDocument.ParseValue(ref reader);
            foreach (JsonProperty entry in header.RootElement.EnumerateObject())
            {
                if (entry.NameEquals(MetadataKey))
                    foreach (JsonProperty pair in entry.Value.EnumerateObject())
                    {
                        if (pair.Name is not (ContentHash.Key or ContentHash.FormatKey))
                            file.Metadata[pair.Name] = pair.Value.GetString() ?? "";
                    }
                else if (ReadTensor(entry, values, ref used) is not { } tensor)
                    file.Skipped.Add(entry.Name);
                else if (!file.Tensors.TryAdd(entry.Name, tensor))
                    throw Invalid($"it has two tensors '{DisplayText.Name(entry.Name)}'");
            }

            return file;
        }
        catch (Exception e)
            when (e is JsonException or InvalidOperationException or FormatException or KeyNotFoundException or ArgumentException)
        {
            throw new InvalidDataException($"its header cannot be understood ({e.Message.TrimEnd('.')})", e);
        }
    }

    private static (int[] Shape, float[] Values)? ReadTensor(JsonProperty entry, ReadOnlySpan<byte> values, ref long used)
    {
        string type = entry.Value.GetProperty("dtype").GetString() ?? "";
        int size = ElementType.SizeOf(type);
        if (size == 0)
            throw Invalid($"tensor '{DisplayText.Name(entry.Name)}' has the type '{type}', which is unknown");
        JsonElement sizes = entry.Value.GetProperty("shape");
        if (sizes.GetArrayLength() > MostDimensions)
            throw Invalid($"tensor '{DisplayText.Name(entry.Name)}' has more than {MostDimensions} dimensions");
        int[] shape = [.. sizes.EnumerateArray().Select(s => s.GetInt32())];
        long[] place = [.. entry.Value.GetProperty("data_offsets").EnumerateArray().Select(o => o.GetInt64())];
        // The bytes that are there bound every product below, so that nothing can overflow or be allocated needlessly.
        long count = 1;
        foreach (int length in shape)
        {
            if (length < 0 || (count *= length) > values.Length)
                throw Invalid($"tensor '{DisplayText.Name(entry.Name)}' claims a shape that the file has no values for");
        }

        if (place.Length != 2 || place[0] < 0 || place[1] > values.Length || place[1] - place[0] != count * size)
            throw Invalid($"tensor '{DisplayText.Name(entry.Name)}' claims values outside the file, or not as many as its shape needs");
        if ((used += count * size) > values.Length)
            throw Invalid($"tensor '{DisplayText.Name(entry.Name)}' shares its values with another");
        return ElementType.IsFloat(type) ? (shape, ElementType.ToSingles(type, values.Slice((int)place[0], (int)(count * size)))) : null;
    }

    private static InvalidDataException Invalid(string why) => new(why);

    private static EngineException Invalid(string path, InvalidDataException cause) =>
        new("InvalidSafetensors", ErrorKind.InvalidData, $"'{path}' is not a complete safetensors file: {cause.Message}.", cause);
}
