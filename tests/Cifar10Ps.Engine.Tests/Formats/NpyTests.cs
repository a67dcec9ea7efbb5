using System.Buffers.Binary;
using System.Text;
using Cifar10Ps.Formats;

namespace Cifar10Ps.Tests;

public class NpyTests
{
    private static readonly float[] Numbers =
        [-0f, float.Epsilon, float.NegativeInfinity, float.MaxValue, 0.1f, BitConverter.UInt32BitsToSingle(0x7fc01234)];

    public static TheoryData<int[]> Shapes => new((int[])[], [1], [10], [2, 3], [16, 3, 3, 3], [100, 0], [.. Enumerable.Repeat(1, 32)]);

    [Theory]
    [MemberData(nameof(Shapes))]
    public void What_is_written_keeps_to_the_rules_of_the_format(int[] shape)
    {
        float[] values = [.. Enumerable.Range(0, shape.Aggregate(1, (product, size) => product * size)).Select(i => i / 7f)];

        byte[] bytes = Bytes(Npy.Of(shape, values));

        Assert.Equal([0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y', 1, 0], bytes[..8]);
        int length = BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(8));
        string header = Encoding.ASCII.GetString(bytes, 10, length);
        Assert.Equal(0, (10 + length) % 64);
        string tuple = shape.Length == 1 ? $"({shape[0]},)" : $"({string.Join(", ", shape)})";
        Assert.Equal($"{{'descr': '<f4', 'fortran_order': False, 'shape': {tuple}, }}".PadRight(length - 1) + "\n", header);
        Assert.InRange(header.Length - header.TrimEnd().Length, 1, 64);
        Assert.Equal(values,
            Enumerable.Range(0, values.Length).Select(i => BinaryPrimitives.ReadSingleLittleEndian(bytes.AsSpan(10 + length + 4 * i))));
        Assert.Equal(10 + length + 4 * values.Length, bytes.Length);
        Assert.Equal(shape, Npy.Parse(bytes)!.Shape);
        Assert.Equal(values, Npy.Parse(bytes)!.ToSingles());
    }

    [Fact]
    public void A_single_integer_is_the_one_that_NumPy_writes()
    {
        byte[] bytes = Bytes(Npy.Of(66));

        Assert.Equal(
            [0x93, .. "NUMPY\u0001\0v\0"u8, .. Encoding.ASCII.GetBytes(
                "{'descr': '<i8', 'fortran_order': False, 'shape': (), }".PadRight(117)), (byte)'\n', 66, 0, 0, 0, 0, 0, 0, 0],
            bytes);
    }

    [Fact]
    public void Values_keep_every_bit() =>
        Assert.Equal(Numbers.Select(BitConverter.SingleToUInt32Bits),
            Npy.Parse(Bytes(Npy.Of([2, 3], Numbers)))!.ToSingles().Select(BitConverter.SingleToUInt32Bits));

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void All_versions_are_read(byte version) =>
        Assert.Equal([1, -2], Npy.Parse(Content("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n",
            [0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0], version))!.ToSingles());

    [Theory]
    [InlineData("<f2", new byte[] { 0, 0x3c, 0xff, 0x7b, 1, 0 }, new[] { 1f, 65_504, 5.9604645e-8f })]
    [InlineData(">f2", new byte[] { 0x3c, 0, 0x7b, 0xff, 0, 1 }, new[] { 1f, 65_504, 5.9604645e-8f })]
    [InlineData(">f4", new byte[] { 0x3f, 0x80, 0, 0 }, new[] { 1f })]
    [InlineData("<f8", new byte[] { 0x9a, 0x99, 0x99, 0x99, 0x99, 0x99, 0xb9, 0x3f }, new[] { 0.1f })]
    [InlineData(">f8", new byte[] { 0x3f, 0xb9, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a }, new[] { 0.1f })]
    public void Floating_point_becomes_single_precision(string type, byte[] values, float[] expected) =>
        Assert.Equal(expected, Parse(type, $"({expected.Length},)", values).ToSingles());

    [Theory]
    [InlineData("|i1", new byte[] { 0xfb }, -5)]
    [InlineData("|u1", new byte[] { 0xfb }, 251)]
    [InlineData("<i2", new byte[] { 0xfe, 0xff }, -2)]
    [InlineData(">u2", new byte[] { 0xff, 0xfe }, 65_534)]
    [InlineData("<i4", new byte[] { 0, 0, 0, 0x80 }, int.MinValue)]
    [InlineData(">u4", new byte[] { 0x80, 0, 0, 0 }, 2_147_483_648)]
    [InlineData("<i8", new byte[] { 66, 0, 0, 0, 0, 0, 0, 0 }, 66)]
    [InlineData(">i8", new byte[] { 0x80, 0, 0, 0, 0, 0, 0, 0 }, long.MinValue)]
    [InlineData("<u8", new byte[] { 255, 255, 255, 255, 255, 255, 255, 127 }, long.MaxValue)]
    [InlineData("|b1", new byte[] { 1 }, 1)]
    public void Integers_of_every_size_are_read(string type, byte[] value, long expected)
    {
        Assert.Equal(expected, Parse(type, "()", value).ToInteger());
        Assert.Equal(expected, Parse(type, "(1, 1)", value).ToInteger());
    }

    [Theory]
    [InlineData("<U4", new byte[] { 0x6e, 0, 0, 0, 0xac, 0x72, 0, 0, 0, 0xf6, 1, 0, 0, 0, 0, 0 }, "n犬😀")]
    [InlineData(">U3", new byte[] { 0, 0, 0, 0x6e, 0, 0, 0x72, 0xac, 0, 1, 0xf6, 0 }, "n犬😀")]
    [InlineData("|S4", new byte[] { 0x6e, 0x6f, 0, 0 }, "no")]
    [InlineData("<U0", new byte[0], "")]
    public void Texts_are_read(string type, byte[] value, string expected) => Assert.Equal(expected, Parse(type, "()", value).ToText());

    [Fact]
    public void The_order_of_Fortran_is_turned_round()
    {
        byte[] bytes = [.. Enumerable.Range(0, 24).SelectMany(i => BitConverter.GetBytes((float)i))];

        float[] values = Npy.Parse(Content("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3, 4), }\n", bytes))!.ToSingles();

        Assert.Equal([.. from a in Enumerable.Range(0, 2) from b in Enumerable.Range(0, 3)
            from c in Enumerable.Range(0, 4) select (float)(a + 2 * b + 6 * c)], values);
    }

    [Theory]
    [InlineData("{'shape':(1,),'descr':'<f4','fortran_order':False}\n")]
    [InlineData("  { \"shape\" : ( 1 , ) , \"fortran_order\" : False , \"descr\" : \"<f4\" , }  \n")]
    public void The_parts_of_a_header_may_come_in_any_order_and_with_any_blanks(string header) =>
        Assert.Equal([1], Npy.Parse(Content(header, [0, 0, 0x80, 0x3f]))!.ToSingles());

    [Fact]
    public void Python_objects_are_left_alone() => Assert.Null(
        Npy.Parse(Content("{'descr': '|O', 'fortran_order': False, 'shape': (2,), }\n", "cos\nsystem\n(S'true'\ntR."u8.ToArray())));

    [Theory]
    [InlineData("", "")]
    [InlineData("{}\n", "")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", "end with a line break")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), \n", "at its end")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), } + []\n", "from '+ []")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'evil': 'x'}\n", "from ''x'}")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'shape': (1,), }\n", "header")]
    [InlineData("{'descr': '<f4', 'fortran_order': 0, 'shape': (1,), }\n", "from '0, ")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (1), }\n", "header")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (1 1,), }\n", "header")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }\n", "header")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (1.0,), }\n", "header")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (,), }\n", "header")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (__import__('os'),), }\n", "header")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967297,), }\n", "header")]
    [InlineData("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }\n", "header")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n", "need 8")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (0,), }\n", "need 0")]
    [InlineData("{'descr': '<f4', 'fortran_order': False, 'shape': (2147483647, 2147483647, 2147483647), }\n", "more values")]
    [InlineData("{'descr': '<U2147483647', 'fortran_order': False, 'shape': (4,), }\n", "bytes of values")]
    [InlineData("{'descr': '<f3', 'fortran_order': False, 'shape': (1,), }\n", "'<f3', which is unknown")]
    [InlineData("{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }\n", "unknown")]
    [InlineData("{'descr': 'f4', 'fortran_order': False, 'shape': (1,), }\n", "unknown")]
    [InlineData("{'descr': '', 'fortran_order': False, 'shape': (1,), }\n", "unknown")]
    [InlineData("{'descr': '<U', 'fortran_order': False, 'shape': (1,), }\n", "unknown")]
    [InlineData("{'descr': '<U-1', 'fortran_order': False, 'shape': (1,), }\n", "unknown")]
    public void A_header_that_lies_is_refused(string header, string because) =>
        Assert.Contains(because, Assert.Throws<InvalidDataException>(() => Npy.Parse(Content(header, new byte[4]))).Message,
            StringComparison.Ordinal);

    [Fact]
    public void A_header_of_a_hundred_thousand_brackets_or_dimensions_is_refused()
    {
        Assert.Throws<InvalidDataException>(() => Npy.Parse(Content(new string('{', 100_000) + "\n", [], version: 2)));
        Assert.Throws<InvalidDataException>(() =>
            Npy.Parse(Content($"{{'shape': ({string.Join(",", Enumerable.Repeat(1, 100_000))}), }}\n", [], version: 2)));
    }

    [Theory]
    [InlineData(1, 0xffffL)]
    [InlineData(2, 0x7fff_ffffL)]
    [InlineData(3, 0xffff_ffffL)]
    [InlineData(3, 0L)]
    public void A_header_length_that_lies_is_refused(byte version, long length)
    {
        byte[] content = Content("{'descr': '<f4', 'fortran_order': False, 'shape': (), }\n", new byte[4], version);
        if (version == 1)
            BinaryPrimitives.WriteUInt16LittleEndian(content.AsSpan(8), (ushort)length);
        else
            BinaryPrimitives.WriteUInt32LittleEndian(content.AsSpan(8), (uint)length);

        Assert.Throws<InvalidDataException>(() => Npy.Parse(content));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(4, 0)]
    [InlineData(1, 1)]
    public void Unknown_versions_are_refused(byte major, byte minor)
    {
        byte[] content = Bytes(Npy.Of(1));
        (content[6], content[7]) = (major, minor);

        Assert.Contains($"{major}.{minor}",
            Assert.Throws<InvalidDataException>(() => Npy.Parse(content)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Asking_for_what_an_array_is_not_says_what_it_is()
    {
        Npy matrix = Npy.Of([1, 2], [1, 2]), integer = Npy.Of(1);

        Assert.Contains("2 of type '<f4'", Assert.Throws<InvalidDataException>(() => matrix.ToInteger()).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidDataException>(() => matrix.ToText());
        Assert.Contains("'<i8'", Assert.Throws<InvalidDataException>(() => integer.ToSingles()).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidDataException>(() => Parse("<u8", "()", [0, 0, 0, 0, 0, 0, 0, 0x80]).ToInteger());
        Assert.Throws<InvalidDataException>(() => Parse("<U1", "()", [0, 0xd8, 0, 0]).ToText());
    }

    [Fact]
    public void A_file_cut_anywhere_is_refused()
    {
        byte[] content = Bytes(Npy.Of([2, 3], Numbers));

        for (int length = 0; length < content.Length; length++)
            Assert.Throws<InvalidDataException>(() => Npy.Parse(content.AsMemory(0, length)));
    }

    private static Npy Parse(string type, string shape, byte[] values) =>
        Npy.Parse(Content($"{{'descr': '{type}', 'fortran_order': False, 'shape': {shape}, }}\n", values))!;

    private static byte[] Bytes(Npy array)
    {
        using MemoryStream stream = new();
        array.WriteTo(stream);
        return stream.ToArray();
    }

    private static byte[] Content(string header, byte[] values, byte version = 1)
    {
        byte[] text = Encoding.UTF8.GetBytes(header), length = BitConverter.GetBytes(text.Length);
        return [0x93, .. "NUMPY"u8, version, 0, .. length[..(version == 1 ? 2 : 4)], .. text, .. values];
    }
}
