using System.Buffers.Binary;
using System.Text.Json.Nodes;
using System.Text;
using Cifar10Ps.Formats;
using Cifar10Ps.Training;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

/// <summary>Models and checkpoints changed by a disk, by memory or in transfer.</summary>
public sealed class ContentHashTests : IDisposable
{
    private static readonly Lazy<byte[]> Model =
        new(() => Written(path => ModelFile.Save(new ImageClassifier(NewCheckpoint().Model), path)));
    private static readonly Lazy<byte[]> Checkpointed = new(() => Written(path => NewCheckpoint().Save(path)));

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string, string> FilesAndDamages =>
        [.. from file in new[] { "model", "checkpoint" }
            from damage in new[] { "cut by one byte", "cut by half", "one byte more",
                "zeros at the end", "zeros in the middle", "another digit" } select (file, damage)];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("model")]
    [InlineData("checkpoint")]
    public void Every_flipped_bit_is_noticed(string file)
    {
        byte[] content = [.. Content(file)];
        Read(file, content);
        // Anywhere, and everywhere at the start, with the header's length and the hash, and in the entry that announces the hash.
        Random random = new(1);
        int mark = content.AsSpan().IndexOf("\"cifar10ps_format\":"u8), header = 8 + (int)BinaryPrimitives.ReadInt64LittleEndian(content);
        IEnumerable<int> bits = Enumerable.Range(0, 1_000).Select(_ => random.Next(8 * content.Length))
            .Concat(Enumerable.Range(0, 8 * 120)).Concat(Enumerable.Range(8 * mark, 8 * 24))
            .Concat(Enumerable.Range(8 * (header - 8), 8 * 8));

        foreach (int bit in bits)
        {
            content[bit / 8] ^= (byte)(1 << bit % 8);
            Assert.True(Record.Exception(() => Read(file, content)) is EngineException, $"bit {bit}");
            content[bit / 8] ^= (byte)(1 << bit % 8);
        }
    }

    [Theory]
    [MemberData(nameof(FilesAndDamages))]
    public void Damage_is_noticed_and_called_so(string file, string damage)
    {
        byte[] content = Content(file), changed = damage switch
        {
            "cut by one byte" => content[..^1],
            "cut by half" => content[..(content.Length / 2)],
            "one byte more" => [.. content, 0],
            "zeros at the end" => [.. content[..^4096], .. new byte[4096]],
            "zeros in the middle" => [.. content[..100_000], .. new byte[512], .. content[100_512..]],
            _ => Encoding.Latin1.GetBytes(Encoding.Latin1.GetString(content).Replace(
                file == "model" ? "\"seed\":\"1\"" : "\\u0022step\\u0022:4",
                file == "model" ? "\"seed\":\"2\"" : "\\u0022step\\u0022:5", StringComparison.Ordinal)),
        };
        Assert.NotEqual(content, changed);

        EngineException error = AssertError("FileDamaged", () => Read(file, changed));

        Assert.Contains(_folder["file"], error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("model")]
    [InlineData("checkpoint")]
    public void A_file_without_a_hash_is_read_as_before(string file) => Read(file, Unsealed(Content(file)));

    [Fact]
    public void A_file_that_another_program_rewrote_is_read_once_the_entries_that_the_error_names_are_gone()
    {
        // As Python's safetensors does: the entries in another order, the values in place.
        byte[] content = Content("model");
        int length = (int)BinaryPrimitives.ReadInt64LittleEndian(content);
        JsonObject header = JsonNode.Parse(content.AsSpan(8, length))!.AsObject();
        JsonObject metadata = header["__metadata__"]!.AsObject();
        JsonObject reordered = [.. metadata.Reverse().Select(entry => KeyValuePair.Create(entry.Key, entry.Value?.DeepClone()))];
        header["__metadata__"] = reordered;

        string message = AssertError("FileDamaged", () => Read("model", Rewritten())).Message;
        foreach (string key in metadata.Select(entry => entry.Key)
            .Where(key => message.Contains($"'{key}'", StringComparison.Ordinal)).ToArray())
            reordered.Remove(key);

        Read("model", Rewritten());

        byte[] Rewritten()
        {
            byte[] json = Encoding.UTF8.GetBytes(header.ToJsonString()), start = new byte[8];
            BinaryPrimitives.WriteInt64LittleEndian(start, json.Length);
            return [.. start, .. json, .. content.AsSpan(8 + length)];
        }
    }

    [Theory]
    [InlineData("fc.bias", float.NaN)]
    [InlineData("bn1.running_var", float.PositiveInfinity)]
    [InlineData("optimizer.momentum.conv1.weight", float.NaN)]
    public void A_checkpoint_with_values_that_are_not_numbers_is_refused(string tensor, float value)
    {
        NewCheckpoint().Save(_folder["file"]);
        TensorFile file = Safetensors.Read(_folder["file"]);
        file.Tensors[tensor].Values[0] = value;
        Safetensors.Write(file, _folder["file"]);

        EngineException error = AssertError("InvalidCheckpoint", () => Checkpoint.Load(_folder["file"]));

        Assert.Contains(tensor, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_PyTorch_file_with_one_checksum_has_them_all()
    {
        byte[] content = Written(path => ModelFile.Export(RandomModel(), path, ModelFormat.PyTorch));
        // In the directory: the checksum of the first entry with values, which is damaged as well.
        int entry = content.AsSpan().LastIndexOf("archive/data/0"u8) - 46, values = content.AsSpan().IndexOf("archive/data/0"u8);
        content.AsSpan(entry + 16, 4).Clear();
        content[values + 200] ^= 1;

        AssertError("InvalidTorchFile", () => ModelFile.Load(_folder.Write("file", content)));
    }

    private void Read(string file, byte[] content)
    {
        string path = _folder.Write("file", content);
        if (file == "model")
            ModelFile.Load(path);
        else
            Checkpoint.Load(path);
    }

    private static byte[] Content(string file) => file == "model" ? Model.Value : Checkpointed.Value;

    private static byte[] Written(Action<string> write)
    {
        using TemporaryFolder folder = new();
        write(folder["file"]);
        return File.ReadAllBytes(folder["file"]);
    }
}
