using System.Diagnostics.CodeAnalysis;
using System.Text;
using static System.Buffers.Binary.BinaryPrimitives;

namespace Cifar10Ps.Build;

/// <summary>Makes the need of libLibTorchSharp.so for GLIBCXX_3.4.32 weak, to load with an older libstdc++.</summary>
/// <remarks>
/// Its only symbol of that version is a marker that nothing refers to, and loaders continue without a weak version. A library for which
/// that is not true is refused. Formats: System V gABI (refspecs.linuxfoundation.org/elf/gabi4+/), chapter 4, and "Symbol Versioning" in
/// refspecs.linuxfoundation.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/.
/// </remarks>
internal static class VersionNeed
{
    /// <summary>VER_FLG_WEAK: what <c>vna_flags</c> of the need becomes.</summary>
    public const ushort Weak = 2;

    private const string Library = "libstdc++.so.6", Version = "GLIBCXX_3.4.32", Marker = "_ZSt21ios_base_library_initv";
    // Sizes of the file's structures; bit 15 of a version's index is not part of it, but means "hidden".
    private const int HeaderSize = 64, SymbolSize = 24, RelocationSize = 24, NeedSize = 16, IndexMask = 0x7fff;

    private enum Kind : uint { Strings = 3, Relocations = 4, Symbols = 11, Needs = 0x6ffffffe, Versions = 0x6fffffff }
    private readonly record struct Section(int Index, Kind Kind, ulong Offset, ulong Size, uint Link, uint Info);

    /// <summary>Returns a copy of a library that differs only in that the need is weak.</summary>
    /// <param name="elf">The whole file.</param>
    /// <param name="flagsAt">Where in the file the two bytes of the need's flags are.</param>
    /// <exception cref="InvalidDataException">The file is not exactly what is expected; the message says how.</exception>
    public static byte[] Relax(ReadOnlySpan<byte> elf, out int flagsAt)
    {
        Section[] sections = ReadSections(elf);
        flagsAt = FindNeed(elf, sections, out int version);
        RequireUnused(elf, sections, version);
        byte[] relaxed = elf.ToArray();
        WriteUInt16LittleEndian(relaxed.AsSpan(flagsAt), Weak);
        return relaxed;
    }

    private static Section[] ReadSections(ReadOnlySpan<byte> elf)
    {
        Require(elf.StartsWith("\u007fELF"u8), "it is not an ELF file");
        ReadOnlySpan<byte> header = Slice(elf, 0, HeaderSize);
        Require(header[4] == 2 && header[5] == 1, "it is not 64-bit little-endian");
        Require(U16(header, 16) == 3 && U16(header, 18) == 62, "it is not a shared library for x86-64");
        Require(U16(header, 58) == HeaderSize, "its section headers have an unknown size");
        var sections = new Section[U16(header, 60)];
        ReadOnlySpan<byte> table = Slice(elf, U64(header, 40), (ulong)sections.Length * HeaderSize);
        for (int i = 0; i < sections.Length; i++)
        {
            ReadOnlySpan<byte> entry = table.Slice(i * HeaderSize, HeaderSize);
            sections[i] = new(i, (Kind)U32(entry, 4), U64(entry, 24), U64(entry, 32), U32(entry, 40), U32(entry, 44));
        }
        return sections;
    }

    /// <summary>Walks the Verneed entries, one per library, and the Vernaux entries of each, one per version.</summary>
    private static int FindNeed(ReadOnlySpan<byte> elf, Section[] sections, out int version)
    {
        Section section = Only(sections, Kind.Needs);
        ReadOnlySpan<byte> table = Content(elf, section);
        (ulong? flags, ulong need, version) = (null, 0, 0);
        for (uint needs = section.Info; needs > 0; needs--)
        {
            ReadOnlySpan<byte> library = Slice(table, need, NeedSize);
            Require(U16(library, 0) == 1, "its version needs have an unknown layout");
            ulong aux = Next(need, U32(library, 8), last: false);
            for (int versions = U16(library, 2); versions > 0; versions--)
            {
                ReadOnlySpan<byte> entry = Slice(table, aux, NeedSize);
                if (Name(elf, sections, section, U32(entry, 8)) == Version)
                {
                    Require(flags is null, $"it needs {Version} more than once");
                    string name = Name(elf, sections, section, U32(library, 4));
                    Require(name == Library, $"it needs {Version} of another library than {Library}");
                    Require(U16(entry, 4) is 0 or Weak, $"its need for {Version} has unknown flags");
                    (flags, version) = (section.Offset + aux + 4, U16(entry, 6) & IndexMask);
                }
                aux = Next(aux, U32(entry, 12), last: versions == 1);
            }
            need = Next(need, U32(library, 12), last: needs == 1);
        }
        Require(flags is not null, $"it does not need {Version} of {Library}");
        return checked((int)flags.Value);
    }

