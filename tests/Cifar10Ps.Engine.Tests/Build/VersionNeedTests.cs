using System.Buffers.Binary;
using System.Text;
using Cifar10Ps.Build;

namespace Cifar10Ps.Tests;

public class VersionNeedTests
{
    private const string Library = "libstdc++.so.6", Version = "GLIBCXX_3.4.32", Marker = "_ZSt21ios_base_library_initv";

    [Fact]
    public void The_need_becomes_weak_and_nothing_else_changes()
    {
        byte[] elf = new SmallElf().Bytes;

        byte[] relaxed = VersionNeed.Relax(elf, out int flagsAt);

        Assert.Equal(SmallElf.FlagsOfTheNeed, flagsAt);
        byte[] expected = [.. elf];
        expected[SmallElf.FlagsOfTheNeed] = 2;
        Assert.Equal(expected, relaxed);
    }

    [Fact]
    public void A_need_that_is_weak_already_stays_as_it_is()
    {
        byte[] weak = VersionNeed.Relax(new SmallElf().Bytes, out _);

        Assert.Equal(weak, VersionNeed.Relax(weak, out int flagsAt));
        Assert.Equal(SmallElf.FlagsOfTheNeed, flagsAt);
    }

    [Fact]
    public void The_hidden_bit_is_no_part_of_the_index() =>
        VersionNeed.Relax(new SmallElf { MarkerVersion = 0x8003 }.Bytes, out _);

    [Fact]
    public void A_file_without_the_need_is_refused() =>
        AssertRefused(new SmallElf { NeededVersion = "GLIBCXX_3.4.31" }, "does not need");

    [Fact]
    public void A_file_with_the_need_twice_is_refused() =>
        AssertRefused(new SmallElf { OtherVersion = Version }, "more than once");

    [Fact]
    public void The_need_of_another_library_is_refused() =>
        AssertRefused(new SmallElf { NeededLibrary = "libother.so" }, "another library");

    [Fact]
    public void Flags_other_than_weak_are_refused() =>
        AssertRefused(new SmallElf().Bytes, SmallElf.FlagsOfTheNeed, 1, "unknown flags");

    [Fact]
    public void Another_symbol_that_has_the_version_is_refused() =>
        AssertRefused(new SmallElf { OtherSymbolVersion = SmallElf.IndexOfTheNeed }, "several symbols");

    [Fact]
    public void A_symbol_of_another_name_is_refused() =>
        AssertRefused(new SmallElf { MarkerName = "_ZNSt3foo" }, "is not an undefined");

    [Fact]
    public void A_marker_that_the_library_defines_itself_is_refused() =>
        AssertRefused(new SmallElf { MarkerSection = 1 }, "is not an undefined");

    [Fact]
    public void A_version_that_no_symbol_has_is_refused() =>
        AssertRefused(new SmallElf { MarkerVersion = 2 }, "no symbol");

    [Fact]
    public void A_relocation_that_uses_the_marker_is_refused() =>
        AssertRefused(new SmallElf { RelocatedSymbol = SmallElf.MarkerSymbol }, "a relocation uses");

    [Theory]
    [InlineData(0, 0x7e, "not an ELF file")]
    [InlineData(4, 1, "not 64-bit little-endian")]
    [InlineData(5, 2, "not 64-bit little-endian")]
    [InlineData(16, 2, "not a shared library for x86-64")]
    [InlineData(18, 183, "not a shared library for x86-64")]
    [InlineData(47, 0x80, "truncated")] // the section headers, beyond any file
    [InlineData(58, 40, "section headers")]
    [InlineData(60, 0, "exactly one section of type 0x6ffffffe")]
    [InlineData(60, 7, "truncated")]
    public void A_header_that_is_not_as_expected_is_refused(int at, byte value, string because) =>
        AssertRefused(new SmallElf().Bytes, at, value, because);

    [Theory]
    [InlineData(0, 2, "unknown layout")] // vn_version of the first library
    [InlineData(2, 2, "chain")] // its vn_cnt: one more version than it has
    [InlineData(8, 0, "chain")] // its vn_aux: itself
    [InlineData(12, 0, "chain")] // its vn_next: the end, one library too early
    [InlineData(15, 0x80, "truncated")] // its vn_next: far away
    [InlineData(60, 4, "chain")] // vna_next of the first version of the second library: less than an entry
    [InlineData(76, 16, "chain")] // vna_next of the last version: there is none
    [InlineData(75, 0x80, "string table")] // vna_name of the last version: far away
    public void Broken_chains_of_needs_are_refused(int at, byte value, string because) =>
        AssertRefused(new SmallElf().Bytes, SmallElf.Needs + at, value, because);

    [Fact]
    public void A_file_truncated_anywhere_is_refused()
    {
        byte[] elf = new SmallElf().Bytes;
        for (int length = 0; length < elf.Length; length++)
            Assert.Throws<InvalidDataException>(() => VersionNeed.Relax(elf.AsSpan(0, length), out _));
    }

