using System.Buffers.Binary;
using System.Text.Json;
using System.Text;
using Cifar10Ps.Formats;
using static Cifar10Ps.Tests.TestSupport;

namespace Cifar10Ps.Tests;

public sealed class SafetensorsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_is_written_is_read_to_the_last_bit()
    {
        TensorFile file = Example();
        Safetensors.Write(file, _folder["file"]);

        TensorFile read = Safetensors.Read(_folder["file"]);

        Assert.Equal(file.Metadata, read.Metadata);
        Assert.Equal(file.Tensors.Keys, read.Tensors.Keys);
        foreach (string name in file.Tensors.Keys)
        {
            Assert.Equal(file.Tensors[name].Shape, read.Tensors[name].Shape);
            Assert.Equal(Bits(file.Tensors[name].Values), Bits(read.Tensors[name].Values));
        }
    }

    [Fact]
    public void The_layout_is_that_of_the_specification()
    {
        Safetensors.Write(Example(), _folder["file"]);
        byte[] content = File.ReadAllBytes(_folder["file"]);

        int headerLength = (int)BinaryPrimitives.ReadUInt64LittleEndian(content);
        using JsonDocument header = JsonDocument.Parse(content.AsMemory(8, headerLength));
        ReadOnlySpan<byte> values = content.AsSpan(8 + headerLength);

        Assert.Equal((byte)'{', content[8]);
        Assert.Equal("ü \" \\ \n", header.RootElement.GetProperty("__metadata__").GetProperty("key").GetString());
        JsonElement matrix = header.RootElement.GetProperty("matrix");
        Assert.Equal("F32", matrix.GetProperty("dtype").GetString());
        Assert.Equal([2, 3], matrix.GetProperty("shape").EnumerateArray().Select(s => s.GetInt32()));
        int[] place = [.. matrix.GetProperty("data_offsets").EnumerateArray().Select(o => o.GetInt32())];
        Assert.Equal(24, place[1] - place[0]);
        Assert.Equal(3.5f, BinaryPrimitives.ReadSingleLittleEndian(values[(place[0] + 4 * 5)..]));

        // The offsets follow one another without gaps, up to the end.
        int end = 0;
        foreach (JsonProperty tensor in header.RootElement.EnumerateObject().Where(p => p.Name != "__metadata__"))
        {
            Assert.Equal(end, tensor.Value.GetProperty("data_offsets")[0].GetInt32());
            end = tensor.Value.GetProperty("data_offsets")[1].GetInt32();
        }

        Assert.Equal(values.Length, end);
    }

    [Fact]
    public void Values_are_aligned_whatever_the_length_of_the_header()
    {
        for (int length = 0; length < 8; length++)
        {
            Safetensors.Write(new TensorFile { Metadata = { ["key"] = new string('x', length) } }, _folder["file"]);
            Assert.Equal(0, new FileInfo(_folder["file"]).Length % 8);
        }
    }

    [Theory]
    [InlineData("F16", new byte[] { 0x00, 0x3c, 0x00, 0xc0, 0xff, 0x7b, 0x01, 0x00, 0x00, 0x7c },
        new[] { 1f, -2, 65_504, 5.9604645e-8f, float.PositiveInfinity })]
    [InlineData("BF16", new byte[] { 0x80, 0x3f, 0x49, 0xc0, 0x7f, 0x7f, 0x80, 0xff },
        new[] { 1f, -3.140625f, 3.3895314e38f, float.NegativeInfinity })]
    [InlineData("F64", new byte[] { 0x9a, 0x99, 0x99, 0x99, 0x99, 0x99, 0xb9, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0x80 }, new[] { 0.1f, -0f })]
    [InlineData("F32", new byte[] { 0, 0, 0x80, 0x3f }, new[] { 1f })]
    public void Other_types_become_single_precision(string type, byte[] values, float[] expected)
    {
        TensorFile file = Safetensors.Parse(
            Content($$$"""{"t":{"dtype":"{{{type}}}","shape":[{{{expected.Length}}}],"data_offsets":[0,{{{values.Length}}}]}}""", values));

        Assert.Equal(Bits(expected), Bits(file.Tensors["t"].Values));
    }

    [Fact]
    public void Integers_such_as_step_counters_are_left_out() =>
        Assert.Equal(["t"], Safetensors.Parse(Content(
            """{"steps":{"dtype":"I64","shape":[],"data_offsets":[0,8]},"t":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}""",
            new byte[12])).Tensors.Keys);

    [Theory]
    [InlineData("", "header")]
    [InlineData("{", "header")]
    [InlineData("no json", "header")]
    [InlineData("[]", "header")]
    [InlineData("""{"t":3}""", "header")]
    [InlineData("""{"t":{}}""", "header")]
    [InlineData("""{"t":{"dtype":4,"shape":[2],"data_offsets":[0,8]}}""", "header")]
    [InlineData("""{"t":{"dtype":"F32","shape":2,"data_offsets":[0,8]}}""", "header")]
    [InlineData("""{"t":{"dtype":"F32","shape":[2.5],"data_offsets":[0,8]}}""", "header")]
    [InlineData("""{"t":{"dtype":"F32","shape":["2"],"data_offsets":[0,8]}}""", "header")]
    [InlineData("""{"t":{"dtype":"F4","shape":[16],"data_offsets":[0,8]}}""", "'F4'")]
    [InlineData("""{"t":{"dtype":null,"shape":[1],"data_offsets":[0,8]}}""", "'t'")]
    [InlineData("""{"t":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", "'t'")]
    [InlineData("""{"t":{"dtype":"F32","shape":[-1,-2],"data_offsets":[0,8]}}""", "'t'")]
    [InlineData("""{"t":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", "'t'")]
    [InlineData("""{"t":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}}""", "'t'")]
    [InlineData("""{"t":{"dtype":"F32","shape":[65536,65536,65536,65536],"data_offsets":[0,0]}}""", "'t'")]
    [InlineData("""{"t":{"dtype":"F32","shape":[2147483647,2147483647],"data_offsets":[0,4]}}""", "'t'")]
    [InlineData("""{"t":{"dtype":"F32","shape":[4294967296],"data_offsets":[0,0]}}""", "header")]
    [InlineData("""{"t":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", "'t'")]
    [InlineData("""{"t":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}""", "'t'")]
    [InlineData("""{"t":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", "'t'")]
    [InlineData("""{"t":{"dtype":"F32","shape":[2],"data_offsets":[0]}}""", "'t'")]
    [InlineData("""{"t":{"dtype":"F32","shape":[2],"data_offsets":[9223372036854775807,-9223372036854775801]}}""", "header")]
    [InlineData("""{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,99999999999999999999]}}""", "header")]
    [InlineData("""{"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"t":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""",
        "two tensors 't'")]
    [InlineData("""{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"u":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""",
        "")] // the same bytes twice: a small file could fill the memory
    [InlineData("""{"__metadata__":{"key":3}}""", "header")]
    [InlineData("""{"__metadata__":["key"]}""", "header")]
    [InlineData("""{"\ud800":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "header")]
    public void A_header_that_lies_is_refused(string header, string because)
    {
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => Safetensors.Parse(Content(header, new byte[8])));

        Assert.Contains(because, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(3UL)]
    [InlineData(1_000_000UL)]
    [InlineData(100_000_001UL)]
    [InlineData(0x8000_0000_0000_0000)]
    [InlineData(ulong.MaxValue)]
    public void A_header_length_that_lies_is_refused(ulong length)
    {
        byte[] content = Content("{}", []);
        BinaryPrimitives.WriteUInt64LittleEndian(content, length);

        Assert.Throws<InvalidDataException>(() => Safetensors.Parse(content));
    }

    /// <summary>A checkpoint has the reports of all epochs in it.</summary>
    [Fact]
    public void What_a_run_of_thirty_thousand_epochs_writes_is_read()
    {
        TensorFile file = new();
        file.Metadata["run"] = string.Concat(Enumerable.Repeat("\"epoch\":1,", 1_000_000));
        Safetensors.Write(file, _folder["long"]);

        Assert.InRange(new FileInfo(_folder["long"]).Length, 10_000_001, long.MaxValue);
        Assert.Equal(file.Metadata["run"], Safetensors.Read(_folder["long"]).Metadata["run"]);
    }

    [Fact]
    public void A_header_of_a_hundred_thousand_brackets_is_refused() =>
        Assert.Throws<InvalidDataException>(() => Safetensors.Parse(Content(new string('[', 100_000), [])));

    [Fact]
    public void A_file_cut_anywhere_is_refused()
    {
        Safetensors.Write(Example(), _folder["file"]);
        byte[] content = File.ReadAllBytes(_folder["file"]);

        for (int length = 0; length < content.Length; length++)
            Assert.Throws<InvalidDataException>(() => Safetensors.Parse(content.AsSpan(0, length)));
    }

    [Fact]
    public void Whatever_is_damaged_a_file_is_read_or_refused()
    {
        Safetensors.Write(Example(), _folder["file"]);
        byte[] content = File.ReadAllBytes(_folder["file"]);
        Random random = new(1);

        for (int i = 0; i < 3_000; i++)
        {
            byte[] damaged = Damage(content, content.Length, random);
            Exception? error = Record.Exception(() => Safetensors.Parse(damaged));
            Assert.True(error is null or InvalidDataException, $"{error}\n{Encoding.Latin1.GetString(damaged)}");
        }
    }

    [Fact]
    public void Errors_of_a_file_name_it()
    {
        string bad = _folder.Write("bad.safetensors", new byte[100]);

        Assert.Contains(bad, AssertError("InvalidSafetensors", () => Safetensors.Read(bad)).Message, StringComparison.Ordinal);
        AssertError("FileNotFound", () => Safetensors.Read(_folder["nothing"]));
        AssertError("FileNotFound", () => Safetensors.Read(_folder["no-folder/nothing"]));
        AssertError("NotARegularFile", () => Safetensors.Read(_folder.Path));
    }

    [Fact]
    public void A_file_far_larger_than_any_model_is_refused_unread()
    {
        using (FileStream file = File.Create(_folder["large"]))
            file.SetLength((1L << 31) + 1);
        long before = GC.GetAllocatedBytesForCurrentThread();

        AssertError("InvalidSafetensors", () => Safetensors.Read(_folder["large"]));

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
    }

    private static TensorFile Example() => new()
    {
        Metadata = { ["format"] = "pt", ["key"] = "ü \" \\ \n" },
        Tensors =
        {
            ["scalar"] = ([], [BitConverter.UInt32BitsToSingle(0x7fc01234)]),
            ["matrix"] = ([2, 3], [-0f, float.Epsilon, float.NegativeInfinity, float.MaxValue, 0.1f, 3.5f]),
            ["empty"] = ([0, 4], []),
            ["layer1.0.conv1.weight"] = ([1, 1, 1, 2], [1, 2]),
        },
    };

    private static byte[] Content(string header, byte[] values)
    {
        byte[] json = Encoding.UTF8.GetBytes(header), length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, json.Length);
        return [.. length, .. json, .. values];
    }

    private static IEnumerable<uint> Bits(float[] values) => values.Select(BitConverter.SingleToUInt32Bits);
}