    /// <summary>Links only lead forward, so that no chain can loop, and end where the count says.</summary>
    private static ulong Next(ulong at, uint step, bool last) => (last ? step == 0 : step >= NeedSize) ? at + step
        : throw new InvalidDataException("the chain of its version needs is broken");

    /// <summary>Only the marker may have the version, and nothing may use the marker: it will not be found.</summary>
    private static void RequireUnused(ReadOnlySpan<byte> elf, Section[] sections, int version)
    {
        Section symbols = Only(sections, Kind.Symbols), symbolVersions = Only(sections, Kind.Versions);
        ReadOnlySpan<byte> table = Content(elf, symbols), versions = Content(elf, symbolVersions);
        int count = table.Length / SymbolSize, marker = -1;
        Require(table.Length == count * SymbolSize && versions.Length == count * sizeof(ushort)
            && symbolVersions.Link == symbols.Index, "its symbol versions do not match its dynamic symbols");
        for (int i = 0; i < count; i++)
            if ((U16(versions, i * sizeof(ushort)) & IndexMask) == version)
                marker = marker < 0 ? i : throw new InvalidDataException($"several symbols have the version {Version}");
        Require(marker >= 0, $"no symbol has the version {Version}");
        string name = Name(elf, sections, symbols, U32(table, marker * SymbolSize));
        bool isMarker = name == Marker && U16(table, (marker * SymbolSize) + 6) == 0;
        Require(isMarker, $"the symbol that has the version {Version} is not an undefined {Marker}");

        foreach (Section section in sections.Where(s => s.Kind == Kind.Relocations))
        {
            ReadOnlySpan<byte> rows = Content(elf, section);
            Require(section.Link == symbols.Index && rows.Length % RelocationSize == 0, "its relocations are unusual");
            for (int at = 0; at < rows.Length; at += RelocationSize)
                Require(U64(rows, at + 8) >> 32 != (ulong)marker, $"a relocation uses {Marker}");
        }
    }

    private static Section Only(Section[] all, Kind kind) => all.Where(s => s.Kind == kind).ToArray() is [var only] ? only
        : throw new InvalidDataException($"it does not have exactly one section of type 0x{(uint)kind:x}");

    /// <summary>The name at an offset of the string table that belongs to a section.</summary>
    private static string Name(ReadOnlySpan<byte> elf, Section[] sections, Section user, uint offset)
    {
        Require(user.Link < sections.Length && sections[user.Link].Kind == Kind.Strings, "a string table is missing");
        ReadOnlySpan<byte> names = Content(elf, sections[user.Link]);
        int length = offset < names.Length ? names[(int)offset..].IndexOf((byte)0) : -1;
        Require(length >= 0, "a name lies outside of its string table");
        return Encoding.Latin1.GetString(names.Slice((int)offset, length));
    }

    private static ReadOnlySpan<byte> Content(ReadOnlySpan<byte> elf, Section of) => Slice(elf, of.Offset, of.Size);

    /// <summary>Checks every offset and size from the file, compared so that nothing can overflow.</summary>
    private static ReadOnlySpan<byte> Slice(ReadOnlySpan<byte> of, ulong offset, ulong length) =>
        offset <= (ulong)of.Length && length <= (ulong)of.Length - offset ? of.Slice((int)offset, (int)length)
        : throw new InvalidDataException("it is truncated, or an offset in it is wrong");

    private static ushort U16(ReadOnlySpan<byte> bytes, int at) => ReadUInt16LittleEndian(bytes[at..]);
    private static uint U32(ReadOnlySpan<byte> bytes, int at) => ReadUInt32LittleEndian(bytes[at..]);
    private static ulong U64(ReadOnlySpan<byte> bytes, int at) => ReadUInt64LittleEndian(bytes[at..]);

    private static void Require([DoesNotReturnIf(false)] bool holds, string otherwise)
    {
        if (!holds)
            throw new InvalidDataException(otherwise);
    }
}
