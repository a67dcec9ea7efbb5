using System.Numerics;
using System.Text;
using Cifar10Ps.Formats;
using static Cifar10Ps.Tests.Pickles;

namespace Cifar10Ps.Tests;

public class PickleMachineTests
{
    public static TheoryData<int> HostileNumbers => [.. Enumerable.Range(0, Hostile.Count)];

    [Theory]
    [MemberData(nameof(HostileNumbers))]
    public void What_is_not_allowed_is_refused_by_name(int number)
    {
        (string wants, byte[] content) = Hostile[number];

        foreach (byte[] file in new[] { content, Archive(content, []), Legacy(content, []) })
            Assert.Contains(wants, Assert.Throws<InvalidDataException>(() => TorchFile.Parse(file)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Values_of_all_kinds_are_read()
    {
        object?[] values = Assert.IsType<object?[]>(Read(
            "\x80\x04\x95\x30\0\0\0\0\0\0\0(N\x88\x89J\xfe\xff\xff\xffK\xffM\xff\xff\x8a\x00\x8a\x02\x00\x80"
            + "G\x3f\xe0\0\0\0\0\0\0X\x02\0\0\0\xc3\xbc\x8c\x01y\x8d\x01\0\0\0\0\0\0\0z)t."));

        Assert.Equal([null, true, false, -2L, 255L, 65_535L, 0L, -32_768L, 0.5, "ü", "y", "z", Array.Empty<object?>()], values);
    }

    [Fact]
    public void Instructions_of_every_protocol_are_read()
    {
        Dictionary<object, object?> values =
            new PickleMachine(AllInstructions, new Dictionary<string, object>(), id => "storage").Read() is PickleMap map
            ? map.Items.ToDictionary(item => item.Key!, item => item.Value) : [];

        List<object?> text = Assert.IsType<List<object?>>(values["text"]);
        Assert.Equal([1L, true, false, BigInteger.Parse("12345678901234567890", null), 1.5, "it's A", "uä"], text[..7]);
        Assert.Equal([("k", text)], Assert.IsType<PickleMap>(text[7]).Items);
        Assert.Equal([-2L, 7L, 65_535L, -32_768L, -32_768L, 0.5, null, true, false], Assert.IsType<object?[]>(values["numbers"]));
        object?[] strings = Assert.IsType<object?[]>(values["strings"]);
        Assert.Equal(["ok", "x", "y", "z"], strings[1..5]);
        Assert.Equal(["\xff", "b", "c", "d", "e"],
            new[] { 0, 5, 6, 7, 8 }.Select(i => Encoding.Latin1.GetString(((ReadOnlyMemory<byte>)strings[i]!).Span)));
        Assert.Equal([new object?[] { 1L, 1L }, new object?[] { 1L, 1L }, new object?[] { 1L, 1L }],
            Assert.IsType<object?[]>(values["stack"]));
        PickleObject[] objects = [.. Assert.IsType<object?[]>(values["objects"]).Cast<PickleObject>()];
        Assert.Equal(["easydic.EasyDict", "mylib.L", "__main__.Options", "__main__.Foo", "mylib.C", "__main__.Foo"],
            objects.Select(made => made.Maker.ToString()));
        Assert.Equal([("k", 1L)], objects[0].Entries!.Items);
        Assert.Equal([1L], objects[1].Elements!);
        Assert.NotNull(objects[5].State);
    }

    [Theory]
    [InlineData("argparse.Namespace")]
    [InlineData("collections.defaultdict")]
    [InlineData("numpy.core.multiarray.scalar")]
    [InlineData("numpy._core.multiarray._reconstruct")]
    [InlineData("numpy.random._pickle.__randomstate_ctor")]
    [InlineData("numpy.dtype")]
    [InlineData("torch.device")]
    [InlineData("torch.optim.sgd.SGD")]
    [InlineData("pathlib.PosixPath")]
    [InlineData("datetime.datetime")]
    [InlineData("_codecs.encode")]
    [InlineData("builtins.set")]
    [InlineData("__builtin__.object")]
    [InlineData("types.SimpleNamespace")]
    [InlineData("mylib.schedules.make_warmup")]
    public void What_is_only_data_is_opaque_when_it_is_called(string name)
    {
        PickleObject made = Assert.IsType<PickleObject>(Called(name));

        Assert.Equal((name, "id"), (made.Maker.ToString(), made.Arguments[0]));
    }

    [Theory]
    [InlineData("nt.system")]
    [InlineData("builtins.exec")]
    [InlineData("builtins.open")]
    [InlineData("builtins.__import__")]
    [InlineData("sys.exit")]
    [InlineData("shutil.rmtree")]
    [InlineData("socket.create_connection")]
    [InlineData("importlib.import_module")]
    [InlineData("runpy.run_path")]
    [InlineData("pty.spawn")]
    [InlineData("ctypes.CDLL")]
    [InlineData("types.FunctionType")]
    [InlineData("operator.attrgetter")]
    [InlineData("functools.reduce")]
    [InlineData("commands.getoutput")]
    [InlineData("pip._internal.main")]
    [InlineData("numpy.load")]
    [InlineData("torch.jit.load")]
    public void What_would_run_something_is_refused_by_name(string name) =>
        Assert.Contains($"'{name}'", Assert.Throws<InvalidDataException>(() => Called(name)).Message, StringComparison.Ordinal);

    [Fact]
    public void What_Python_would_take_for_ever_to_understand_is_refused_soon()
    {
        string digits = new('7', 50_000_000), name = new('a', 1_000_000);
        string[] bombs =
        [
            $"L{digits}L\n.",
            "\x8b\x80\xf0\xfa\x02" + digits + ".",
            // A dictionary of a hundred thousand entries, copied as many times.
            "(l" + string.Concat(Enumerable.Repeat("(K\x01K\x02la", 100_000)) + "q\x01"
                + string.Concat(Enumerable.Repeat("ccollections\nOrderedDict\nh\x01\x85R0", 100_000)) + ".",
            $"\x8d{(char)64}{(char)66}{(char)15}\0\0\0\0\0{name}q\x01" + string.Concat(Enumerable.Repeat("h\x01h\x01\x930", 300_000)) + ".",
        ];

        foreach (string bomb in bombs)
        {
            byte[] content = Archive(Bytes(bomb), []);
            long before = GC.GetAllocatedBytesForCurrentThread();
            Assert.Throws<InvalidDataException>(() => TorchFile.Parse(content));
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 256_000_000);
        }
    }

    [Fact]
    public void Containers_are_filled_and_the_memo_gives_the_same_object_again()
    {
        List<object?> list = Assert.IsType<List<object?>>(
            Read("\x80\x04]\x94(K\x01K\x02" + "eK\x03" + "a}q\x05(K\x07K\x08uK\x09Nsah\x05" + "ah\x00" + "a."));

        Assert.Equal([1L, 2L, 3L], list[..3]);
        PickleMap map = Assert.IsType<PickleMap>(list[3]);
        Assert.Equal([(7L, 8L), (9L, null)], map.Items);
        Assert.Same(map, list[4]);
        Assert.Same(list, list[5]);
        Assert.Equal([1L, new object?[] { 2L, 3L }], Assert.IsType<object?[]>(Read("\x80\x02K\x01K\x02K\x03\x86\x86.")));
    }

    [Theory]
    [InlineData("", "cut off")]
    [InlineData("\x80", "cut off")]
    [InlineData("\x80\x06N.", "protocol 6")]
    [InlineData(".", "more from its stack than it holds")]
    [InlineData("(N(.", "more from its stack than it holds")]
    [InlineData("N(a.", "more from its stack than it holds")]
    [InlineData("t.", "never opened")]
    [InlineData("NNa.", "not a list")]
    [InlineData("NNNs.", "not a dictionary")]
    [InlineData("}(Nu.", "not a dictionary")]
    [InlineData("h\x01.", "never stored")]
    [InlineData("q\x01.", "more from its stack than it holds")]
    [InlineData("]Nb.", "has none")]
    [InlineData("X\xff\xff\xff\xff.", "cut off")]
    [InlineData("\x8d\xff\xff\xff\xff\xff\xff\xff\xff.", "cut off")]
    [InlineData("X\x01\0\0\0\xff.", "UTF-8")]
    [InlineData("cos", "cut off")]
    public void A_damaged_pickle_is_refused(string pickle, string because) =>
        Assert.Contains(because, Assert.Throws<InvalidDataException>(() => Read(pickle)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("]")]
    [InlineData("}\x94")]
    [InlineData("(")]
    [InlineData("]]a")]
    [InlineData("N\x85")]
    public void A_pickle_of_a_hundred_million_instructions_is_refused_before_it_fills_the_memory(string instructions)
    {
        byte[] content = new byte[100_000_000 / instructions.Length * instructions.Length];
        for (int i = 0; i < content.Length; i++)
            content[i] = (byte)instructions[i % instructions.Length];
        long before = GC.GetAllocatedBytesForCurrentThread();

        Assert.Contains("instructions", Assert.Throws<InvalidDataException>(() =>
            new PickleMachine(content, new Dictionary<string, object>(), id => id).Read()).Message, StringComparison.Ordinal);

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 256_000_000);
    }

    [Fact]
    public void Lists_that_are_given_again_and_again_count_each_time()
    {
        byte[] content = [.. Bytes("]\x94("), .. Enumerable.Repeat((byte)'N', 400_000), .. Bytes("e0cf\nf\n("),
            .. Enumerable.Repeat(Bytes("h\0"), 5_500).SelectMany(call => call), .. Bytes("tR.")];

        Assert.Contains("instructions", Assert.Throws<InvalidDataException>(() => new PickleMachine(content,
            new Dictionary<string, object> { ["f.f"] = (PickleMachine.Function)(_ => null) }, id => id).Read()).Message,
            StringComparison.Ordinal);
    }

    private static object? Called(string name)
    {
        int dot = name.LastIndexOf('.');
        return Read($"c{name[..dot]}\n{name[(dot + 1)..]}\nX\x02\0\0\0id\x85R.");
    }

    private static object? Read(string pickle) => new PickleMachine(Bytes(pickle), new Dictionary<string, object>(), id => id).Read();
}