    [Fact]
    public void Whatever_one_byte_becomes_a_file_is_relaxed_or_refused()
    {
        byte[] elf = new SmallElf().Bytes;
        for (int at = 0; at < elf.Length; at++)
        {
            byte original = elf[at];
            foreach (byte value in (ReadOnlySpan<byte>)[0, 1, 0x7f, 0x80, 0xff, (byte)(original ^ 1), (byte)(original ^ 0x40)])
            {
                elf[at] = value;
                Exception? error = Record.Exception(() => VersionNeed.Relax(elf, out _));
                Assert.True(error is null or InvalidDataException, $"byte {at} = {value}: {error}");
            }
            elf[at] = original;
        }
    }

    private static void AssertRefused(SmallElf elf, string because) =>
        Assert.Contains(because, Assert.Throws<InvalidDataException>(() => VersionNeed.Relax(elf.Bytes, out _)).Message);

    private static void AssertRefused(byte[] elf, int at, byte value, string because)
    {
        elf[at] = value;
        Assert.Contains(because, Assert.Throws<InvalidDataException>(() => VersionNeed.Relax(elf, out _)).Message);
    }

    /// <summary>The smallest library that has the need: three symbols, two libraries, three versions, one relocation.</summary>
    private sealed class SmallElf
    {
        public const int Needs = 64, FlagsOfTheNeed = Needs + 64 + 4, IndexOfTheNeed = 3, MarkerSymbol = 2;

        public string NeededLibrary { get; init; } = Library;
        public string NeededVersion { get; init; } = Version;
        public string OtherVersion { get; init; } = "GLIBCXX_3.4";
        public string MarkerName { get; init; } = Marker;
        public ushort MarkerVersion { get; init; } = IndexOfTheNeed;
        public ushort MarkerSection { get; init; }
        public ushort OtherSymbolVersion { get; init; } = 2;
        public uint RelocatedSymbol { get; init; } = 1;

        public byte[] Bytes
        {
            get
            {
                var strings = new List<byte> { 0 };
                uint Name(string name)
                {
                    int at = strings.Count;
                    strings.AddRange([.. Encoding.ASCII.GetBytes(name), 0]);
                    return (uint)at;
                }

                // Verneed: version, count, file, aux, next. Vernaux: hash, flags, index, name, next.
                byte[] needs =
                [
                    .. U16(1), .. U16(1), .. U32(Name("libc.so.6")), .. U32(16), .. U32(32),
                    .. U32(0), .. U16(0), .. U16(4), .. U32(Name("GLIBC_2.2.5")), .. U32(0),
                    .. U16(1), .. U16(2), .. U32(Name(NeededLibrary)), .. U32(16), .. U32(0),
                    .. U32(0), .. U16(0), .. U16(2), .. U32(Name(OtherVersion)), .. U32(16),
                    .. U32(0), .. U16(0), .. U16(IndexOfTheNeed), .. U32(Name(NeededVersion)), .. U32(0),
                ];
                // name, type and binding, visibility, section, value, size
                byte[] symbols =
                [
                    .. new byte[24],
                    .. U32(Name("_ZNSo3putEc")), 0x12, 0, .. U16(0), .. U64(0), .. U64(0),
                    .. U32(Name(MarkerName)), 0x12, 0, .. U16(MarkerSection), .. U64(0), .. U64(0),
                ];
                byte[] versions = [.. U16(0), .. U16(OtherSymbolVersion), .. U16(MarkerVersion)];
                // offset, symbol and type, addend
                byte[] relocations = [.. U64(0), .. U64(((ulong)RelocatedSymbol << 32) | 6), .. U64(0)];

                int symbolsAt = Needs + needs.Length, versionsAt = symbolsAt + symbols.Length;
                int relocationsAt = versionsAt + versions.Length, stringsAt = relocationsAt + relocations.Length;
                int sectionsAt = stringsAt + strings.Count;
                return
                [
                    0x7f, .. "ELF"u8, 2, 1, 1, .. new byte[9],
                    .. U16(3), .. U16(62), .. U32(1), .. U64(0), .. U64(0), .. U64((ulong)sectionsAt),
                    .. U32(0), .. U16(64), .. U16(56), .. U16(0), .. U16(64), .. U16(6), .. U16(0),
                    .. needs, .. symbols, .. versions, .. relocations, .. strings,
                    .. new byte[64],
                    .. Section(3, stringsAt, strings.Count, 0, 0),
                    .. Section(11, symbolsAt, symbols.Length, 1, 1),
                    .. Section(0x6fffffff, versionsAt, versions.Length, 2, 0),
                    .. Section(0x6ffffffe, Needs, needs.Length, 1, 2),
                    .. Section(4, relocationsAt, relocations.Length, 2, 0),
                ];
            }
        }

        private static byte[] Section(uint type, int offset, int size, uint link, uint info) =>
        [
            .. U32(0), .. U32(type), .. U64(2), .. U64(0), .. U64((ulong)offset), .. U64((ulong)size),
            .. U32(link), .. U32(info), .. U64(1), .. U64(0),
        ];

        private static byte[] U16(ushort value) => U64(value)[..2];

        private static byte[] U32(uint value) => U64(value)[..4];

        private static byte[] U64(ulong value)
        {
            byte[] bytes = new byte[8];
            BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
            return bytes;
        }
    }
}
