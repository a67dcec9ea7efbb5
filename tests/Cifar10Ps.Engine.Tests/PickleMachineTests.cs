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
            "\x80\x04\x95\x30\0\0\0\0\0\0\0(N\x88\x89J\xfe\xff\xff\xffK\xffM\xff\xff\x8a\x00\x8a\x02\x00\x80G\x3f\xe0\0\0\0\0\0\0X\x02\0\0\0\xc3\xbc\x8c\x01y\x8d\x01\0\0\0\0\0\0\0z)t."));

        Assert.Equal([null, true, false, -2L, 255L, 65_535L, 0L, -32_768L, 0.5, "ü", "y", "z", Array.Empty<object?>()], values);
    }

    [Fact]
    public void Containers_are_filled_and_the_memo_gives_the_same_object_again()
    {
        List<object?> list = Assert.IsType<List<object?>>(Read("\x80\x04]\x94(K\x01K\x02" + "eK\x03" + "a}q\x05(K\x07K\x08uK\x09Nsah\x05" + "ah\x00" + "a."));

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
    [InlineData(".", "more than it has")]
    [InlineData("(N(.", "more than it has")]
    [InlineData("N(a.", "more than it has")]
    [InlineData("t.", "never opened")]
    [InlineData("NNa.", "no list")]
    [InlineData("NNNs.", "no dictionary")]
    [InlineData("}(Nu.", "no dictionary")]
    [InlineData("h\x01.", "never made")]
    [InlineData("q\x01.", "more than it has")]
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

        Assert.Contains("instructions", Assert.Throws<InvalidDataException>(() => new PickleMachine(content, new Dictionary<string, object>(), id => id).Read()).Message, StringComparison.Ordinal);

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 256_000_000);
    }

    private static object? Read(string pickle) => new PickleMachine(Bytes(pickle), new Dictionary<string, object>(), id => id).Read();
}
